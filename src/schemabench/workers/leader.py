"""The worker that leads: it tells the others what to execute, and waits for them.

Owns the barrier around each trial and what becomes of a worker that does not come. Must not know pytest.

The barrier around a trial is three messages: `Loaded` from everyone, `Go` (or `Pass`, where the server refused to
prepare somebody's operations), and `Done` with the outcome; `protocol` says which come when. A worker that dies lets
go of its seat's lock; one that is stopped keeps it, and is found out by its sessions: the server shows that none of
them has done anything for a while.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Generic, TypeVar

import numpy as np
import psycopg
from numpy.typing import NDArray

from schemabench.errors import CandidateError, ServerError, WorkerError, WorkloadError
from schemabench.experiment.burst import Burst
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.plan import Plan
from schemabench.experiment.prepared import Loaded
from schemabench.experiment.team import Executed, Part, Samples, execute, together
from schemabench.load import Limits, Talk
from schemabench.monitor.conditions import Held
from schemabench.workers import letters, messages
from schemabench.workers.link import DIED, STALL_S, STOPPED, Link
from schemabench.workers.protocol import Conversation, Role
from schemabench.workers.seat import LEADER, Seat

_GLANCE_S = 0.25
"""How often the leader looks whether those it waits for are still there."""
JOIN_LIMIT_S = 30.0
"""How long the others may take to come, once the leader has built all candidates: evaluations are the first tests of
every worker, so that they have had that time too."""


@contextmanager
def lead(plan: Plan, link: Link, seat: Seat) -> Iterator["Leader"]:
    """Lead a team through one experiment, and let it go at the end of the block.

    Raises:
        UsageError: There are fewer connections than workers.
        psycopg.Error: The connection is lost.
    """
    leader = Leader(plan, link, seat)
    leader.call()
    try:
        yield leader
    finally:
        with suppress(psycopg.Error):  # then they find out by themselves
            leader.end()


Answer = TypeVar("Answer", bound=messages.Message)


@dataclass(kw_only=True)
class _Waiting(Generic[Answer]):
    """Waiting for one message of each of the others."""

    kind: type[Answer]
    """Of the message."""
    answers: dict[int, Answer]
    """What has come, by seat."""
    limit_s: float | None
    """How long to wait for those who have not joined yet."""
    since_s: float = field(default_factory=monotonic)
    looked_s: float = field(default_factory=monotonic)
    """When it was last looked whether the others are still there."""


class Leader:
    """Leads a team; of each burst it executes its own part.

    Args:
        plan: The experiment.
        link: At seat 0.
        seat: This worker's.
    """

    def __init__(self, plan: Plan, link: Link, seat: Seat) -> None:
        self._plan = plan
        self._link = link
        self._names = seat.names
        self._positions = plan.seats(len(seat.names))[LEADER]
        self._others = range(1, len(seat.names))
        self._conversations = {other: Conversation(Role.LEADER, seat.names[other]) for other in self._others}
        self._doing = "joining the experiment"
        self._block = 0
        self._stall_s = STALL_S
        self._early: list[tuple[int, messages.Message]] = []
        self._joined = False

    @property
    def names(self) -> Sequence[str]:
        """The workers, in the order in which their shares are told."""
        return self._names

    @property
    def positions(self) -> Sequence[int]:
        """The connections that belong to this process."""
        return self._positions

    def call(self) -> None:
        """Tell the others that the leader is there.

        Raises:
            psycopg.Error: The connection is lost.
        """
        self._tell(messages.Calling())

    def end(self) -> None:
        """Let the others go.

        Raises:
            psycopg.Error: The connection is lost.
        """
        self._tell(messages.Over())

    def join(self, entrants: Sequence[Entrant]) -> Mapping[str, Sequence[int]]:
        """Have everyone connect to the entrants; return the process ids of the others' sessions, by entrant."""
        self._doing = "joining the experiment"
        described = [
            messages.Described(name=one.name, candidate=one.template.candidate.name, database=one.database.name)
            for one in entrants
        ]
        with _heard():
            if not self._joined:
                self._gather(self._await(messages.Here, limit_s=JOIN_LIMIT_S))
                self._tell(messages.Compare(digest=self._plan.fingerprint))
                self._joined = True
            self._tell(messages.Join(entrants=described))
            answers = self._gather(self._await(messages.Joined, limit_s=JOIN_LIMIT_S))
        pids: dict[str, list[int]] = {one.name: [] for one in entrants}
        for answer in answers.values():
            for name, theirs in answer.pids.items():
                pids[name] += theirs
        return pids

    def leave(self) -> None:
        """Have the others disconnect from the entrants."""
        self._doing = "disconnecting before databases are copied"
        with _heard():
            self._tell(messages.Leave())
            self._gather(self._await(messages.Left))

    def announce(
        self,
        block: int,
        bursts: Sequence[tuple[int, float]],
        order: Sequence[Entrant],
        duration_s: float | None = None,
    ) -> None:
        """Tell everyone which block comes, how its bursts are made, and who executes them in which order."""
        self._block = block
        self._stall_s = STALL_S + (duration_s or 0.0)  # where there is a pace, a worker's calls may be far apart
        names = [entrant.name for entrant in order]
        with _heard():
            self._tell(messages.Block(number=block, bursts=bursts, order=names, duration_s=duration_s))

    def skip(self) -> None:
        """Leave the burst out that would come next, which the others have loaded by now."""
        with _heard():
            self._gather(self._await(messages.Loaded))
            self._tell(messages.Pass())

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None, limits: Limits
    ) -> tuple[Executed, Samples]:
        """Execute a burst together.

        Raises:
            CandidateError: The server refused an operation, or a call took longer than it may, of whomever.
            WorkloadError: The others made another burst.
            WorkerError: A worker is gone.
            ServerError: The server failed.
        """
        own = self._ready(entrant, burst)
        with _heard():
            self._doing = f"executing the trial of {entrant.name} in block {self._block}"
            self._tell(messages.Go(call_s=limits.call_s, trial_s=limits.trial_s))
            failure, waiting = None, self._await(messages.Done)
            others = (self._link.socket, lambda: self._complete(waiting, 0.0))
            try:
                part, samples = execute(entrant, own, random, limits, watch, others)
                entrant.sessions.flush_statistics()
            except CandidateError as refusal:
                failure = refusal
            answers = self._gather(waiting)
        if failure := failure or self._refusal(answers):
            raise failure
        return together([part, *(_part(answers[seat]) for seat in self._others)]), samples

    def _ready(self, entrant: Entrant, burst: Burst) -> Loaded:
        """Return this worker's part, loaded, once everyone has loaded theirs.

        Raises:
            CandidateError: The server refused to prepare an operation, of whomever; the trial is left out.
        """
        failure = None
        try:
            own = entrant.sessions.load(burst.part(self._positions))
        except CandidateError as refusal:
            failure = refusal
        with _heard():
            self._doing = f"loading the trial of {entrant.name} in block {self._block}"
            answers = self._gather(self._await(messages.Loaded))
            self._compare(burst, answers)
            if failure := failure or self._refusal(answers):
                self._tell(messages.Pass())
                raise failure
        return own

    def _compare(self, burst: Burst, answers: Mapping[int, messages.Loaded]) -> None:
        """Refuse to execute parts of bursts that differ: some calls would be made twice, others never.

        Raises:
            WorkloadError: With the first worker whose burst is another one.
        """
        for seat in self._others:
            if answers[seat].digest != burst.digest:
                raise WorkloadError(
                    f"The burst of block {self._block} is not the same in the workers {self._names[LEADER]} and "
                    f"{self._names[seat]}: it depends on more than cardinality, writer, block and random",
                    remedies=[
                        "in `burst`, iterate over sets with sorted(...): their order differs between processes",
                        "in `burst`, do not use the clock, the module `random` or the machine's state",
                    ],
                )

    def _refusal(self, answers: Mapping[int, messages.Loaded] | Mapping[int, messages.Done]) -> CandidateError | None:
        """Return the first refusal among the others' answers."""
        refusals = ((seat, answers[seat].refusal) for seat in self._others)
        return next((letters.read(one, self._names[seat]) for seat, one in refusals if one), None)

    def samples(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """Return the others' samples since they were last asked, by entrant and operation: with their block, flat."""
        self._doing = "sending latencies"
        found: dict[tuple[str, str], list[tuple[int, NDArray[np.int64]]]] = {}
        with _heard():
            self._tell(messages.HandOver())
            self._gather(self._await(messages.HandedOver))
            rows = self._link.connection.execute("DELETE FROM latency RETURNING entrant, operation, block, nanoseconds")
            for entrant, operation, block, nanoseconds in rows:
                times = block, np.frombuffer(nanoseconds, dtype=np.int64)
                found.setdefault((entrant, operation), []).append(times)
        return found

    def conditions(self, names: Sequence[str], custom: Mapping[str, str]) -> Mapping[str, Sequence[Held]]:
        """Return the settings of the others' sessions with the entrants named; `custom` as for a session's."""
        self._doing = "reading settings"
        with _heard():
            self._tell(messages.AskSettings(entrants=list(names), custom=dict(custom)))
            answers = self._gather(self._await(messages.Settings))
        return {
            name: [letters.read_held(one) for answer in answers.values() for one in answer.held[name]] for name in names
        }

    def _tell(self, message: messages.Message) -> None:
        """Tell all others something."""
        for conversation in self._conversations.values():
            conversation.tell(message)
        self._link.tell(message)

    def _await(self, kind: type[Answer], *, limit_s: float | None = None) -> _Waiting[Answer]:
        """Begin to wait for one message of each of the others; some may have come already."""
        answers = {seat: message for seat, message in self._early if isinstance(message, kind)}
        self._early = [(seat, message) for seat, message in self._early if not isinstance(message, kind)]
        return _Waiting(kind=kind, answers=answers, limit_s=limit_s)

    def _gather(self, waiting: _Waiting[Answer]) -> dict[int, Answer]:
        """Return what was waited for, by seat."""
        while not self._complete(waiting, _GLANCE_S):
            pass
        return waiting.answers

    def _complete(self, waiting: _Waiting[Answer], timeout_s: float) -> bool:
        """Take what arrives, waiting for so long at most; return whether everyone has answered.

        Raises:
            WorkerError: One of the others is gone, or says what it may not.
        """
        while missing := set(self._others) - waiting.answers.keys():
            heard = self._link.hear(timeout_s)
            if heard is None:
                if monotonic() - waiting.looked_s >= _GLANCE_S:
                    self._check(missing, monotonic() - waiting.since_s, waiting.limit_s)
                    waiting.looked_s = monotonic()
                return False
            seat = heard["seat"]
            message = self._conversations[seat].hear(heard)
            if isinstance(message, messages.Gone | messages.Over):
                reason = message.reason if isinstance(message, messages.Gone) else "it went on to the next experiment"
                raise WorkerError(
                    f"The worker {self._names[seat]} gave up while {self._doing}: {reason}",
                    remedies=["fix that, or run without this worker: all workers take part in every evaluation"],
                )
            if isinstance(message, waiting.kind):
                waiting.answers[seat] = message
            else:
                self._early.append((seat, message))
        return True

    def _check(self, missing: set[int], waited_s: float, limit_s: float | None) -> None:
        """Give a worker up that is gone, stopped, or late.

        Raises:
            WorkerError: With the worker's name and what it was waited for.
        """
        lost = self._link.lost()
        for seat in sorted(missing):
            name = self._names[seat]
            if seat in lost:
                raise WorkerError(f"The worker {name} died while {self._doing}", worker=name, remedies=[DIED])
            if limit_s is not None and waited_s > limit_s:
                what = f"The worker {name} did not answer within {limit_s:g} s while {self._doing}"
                raise WorkerError(what, worker=name, remedies=[STOPPED])
            if limit_s is None and waited_s > self._stall_s and self._link.still_s(seat) > self._stall_s:
                raise WorkerError(
                    f"The worker {name} was stopped while {self._doing}: none of its sessions has done anything for "
                    f"{self._stall_s:g} s",
                    worker=name,
                    remedies=[STOPPED],
                )


def _part(answer: messages.Done) -> Part:
    assert answer.part is not None, "a worker that was not refused has done its part"
    return letters.unpacked(answer.part)


@contextmanager
def _heard() -> Iterator[None]:
    """Put a lost link into words."""
    try:
        yield
    except psycopg.Error as cause:
        raise ServerError(
            f"The connection over which the workers meet was lost: {str(cause).strip()}", remedies=["run again"]
        ) from cause
