"""A run: its experiments, its server, its options.

Owns the format of a run file's `schemabench` key; a change of meaning raises `FORMAT`. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from schemabench.records.crossover import Crossover, RatioMap
from schemabench.records.figure import Notice
from schemabench.records.growth import Growth
from schemabench.records.noise import Noise
from schemabench.records.result import CandidateResult, Setting
from schemabench.records.soak import Soak
from schemabench.records.standing import THROUGHPUT, Criterion, Standing
from schemabench.records.upgrading import upgraded

FORMAT = 3
"""The version of the run file: raised when a field changes its meaning or goes away. In 2, settings stand with each
experiment rather than with the server. In 3, ranks stand with each criterion."""
OLDEST_FORMAT = 1
"""The oldest version that can still be read."""
WORKER_LOST = "worker-lost"
"""The code of the notice on an experiment that was cut short without a worker, rather than by the user."""


@dataclass(frozen=True, kw_only=True)
class WriterShare:
    """One writer's part in an experiment."""

    name: str
    kind: str
    clients: int
    """Number of its connections."""
    operations: int
    """Calls in each burst."""
    pace: str
    """The writer's production load, as text."""
    role: str = ""
    """The role as which it executes; empty for the one that connects."""
    part: str = ""
    """The part that it belongs to; empty for none."""


@dataclass(frozen=True, kw_only=True)
class CompanionShare:
    """What runs beside all trials of an experiment, and belongs to no writer."""

    name: str
    operation: str
    clients: int
    """Number of its connections to each candidate's database."""
    every_s: float
    """Seconds of trials from one execution to the next; 0 for one after the other."""
    holds: bool
    """Whether it is executed once, in a transaction that stays open."""
    isolation: str
    """The isolation level of its transactions."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """All blocks of one workload at one cardinality."""

    workload: str
    summary: str
    cardinality: str
    """The cardinality's name."""
    values: Mapping[str, Any]
    """The cardinality's fields."""
    digest: str
    """A digest over workload, cardinality name and values: runs with different digests are not comparable."""
    origin: Literal["pinned", "drawn", "found", "file"] = "pinned"
    """The origin of the cardinality: the workload's author, Hypothesis at random, a search for where ranks change, or a
    file that the user gave."""
    hypothesis: str = ""
    """The version of Hypothesis that chose it; empty for a pinned one."""
    replay: Mapping[str, str]
    """Input name -> file, if bursts came from files; empty if they were generated."""
    seed: int
    clients: int
    writers: tuple[WriterShare, ...]
    companions: tuple[CompanionShare, ...] = ()
    """What runs beside all trials; empty in older run files."""
    without_companions: tuple[str, ...] = ()
    """Companions of the workload that `--without-companions` left out, by name."""
    noise: Noise | None = None
    """Other tenants whose jobs ran meanwhile; None without `--noise`."""
    operations: int
    """Operations in each burst."""
    rows: int
    """Logical rows written by each burst, on average."""
    blocks: int
    """Counted blocks."""
    blocks_needed: int = 0
    """The fewest blocks that can tell any two candidates apart; 0 in older run files, and if nothing was ranked."""
    shortened_from: int = 0
    """Operations in a burst before it was shortened to fit more blocks into the budget; 0 if it was not."""
    warmup_blocks: int
    """Warm-up blocks."""
    steady: bool = True
    """Whether trials were steady after warm-up, by a test of trend."""
    copies: int = 1
    """Number of copies of the databases, on which blocks were executed one after another."""
    copies_share: float | None = None
    """The share of a block's variance that lies between copies, 0 to 1; None with one copy."""
    copying_s: float = 0.0
    """Total time to create them; not part of `elapsed_s`."""
    effective_blocks: float | None = None
    """The number of independent blocks with the same information; None in older run files."""
    drift_rows: int = 1_000_000
    """The rows written to which drifts refer."""
    upkeep: str = ""
    """The vacuum and analyze policy, as in the option `--upkeep`; empty in older run files, where autovacuum did it."""
    round_trip_s: float = 0.0
    """What `--round-trip` added to every exchange with the server, as time on the way."""
    exchange_s: float | None = None
    """The measured time of a trivial exchange with the server, median, without what was added; None in older run files.
    """
    exchange_p99_s: float | None = None
    """Its 99th percentile; likewise."""
    race: int = 0
    """How many places a race was about: who was proved slower than so many others, or than all others still in it,
    left; 0 without a race, and in older run files."""
    lead_in: float = 0.0
    """The part of a burst, 0 to 1, that is executed before each trial without being timed."""
    budget_s: float
    precision: float
    isolation: str = "read committed"
    """The isolation level of all transactions."""
    settings: tuple[Setting, ...] = ()
    """Settings of the baseline's writers' sessions, read there after the last block: those that differ from
    PostgreSQL's defaults, or that this run set. Empty in run files of format 1."""
    operations_sql: Mapping[str, str] = field(default_factory=dict)
    """Operation or query -> the workload's own SQL for it, which candidates may override; empty in older run files."""
    queries: tuple[str, ...] | None = None
    """The blocks in `operations_sql` that check rather than load, asked or not: the workload's state queries and
    invariants. None in older run files."""
    sample_hz: float = 0.0
    """Lock-wait samples per second; 0 without sampling."""
    busy_share: float = 0.0
    """The share of time in which the load loop was busy, in the median trial, 0 to 1."""
    workers: Mapping[str, float] = field(default_factory=dict)
    """xdist worker -> the same for its own loop; empty without xdist."""
    cache_bytes: int | None = None
    """The size of shared_buffers; None in older run files, and if it was not read."""
    steal_share: float | None = None
    """The share of one machine's processor time, 0 to 1, that its host took from the first block to the last (steal):
    of the machine on which the run was started, or with workers, of the first worker's. Those of other workers, and of
    a server elsewhere, do not count. None if it is not known."""
    elapsed_s: float
    """Time of the blocks; may exceed the budget if slow candidates left early."""
    spent_s: float | None = None
    """Time spent of the budget, without the time of candidates that left early; None in older run files."""
    took_s: float | None = None
    """Time of the whole experiment, with building, copying, comparing and explaining; likewise."""
    stopped: Literal["precision", "budget", "decided", "grown", "interrupted", "never started"]
    """Interrupted: by the user or, where a notice `worker-lost` says so, by the loss of a worker."""
    grown: float | None = None
    """The share by which databases grew in the blocks that count, at most over candidates; None where that was not
    limited, and in older run files."""
    candidates: tuple[CandidateResult, ...]
    """In order of rank, then by name; those without a rank last."""
    criteria: tuple[Criterion, ...] = ()
    """What candidates are ranked by, throughput first; empty where nothing was ranked."""
    soak: Soak | None = None
    """None without `--soak`, and in older run files."""
    smallest_difference: float | None
    """Half of the control's interval as a relative difference, as in 0.03: equal schemas may differ by as much by
    chance. None with too few blocks."""
    notices: tuple[Notice, ...] = ()

    @property
    def is_interrupted(self) -> bool:
        """Whether it ended before its candidates' states were compared: they may differ."""
        return self.stopped == "interrupted"

    @property
    def control(self) -> Standing | None:
        """The baseline's second entry by throughput; None where nothing was ranked."""
        return next((one.control for one in self.criteria if one.name == THROUGHPUT.name), None)


