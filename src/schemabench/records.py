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

Status = Literal["ranked", "disqualified", "invalid", "failed", "skipped"]
"""ranked: measured and comparable; disqualified: measured, but its rows differ; invalid: measured, but the client was
what limited the figures; failed: could not be measured; skipped: does not apply to this server."""

WAIT_CLASSES = ("running", "Lock", "LWLock", "IO", "Client", "other")
"""What a session at work is doing: nothing that the server calls waiting (it has a processor, wants one, or waits where
the server has no name for it), or waiting in one of the server's own classes, the rarer of them as `other`."""


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
    """The share of the duration in which the load loop itself was at work, 0 to 1; of the busiest worker's."""
    busy_shares: tuple[float, ...] = ()
    """Of each worker's load loop, the leader's first."""
    writers_s: Mapping[str, float]
    """Writer -> seconds from the start of the trial to the writer's last response."""
    waits: Mapping[str, int] = field(default_factory=dict)
    """Wait class -> how often a writer's session was seen at work in it; empty where nothing was sampled."""
    counters: Mapping[str, float] = field(default_factory=dict)
    """Counter -> its increase over the trial; a counter that the server does not offer is absent, never zero."""


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
class WaitEvent:
    """What writers waited for, in the server's own words."""

    wait_class: str
    """One of `WAIT_CLASSES`."""
    name: str
    """As in `transactionid` or `WALSync`; empty for `running`."""
    share: float
    """Of the writers' time."""


@dataclass(frozen=True, kw_only=True)
class LockWait:
    """Waiting for one kind of heavyweight lock."""

    kind: str
    """The type of lock, as in `tuple`, `transactionid` or `relation`."""
    mode: str
    """The mode that was asked for, as in `ShareLock`."""
    relation: str
    """The table or index, a partition under its parent's name; empty where the lock belongs to none."""
    partitions: int
    """How many partitions of it were waited for; 0 where it has none."""
    share: float
    """Of the writers' time."""
    longest_s: float


@dataclass(frozen=True, kw_only=True)
class WaitPair:
    """One operation waiting for another."""

    waiting: str
    blocking: str
    """The operation that held the lock or stood before it in the queue; a name in brackets for another session."""
    share: float
    """Of the writers' time; who waits for several at once counts for each."""


@dataclass(frozen=True, kw_only=True)
class Contention:
    """Who waited for whom, and on what, over all counted trials, as sampled."""

    samples: int
    """Looks at the server that were taken."""
    late: int
    """Of these, those that came more than half an interval after they were due."""
    lost: int
    """Looks that were due and not taken, since the one before had not been answered."""
    observations: int
    """Sessions of writers that were seen at work, over all samples."""
    classes: Mapping[str, float]
    """Wait class -> share of the writers' time, adding up to 1; all of `WAIT_CLASSES`, unless nothing was observed."""
    events: tuple[WaitEvent, ...]
    """By share, the largest first."""
    locks: tuple[LockWait, ...]
    """By share, the largest first."""
    pairs: tuple[WaitPair, ...]
    """By share, the largest first."""
    deepest_queue: int
    """The most sessions seen waiting for one lock at once."""
    longest_wait_s: float
    """The longest wait for a lock that was seen, as long as it had lasted by then."""


@dataclass(frozen=True, kw_only=True)
class LockStanding:
    """Where one candidate stands by waiting for heavyweight locks."""

    name: str
    share: Estimate
    """Of the writers' time spent waiting for heavyweight locks."""
    difference: Estimate
    """To the baseline's share, paired by block. Intervals hold jointly for all candidates."""
    rank: int
    """One more than the number of candidates that significantly wait less: ties share a rank."""
    tied_with: tuple[str, ...]
    """The candidates that cannot be told apart from this one."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What the writes of one candidate cost by one measure."""

    name: str
    """A short stable name, such as `wal_bytes`."""
    title: str
    """For people, as in `WAL`."""
    unit: Literal["bytes", "blocks", "rows", "count", "seconds", "share"]
    per: Literal["row", "operation", "run", "update"]
    """What the figure is divided by: logical rows written, operations, nothing (over all counted trials), updates."""
    value: float | None
    """None where the server does not offer it, or there was nothing to divide by."""
    ratio: Estimate | None = None
    """To the baseline's, paired by block; None for the baseline, for shares, and where one of the two is zero."""
    differs: bool = False
    """Whether it is told apart from the baseline's. Intervals hold jointly for all candidates, measure by measure."""


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Attempts at one operation that the server undid."""

    operation: str
    reason: str
    """As in `deadlock`, `serialization failure` or `lock timeout`."""
    count: int


@dataclass(frozen=True, kw_only=True)
class StatementPlan:
    """How the server executes one statement of an operation, on the final state, as the writers' own sessions do."""

    operation: str
    position: int
    """Of the statement in its operation, from 0."""
    nodes: str
    """The types of its nodes and what they scan, in one line; what the baseline's is compared by."""
    summary: str
    """`nodes`, with rows and blocks; or why there is no plan."""
    same: bool | None
    """Whether the nodes are the baseline's; None for the baseline, and where either has no plan."""
    plan: Any
    """What EXPLAIN said, whole; None where there is no plan."""


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
    attempts_per_s: Estimate | None = None
    """Operations per second with those that were undone and repeated; `operations_per_s` counts each once."""
    retries: tuple[Retries, ...] = ()
    """Undone attempts in counted trials."""
    lock_standing: LockStanding | None = None
    """None where nothing was sampled."""
    on_front: bool = False
    """Whether it is on the Pareto front: no candidate is better in throughput or in lock waits without being worse in
    the other. Never without a `lock_standing`."""
    contention: Contention | None = None
    """None where nothing was sampled."""
    costs: tuple[Cost, ...] = ()
    """The same measures in the same order for all candidates of an experiment."""
    plans: tuple[StatementPlan, ...] = ()
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
    isolation: str = "read committed"
    """Of all transactions."""
    sample_hz: float = 0.0
    """Looks at the server per second; 0 where nothing was sampled."""
    busy_share: float = 0.0
    """The share of time in which the load loop itself was at work, in the median trial, 0 to 1."""
    workers: Mapping[str, float] = field(default_factory=dict)
    """Worker of xdist -> the same for its own loop; empty without xdist."""
    steal_share: float | None = None
    """The share of this machine's processor time that its host gave to others meanwhile; None where it is not known."""
    elapsed_s: float
    stopped: Literal["precision", "budget", "never started"]
    candidates: tuple[CandidateResult, ...]
    """In order of rank, then by name; those without a rank last."""
    control: Standing | None
    """The baseline's second entry; None where nothing was ranked."""
    lock_control: LockStanding | None = None
    """The same by lock waits; None where nothing was ranked or sampled."""
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
