"""Candidates at work for long: what changes with time.

Owns the records of a soak, and which turns stand for its beginning and its end. Must not compute slopes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from statistics import median

from schemabench.records.figure import Estimate
from schemabench.records.trial import BUSY_SHARE


@dataclass(frozen=True, kw_only=True)
class SoakSlice:
    """One turn of a candidate in its soak."""

    round: int
    """The round, from 0; in each, every candidate has one turn."""
    position: int
    """Its place in the order of the round, from 0."""
    started_s: float
    """Wall time since the soak began."""
    worked_s: float
    """The candidate's own working time before this turn."""
    duration_s: float
    """Its working time in this turn."""
    operations: int
    """Operations executed, retries not counted."""
    rows: int
    """Logical rows written."""
    retries: int
    rate: float
    """Operations per second; at production's pace, operations for each second in which a connection was busy."""
    p50_ns: float | None
    """Service time over all operations; at production's pace the response time, from when a call was due. None with too
    few calls; likewise below."""
    p99_ns: float | None
    busy_share: float
    """The share of its time in which the load loop was busy."""
    state: Mapping[str, float] = field(default_factory=dict)
    """At its end: `dead_rows` by the server's count, `table_bytes`, `index_bytes`; `pending_bytes` in the pending lists
    of GIN indexes; `xid_age`, the transactions of the server since the oldest that is not frozen. Without what the
    server does not provide."""
    meanwhile: Mapping[str, float] = field(default_factory=dict)
    """In this turn, on the whole server: `wal_bytes`, `wal_fpi`, `checkpoints`; the shares of its time in which
    autovacuum was at work, `own_vacuum_share` in its own databases and `others_vacuum_share` in any others; likewise.
    """
    looked_after: Mapping[str, float] = field(default_factory=dict)
    """From the end of its last turn to the end of this one, in its own databases: `vacuums` and `analyzes` by
    autovacuum, and `vacuum_s`, their time; likewise."""


@dataclass(frozen=True, kw_only=True)
class Slope:
    """How a figure of one candidate changes with its own working time."""

    figure: str
    """`rate`, `p50_ns` or `p99_ns`, as in `SoakSlice`."""
    own: Estimate | None
    """The relative change for `Soak.per_s` of work, as in -0.04. What the machine did meanwhile is in it. None if no
    interval can be told; likewise below. Intervals hold jointly for all candidates, the control and all figures."""
    to_baseline: Estimate | None
    """The same of its ratio to the baseline's, paired by round: what all candidates have in common is not in it. None
    for the baseline, too."""
    judged: int = 1
    """The number of figures, this one included, for which intervals hold jointly; 1 in older run files."""


@dataclass(frozen=True, kw_only=True)
class SoakFigures:
    """One candidate in a soak."""

    slices: tuple[SoakSlice, ...]
    slopes: tuple[Slope, ...] = ()
    """Of the rate, p50 and p99; empty with too few turns."""
    ended: str = ""
    """Why it left before its time was over; empty if it did not."""

    def slope(self, figure: str) -> Slope | None:
        """Return the slope of a figure, if it is known."""
        return next((one for one in self.slopes if one.figure == figure), None)

    @property
    def thirds(self) -> tuple[tuple[SoakSlice, ...], tuple[SoakSlice, ...]]:
        """The first third of the turns that count for slopes, and the last; of all turns if none counts."""
        counted = tuple(turn for turn in self.slices if turn.round) or self.slices
        some = ceil(len(counted) / 3)
        return counted[:some], counted[len(counted) - some :]

    @property
    def is_limited(self) -> bool:
        """Whether the load generator was the bottleneck at the beginning or at the end, where it may hide a drift."""
        return any(some and median(turn.busy_share for turn in some) > BUSY_SHARE for some in self.thirds)


@dataclass(frozen=True, kw_only=True)
class Soak:
    """What all candidates of a soak have in common, and the baseline's second entry."""

    asked_s: float
    """The working time of each candidate, as asked for."""
    paced: bool
    """Whether calls were due when production would make them; otherwise a connection sent its next call as soon as it
    was free."""
    slice_s: float
    """The intended length of a turn."""
    rounds: int
    """Finished rounds."""
    per_s: float
    """The working time that slopes are for."""
    elapsed_s: float
    """Wall time of all turns, with the work between them."""
    slowed: Mapping[str, float] = field(default_factory=dict)
    """Setting of the server -> how many times as long as usual it waited between two looks of autovacuum at a database,
    or between two checkpoints, since each candidate works for only a part of the time. Empty where the server kept its
    own time."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of vacuums and checkpoints, read in a writer's session of the baseline."""
    control: SoakFigures | None = None
    """The baseline's second entry; None if it left."""
    interrupted: bool = False
    """Whether it ended before its time: by the user, or by an error, of which a notice tells."""
