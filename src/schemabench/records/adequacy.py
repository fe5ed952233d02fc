"""A candidate under the production load.

Owns the record of a paced burst. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemabench.records.figure import Estimate
from schemabench.records.trial import Latency


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """One writer under the production load."""

    name: str
    clients: int
    """Number of its connections."""
    utilisation: Estimate
    """The share of its connections' time that its calls take, by their service times: above 1 they take more time than
    available. The interval covers the scatter of the calls; with fewer than 6 calls, it runs from the shortest to the
    longest. Calls that were cut off count with the time until then, and calls never begun with that of similar
    calls."""
    busiest: Estimate | None
    """The same for the connection with the highest interval, jointly for all: calls that share a key wait for each
    other. None with one connection, or with fewer than 6 calls on each."""
    backlog_s: float
    """Work left at the end of `duration_s`, per connection."""
    drain_s: float | None
    """Time to drain the backlog while production goes on; None for never."""
    slowest_s: float
    """Response time of the slowest call, from when it was due."""
    keeps_up: bool | None
    """Whether it keeps up; None if unclear."""


@dataclass(frozen=True, kw_only=True)
class Adequacy:
    """One candidate executing production's calls in open loop: when they are due, whether or not it is ready."""

    duration_s: float
    """The time in which all calls are due, as in production."""
    elapsed_s: float
    """From the start to the last response."""
    operations_per_s: float
    """Calls per second in production."""
    p99_ns: float | None
    """The 99th percentile of the response times of all calls of all operations, from when each was due; None with too
    few calls. Rare and slow operations do not show in it."""
    max_ns: float
    """The response time of the slowest call."""
    responses: tuple[Latency, ...]
    """Response times of each operation, from when a call was due, as its caller sees them."""
    services: tuple[Latency, ...]
    """Service times of the same calls, from when each was sent; the operations in the same order."""
    lag_p99_ns: float
    """The 99th percentile of the load loop's own lag, over the calls for which a connection was free."""
    waiting: Mapping[str, int]
    """Writer -> calls that were due but had not begun at the end of `duration_s`; writers without any are omitted."""
    writers: tuple[Pacing, ...] = ()
    """The writers with calls; empty in older run files."""
    cut: bool = False
    """Whether it was cut short, after many times `duration_s`: calls without a response by then count in `responses` as
    if it had come at that moment; their true times are longer."""
    keeps_up: bool | None
    """Whether all writers keep up; None if that is unclear for some. In older run files, without `writers`: whether no
    writer had more calls waiting than connections, or than 1 % of its calls."""
