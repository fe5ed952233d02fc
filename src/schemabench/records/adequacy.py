"""How a candidate fares at production's pace.

Owns the record of a paced burst. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemabench.records.trial import Latency


@dataclass(frozen=True, kw_only=True)
class Adequacy:
    """One candidate executing production's calls when production would make them, whether it is ready or not."""

    duration_s: float
    """In which all calls are due: the time that they take in production."""
    elapsed_s: float
    """From the start to the last response."""
    operations_per_s: float
    """What production asks for."""
    p99_ns: float | None
    """Within which 99 % of all calls were answered, of whichever operation, from when each was due; None where there
    are too few calls to support the figure."""
    max_ns: float
    """The same of the slowest call."""
    responses: tuple[Latency, ...]
    """Response times of each operation, from when a call was due: what a caller waits for."""
    services: tuple[Latency, ...]
    """Service times of the same calls, from when each was sent; the operations in the same order."""
    lag_p99_ns: float
    """How late the load loop itself was, at most, in 99 % of the calls for which a connection was free."""
    waiting: Mapping[str, int]
    """Writer -> calls that were due but had not begun at the end of `duration_s`; those without any left out."""
    keeps_up: bool
    """Whether no writer had more such calls than connections, or than 1 % of its calls."""
