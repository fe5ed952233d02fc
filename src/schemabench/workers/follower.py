"""A worker that follows: it executes its part of every burst, as the leader says.

Owns the other side of the leader's conversation. Must not decide anything: what is measured, in which order, and when
to stop comes from the leader; the bursts come from the same seed.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from random import Random

import numpy as np
import psycopg
from numpy.typing import NDArray

from schemabench import candidate as candidates
from schemabench.errors import CandidateError, SchemabenchError, UsageError, WorkerError
from schemabench.experiment import entrant as entrants
from schemabench.experiment.burst import Burst, make
from schemabench.experiment.entrant import Entrant, Loaded, Template
from schemabench.experiment.feed import Feed
from schemabench.experiment.plan import WARMUP_BLOCKS, Plan
from schemabench.experiment.team import Part, execute
from schemabench.server import Database, Reached
from schemabench.workers.link import LEADER, OVER, Link, Message

_GLANCE_S = 0.5
"""How often a follower looks whether the leader is still there."""


def follow(plan: Plan, link: Link, positions: Sequence[int], name: str) -> None:
    """Execute this worker's part of an experiment, until the leader says that it is over.

    Args:
        plan: The experiment, as the leader has it.
        link: To the leader.
        positions: The connections that belong to this worker.
        name: What it is called, as in `gw1`.

    Raises:
        WorkerError: The leader is gone.
        UsageError: This worker has other files than the leader.
        ServerError: The server failed.
    """
    try:
        with closing(Follower(plan, link, positions)) as follower:
            follower.follow(name)
    except psycopg.Error as cause:
        raise WorkerError(f"The connection to the other workers was lost: {str(cause).strip()}") from cause
    except BaseException as error:  # whatever it is, the leader must not wait for it
        reason = error.what if isinstance(error, SchemabenchError) else f"{type(error).__name__}: {error}"
        with suppress(psycopg.Error):
            link.tell("gone", reason=reason)
        raise


class Follower:
    """One worker's part of one experiment; `follow` is all that is asked of it."""

    def __init__(self, plan: Plan, link: Link, positions: Sequence[int]) -> None:
        self._plan = plan
        self._link = link
        self._host = Reached(link.conninfo)
        self._positions = positions
        self._feed = Feed(plan.found, plan.values, plan.seed, plan.inputs)
        self._entrants: dict[str, Entrant] = {}
        self._size = 0
        self._block = 0
        self._burst: Burst | None = None
        self._order: list[str] = []
        self._loaded: Loaded | CandidateError | None = None
        self._samples: dict[tuple[str, str], list[NDArray[np.int64]]] = defaultdict(list)

    def follow(self, name: str) -> None:
        """Do as the leader says, until it says that the experiment is over."""
        deeds: dict[str, Callable[[Message], None]] = {
            "calling": lambda _: None,
            "experiment": self._compare,
            "entrants": self._connect,
            "block": self._begin,
            "go": self._execute,
            "hand over": self._hand_over,
        }
        self._link.tell("here", name=name)
        while (message := self._hear())["kind"] != OVER:
            deeds[message["kind"]](message)

    def close(self) -> None:
        """Close the connections to the entrants."""
        for one in self._entrants.values():
            one.close()

    def _hear(self) -> Message:
        while (message := self._link.hear(_GLANCE_S)) is None:
            if LEADER not in self._link.present():
                raise WorkerError("The worker that leads is gone")
        return message

    def _compare(self, message: Message) -> None:
        """Refuse to execute something else than the leader does."""
        if message["digest"] != self._plan.fingerprint:
            raise UsageError(
                f"The files of {self._plan} differ between workers",
                remedies=["use the same checkout of workloads and schemas on every machine"],
            )

    def _connect(self, message: Message) -> None:
        self._size = message["size"]
        known = {candidate.name: candidate for candidate in self._plan.candidates}
        writers = [self._plan.connections[position] for position in self._positions]
        for described in message["entrants"]:
            candidate = known[described["candidate"]]
            template = Template(
                candidate=candidate,
                operations=candidates.operations(candidate, self._plan.found.operations),
                server=self._host,
                database=Database(name=described["database"], label=described["name"]),
                isolation=self._plan.found.workload.isolation,
            )
            name = described["name"]
            self._entrants[name] = entrants.enter(template, name, template.database, writers)
        self._link.tell("joined", pids={name: one.pids for name, one in self._entrants.items()})

    def _begin(self, message: Message) -> None:
        self._block, self._order = message["number"], list(message["order"])
        burst = make(self._feed, self._plan.writers, self._block, self._size)
        self._burst = burst.part(self._positions)
        self._load()

    def _load(self) -> None:
        """Make ready for the next trial of the block."""
        if not self._order:
            return
        assert self._burst is not None, "a block begins with its burst"
        try:
            self._loaded = self._entrants[self._order.pop(0)].load(self._burst)
        except CandidateError as refusal:
            self._loaded = refusal
        self._link.tell("loaded")

    def _execute(self, message: Message) -> None:
        entrant, loaded = self._entrants[message["entrant"]], self._loaded
        random = Random(f"{self._plan.seed}/jitter/{self._block}/{entrant.name}/{self._link.seat}")  # noqa: S311
        try:
            if isinstance(loaded, CandidateError):
                raise loaded
            assert loaded is not None, "a trial is loaded before it begins"
            part, samples = execute(entrant, loaded, random)
            entrant.flush_statistics()
        except CandidateError as refusal:
            self._link.tell("done", refusal=str(refusal))
        else:
            self._link.tell("done", part=_fields(part))
            if self._block >= WARMUP_BLOCKS:
                for operation, latencies_ns in samples.items():
                    self._samples[entrant.name, operation].append(latencies_ns)
        self._load()

    def _hand_over(self, _: Message) -> None:
        rows = [
            (entrant, operation, np.concatenate(samples).tobytes())
            for (entrant, operation), samples in self._samples.items()
        ]
        with self._link.connection.cursor() as cursor:
            cursor.executemany("INSERT INTO latency (entrant, operation, nanoseconds) VALUES (%s, %s, %s)", rows)
        self._link.tell("handed over")


def _fields(part: Part) -> dict[str, object]:
    """Return a part as JSON has it: there, keys are texts."""
    return asdict(part) | {"retried": [[*key, count] for key, count in part.retried.items()]}