@dataclass(frozen=True, kw_only=True)
class ServerRecord:
    """The server that a run used."""

    origin: str
    """Its source, without a password."""
    version: str
    """As in 18.6."""
    version_num: int
    """As in 180006."""
    settings: tuple[Setting, ...] = ()
    """Only in format 1: read in another session than the writers', which may have had other settings; see
    `Experiment.settings`."""


@dataclass(frozen=True, kw_only=True)
class OptionValue:
    """One option of the run and the source of its value."""

    name: str
    value: str
    source: Literal["command line", "environment", "ini file", "default"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One pytest session: the `schemabench` key of a run file."""

    format: int = FORMAT
    run_id: str
    started: str
    """The start of the run, in UTC, as ISO 8601."""
    version: str
    """The version of schemabench."""
    command: str
    """The command that repeats the run."""
    machine: Mapping[str, str]
    """System, processor, cores, memory, Python."""
    options: tuple[OptionValue, ...]
    server: ServerRecord | None
    """None if no experiment needed one."""
    experiments: tuple[Experiment, ...] = ()
    crossovers: tuple[Crossover, ...] = ()
    """Searches for cardinalities at which the ranking changes."""
    maps: tuple[RatioMap, ...] = ()
    growths: tuple[Growth, ...] = ()
    """Growth curves, whose steps are among the experiments; empty in older run files."""
    notices: tuple[Notice, ...] = field(default=())


def to_builtins(record: Run) -> dict[str, Any]:
    """Return a run as dictionaries, lists and scalars for JSON."""
    builtins: dict[str, Any] = msgspec.to_builtins(record)
    return builtins


def from_builtins(value: object) -> Run:
    """Return the run that `to_builtins` made `value` of, in this format or an older one.

    Raises:
        msgspec.ValidationError: A field is missing or of another type; the message holds its path.
    """
    try:
        today = upgraded(value)
    except (AttributeError, KeyError, TypeError, ValueError) as cause:
        raise msgspec.ValidationError("Its ranks are not as a run file of that format has them") from cause
    return msgspec.convert(today, type=Run)
