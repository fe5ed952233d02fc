"""What was measured of one burst, and of the operations in it.

Owns the records of trials. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CHECKPOINTED = ("checkpoints", "checkpoint_blocks", "checkpoint_s")
"""Counters any of which above zero says that a checkpoint was under way in a trial: one began, wrote, or ended."""
VACUUMED = ("autovacuums", "vacuum_accesses", "vacuums_under_way")
"""Likewise of a vacuum or an analyze, anywhere on the server; the first is of the candidate's own database."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate executing one burst."""

    block: int
    """The block, counted from 0 over warm-up and counted ones alike."""
    position: int
    """The place in the block's shuffled order, from 0."""
    warmup: bool
    """Whether the trial does not count: trials were not steady yet, or it was the first on a new copy."""
    copy: int = 0
    """Which copy of the candidate's database it was executed on, from 0."""
    started_s: float
    """Seconds from the start of the experiment."""
    duration_s: float
    """Wall time of the burst over all writers."""
    operations: int
    """Operations executed, each once however often it was retried."""
    rows: int
    """Logical rows written."""
    lead_in_rows: int = 0
    """Logical rows that were written just before it, untimed."""
    retries: int
    """Attempts that a deadlock, a serialization failure or a lock timeout undid."""
    paused_s: float = 0.0
    """How long writers' connections, all together, paused before they tried again."""
    calls: Mapping[str, int] = field(default_factory=dict)
    """Operation -> calls of it; empty in older run files, as is the next."""
    undone: Mapping[str, int] = field(default_factory=dict)
    """Operation -> those of `retries` that were attempts at it; only where there were any."""
    busy_share: float
    """The share of the duration in which the load loop itself was at work, 0 to 1; of the busiest worker's."""
    busy_shares: tuple[float, ...] = ()
    """Of each worker's load loop, the leader's first."""
    writers_s: Mapping[str, float]
    """Writer -> seconds from the start of the trial to the writer's last response."""
    looks: int = 0
    """How often the server was looked at meanwhile; 0 in older run files, too."""
    waits: Mapping[str, int] = field(default_factory=dict)
    """Wait class -> how often a writer's session was seen at work in it; empty where nothing was sampled."""
    counters: Mapping[str, float] = field(default_factory=dict)
    """Counter -> its increase over the trial; a counter that the server does not offer is absent, never zero. Those
    that begin with `upkeep_` are of what was vacuumed and analyzed after the trial, because of what it wrote."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long the calls of one operation took under one candidate: over all counted trials, unless said otherwise."""

    operation: str
    count: int
    p50_ns: float | None
    """None where there are too few samples to support the figure; likewise below."""
    p95_ns: float | None
    p99_ns: float | None
    max_ns: float
    retries: int
    """Attempts that were undone and repeated."""
    curve: tuple[tuple[float, float], ...] = ()
    """Level and quantile in nanoseconds, as in (0.99, 2.1e6), ascending; only levels that the samples support."""


@dataclass(frozen=True, kw_only=True)
class Retries:
    """Attempts at one operation that the server undid."""

    operation: str
    reason: str
    """As in `deadlock`, `serialization failure` or `lock timeout`."""
    count: int
    calls: int = 0
    """Calls of the operation, each once however often it was retried; 0 in older run files."""
