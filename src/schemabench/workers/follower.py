"""A follower: a worker that executes its part of every burst, as the leader directs.

Owns the other side of the leader's conversation. Must not decide anything: the leader decides what is measured, in
which order, and when to stop. The bursts come from the same seed.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from random import Random
from time import monotonic

import numpy as np
import psycopg
from numpy.typing import NDArray

from schemabench import candidate as candidates
from schemabench import machine, signals
from schemabench.errors import CandidateError, SchemabenchError, UsageError, WorkerError
from schemabench.experiment.burst import Burst, Turn, make
from schemabench.experiment.conditions import held
from schemabench.experiment.entrant import Entrant, enter
from schemabench.experiment.loaded import Loaded
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import execute
from schemabench.experiment.template import Template
from schemabench.load import Limits
from schemabench.server import Database, Databases, Reached
from schemabench.workers import latencies, messages, stalling, wire
from schemabench.workers.link import Link
from schemabench.workers.protocol import Conversation, Role
from schemabench.workers.remedies import LOST, STOPPED, UNREACHED
from schemabench.workers.seat import LEADER, Seat
from schemabench.workload import Writer

_GLANCE_S = 0.5
"""How often a follower checks that the leader is at work."""


def follow(plan: Plan, link: Link, seat: Seat) -> None:
    """Execute this worker's part of an experiment, until the leader ends it.

    Args:
        plan: The experiment, as the leader has it.
        link: To the leader.
        seat: This worker's.

    Raises:
        WorkerError: The leader was lost, was stopped, or broke the protocol.
        UsageError: This worker's files or options differ from the leader's.
        ServerError: The server failed.
    """
    try:
        with closing(Follower(plan, link, seat)) as follower:
            follower.follow()
    except psycopg.Error as cause:
        raise WorkerError(
            f"The connection to the other workers was lost: {str(cause).strip()}", remedies=[UNREACHED]
        ) from cause
    except BaseException as error:  # the leader must not wait for this worker
        told = error if isinstance(error, SchemabenchError) else SchemabenchError(f"{type(error).__name__}: {error}")
        with suppress(psycopg.Error):
            interrupted = isinstance(error, KeyboardInterrupt)
            link.tell(messages.Gone(reason=told.what, interrupted=interrupted, remedies=told.remedies))
        raise


class Follower:
    """One worker's part of one experiment; its only entry point is `follow`.

    Args:
        plan: The experiment, as the leader has it.
        link: To the leader.
        seat: This worker's.
    """

    def __init__(self, plan: Plan, link: Link, seat: Seat) -> None:
        self._plan = plan
        self._link = link
        self._leader = seat.names[LEADER]
        self._conversation = Conversation(Role.FOLLOWER, self._leader)
        self._name = seat.name
        self._host = Reached(link.conninfo)
        self._positions = plan.seats(len(seat.names))[seat.number]
        self._feed = plan.feed()
        self._entrants: dict[str, Entrant] = {}
        self._block = 0
        self._label = ""
        """What users know the block by."""
        self._duration_s: float | None = None
        """The time in which the calls of the block are due."""
        self._stall_s = stalling.limit_s()
        self._turns: Sequence[Turn] = ()
        """What each entrant executes in the block."""
        self._bursts: dict[int, Burst] = {}
        """The whole bursts of the block, by number."""
        self._made: tuple[tuple[tuple[int, float], ...], float | None] | None = None
        """Of which sizes they are, and within which time their calls are due."""
        self._order: list[tuple[str, int]] = []
        self._loaded: Loaded | None = None
        self._samples: dict[tuple[str, str, int], list[NDArray[np.int64]]] = defaultdict(list)
        self._doing = "beginning"

    def follow(self) -> None:
        """Obey the leader's messages until `Over`; hand over latencies if it, or this worker, breaks off."""
        try:
            self._tell(messages.Here(process=machine.this_process()))
            while not isinstance(message := self._hear(), messages.Over):
                self._do(message)
            if message.hand_over:
                with suppress(psycopg.Error):  # the leader waits for a moment only
                    self._store()
                    self._tell(messages.Gone(reason="the experiment was broken off"))
        except BaseException:  # an interrupt, or why this worker gives up
            with suppress(psycopg.Error):  # which may have broken off the link, too
                self._store()
            raise

    def _do(self, message: messages.Message) -> None:
        """Obey one message of the leader."""
        match message:
            case messages.Calling():  # the leader had not started when this worker said `Here`
                self._tell(messages.Here(process=machine.this_process()))
            case messages.Compare():
                self._compare(message)
            case messages.Join():
                self._connect(message)
            case messages.Leave():
                self._leave()
            case messages.Block() | messages.Load() | messages.Go() | messages.Pass():
                self._work(message)
            case messages.HandOver():
                self._hand_over()
            case messages.AskSettings():
                self._tell_settings(message)
            case _:
                raise AssertionError(f"no case for {message.kind!r}, which the leader may send")

    def _work(self, message: messages.Block | messages.Load | messages.Go | messages.Pass) -> None:
        """Obey a message about a block and its trials."""
        match message:
            case messages.Block():
                self._begin(message)
            case messages.Load():
                self._load()
            case messages.Go():
                self._execute(message)
            case messages.Pass():
                self._pass()

    def close(self) -> None:
        """Close the connections to the entrants."""
        for one in self._entrants.values():
            one.close()

    def _tell(self, message: messages.Message) -> None:
        self._conversation.tell(message)
        self._link.tell(message)

    def _hear(self) -> messages.Message:
        """Return the leader's next message.

        Raises:
            WorkerError: The leader was lost, was stopped, or broke the protocol.
        """
        since_s = monotonic()
        while (heard := self._link.hear(_GLANCE_S)) is None:
            waited_s = monotonic() - since_s
            if LEADER in self._link.lost():
                raise WorkerError(
                    f"The leading worker {self._leader} was lost while {self._doing}: its process ended, or its "
                    "connection to the server",
                    worker=self._leader,
                    remedies=LOST,
                )
            limit_s = self._stall_s
            if waited_s > limit_s and not self._order and not self._link.leader_is_suspended():
                limit_s = max(stalling.IDLE_STALL_S, self._stall_s)
            if waited_s > limit_s and self._link.still_s(LEADER) > limit_s:
                raise WorkerError(
                    f"The leading worker {self._leader} was stopped while {self._doing}: none of the sessions of "
                    f"{self._link.leader_process()} has done anything for {limit_s:g} s",
                    worker=self._leader,
                    remedies=[STOPPED],
                )
        return self._conversation.hear(heard)

    def _compare(self, message: messages.Compare) -> None:
        """Refuse an experiment that differs from the leader's."""
        if message.digest != self._plan.fingerprint:
            raise UsageError(
                f"The files or the options of {self._plan} differ between workers",
                remedies=[
                    "use the same checkout of workloads and schemas, and the same schemabench, on every machine",
                    "give --clients and --seed on the command line: environment variables stay on their machine",
                ],
            )

    def _connect(self, message: messages.Join) -> None:
        self._doing = f"preparing {self._plan}"
        known = {candidate.name: candidate for candidate in self._plan.candidates}
        everyone = self._plan.connections
        writers = [everyone[position] for position in self._positions]
        for described in message.entrants:
            candidate = known[described.candidate]
            by_part = {part: Database(name=name, label=described.label) for part, name in described.databases.items()}
            template = Template(
                candidate=candidate,
                operations=candidates.operations(candidate, self._plan.found.operations),
                server=self._host,
                databases=Databases(label=described.label, by_part=by_part),
                parts=self._plan.parts,
                isolation=self._plan.found.workload.isolation,
            )
            self._entrants[described.name] = self._entered(described.name, template, writers, by_turns=message.by_turns)
        pids = {one.name: self._entrants[one.name].sessions.pids for one in message.entrants}
        self._tell(messages.Joined(pids=pids))

    def _entered(self, name: str, template: Template, writers: Sequence[Writer], *, by_turns: bool) -> Entrant:
        """Return an entrant with open sessions; one that was known keeps what calls gave to later ones."""
        one = self._entrants.get(name)
        if one is None:
            one = enter(template, name, template.databases, writers, self._plan.round_trip_s, by_turns=by_turns)
        elif not by_turns or one.databases.names != template.databases.names:
            one.go_on(template.databases)
        if by_turns:
            one.wake()
        return one

    def _leave(self) -> None:
        self._doing = f"waiting to be connected again for {self._plan}"
        for one in self._entrants.values():
            one.rest()
        self._tell(messages.Left())

    def _begin(self, block: messages.Block) -> None:
        self._block, self._label, self._duration_s = block.number, block.label, block.duration_s
        self._stall_s = stalling.limit_s(block.duration_s)
        self._order = list(block.trials)
        self._turns = [Turn(*fields) for fields in block.turns]
        sizes = {turn.burst: turn.size for turn in self._turns}
        made = tuple(sizes.items()), block.duration_s
        if self._made != made:  # where entrants have sessions by turns, a block is announced to each
            self._bursts = {
                number: make(self._feed, self._plan.writers, number, size, block.duration_s)
                for number, size in sizes.items()
            }
            self._made = made
        self._doing = f"evaluating {self._label}"

    def _load(self) -> None:
        """Load the next trial of the block."""
        name, place = self._order[0]
        self._doing = f"executing the trial of {name} in {self._label}"
        turn = self._turns[place]
        burst = self._bursts[turn.burst].only(turn.writers)
        try:
            self._loaded = self._entrants[name].sessions.load(burst.part(self._positions))
        except CandidateError as refusal:
            self._tell(messages.Loaded(digest=burst.digest, refusal=wire.written(refusal)))
        else:
            self._tell(messages.Loaded(digest=burst.digest))

    def _execute(self, go: messages.Go) -> None:
        (name, place), own = self._order.pop(0), self._loaded
        entrant = self._entrants[name]
        assert own is not None, "a trial is loaded before it begins"
        self._stall_s = stalling.limit_s(self._duration_s, entrant.template.operations.values(), go.call_s)
        random = Random(f"{self._plan.seed}/jitter/{self._block}/{entrant.name}/{self._link.seat}")  # noqa: S311 (reproducible on purpose)
        try:
            limits = Limits(call_s=go.call_s, trial_s=go.trial_s)
            part, samples = execute(entrant, own, random, limits)
            entrant.sessions.flush_statistics()
        except CandidateError as refusal:
            self._tell(messages.Done(refusal=wire.written(refusal)))
        else:
            if self._turns[place].timed and (own.pace or not part.cut):
                for operation, latencies_ns in samples.items():
                    self._samples[name, operation, self._block].append(latencies_ns)
            self._tell(messages.Done(part=wire.packed(part)))  # last: who has told it can hand its latencies over
        self._loaded, self._doing = None, f"evaluating {self._label}"

    def _pass(self) -> None:
        """Skip a trial that cannot be executed."""
        self._order.pop(0)
        self._loaded, self._doing = None, f"evaluating {self._label}"

    def _hand_over(self) -> None:
        self._store()
        self._tell(messages.HandedOver())

    def _store(self) -> None:
        with signals.deferred():  # what is stored must not be stored again
            latencies.store(self._link, self._samples)
            self._samples.clear()

    def _tell_settings(self, message: messages.AskSettings) -> None:
        found = {name: held(self._entrants[name], message.custom, self._name) for name in message.entrants}
        self._tell(messages.Settings(held={name: [asdict(one) for one in some] for name, some in found.items()}))
