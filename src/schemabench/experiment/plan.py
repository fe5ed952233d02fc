"""The plan of an experiment.

Owns the inputs of an experiment as one frozen value, and what follows from them: the length of a trial, and each
writer's number of connections. Must not execute anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import file_digest, sha256
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any, Literal

from schemabench import cardinality as cardinalities
from schemabench.candidate import Candidate
from schemabench.errors import UsageError
from schemabench.experiment import folders
from schemabench.experiment.feed import Feed
from schemabench.experiment.folders import Folder
from schemabench.experiment.seats import seated
from schemabench.noise.model import Model
from schemabench.production import Production
from schemabench.records import LOCK_WAITS, THROUGHPUT
from schemabench.workload import Companion, Found, Parts, Writer

TRIAL_S = 0.2
"""Length of a trial on the baseline. Long enough for some thousand operations, short enough that all candidates run
under the same conditions: between 50 and 200 ms, A/A comparisons on a busy machine agree within 3 %."""
SHORTEST_TRIAL_S = 0.05
"""Below this, the first and last responses of a burst have too much weight."""
BLOCKS_IN_BUDGET = 30
"""Blocks that should fit a budget: trials are shortened for them, down to the shortest."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Other tenants whose jobs run beside an experiment."""

    path: Path
    """The file of the model."""
    model: Model
    speed: float = 1.0
    """How many times as fast as the model says."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One experiment: a workload at a cardinality, with the candidates to rank."""

    found: Found
    """The workload."""
    cardinality: str
    """The name of one of its cardinalities."""
    candidates: tuple[Candidate, ...]
    """The baseline first."""
    clients: int
    """Connections used in each trial."""
    budget_s: float
    """The measuring time, without setup and the comparison of states."""
    precision: float
    """The relative half width of intervals at which to stop early."""
    seed: int
    """The seed of all random values."""
    shares_budget: bool = False
    """Whether it is one of several experiments that share a budget, so that its own is not what a user gave."""
    grace_s: float = 0.0
    """How much longer than the budget blocks may go on while they are too few to tell candidates apart."""
    most_growth: float = inf
    """The share by which databases may grow before blocks end, as soon as there are as many as there should be."""
    sample_hz: float = 0.0
    """Lock-wait samples per second; 0 for none."""
    criteria: tuple[str, ...] = (THROUGHPUT.name, LOCK_WAITS.name)
    """What the Pareto front is over, and what candidates are ranked by besides throughput and lock waits."""
    equivalence: Literal["off", "quick", "thorough"] = "off"
    """The effort of the model check, before measuring."""
    inputs: Mapping[str, folders.Input] = field(default_factory=dict)
    """The files or folders to replay, by the name of the input."""
    production: Production | None = None
    """Production's sizes and statistics; None to compare no plan with those at its size."""
    keep_databases: bool = False
    """Whether the candidates' databases are kept after the experiment."""
    keep_templates: bool = False
    """Whether loaded templates are kept for later experiments of the run that need the same rows."""
    grows: str = ""
    """The field of the cardinality whose larger values add rows to kept templates, where the background continues."""
    upkeep: Literal["between-blocks", "autovacuum"] = "between-blocks"
    """Who vacuums and analyzes: this process between blocks, by autovacuum's rules, or the server alone."""
    round_trip_s: float = 0.0
    """Added to every exchange with the server, as time on the way."""
    without_companions: bool = False
    """Whether the workload's companions are left out."""
    noise: Noise | None = None
    """Other tenants whose jobs run meanwhile."""
    race: int = 0
    """How many places a race is about: who is proved slower than so many others leaves; 0 for no race."""
    lead_in: float = 0.0
    """The share of a burst, 0 to 1, that is executed untimed before each trial."""
    call_timeout_s: float = 30.0
    """The time limit for a call, retries included; the limit for a trial follows from it, see `bounds`."""
    burst: int = 0
    """Calls in each burst, of all writers together; 0 to calibrate a burst for trials of `trial_s`."""
    allow_server_changes: bool = False
    """Whether candidates may change a server beyond their own databases, and run programs there."""
    adequacy_s: float = 0.0
    """How long to replay the production load, after the blocks; 0 to skip it."""
    soak_s: float = 0.0
    """How long each candidate works in a soak, after all else; 0 to skip it."""
    soak_closed: bool = False
    """Whether a soak is as fast as connections allow, even if the production load is known."""

    @property
    def values(self) -> Any:  # noqa: ANN401 (a workload's own type)
        """The cardinality itself."""
        return self.found.workload.cardinalities[self.cardinality]

    @property
    def has_own_budget(self) -> bool:
        """Whether a user gave its budget: none is given in a rehearsal, a search or a growth curve."""
        return bool(self.budget_s) and not self.shares_budget

    @property
    def tenants(self) -> bool:
        """Whether the organisations of the noise are in the candidates' own tables, too."""
        return self.noise is not None and self.found.workload.tenants is not None

    @property
    def digest(self) -> str:
        """A digest that is equal for comparable experiments: the content of replayed files counts, too."""
        contents = {}
        for key, given in self.inputs.items():
            named = (
                {f"{key} {one.time}": one.path for one in given.files} if isinstance(given, Folder) else {key: given}
            )
            for name, path in named.items():
                with path.open("rb") as file:
                    contents[name] = file_digest(file, "sha256").hexdigest()
        for writer, change in self.found.adjustments.get(self.cardinality, {}).items():
            contents[f"writer {writer}"] = repr(change)
        return cardinalities.digest(self.found.workload.name, self.cardinality, self.values, contents)

    def feed(self, *, goes_on: bool = False) -> Feed:
        """Return the source of its calls, from their start; `goes_on` as there."""
        return Feed(self.found, self.values, self.seed, self.inputs, goes_on=goes_on)

    @property
    def bounds(self) -> Mapping[str, str | None]:
        """The value of each `:'name'` in the invariants."""
        return self.found.bounds(self.values)

    @property
    def unasked(self) -> tuple[str, ...]:
        """The invariants with bounds of the cardinality, if files are replayed, which it does not describe."""
        return self.found.bounded(self.values) if self.inputs else ()

    @property
    def invariants(self) -> tuple[str, ...]:
        """The invariants that must hold."""
        return tuple(name for name in self.found.workload.invariants if name not in self.unasked)

    @property
    def queries(self) -> tuple[str, ...]:
        """The names of all blocks that check rather than load."""
        return (*self.found.workload.state, *self.invariants)

    @cached_property
    def writers(self) -> tuple[tuple[Writer, int], ...]:
        """The writers, each with its number of connections.

        Raises:
            UsageError: There are fewer connections than writers.
        """
        writers = self.found.writers(self.cardinality)
        return tuple(zip(writers, share_out(writers, self.clients), strict=True))

    @property
    def connections(self) -> tuple[Writer, ...]:
        """The writer of each connection, in order."""
        return tuple(writer for writer, share in self.writers for _ in range(share))

    @property
    def parts(self) -> Parts:
        """The parts of the workload."""
        return self.found.parts(self.values)

    @property
    def apart(self) -> Mapping[str, tuple[str, ...]]:
        """Part -> its writers, which execute a burst alone in each block; empty unless interference is measured."""
        if not self.found.workload.interference:
            return {}
        writers = self.found.writers(self.cardinality)
        return {part: tuple(one.name for one in writers if one.part == part) for part in self.parts.names}

    @property
    def companions(self) -> tuple[Companion, ...]:
        """What runs beside all trials."""
        return () if self.without_companions else self.declared_companions

    @property
    def declared_companions(self) -> tuple[Companion, ...]:
        """The workload's companions, left out or not."""
        return tuple(self.found.workload.companions(self.values))

    def seats(self, workers: int) -> tuple[tuple[int, ...], ...]:
        """Return the connections of each worker, by their places in `connections`.

        Raises:
            UsageError: There are fewer connections than writers.
        """
        owners = seated(self.writers, workers)
        return tuple(tuple(place for place, owner in enumerate(owners) if owner == worker) for worker in range(workers))

    @property
    def production_s(self) -> float | None:
        """The seconds of production load in the smallest burst; None if unknown, as for a file without times."""
        stands_for, replay = self.found.workload.production_s, self.found.workload.replay
        unknown = stands_for is None or (self.inputs and not (replay and replay.timed))
        return None if unknown or stands_for is None else stands_for(self.values)

    @property
    def fingerprint(self) -> str:
        """A digest that is equal in processes that execute the same: cardinality, workload, candidates and choices."""
        sources = [candidate.text for candidate in self.candidates]
        modules = [path.read_text(encoding="utf-8") for path in sorted(self.found.path.parent.rglob("*.py"))]
        operations = [operation.text.sql for operation in self.found.operations.values()]
        numbers = (self.clients, self.seed, self.lead_in, self.round_trip_s, self.without_companions)
        noise = [self.noise.model.digest, str(self.noise.speed)] if self.noise else []
        choices = [version("schemabench"), *map(str, numbers), *noise]
        return sha256("\0".join([self.digest, *choices, *modules, *operations, *sources]).encode()).hexdigest()

    @property
    def given_size(self) -> int | None:
        """The multiplier of the writers' weights for which a burst comes closest to `burst`; None if none is given."""
        return max(1, round(self.burst / sum(writer.weight for writer, _ in self.writers))) if self.burst else None

    @property
    def trial_s(self) -> float:
        """The intended length of a trial on the baseline."""
        entrants = len(self.candidates) + 1
        return min(TRIAL_S, max(SHORTEST_TRIAL_S, self.budget_s / (entrants * BLOCKS_IN_BUDGET)))

    def __str__(self) -> str:
        """Return the workload and the cardinality."""
        return f"{self.found.workload.name} {self.cardinality}"


def share_out(writers: Sequence[Writer], clients: int) -> tuple[int, ...]:
    """Return the number of connections of each writer: in proportion to its share, at least one.

    The method of highest averages (D'Hondt): each further connection goes to the writer with the largest share per
    connection that it would then have. More clients thus never take a connection from a writer.

    Raises:
        UsageError: There are fewer connections than writers.
    """
    if clients < len(writers):
        raise UsageError(
            f"--clients {clients} is fewer than the writers: {', '.join(writer.name for writer in writers)}",
            remedies=[f"use at least --clients {len(writers)}"],
        )
    counts = [1] * len(writers)
    for _ in range(clients - len(writers)):
        gains = [writer.clients / (count + 1) for writer, count in zip(writers, counts, strict=True)]
        counts[gains.index(max(gains))] += 1
    return tuple(counts)
