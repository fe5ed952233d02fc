"""The leader: the worker that directs the others and waits for them.

Owns the barrier around each trial and the handling of missing workers. Must not know pytest.

The barrier around a trial is four messages: `Load` once nobody executes anything, `Loaded` from every follower, `Go`
(or `Pass`, if the server refused to prepare an operation), and `Done` with the outcome. `protocol` defines their order.
A worker whose process or connection ends releases its seat's lock. A stopped worker keeps the lock, and is detected by
its sessions, all of which have been idle for a while. While the leader is busy with other things than its sessions, it
has to show by `beat` that it is at work.
"""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from random import Random
from time import monotonic
from typing import Generic, TypeVar

import numpy as np
import psycopg
from numpy.typing import NDArray

from schemabench.errors import CandidateError, ServerError, WorkerError, WorkloadError
from schemabench.experiment.burst import Burst, Turn
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.loaded import Loaded
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Executed, Part, Samples, execute, together
from schemabench.load import Limits, Talk
from schemabench.monitor.conditions import Held
from schemabench.workers import latencies, messages, stalling, wire
from schemabench.workers.link import Link
from schemabench.workers.protocol import Conversation, Role, State
from schemabench.workers.remedies import LOST, STOPPED
from schemabench.workers.seat import LEADER, Seat

_GLANCE_S = 0.25
"""How often the leader checks that the workers it waits for are alive."""
JOIN_LIMIT_S = 30.0
"""How long the others may take to come once the leader has built all candidates: they have had the time of building,
too, since evaluations are the first tests of every worker. While one connects to the entrants, which may take longer,
all of its sessions may be idle for so long."""
PARTING_LIMIT_S = 2.0
"""How long the others may take to hand over their latencies where an experiment is broken off, which ends it soon."""
BEAT_S = 5.0
"""How often the others see that the leader is at work while its sessions are idle: far more often than they must."""


@contextmanager
def lead(plan: Plan, link: Link, seat: Seat) -> Iterator["Leader"]:
    """Lead a team through one experiment, and dismiss it at the end of the `with` block.

    Raises:
        psycopg.Error: The connection is lost.
    """
    leader = Leader(plan, link, seat)
    leader.call()
    try:
        yield leader
    finally:
        with suppress(psycopg.Error):  # the others then notice the lost connection
            leader.end()


Answer = TypeVar("Answer", bound=messages.Message)


@dataclass(kw_only=True)
class _Waiting(Generic[Answer]):
    """One awaited message from each of the others."""

    kind: type[Answer]
    """The class of the message."""
    limit_s: float
    """How long all sessions of a worker may be idle; how long to wait for one that has not come yet."""
    answers: dict[int, Answer] = field(default_factory=dict)
    """The answers so far, by seat."""
    since_s: float = field(default_factory=monotonic)
    looked_s: float = field(default_factory=monotonic)
    """When the others were last checked."""


