"""The writers' conversations in a rehearsal: each ends with its session, and the others go on.

Owns what becomes of a writer whose session the server ends, as where a migration terminates whoever is in its way. A
ranking ends then, since its trials would be others. Here it is a finding, as of a companion. Must not know why a call
is refused, nor how the loop waits.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from time import perf_counter_ns
from typing import cast

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField
from psycopg.pq.abc import PGresult

from schemabench.experiment.loaded import Loaded
from schemabench.experiment.prepared import words
from schemabench.load import Drive, Ending, Hindrance, LostConnectionError, Request, Session, Talk
from schemabench.load.conversation import conduct, converse, is_plain
from schemabench.load.pace import Schedule, keep_pace
from schemabench.load.pipeline import pipeline
from schemabench.load.talk import Pause, Want
from schemabench.rehearsal.notices import ends
from schemabench.units import NANOSECONDS


@dataclass(kw_only=True, eq=False)
class Lasting:
    """The conversations of a burst with a pace.

    Attributes:
        loaded: The burst.
        random: Determines the jitter of retries.
        ending: When it ends.
        ended: The sessions that have ended, each with when that was noticed, and why: as in `admin shutdown (57P01)`.
    """

    loaded: Loaded
    random: Random
    ending: Ending
    ended: dict[Session, Hindrance] = field(default_factory=dict)
    _said: dict[Session, str] = field(default_factory=dict)
    """What the server said to idle sessions before it ended them."""
    _latencies_ns: list[int] = field(init=False)
    _schedule: Schedule = field(init=False)

    def __post_init__(self) -> None:
        due_s = self.loaded.due_s
        assert due_s is not None, "a rehearsal's calls have a pace"
        offsets_ns = [round(due * NANOSECONDS) for due in due_s]
        self._schedule = Schedule(offsets_ns=offsets_ns, delays_ns=[0] * len(due_s), ending=self.ending)
        self._latencies_ns = [0] * len(due_s)
        for session, _ in self.loaded.queues:
            session.connection.notice_handler = partial(self._hear, session)

    @property
    def done(self) -> int:
        """How many calls are done, those of a request counted once."""
        return len(self._latencies_ns) - self._latencies_ns.count(0)

    @property
    def idle(self) -> Loaded:
        """The sessions without calls, for the loop to have its eyes on: it would end with the first that ends."""
        queues = [(session, ()) for session, _ in self.loaded.queues]
        return replace(self.loaded, queues=queues, pace=None, gathered=(), after={})

    def beside(self) -> list[tuple[int, Talk]]:
        """Return the socket and the conversation of each session: the loop waits for them in place of its own."""
        return [
            (session.connection.socket, self._until_its_end(session, self._conversation(session, requests)))
            for session, requests in self.loaded.queues
        ]

    def check(self) -> None:
        """Notice the end of sessions that had no call to make since; no call is running any more."""
        for session, _ in self.loaded.queues:
            if session not in self.ended:
                try:
                    _probe(session)
                except psycopg.OperationalError as failure:
                    self._end(session, failure)

    def driven(self, drive: Drive) -> Drive:
        """Return what came of the calls, from a drive of the sessions without them."""
        schedule = self._schedule
        own = replace(
            drive, started_ns=schedule.started_ns, latencies_ns=self._latencies_ns, delays_ns=schedule.delays_ns
        )
        return self.loaded.call_by_call(own)

    def _conversation(self, session: Session, requests: Sequence[Request]) -> Callable[[Schedule], Talk]:
        """Return what executes the requests of a session."""
        after, latencies_ns, random = self.loaded.after, self._latencies_ns, self.random
        own = cast("Sequence[Request]", self._while_open(session, requests))  # who executes them goes through them once
        if any(number in after for number, *_ in requests):
            return partial(pipeline, after, session, own, latencies_ns, random)
        execute = converse if not self.loaded.noting and is_plain(session, requests) else conduct
        return partial(keep_pace, execute, session, own, latencies_ns=latencies_ns, random=random)

    def _while_open(self, session: Session, requests: Sequence[Request]) -> Iterator[Request]:
        """Yield requests until the session has ended; refuse the one with whose answer it ended, if that is undone."""
        answered: Request | None = None
        for request in requests:
            if session.connection.status != ConnStatus.OK:
                lost = LostConnectionError(session.connection.get_error_message())
                if answered and self._may_be_undone(answered):
                    self._refuse(session, answered, self._reason(session, lost))
                raise lost
            yield request
            answered = request

    def _may_be_undone(self, request: Request) -> bool:
        """Return whether a request that was answered is undone if the session ends with its answer.

        The server says what a statement did before it commits the transaction that the statement is, and after a
        COMMIT. In a pipeline, a request is answered only when it is committed.
        """
        number, _, steps = request
        return len(steps) == 1 and number not in self.loaded.after

    def _until_its_end(self, session: Session, conversation: Callable[[Schedule], Talk]) -> Talk:
        if not self._schedule.started_ns:  # the first of them
            self._schedule = replace(self._schedule, started_ns=perf_counter_ns())
        try:
            for want in conversation(self._schedule):
                yield want
                if _is_early(want):
                    _probe(session)
        except (LostConnectionError, psycopg.OperationalError) as failure:
            self._end(session, failure)

    def _end(self, session: Session, failure: Exception) -> None:
        """Note that a session has ended: what it was executing is refused."""
        now_ns, reason = perf_counter_ns(), self._reason(session, failure)
        for request, started_ns in session.flight.running():
            self._latencies_ns[request[0]] = max(1, now_ns - started_ns)
            self._refuse(session, request, reason)
        session.flight.clear()
        self.ended[session] = Hindrance(now_ns, reason, is_end=True)

    def _refuse(self, session: Session, request: Request, reason: str) -> None:
        number, operation, _ = request
        session.accepted.append((number, operation, reason))

    def _reason(self, session: Session, failure: Exception) -> str:
        return self._said.get(session) or str(failure).partition("\n")[0]

    def _hear(self, session: Session, notice: PGresult) -> None:
        if ends(notice):
            self._said[session] = words((notice.error_field(DiagnosticField.SQLSTATE) or b"").decode())


def _is_early(want: Want | Pause | None) -> bool:
    """Return whether a conversation is resumed before its pause is over: the kernel tells of a hangup at any time."""
    return isinstance(want, Pause) and not want.listening and perf_counter_ns() < want.until_ns


def _probe(session: Session) -> None:
    """Read what the server says unasked: its last words, and then the end, of which libpq makes an error."""
    for _ in range(2):
        session.connection.consume_input()
        session.connection.is_busy()
