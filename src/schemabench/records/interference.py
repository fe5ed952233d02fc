"""How much the parts of a workload slow each other.

Owns the record of it. Must not compute anything.
"""

from dataclasses import dataclass

from schemabench.records.figure import Estimate


@dataclass(frozen=True, kw_only=True)
class Interference:
    """How long one writer takes beside the other parts, and alone."""

    part: str
    """The writer's part."""
    writer: str
    alone_s: float
    """The median over bursts that only its part executed, from the start to its last response."""
    beside_s: float
    """The same for the bursts of trials, which all parts executed together."""
    ratio: Estimate
    """The time beside the others over the time alone, paired by block: 1 without interference."""
    differs: bool
    """Whether the ratio differs from 1 beyond chance."""
    lock_share: float | None
    """The share of the time of its part's writers, in trials, in which they waited for locks of other parts; None
    without samples."""
