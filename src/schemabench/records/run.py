"""A run: its experiments, its server, its options.

Owns the format of a run file's `schemabench` key; a change of meaning raises `FORMAT`. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from schemabench.records.crossover import Crossover, RatioMap
from schemabench.records.figure import Notice
from schemabench.records.result import CandidateResult, Setting
from schemabench.records.standing import THROUGHPUT, Criterion, Standing
from schemabench.records.upgrading import upgraded

FORMAT = 3
"""The version of the run file: raised when a field changes its meaning or goes away. In 2, settings stand with each
experiment rather than with the server. In 3, ranks stand with each criterion."""
OLDEST_FORMAT = 1
"""The oldest that is still read."""


@dataclass(frozen=True, kw_only=True)
class WriterShare:
    """How one writer took part."""

    name: str
    kind: str
    clients: int
    """Connections of its own."""
    operations: int
    """Calls in each burst."""
    pace: str
    """What the writer does in production, in words."""


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
    """A digest over workload, cardinality name and values: runs of different digests are not comparable."""
    origin: Literal["pinned", "drawn", "found"] = "pinned"
    """Who chose the cardinality: the workload's author, Hypothesis at random, or a search for where ranks change."""
    hypothesis: str = ""
    """The version of Hypothesis that chose it; empty for a pinned one."""
    replay: Mapping[str, str]
    """Input name -> file, where bursts came from files; empty where they were generated."""
    seed: int
    clients: int
    writers: tuple[WriterShare, ...]
    operations: int
    """Operations in each burst."""
    rows: int
    """Logical rows written by each burst, on average."""
    blocks: int
    """Counted blocks."""
    blocks_needed: int = 0
    """The fewest that can tell any two candidates apart; 0 in older run files, and where nobody was ranked."""
    shortened_from: int = 0
    """Operations in a burst before it was shortened, so that more blocks fit the budget; 0 where it was not."""
    warmup_blocks: int
    """Blocks before counting began."""
    steady: bool = True
    """Whether trials were steady, by a test of trend, from where counting began."""
    copies: int = 1
    """On how many copies of the databases, one after the other, blocks were executed."""
    copies_share: float | None = None
    """The share of a block's variance that lies between copies, 0 to 1; None where there was one."""
    copying_s: float = 0.0
    """How long making them took, in all; not part of `elapsed_s`."""
    effective_blocks: float | None = None
    """As many independent blocks as would tell as much; None in older run files."""
    drift_rows: int = 1_000_000
    """The rows written that drifts are told for."""
    upkeep: str = ""
    """Who vacuums and analyzes, as in the option `--upkeep`; empty in older run files, where the server did."""
    lead_in: float = 0.0
    """The part of a burst, 0 to 1, that is executed before each trial without being timed."""
    budget_s: float
    precision: float
    isolation: str = "read committed"
    """Of all transactions."""
    settings: tuple[Setting, ...] = ()
    """Of the sessions of the baseline's writers, read there after the last block: those that are not PostgreSQL's own
    defaults, or that this run set. Empty in run files of format 1."""
    operations_sql: Mapping[str, str] = field(default_factory=dict)
    """Operation or query -> the workload's own SQL for it, which candidates may override; empty in older run files."""
    sample_hz: float = 0.0
    """Looks at the server per second; 0 where nothing was sampled."""
    busy_share: float = 0.0
    """The share of time in which the load loop itself was at work, in the median trial, 0 to 1."""
    workers: Mapping[str, float] = field(default_factory=dict)
    """Worker of xdist -> the same for its own loop; empty without xdist."""
    steal_share: float | None = None
    """The share of this machine's processor time that its host gave to others meanwhile; None where it is not known."""
    elapsed_s: float
    """In blocks, beyond the budget where candidates left that were slow."""
    spent_s: float | None = None
    """Of the budget: without what those took that left; None in older run files."""
    took_s: float | None = None
    """The whole experiment, with building, copying, comparing and explaining; likewise."""
    stopped: Literal["precision", "budget", "interrupted", "never started"]
    candidates: tuple[CandidateResult, ...]
    """In order of rank, then by name; those without a rank last."""
    criteria: tuple[Criterion, ...] = ()
    """What candidates are ranked by, throughput first; empty where nothing was ranked."""
    smallest_difference: float | None
    """The smallest relative difference to the baseline that this experiment could have seen, as in 0.03."""
    notices: tuple[Notice, ...] = ()

    @property
    def control(self) -> Standing | None:
        """The baseline's second entry by throughput; None where nothing was ranked."""
        return next((one.control for one in self.criteria if one.name == THROUGHPUT.name), None)


@dataclass(frozen=True, kw_only=True)
class ServerRecord:
    """The server that a run used."""

    origin: str
    """Where it came from, in words, with no password."""
    version: str
    """As in 18.6."""
    version_num: int
    """As in 180006."""
    settings: tuple[Setting, ...] = ()
    """Of format 1 alone, read beside the writers' sessions, which may have had others; see `Experiment.settings`."""


@dataclass(frozen=True, kw_only=True)
class OptionValue:
    """One option of the run and where its value came from."""

    name: str
    value: str
    source: Literal["command line", "environment", "ini file", "default"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One pytest session: the `schemabench` key of a run file."""

    format: int = FORMAT
    run_id: str
    started: str
    """When, in UTC, as ISO 8601."""
    version: str
    """The version of schemabench."""
    command: str
    """What repeats the run."""
    machine: Mapping[str, str]
    """System, processor, cores, memory, Python."""
    options: tuple[OptionValue, ...]
    server: ServerRecord | None
    """None where no experiment needed one."""
    experiments: tuple[Experiment, ...] = ()
    crossovers: tuple[Crossover, ...] = ()
    """Searches for where the answer changes."""
    maps: tuple[RatioMap, ...] = ()
    notices: tuple[Notice, ...] = field(default=())


def to_builtins(record: Run) -> dict[str, Any]:
    """Return a run as dictionaries, lists and scalars that JSON can hold."""
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