class Leader:
    """Leads a team, and executes its own part of each burst.

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
        self._label = ""
        """What users know the block by."""
        self._duration_s: float | None = None
        """The time in which the calls of the block are due."""
        self._stall_s = stalling.limit_s()
        self._joined = False
        self._processes: Mapping[int, str] = {}
        """Which process is at each of the other seats, in words."""
        self._beaten_s = -inf
        """When `beat` last executed something."""

    @property
    def names(self) -> Sequence[str]:
        """The workers, in the order in which their shares are reported."""
        return self._names

    @property
    def positions(self) -> Sequence[int]:
        """The connections that belong to this process."""
        return self._positions

    def beat(self) -> None:
        """Show the others, now and then, that this process is at work while its sessions are idle.

        Where the connection is lost, the others see that for themselves, and so does whatever is told next.
        """
        if monotonic() - self._beaten_s >= BEAT_S:
            with suppress(psycopg.Error):
                self._link.beat()
            self._beaten_s = monotonic()

    def call(self) -> None:
        """Tell the others that the leader is ready.

        Raises:
            psycopg.Error: The connection is lost.
        """
        self._tell(messages.Calling())

    def end(self) -> None:
        """Dismiss the others.

        Raises:
            psycopg.Error: The connection is lost.
        """
        self._tell(messages.Over())

    def join(self, entrants: Sequence[Entrant], *, by_turns: bool = False) -> Mapping[str, Mapping[int, str]]:
        """Have the others connect to the entrants; return their sessions of each: process id -> its part."""
        self._doing = "joining the experiment"
        described = [
            messages.Described(
                name=one.name,
                candidate=one.template.candidate.name,
                label=one.databases.label,
                databases=one.databases.names,
            )
            for one in entrants
        ]
        with _heard():
            if not self._joined:
                here = self._gather(_Waiting(kind=messages.Here, limit_s=JOIN_LIMIT_S))
                self._processes = {seat: one.process for seat, one in here.items()}
                self._tell(messages.Compare(digest=self._plan.fingerprint))
                self._joined = True
            self._tell(messages.Join(entrants=described, by_turns=by_turns))
            answers = self._gather(_Waiting(kind=messages.Joined, limit_s=JOIN_LIMIT_S))
        connections, seats = self._plan.connections, self._plan.seats(len(self._names))
        found: dict[str, dict[int, str]] = {one.name: {} for one in entrants}
        for seat, answer in answers.items():
            parts = [connections[place].part for place in seats[seat]]
            for name, pids in answer.pids.items():
                found[name] |= dict(zip(pids, parts, strict=True))
        return found

    def leave(self) -> None:
        """Have the others disconnect from the entrants."""
        self._doing = "disconnecting from the entrants"
        with _heard():
            self._tell(messages.Leave())
            self._gather(_Waiting(kind=messages.Left, limit_s=self._stall_s))

    def announce(
        self,
        block: int,
        label: str,
        turns: Sequence[Turn],
        order: Sequence[Entrant],
        duration_s: float | None = None,
    ) -> None:
        """Announce the next block: its turns, and the order of its entrants."""
        self._label, self._duration_s = label, duration_s
        self._stall_s = stalling.limit_s(duration_s)
        names = [entrant.name for entrant in order]
        with _heard():
            self._tell(messages.Block(number=block, label=label, turns=turns, order=names, duration_s=duration_s))

    def skip(self) -> None:
        """Skip the next burst, which nobody loads."""
        with _heard():
            self._tell(messages.Pass())

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None, limits: Limits
    ) -> tuple[Executed, Samples]:
        """Execute a burst together.

        Raises:
            CandidateError: On any worker, the server refused an operation or a call exceeded its limit.
            WorkloadError: The bursts of the workers differ.
            WorkerError: A worker was lost, was stopped, or gave up.
            ServerError: The server failed.
        """
        own = self._ready(entrant, burst)
        with _heard():
            self._doing = f"executing the trial of {entrant.name} in {self._label}"
            self._stall_s = stalling.limit_s(self._duration_s, entrant.template.operations.values(), limits.call_s)
            self._tell(messages.Go(call_s=limits.call_s, trial_s=limits.trial_s))
            failure, waiting = None, _Waiting(kind=messages.Done, limit_s=self._stall_s)
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
        """Have every worker load its part, in which none has a part of another trial to execute; return this worker's.

        Raises:
            CandidateError: On any worker, the server refused to prepare an operation; the trial is skipped.
        """
        self._doing = f"loading the trial of {entrant.name} in {self._label}"
        with _heard():
            self._tell(messages.Load())
            failure, waiting = None, _Waiting(kind=messages.Loaded, limit_s=self._stall_s)
            try:
                own = entrant.sessions.load(burst.part(self._positions))
            except CandidateError as refusal:
                failure = refusal
            answers = self._gather(waiting)
            self._compare(burst, answers)
            if failure := failure or self._refusal(answers):
                self._tell(messages.Pass())
                raise failure
        return own

    def _compare(self, burst: Burst, answers: Mapping[int, messages.Loaded]) -> None:
        """Refuse different bursts, of which some calls would be executed twice and others never.

        Raises:
            WorkloadError: Names the first worker with a different burst.
        """
        for seat in self._others:
            if answers[seat].digest != burst.digest:
                raise WorkloadError(
                    f"The burst of {self._label} is not the same in the workers {self._names[LEADER]} and "
                    f"{self._names[seat]}: it depends on more than cardinality, writer, block and random",
                    remedies=[
                        "in `burst`, iterate over sets with sorted(...): their order differs between processes",
                        "in `burst`, do not use the clock, the module `random` or the machine's state",
                    ],
                )

    def _refusal(self, answers: Mapping[int, messages.Loaded] | Mapping[int, messages.Done]) -> CandidateError | None:
        """Return the first refusal among the others' answers."""
        refusals = ((seat, answers[seat].refusal) for seat in self._others)
        return next((wire.read(one, self._names[seat]) for seat, one in refusals if one), None)

    def samples(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """Return the others' latencies since the last request, by entrant and operation: with their block, flat."""
        self._doing = "sending latencies"
        with _heard():
            self._tell(messages.HandOver())
            self._gather(_Waiting(kind=messages.HandedOver, limit_s=self._stall_s))
            return latencies.collect(self._link)

    def break_off(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """End the experiment at any point; return the latencies that those who are left still hand over."""
        deadline_s = monotonic() + PARTING_LIMIT_S
        left = {seat for seat, one in self._conversations.items() if one.state is not State.GONE}
        with suppress(psycopg.Error):  # an interrupt may have broken off the link, too
            left -= self._link.lost()
            self._tell(messages.Over(hand_over=True))
            while left and (left_s := deadline_s - monotonic()) > 0:
                heard = self._link.hear(left_s)  # out of turn: what was on its way is of no use any more
                if heard and heard["kind"] in {messages.Gone.kind, messages.Over.kind}:
                    left.discard(heard["seat"])
            return latencies.collect(self._link)
        return {}

    def conditions(self, names: Sequence[str], custom: Mapping[str, str]) -> Mapping[str, Sequence[Held]]:
        """Return the settings of the others' sessions with the entrants named; `custom` as in `conditions.held`."""
        self._doing = "reading settings"
        with _heard():
            self._tell(messages.AskSettings(entrants=list(names), custom=dict(custom)))
            answers = self._gather(_Waiting(kind=messages.Settings, limit_s=self._stall_s))
        return {
            name: [wire.read_held(one) for answer in answers.values() for one in answer.held[name]] for name in names
        }

    def _tell(self, message: messages.Message) -> None:
        """Send a message to all others."""
        for conversation in self._conversations.values():
            conversation.tell(message)
        self._link.tell(message)

    def _gather(self, waiting: _Waiting[Answer]) -> dict[int, Answer]:
        """Return the awaited messages, by seat."""
        while not self._complete(waiting, _GLANCE_S):
            pass
        return waiting.answers

    def _complete(self, waiting: _Waiting[Answer], timeout_s: float) -> bool:
        """Receive messages for `timeout_s` at most; return whether every other worker has answered.

        Raises:
            WorkerError: One of the others was lost, was stopped, gave up, or broke the protocol.
        """
        while missing := set(self._others) - waiting.answers.keys():
            heard = self._link.hear(timeout_s)
            if heard is None:
                if monotonic() - waiting.looked_s >= _GLANCE_S:
                    self._check(missing, waiting)
                    waiting.looked_s = monotonic()
                return False
            seat = heard["seat"]
            message = self._conversations[seat].hear(heard)
            if isinstance(message, messages.Gone) and message.interrupted:
                signal.raise_signal(signal.SIGINT)  # so is this process, if it heeds that
            if isinstance(message, messages.Gone | messages.Over):
                gone = (
                    message
                    if isinstance(message, messages.Gone)
                    else messages.Gone(reason="it went on to the next experiment")
                )
                raise WorkerError(
                    f"The worker {self._names[seat]} gave up while {self._doing}: {gone.reason}",
                    remedies=[*gone.remedies, "run without this worker: all workers take part in every evaluation"],
                )
            if isinstance(message, waiting.kind):  # else `Here`, once more, in answer to `Calling`
                waiting.answers[seat] = message
        return True

    def _check(self, missing: set[int], waiting: _Waiting[Answer]) -> None:
        """Fail if a worker was lost, was stopped, or is late.

        Raises:
            WorkerError: With the worker's name and its task.
        """
        lost, waited_s, limit_s = self._link.lost(), monotonic() - waiting.since_s, waiting.limit_s
        for seat in sorted(missing):
            name = self._names[seat]
            if seat in lost:
                raise WorkerError(
                    f"The worker {name} was lost while {self._doing}: its process ended, or its connection to the "
                    "server",
                    worker=name,
                    remedies=LOST,
                )
            if waited_s <= limit_s:
                continue
            if waiting.kind is messages.Here:  # it may have no session yet
                what = f"The worker {name} did not answer within {limit_s:g} s while {self._doing}"
                raise WorkerError(what, worker=name, remedies=[STOPPED])
            if self._link.still_s(seat) > limit_s:
                raise WorkerError(
                    f"The worker {name} was stopped while {self._doing}: none of the sessions of "
                    f"{self._processes[seat]} has done anything for {limit_s:g} s",
                    worker=name,
                    remedies=[STOPPED],
                )


def _part(answer: messages.Done) -> Part:
    assert answer.part is not None, "a worker without a refusal returns its part"
    return wire.unpacked(answer.part)


@contextmanager
def _heard() -> Iterator[None]:
    """Raise a lost link as a ServerError."""
    try:
        yield
    except psycopg.Error as cause:
        raise ServerError(
            f"The connection over which the workers meet was lost: {str(cause).strip()}", remedies=["run again"]
        ) from cause
