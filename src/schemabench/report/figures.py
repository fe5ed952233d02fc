"""Figures to text; a dash for figures that the data do not support.

Owns the number of digits, the same in every format. Must not compute a figure that is not in the records.
"""

import math
from collections.abc import Callable, Iterable, Mapping

from schemabench.records import CandidateResult, Cost, Estimate, Experiment, Latency, RolledBack, Standing, Unit
from schemabench.report.text import name
from schemabench.report.tree import Cell
from schemabench.units import (
    NANOSECONDS,
    format_bytes,
    format_count,
    format_duration,
    format_percent,
    format_significant,
)

DASH = "-"
BASELINE_RATIO = "1"

_FEW_DECIMALS, _MORE_DECIMALS = 2, 3
_NARROW = 0.01
"""Two decimals cannot show a half-width below this."""
_TENTH = 0.1
_TEN = 10
_WHOLE_PERCENT = 0.0995
"""From this share on, 9.95 %, two digits need no decimals."""
_LEAST_SHARE = 0.0005
"""The share that rounds to 0.1 %: a minute's samples of a writer, about a thousand, support nothing smaller."""
_LONGEST_COUNT = 10_000
"""Whole numbers below this are written out."""


def decimals(experiment: Experiment) -> int:
    """Return the decimals for ratios of an experiment: 2, or 3 where an interval is narrow or ends too close to 1."""
    control = [] if experiment.control is None else [experiment.control.to_baseline]
    ratios = [result.standing.to_baseline for result in experiment.candidates if result.standing] + control
    return _MORE_DECIMALS if any(map(_needs_more, ratios)) else _FEW_DECIMALS


def ratio(value: float, places: int) -> str:
    """Return a ratio with so many decimals, or fewer from 10 and more below 0.1, to keep the digits similar."""
    if not math.isfinite(value) or value <= 0:
        return DASH
    if value < _TENTH:
        return format_significant(value, places)
    return f"{value:.{places}f}" if value < _TEN else format_count(value)


def ratio_interval(estimate: Estimate, places: int) -> str:
    """Return the interval of a ratio, as in `[0.98, 1.03]`; nothing if it has no width, as the range of one block."""
    return "" if estimate.low == estimate.high else _ratio_ends(estimate, places)


def ratio_with_interval(estimate: Estimate, places: int) -> str:
    """Return a ratio and its interval, as in `1.31x [1.26, 1.36]`."""
    if ratio(estimate.value, places) == DASH:
        return DASH
    return f"{ratio(estimate.value, places)}x {_ratio_ends(estimate, places)}"


def ratio_at_least(estimate: Estimate, places: int) -> str:
    """Return a ratio of which only a lower bound is known, as in `at least 2.10x`."""
    shown = ratio(estimate.low, places)
    return shown if shown == DASH else f"at least {shown}x"


def stood(standing: Standing, places: int) -> str:
    """Return a candidate's ratio with its interval, or its lower bound if the load generator was the bottleneck."""
    drawn = ratio_at_least if standing.at_least else ratio_with_interval
    return drawn(standing.to_baseline, places)


def multiple(value: float, places: int = _FEW_DECIMALS) -> str:
    """Return a ratio without its interval, as in `1.31x`."""
    shown = ratio(value, places)
    return shown if shown == DASH else f"{shown}x"


def rate(estimate: Estimate | None) -> str:
    """Return a rate without its unit, as in `12.3k`."""
    return DASH if estimate is None or not math.isfinite(estimate.value) else format_count(estimate.value)


def rate_interval(estimate: Estimate | None) -> str:
    """Return the interval of a rate, as in `[11.9k, 12.8k]`; nothing if it has none, or no width, as of one block."""
    if estimate is None or estimate.low == estimate.high:
        return ""
    if not all(map(math.isfinite, (estimate.value, estimate.low, estimate.high))):
        return ""
    return f"[{format_count(estimate.low)}, {format_count(estimate.high)}]"


def is_positive(estimate: Estimate) -> bool:
    """Return whether a ratio and its interval have logarithms."""
    return all(math.isfinite(end) and end > 0 for end in (estimate.value, estimate.low, estimate.high))


def times(estimate: Estimate) -> str:
    """Return a multiple and its interval, as in `41.2x [38.1, 44.0]`."""
    ends = ", ".join(format_significant(end) for end in (estimate.low, estimate.high))
    return f"{format_significant(estimate.value)}x [{ends}]"


def times_at_least(estimate: Estimate) -> str:
    """Return a multiple of which only a lower bound is known, as in `at least 38.1x`."""
    return f"at least {format_significant(estimate.low)}x"


def time(latency_ns: float | None) -> str:
    """Return a latency with its unit, as in `2.31 ms`."""
    supported = latency_ns is not None and math.isfinite(latency_ns) and latency_ns >= 0
    return format_duration(latency_ns / NANOSECONDS) if latency_ns is not None and supported else DASH


def time_cell(latency_ns: float | None) -> Cell:
    """Return a latency as a cell, a dash if it is not known; likewise below."""
    return Cell(text=time(latency_ns), sort=latency_ns)


def duration(seconds: float) -> str:
    """Return a duration, which may be zero, as in `1.24 s`."""
    return format_duration(seconds) if seconds > 0 else "0 s"


