"""How a candidate fares at production's pace.

Owns the record of a paced burst. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemabench.records.figure import Estimate
from schemabench.records.trial import Latency


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """One writer at production's pace."""

    name: str
    clients: int
    """Connections of its own."""
    utilisation: Estimate
    """The share of its connections' time that its calls take, by their service times: above 1 they take more time than
    there is. The interval is of how much calls scatter; with fewer than 6 calls it is between their shortest and their
    longest. Calls that were cut off count with the time until then, those never begun with that of their like."""
    busiest: Estimate | None
    """The same of the one connection whose interval lies highest, jointly for all: calls that share a key wait for each
    other. None with one connection, or with fewer than 6 calls for each."""
    backlog_s: float
    """Work that was left when production's time was over, for each of its connections."""
    drain_s: float | None
    """In which that would be done while production goes on; None for never."""
    slowest_s: float
    """From when a call was due to its response, of the slowest."""
    keeps_up: bool | None
    """None where it cannot be told."""


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
    are too few calls to support the figure. Rare and slow operations do not show in it."""
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
    writers: tuple[Pacing, ...] = ()
    """Those with calls; empty in older run files."""
    cut: bool = False
    """Whether it was cut short, after many times `duration_s`: calls that had no response by then count in `responses`
    as if they had had it at that moment, and it is known only that they took longer."""
    keeps_up: bool | None
    """Whether all writers do; None where it cannot be told of some. In older run files, without `writers`: whether no
    writer had more calls waiting than connections, or than 1 % of its calls."""
