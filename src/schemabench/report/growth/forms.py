"""The figures of a growth curve, as they are shown everywhere in its part.

Owns the criteria and their form as text. Must not draw a table.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from schemabench.records import Estimate, Growth, GrowthStep, Measure, StepFigures
from schemabench.report import figures
from schemabench.report.sizes import size
from schemabench.report.tree import Cell, Column
from schemabench.units import format_bytes, format_significant

_ROUND_TRIP = "round_trip_ms"
_OVER = {"clients": "clients", _ROUND_TRIP: "round trip (ms)"}
_WIDEST_AXIS = 16
"""Of its name as a heading on a terminal, beside a candidate's name and two figures with intervals."""
PLACES = 2
RANGE = "*"
"""Marks figures that rest on too few trials for an interval, or are of a step that was interrupted."""
LIMITED = "+"
"""Marks figures that the load generator limited."""
DOUBTFUL = "?"
"""Marks rates and times of a step at which the baseline differs from itself."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One figure of a step, as it is shown."""

    measure: Measure
    title: str
    heading: str
    of: Callable[[StepFigures], Estimate | None]
    one: Callable[[float], str]
    """A figure as text."""
    unit: str = ""
    """What follows that text, where no heading says it; empty if the text has the unit."""
    legend: str = ""
    axis: str = ""
    """The title of a chart's axis; empty for the heading."""
    factor: float = 1.0
    """From a figure to its value on that axis."""
    is_read_once: bool = False
    """Whether it is read before the first block, so that it has no interval, and nothing is wrong with it."""


def _exact(value: float | None) -> Estimate | None:
    return None if value is None else Estimate(value=value, low=value, high=value)


CRITERIA = (
    Criterion(
        measure="calls_per_s",
        title="Throughput (calls per second)",
        heading="calls/s",
        of=lambda one: one.calls_per_s,
        one=lambda value: figures.rate(_exact(value)),
        unit="calls/s",
    ),
    Criterion(
        measure="p50_ns",
        title="Service time of half of all calls (p50)",
        heading="p50",
        of=lambda one: one.p50_ns,
        one=figures.time,
        axis="p50 (ms)",
        factor=1e-6,
    ),
    Criterion(
        measure="p99_ns",
        title="Service time of 99 % of all calls (p99)",
        heading="p99",
        of=lambda one: one.p99_ns,
        one=figures.time,
        axis="p99 (ms)",
        factor=1e-6,
    ),
    Criterion(
        measure="wal_bytes_per_call",
        title="WAL per call (bytes)",
        heading="WAL per call",
        of=lambda one: one.wal_bytes_per_call,
        one=format_bytes,
    ),
    Criterion(
        measure="bytes_per_row",
        title="Size per row, tables and indexes (bytes)",
        heading="size per row",
        of=lambda one: _exact(one.bytes_per_row),
        one=lambda value: f"{format_significant(value)} B",
        legend="tables and indexes, per row of the background, read once before the first block",
        is_read_once=True,
    ),
)
TITLES = {one.measure: one for one in CRITERIA}


def over(growth: Growth) -> str:
    """Return what a curve is over."""
    return _OVER.get(growth.over, growth.over)


def stated(growth: Growth, values: str) -> str:
    """Return values of the axis with what they are of, as in `1,000 to 5,000 rows` or `a round trip of 1 to 5 ms`."""
    return f"a round trip of {values} ms" if growth.over == _ROUND_TRIP else f"{values} {over(growth)}"


def is_over_size(growth: Growth) -> bool:
    """Return whether a curve is over a field of the cardinality."""
    return growth.over not in _OVER


def measured(growth: Growth) -> list[GrowthStep]:
    """Return the steps that have figures, by value; also one that was interrupted."""
    return [step for step in growth.steps if step.figures]


def finished(growth: Growth) -> list[GrowthStep]:
    """Return the steps that were measured to their end, by value."""
    return [step for step in measured(growth) if not step.is_interrupted]


def candidates(growth: Growth) -> tuple[str, ...]:
    """Return the candidates of a curve, the baseline first."""
    return tuple(dict.fromkeys(one.candidate for step in growth.steps for one in step.figures))


def unranked(own: StepFigures) -> str:
    """Return in brief why a candidate has no figures at a step, as in `failed: it took too long`; empty if it has."""
    return own.reason.partition("\n")[0].rstrip(".:")


def about(value: float) -> str:
    """Return a value that was not chosen, but estimated."""
    return size(float(f"{value:.3g}"))


def axis(growth: Growth) -> tuple[Column, Column]:
    """Return the columns that name a candidate and a step."""
    return Column(heading="candidate", is_name=True), replace(values(growth), is_name=True)


def values(growth: Growth) -> Column:
    """Return a column of values of the axis."""
    heading = over(growth)
    return Column(heading=heading, short="step" if len(heading) > _WIDEST_AXIS else "", align="right")


def cell(criterion: Criterion, step: GrowthStep, own: StepFigures, doubtful: Collection[float]) -> Cell:
    """Return a figure of a step, with its interval, as in `extent`."""
    if (figure := criterion.of(own)) is None:
        return Cell(text=figures.DASH)
    return Cell(text=criterion.one(figure.value), interval=extent(criterion, step, own, doubtful), sort=figure.value)


def extent(criterion: Criterion, step: GrowthStep, own: StepFigures, doubtful: Collection[float]) -> str:
    """Return the interval of a measured figure, with marks for what is wrong with it; empty for one read once.

    A figure of a single block has its marks alone.

    Args:
        criterion: Which figure.
        step: The step.
        own: The candidate's figures there.
        doubtful: The values of steps at which the baseline differs from itself.
    """
    figure = criterion.of(own)
    if figure is None or criterion.is_read_once:
        return ""
    is_of_time = not StepFigures(candidate=own.candidate, is_limited=True).is_sound(criterion.measure)
    signs = (
        (RANGE, own.has_few_trials or not step.has_intervals),
        (LIMITED, own.is_limited and is_of_time),
        (DOUBTFUL, step.value in doubtful and is_of_time),
    )
    return interval(criterion, figure) + "".join(sign for sign, holds in signs if holds)


def worded(criterion: Criterion, figure: Estimate) -> str:
    """Return a figure with its interval and unit, for a sentence, as in `1.10 ms [1.05, 1.15]`."""
    parts = (criterion.one(figure.value), interval(criterion, figure), criterion.unit)
    return " ".join(part for part in parts if part)


def interval(criterion: Criterion, figure: Estimate) -> str:
    """Return the interval of a figure, in the figure's own unit; nothing for one whose ends are the same."""
    if figure.low == figure.high:
        return ""
    number, _, unit = criterion.one(figure.value).partition(" ")
    if not unit or " " in unit or not figure.value:
        return f"[{criterion.one(figure.low)}, {criterion.one(figure.high)}]"
    scale = float(number.replace(",", "")) / figure.value
    return f"[{format_significant(scale * figure.low)}, {format_significant(scale * figure.high)}]"
