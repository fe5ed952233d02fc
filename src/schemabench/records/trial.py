"""Measurements of one burst, and of the operations in it.

Owns the records of trials. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CHECKPOINTED = ("checkpoints", "checkpoint_blocks", "checkpoint_s")
"""If one of these counters is above zero, a checkpoint ran during the trial: it began, wrote, or ended."""
VACUUMED = ("autovacuums", "vacuum_accesses", "vacuums_under_way")
"""Likewise for a vacuum or an analyze anywhere on the server; the first is that of the candidate's own database."""
BUSY_SHARE = 0.8
"""A load loop that is busier than this share of the time may limit the figures."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate executing one burst."""

    block: int
    """The block, counted from 0 over warm-up and counted ones alike."""
    position: int
    """The position in the block's shuffled order, from 0."""
    warmup: bool
    """Whether the trial does not count: trials were not steady yet, or it was the first on a new copy."""
    copy: int = 0
    """The copy of the candidate's database, from 0."""
    started_s: float
    """Seconds from the start of the experiment."""
    duration_s: float
    """Wall time of the burst over all writers."""
    operations: int
    """Operations executed, each once however often it was retried."""
    rows: int
    """Logical rows written."""
    lead_in_rows: int = 0
    """Logical rows written just before or after it in its block, by bursts that are not counted."""
    retries: int
    """Attempts that were rolled back and repeated."""
    accepted: int = 0
    """Calls that were rolled back and left at that, as their author accepts the error; part of `operations`."""
    paused_s: float = 0.0
    """Total time that the writers' connections paused before retries."""
    calls: Mapping[str, int] = field(default_factory=dict)
    """Operation -> its calls; empty in older run files, like the next."""
    undone: Mapping[str, int] = field(default_factory=dict)
    """Operation -> its part of `retries`; only operations with any."""
    busy_share: float
    """The share of the duration in which the load loop was busy, 0 to 1; with workers, that of the busiest."""
    busy_shares: tuple[float, ...] = ()
    """The same for each worker's load loop, the leader's first."""
    writers_s: Mapping[str, float]
    """Writer -> seconds from the start of the trial to the writer's last response."""
    alone_s: Mapping[str, float] = field(default_factory=dict)
    """Writer -> the same for another burst of the block, which only the writers of its part executed; empty unless
    interference was measured."""
    looks: int = 0
    """Samples taken meanwhile; 0 in older run files, too."""
    waits: Mapping[str, int] = field(default_factory=dict)
    """Wait class -> samples of active writer sessions in it; empty without samples."""
    counters: Mapping[str, float] = field(default_factory=dict)
    """Counter -> its increase over the trial; a counter that the server does not provide is absent, never zero. Those
    that begin with `upkeep_` cover the vacuums and analyzes after the trial that its writes made due."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Latencies of one operation's calls under one candidate, over all counted trials unless stated otherwise."""

    operation: str
    count: int
    p50_ns: float | None
    """None with too few samples for the figure; likewise below."""
    p95_ns: float | None
    p99_ns: float | None
    max_ns: float
    retries: int
    """Attempts that were rolled back and retried."""
    curve: tuple[tuple[float, float], ...] = ()
    """Level and quantile in nanoseconds, as in (0.99, 2.1e6), ascending; only levels with enough samples."""


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """Attempts at one operation that the server rolled back for one reason."""

    operation: str
    reason: str
    """As in `deadlock`, or `unique violation (23505)` for an error that the operation's author names."""
    count: int
    calls: int = 0
    """Calls of the operation, retries not counted; 0 in older run files."""
