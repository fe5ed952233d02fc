"""Where candidates stand: by which criteria they are ranked, and each one's place by each of them.

Owns the records of ranks. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemabench.records.figure import Estimate

Unit = Literal["bytes", "blocks", "rows", "count", "seconds", "share", "bursts per second"]
"""Of a figure; a share is between 0 and 1."""
Per = Literal["row", "operation", "run", "update", "end"]
"""What a figure is divided by: logical rows written, calls of operations, nothing (over all counted trials), updates,
nothing (as it is after the last block)."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The place of one candidate among the others of its experiment, by one criterion."""

    name: str
    """The candidate's."""
    figure: Estimate
    """In the criterion's unit."""
    to_baseline: Estimate
    """The figure compared with the baseline's, paired by block: a ratio or a difference, as the criterion says.
    Intervals hold jointly for all candidates. One that the last third of the blocks contradicts is extended by the last
    third's, and so contains 1."""
    to_others: Mapping[str, Estimate] = field(default_factory=dict)
    """Candidate -> the figure compared with that candidate's, as `to_baseline` with the baseline's; all these intervals
    hold jointly. Without the baseline. With a candidate that left: of the blocks until then, see `Retirement`. Empty in
    older run files."""
    rank: int
    """One more than the number of candidates that are significantly better: ties share a rank."""
    tied_with: tuple[str, ...]
    """The candidates that cannot be told apart from this one."""
    late: Estimate | None = None
    """`to_baseline` over the last third of the blocks, with an interval of its own. None for the baseline, with fewer
    than 6 blocks there, and for criteria that do not look at it."""
    at_least: bool = False
    """Whether `to_baseline` is a lower bound, since the load generator limited the candidate more than the baseline: it
    is at least `to_baseline.low`. Then no candidate is better, as far as can be told."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One way in which a candidate can be better than another, and what the control says about it."""

    name: str
    """A short stable name, as in `lock_waits`; the key of `CandidateResult.standings`."""
    title: str
    """For people, as in `lock waits`."""
    unit: Unit
    per: Per | None = None
    """None where the unit says it."""
    better: Literal["more", "less"]
    compared: Literal["ratio", "difference"]
    """What `Standing.to_baseline` is."""
    on_front: bool = True
    """Whether the Pareto front is over this criterion, among others."""
    decides: bool = True
    """Whether there were enough blocks to tell any two candidates apart by it."""
    control: Standing | None = None
    """The baseline's second entry, with rank and ties of its own only towards the baseline; None where nothing was
    ranked."""


THROUGHPUT = Criterion(name="throughput", title="throughput", unit="bursts per second", better="more", compared="ratio")
"""What every experiment is ranked by, and what candidates are sorted by."""
LOCK_WAITS = Criterion(name="lock_waits", title="lock waits", unit="share", better="less", compared="difference")
"""The share of the writers' time spent waiting for heavyweight locks or pausing before a retry: what every experiment
with a sampler is ranked by, too."""