def duration_cell(seconds: float | None) -> Cell:
    """Return a duration as a cell."""
    return Cell(text=DASH if seconds is None else duration(seconds), sort=seconds)


def percent(share: float) -> str:
    """Return a share in percent, as in `2.6 %`."""
    return format_percent(share) if math.isfinite(share) else DASH


def signed_percent(share: float) -> str:
    """Return a share in percent with its sign, without the percent sign, as in `-3.1` or `+71`."""
    return f"{'-' if share < 0 else '+'}{_hundredths(abs(share))}" if math.isfinite(share) else DASH


def share(value: float) -> str:
    """Return a share of the writers' time or of updates in percent, as in `71 %`, `3.1 %` or `<0.1 %`."""
    if 0 < value < _LEAST_SHARE:
        return "<0.1 %"
    return f"{_hundredths(value)} %" if math.isfinite(value) else DASH


def share_cell(value: float | None) -> Cell:
    """Return a share as a cell."""
    return Cell(text=DASH if value is None else share(value), sort=value)


def share_with_interval(estimate: Estimate) -> str:
    """Return a share in percent and its interval, as in `3.1 % [2.7, 3.6]`."""
    return f"{share(estimate.value)} {share_interval(estimate)}"


def share_interval(estimate: Estimate) -> str:
    """Return the interval of a share in percent without the sign, as in `[2.7, 3.6]`."""
    return f"[{_hundredths(estimate.low)}, {_hundredths(estimate.high)}]"


def points_with_interval(estimate: Estimate) -> str:
    """Return a difference between two shares and its interval, as in `+0.2 points [-0.9, +1.3]`."""
    value, low, high = (f"{100 * one:+z.1f}" for one in (estimate.value, estimate.low, estimate.high))
    return f"{value} points [{low}, {high}]"


def amount(cost: Cost) -> str:
    """Return what a measure of cost found, in its unit, as in `1.24 KiB`, `3.02`, `12.3 ms` or `99 %`."""
    return DASH if cost.value is None else in_unit(cost.value, cost.unit)


def in_unit(value: float, unit: Unit) -> str:
    """Return an amount with its unit, as `amount` does."""
    if not math.isfinite(value):
        return DASH
    if unit == "share":
        return share(value)
    if unit == "bytes":
        return format_bytes(value) if value == 0 or abs(value) >= _TEN else f"{format_significant(value, 2)} B"
    if unit == "seconds":
        return duration(value)
    whole = float(value).is_integer() and abs(value) < _LONGEST_COUNT
    return f"{value:,.0f}" if whole else format_count(value)


def per_call(retries: int, calls: int) -> str:
    """Return the retries per call, as in `0.21`; a dash if the calls were not counted."""
    return format_significant(retries / calls, 2) if calls else DASH


def most_repeated(result: CandidateResult) -> tuple[str, float] | None:
    """Return the operation with the most retries per call, and their number; None if none are known."""
    return _most(result.retries)


def most_accepted(result: CandidateResult) -> tuple[str, float] | None:
    """Return the operation of whose calls the largest share was rolled back and left at that; None if there is none."""
    return _most(result.accepted)


def _most(some: Iterable[RolledBack]) -> tuple[str, float] | None:
    counts: dict[str, float] = {}
    for one in some:
        if one.calls:
            counts[one.operation] = counts.get(one.operation, 0.0) + one.count / one.calls
    return max(counts.items(), key=lambda item: item[1], default=None)


def slowest(result: CandidateResult) -> Latency | None:
    """Return the operation with the highest p95 among those with enough calls for a p95, or None."""
    supported = [latency for latency in result.latencies if latency.p95_ns is not None]
    return max(supported, key=lambda latency: latency.p95_ns or 0.0, default=None)


def listed(items: Iterable[str], most: int = 3) -> str:
    """Return items as in `a, b and c`, at most `most` by name."""
    names = list(items)
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def span(values: Mapping[str, float], written: Callable[[float], str]) -> str:
    """Return the least and the greatest of several candidates' figures, as in `1.2x (a) to 3.4x (b)`; one of one."""
    ends = dict.fromkeys([min(values, key=values.__getitem__), max(values, key=values.__getitem__)])
    return " to ".join(f"{written(values[end])} ({name(end)})" for end in ends)


def _hundredths(value: float) -> str:
    """Return a share in percent without the sign, with two digits or one decimal."""
    return f"{100 * value:z.{0 if value == 0 or abs(value) >= _WHOLE_PERCENT else 1}f}"


def _ratio_ends(estimate: Estimate, places: int) -> str:
    """Return the ends of a ratio's interval, as in `[0.98, 1.03]`; it may reach down to zero, as in `[0, 1.9]`."""
    ends = ["0" if end == 0 else ratio(end, places) for end in (estimate.low, estimate.high)]
    return DASH if DASH in ends else f"[{', '.join(ends)}]"


def _needs_more(estimate: Estimate) -> bool:
    """Return whether two decimals would hide the interval's width, or on which side of 1 it ends."""
    if estimate.low == estimate.high:
        return False
    ends_at_one = any(abs(end - 1) < _NARROW / 2 and end != 1 for end in (estimate.low, estimate.high))
    return ends_at_one or (estimate.high - estimate.low) / 2 < _NARROW
