"""The writers of a rehearsal: one burst at production's pace, which goes on while the migration does.

Owns the burst, what becomes of a call that the server refuses, and the drive. Must not know locks, nor catalogs.

A refused call would end a run, since it is the candidate's fault there. Here it is a finding: the application of before
the migration meets a schema that it was not written for, or gives up waiting for a lock. It is counted by its SQLSTATE,
and the writer goes on. So does a companion. Where the server ends the session of either, others go on.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from random import Random

from psycopg.pq import ConnStatus

from schemabench.experiment.burst import Burst, Encoded, make
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.loaded import Loaded
from schemabench.experiment.plan import Plan
from schemabench.experiment.prepared import words
from schemabench.load import Drive, Ending, Hindrance, Limits, LostConnectionError, Passing, Session, Talk
from schemabench.load.session import RETRYABLE
from schemabench.rehearsal import backlog
from schemabench.rehearsal.applying import LOCK_TIMEOUT
from schemabench.rehearsal.backlog import Line
from schemabench.rehearsal.lasting import Lasting
from schemabench.units import NANOSECONDS
from schemabench.workload import Companion, Writer

_NUMBER = 1
"""Of the burst."""
SPARE_S = 5.0
"""Production that a burst has beyond the longest rehearsal: nothing ends exactly when it should."""
_REPEATED = RETRYABLE.keys() - {LOCK_TIMEOUT}
"""Errors after which an attempt is repeated. A ranking repeats lock timeouts, too; an application gets an error."""


class _Refusals(Mapping[str, str]):
    """SQLSTATE -> what it is called, of all errors but those that are retried: none of them ends the writers.

    Args:
        session: Who gets the errors. One with which the server has ended it is no refusal: a look-up raises
            `LostConnectionError` with what it is called.
        retried: The errors that the operation's author has retried, beside those that always are.
    """

    def __init__(self, session: Session, retried: Mapping[str, str]) -> None:
        self._connection = session.connection
        self._retried = {*_REPEATED, *retried}

    def __getitem__(self, sqlstate: str) -> str:
        if self._connection.status != ConnStatus.OK:
            raise LostConnectionError(words(sqlstate))
        if sqlstate in self._retried:
            raise KeyError(sqlstate)
        return words(sqlstate)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass(frozen=True, kw_only=True)
class Driven:
    """What the writers did."""

    drive: Drive
    burst: Burst
    due_ns: Sequence[int]
    """When each call was due, by its number, on the clock of `time.perf_counter_ns`."""
    refused: Mapping[int, str]
    """The number of each call that was refused -> why, as in `undefined column (42703)`."""
    requests: Sequence[Sequence[int]]
    """For each connection, its requests in the order in which they were sent, each by the number of its first call."""
    ready_ns: Sequence[int]
    """From when on each request could be sent, by that number: when it was due, or its batch of calls complete."""
    after: Mapping[int, int]
    """How many requests of its connection are answered before a request of a pipeline is sent, by its number."""
    hindered: Sequence[tuple[Companion, Hindrance]] = ()
    """What kept companions from completing an execution, in order."""
    ended: Sequence[tuple[Writer, Hindrance]] = ()
    """Whose sessions ended, in order."""

    def backlog_ns(self, begun_ns: int, ended_ns: int) -> int:
        """Return when what a migration held up was worked off; all on the clock of `time.perf_counter_ns`."""
        return backlog.gone_ns([self._line(numbers) for numbers in self.requests], self.after, begun_ns, ended_ns)

    def lag_ns(self, begin_ns: float, end_ns: float) -> int | None:
        """Return how late the load generator itself sent a call within a stretch.

        None if it sent none, or if calls take what others give, and so may wait for that.
        """
        if self.burst.is_linked:
            return None
        return backlog.lag_ns([self._line(numbers) for numbers in self.requests], self.after, begin_ns, end_ns)

    def _line(self, numbers: Sequence[int]) -> Line:
        done = [number for number in numbers if self.drive.latencies_ns[number]]
        begun_ns = [self.due_ns[number] + self.drive.delays_ns[number] for number in done]
        return Line(
            numbers=done,
            ready_ns=[self.ready_ns[number] for number in done],
            begun_ns=begun_ns,
            answered_ns=[begun + self.drive.latencies_ns[number] for number, begun in zip(done, begun_ns, strict=True)],
            operations=[self.burst.operations[number] for number in done],
        )

    def executed(self, *, paced: bool = False) -> Burst:
        """Return the calls that were executed and not refused.

        Args:
            paced: Whether they are due when they were; otherwise each is, as soon as a connection is free.
        """
        done = {number for number, latency_ns in enumerate(self.drive.latencies_ns) if latency_ns} - self.refused.keys()
        kept = [[call for call in queue if call.number in done] for queue in self.burst.queues]
        return replace(self.burst, queues=kept, pace=self.burst.pace if paced else None)

    def orphans(self) -> list[Encoded]:
        """Return the executed calls that take what a call should have given that was not executed, or refused."""
        executed = self.executed()
        missing = _given(self.burst) - _given(executed)
        return [call for call in executed.calls() if not missing.isdisjoint(call.takes.values())]


def _given(calls: Burst) -> set[str]:
    return {name for call in calls.calls() for name in call.gives.values()}


def burst(plan: Plan, feed: Feed, production_s: float, duration_s: float) -> Burst:
    """Return the calls of the longest rehearsal, each due when production would make it.

    Args:
        plan: The writers.
        feed: The source of calls.
        production_s: The seconds of production in the smallest burst.
        duration_s: The length of the longest rehearsal.

    Raises:
        WorkloadError: A call is not acceptable, or has a value that cannot be sent to a server.
    """
    lasting_s = duration_s + SPARE_S
    return make(feed, plan.writers, _NUMBER, lasting_s / production_s, lasting_s)


def drive(  # noqa: PLR0913 (a burst and what runs beside it)
    plan: Plan,
    entrant: Entrant,
    calls: Burst,
    *,
    ending: Ending,
    is_over: Callable[[], bool],
    beside: Sequence[tuple[int, Talk]],
    told: Callable[[Passing], None],
) -> Driven:
    """Execute a burst until the rehearsal ends; no call is running afterwards.

    Args:
        plan: Has the seed.
        entrant: What the migration is applied to, with the writers' connections.
        calls: The burst.
        ending: When the writers end.
        is_over: Returns whether the rehearsal has ended: writers without calls wait for that.
        beside: The sockets and the conversations of the migration and of whoever watches it.
        told: Receives the progress, about every second.

    Raises:
        CandidateError: An operation does not fit the schema that the migration is applied to.
        ServerError: The server failed.
    """
    loaded = entrant.sessions.load(calls)
    for session, _ in entrant.sessions:
        for operation, retried in session.retryable.items():
            session.acceptable[operation] = _Refusals(session, retried)
    entrant.sessions.accepted()  # of whatever was executed before
    random = Random(f"{plan.seed}/jitter/rehearsal")  # noqa: S311 (reproducible on purpose)
    hindered: list[tuple[Companion, Hindrance]] = []
    lasting = Lasting(loaded=loaded, random=random, ending=ending)
    beside_too = entrant.companions.beside(lambda one, why: hindered.append((one, why)))
    with closing(_Silent()) as silent, beside_too as companions:
        driven = entrant.sessions.drive(
            lasting.idle,
            random,
            Limits(told=lambda passing: told(passing._replace(done=lasting.done))),
            others=(silent.descriptor, is_over),
            beside=[*lasting.beside(), *beside, *companions],
        )
        lasting.check()
    driven, writers = lasting.driven(driven), dict(entrant.sessions)
    due_s = calls.pace.due_s if calls.pace else ()
    return Driven(
        drive=driven,
        burst=calls,
        due_ns=_on_clock(driven, due_s),
        refused=_refused(entrant, loaded),
        requests=[[number for number, *_ in requests] for _, requests in loaded.queues],
        ready_ns=_on_clock(driven, loaded.due_s or ()),
        after=loaded.after,
        hindered=hindered,
        ended=[(writers[session], why) for session, why in lasting.ended.items()],
    )


def _on_clock(driven: Drive, offsets_s: Sequence[float]) -> list[int]:
    """Return times from the start of a drive on the clock of `time.perf_counter_ns`."""
    return [driven.started_ns + round(one * NANOSECONDS) for one in offsets_s]


def _refused(entrant: Entrant, loaded: Loaded) -> dict[int, str]:
    """Return the calls that were refused for other reasons than their operation's author accepts."""
    found: dict[int, str] = {}
    for number, operation, reason in entrant.sessions.accepted():
        if reason not in {words(code) for code in entrant.template.operations[operation].sending.accepted}:
            found |= dict.fromkeys(loaded.calls_of(number), reason)
    return found


class _Silent:
    """A descriptor that never becomes readable: nobody else executes a part of the burst."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0)

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)
