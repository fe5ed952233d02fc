"""Growth curves: the candidates at a ladder of sizes, where their lines cross, and what is projected from them.

Owns the records of growth. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemabench.records.figure import Estimate
from schemabench.records.noise import Noise

Law = Literal["constant", "logarithmic", "linear", "power", "break at the cache", "universal scalability"]
"""constant: a; logarithmic: a + b log x; linear: a + b x; power: a x^b; break at the cache: a power law up to the edge
of the cache, and another one from there on; universal scalability: see `Projection.parameters`."""
Measure = Literal["calls_per_s", "p50_ns", "p99_ns", "wal_bytes_per_call", "bytes_per_row"]
"""What is drawn over the axis: the name of the field of `StepFigures`."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a candidate's databases held before the first block."""

    rows: int
    """Logical rows of the background."""
    size_bytes: int
    """Tables and indexes with these rows."""
    own_rows: int
    """The part of `rows` that was loaded for this experiment: fewer where databases of an earlier one were grown, none
    where they were copied as they were."""
    elapsed_s: float
    """Time to load that part, with VACUUM and ANALYZE."""


@dataclass(frozen=True, kw_only=True)
class StepFigures:
    """One candidate at one step."""

    candidate: str
    calls_per_s: Estimate | None = None
    """Each call counted once, however often it was retried; None if it was not ranked."""
    p50_ns: Estimate | None = None
    """Service time of all calls, whatever their operation; None with too few calls or blocks; likewise the
    next."""
    p99_ns: Estimate | None = None
    wal_bytes_per_call: Estimate | None = None
    """In the first six counted trials on each copy of a database; in older run files, in all trials. None if the server
    does not report it."""
    bytes_per_row: float | None = None
    """Tables and indexes per logical row of the background, read once before the first block; None without rows."""
    loaded: Loaded | None = None
    has_few_trials: bool = False
    """Whether it left after fewer trials than an interval needs: the ends of its intervals are then the least and the
    greatest of a few trials. Nothing rests on them. False in older run files; likewise the next."""
    is_limited: bool = False
    """Whether the load generator limited it: its rate is then a lower bound, and its service times include delays of
    the generator. Nothing rests on these."""
    reason: str = ""
    """Why there are no figures: it failed, or was skipped or disqualified."""

    def is_sound(self, measure: Measure = "calls_per_s") -> bool:
        """Return whether a figure is its schema's, with an interval: what changes and projections may rest on.

        The load generator limits rates and times, but not what the server writes for each call.
        """
        is_of_time = measure in {"calls_per_s", "p50_ns", "p99_ns"}
        return not (self.has_few_trials or (is_of_time and self.is_limited))


@dataclass(frozen=True, kw_only=True)
class GrowthStep:
    """All candidates at one value of the axis."""

    value: float
    cardinality: str
    """The cardinality's name in the step's experiment."""
    figures: tuple[StepFigures, ...] = ()
    """The baseline first; empty if the step was not measured."""
    has_intervals: bool = True
    """Whether there were enough blocks for intervals, and states were compared afterwards; otherwise they are ranges,
    which no crossing and no projection rests on."""
    is_interrupted: bool = False
    """Whether it was interrupted after some blocks, so that states were not compared; False in older run files."""
    grown: float | None = None
    """The share by which databases grew meanwhile, at most over candidates; None in older run files."""
    reason: str = ""
    """Why it was not measured."""


@dataclass(frozen=True, kw_only=True)
class GrowthChange:
    """One candidate's rate from one step to the next."""

    candidate: str
    low: float
    high: float
    ratio: Estimate
    """Its calls per second at `high` over those at `low`, from intervals of separate experiments."""


@dataclass(frozen=True, kw_only=True)
class GrowthCrossing:
    """Two candidates whose order by throughput changes between two steps."""

    first: str
    """The faster one at `low`."""
    second: str
    low: float
    high: float
    before: Estimate
    """Throughput of the first over the second's at `low`, paired by block."""
    after: Estimate
    """The same at `high`."""
    is_certain: bool
    """Whether both differences are beyond chance at all steps together; in older run files, each at its own."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A value of the axis at which something is full."""

    title: str
    """As in `shared_buffers`."""
    full_bytes: int | None = None
    """The size of all databases together from which on it is full; None in older run files."""
    value: float


@dataclass(frozen=True, kw_only=True)
class Projected:
    """A figure that was not measured."""

    value: float
    """Of the axis."""
    figure: Estimate
    """With its 95 % interval of prediction."""


@dataclass(frozen=True, kw_only=True)
class Projection:
    """What a law that fits the steps says about further ones."""

    candidate: str
    measure: Measure
    law: Law | None
    """The law that predicted the last step best from those before; None if there were too few steps."""
    covers: tuple[Law, ...] = ()
    """Other laws that met the last step, too: intervals reach as far as theirs."""
    parameters: Mapping[str, Estimate] = field(default_factory=dict)
    """Of the universal scalability law, from all steps: `sigma` (contention), `kappa` (coherency), `knee` and `peak` in
    clients; one that the steps do not determine is absent. Empty for the other laws."""
    held_out: Projected | None = None
    """The last step, as the others predict it."""
    measured: Estimate | None = None
    """What was measured there."""
    points: tuple[Projected, ...] = ()
    """Beyond the last step; empty if the projection is refused."""
    refused: str = ""
    """Why nothing is projected; empty if something is."""
    limit: str = ""
    """Why it ends before the value that was asked for; empty if it does not."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the other steps said of the last one, as it was recorded before that was measured."""

    candidate: str
    measure: Measure
    value: float
    """The last step's, of the axis."""
    at: str
    """When it was recorded, in UTC."""
    law: Law | None
    """As in `Projection`; likewise the next."""
    covers: tuple[Law, ...] = ()
    figure: Estimate | None = None
    """With its 95 % interval of prediction; None if it was refused."""
    refused: str = ""
    """Why nothing was forecast; empty if something was."""
    measured: Estimate | None = None
    """What was measured afterwards; None if it was not yet, or if there is no such figure."""
    lacking: str = ""
    """Why what was measured tells nothing of the schema; empty if it does, and in older run files."""

    @property
    def held(self) -> bool | None:
        """Whether the measured figure lies in the interval; None if there are not both."""
        if self.figure is None or self.measured is None:
            return None
        return self.figure.low <= self.measured.value <= self.figure.high


@dataclass(frozen=True, kw_only=True)
class Growth:
    """The candidates of a workload over one axis."""

    workload: str
    cardinality: str
    """The name of the cardinality that provides all other sizes."""
    over: str
    """The axis: `clients`, `round_trip_ms`, or a field of the cardinality."""
    steps: tuple[GrowthStep, ...]
    """By value."""
    order: tuple[float, ...]
    """The values in the order in which they were tried."""
    changes: tuple[GrowthChange, ...] = ()
    crossings: tuple[GrowthCrossing, ...] = ()
    edges: tuple[Edge, ...] = ()
    projections: tuple[Projection, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    """What was said of the last step before it was measured; empty if nothing was projected."""
    budget_s: float
    """Time of all steps, loading included."""
    elapsed_s: float
    ended: str = ""
    """Why there are no more steps."""
    noise: Noise | None = None
    """Other tenants whose jobs ran during all its experiments; None without noise."""
