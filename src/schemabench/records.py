"""What a run found out, as frozen records that serialise to JSON.

Owns the format of a run file's `schemabench` key; a change of meaning raises `FORMAT`. Must not compute anything:
the layers above fill records in, reports read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

FORMAT = 1
"""The version of the run file: raised when a field changes its meaning or goes away."""

Status = Literal["ranked", "disqualified", "failed", "skipped"]
"""ranked: measured and comparable; disqualified: measured, but its rows differ; failed: could not be measured;
skipped: does not apply to this server."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A caveat as data: shown as a footnote wherever the figure is shown."""

    code: str
    """A short stable name, such as `client-saturated`."""
    text: str
    """One sentence for people, with the figures."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate executing one burst."""

    block: int
    """The block, counted from 0 over warm-up and counted ones alike."""
    position: int
    """The place in the block's shuffled order, from 0."""
    warmup: bool
    """Whether the trial came before counting began."""
    started_s: float
    """Seconds from the start of the experiment."""
    duration_s: float
    """Wall time of the burst over all writers."""
    operations: int
    """Operations executed, each once however often it was retried."""
    rows: int
    """Logical rows written."""
    retries: int
    """Attempts that a deadlock, a serialization failure or a lock timeout undid."""
    busy_share: float
    """The share of the duration in which the load loop itself was at work, 0 to 1."""
    writers_s: Mapping[str, float]
    """Writer -> seconds from the start of the trial to the writer's last response."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Service times of one operation under one candidate, over all counted trials."""

    operation: str
    count: int
    p50_ns: float | None
    """None where there are too few samples to support the figure; likewise below."""
    p95_ns: float | None
    p99_ns: float | None
    max_ns: float
    retries: int
    """Attempts that were undone and repeated."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where one candidate stands among the others of its experiment."""

    name: str
    rate: Estimate
    """Bursts per second: multiply by the operations or rows of a burst."""
    ratio: Estimate
    """Throughput relative to the baseline, paired by block. Intervals hold jointly for all candidates."""
    rank: int
    """One more than the number of candidates that are significantly better: ties share a rank."""
    tied_with: tuple[str, ...]
    """The candidates that cannot be told apart from this one."""


@dataclass(frozen=True, kw_only=True)
class CandidateResult:
    """All that is known of one candidate in one experiment."""

    name: str
    summary: str
    expects: str
    path: str
    """The SQL file."""
    sql: str
    """The text of the SQL file."""
    status: Status
    reason: str = ""
    """Why it was not ranked; empty for a ranked one."""
    standing: Standing | None = None
    operations_per_s: Estimate | None = None
    rows_per_s: Estimate | None = None
    headroom: Estimate | None = None
    """Throughput over production's: 40 means that it does in 1 s what production asks for in 40 s. None where the
    workload does not say what production asks for."""
    latencies: tuple[Latency, ...] = ()
    trials: tuple[Trial, ...] = ()
    notices: tuple[Notice, ...] = ()


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
    warmup_blocks: int
    budget_s: float
    precision: float
    elapsed_s: float
    stopped: Literal["precision", "budget", "never started"]
    candidates: tuple[CandidateResult, ...]
    """In order of rank, then by name; those without a rank last."""
    control: Standing | None
    """The baseline's second entry; None where nothing was ranked."""
    smallest_difference: float | None
    """The smallest relative difference to the baseline that this experiment could have seen, as in 0.03."""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A server setting that differs from the built-in default."""

    name: str
    value: str
    source: str
    """Who set it: `schemabench`, `--postgres-setting`, or the server's own word for it."""


@dataclass(frozen=True, kw_only=True)
class ServerRecord:
    """The server that a run used."""

    origin: str
    """Where it came from, in words, with no password."""
    version: str
    """As in 18.6."""
    version_num: int
    """As in 180006."""
    settings: tuple[Setting, ...]


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
    notices: tuple[Notice, ...] = field(default=())


def to_builtins(record: Run) -> dict[str, Any]:
    """Return a run as dictionaries, lists and scalars that JSON can hold."""
    builtins: dict[str, Any] = msgspec.to_builtins(record)
    return builtins


def from_builtins(value: object) -> Run:
    """Return the run that `to_builtins` made `value` of.

    Raises:
        msgspec.ValidationError: A field is missing or of another type; the message holds its path.
    """
    return msgspec.convert(value, type=Run)
