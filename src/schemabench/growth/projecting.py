"""The projections of a growth curve.

Owns which laws are tried over which axis, and which figures are projected. Must not fit.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import inf, isclose

from schemabench import projection
from schemabench.growth.axis import CLIENTS, Over
from schemabench.projection import USL, Point, Wording
from schemabench.records import Estimate, Forecast, Growth, Measure, Projection, StepFigures
from schemabench.report.growth.forms import TITLES, worded

_FIGURES: tuple[tuple[Measure, Callable[[StepFigures], Estimate | None]], ...] = (
    ("calls_per_s", lambda one: one.calls_per_s),
    ("p99_ns", lambda one: one.p99_ns),
    ("wal_bytes_per_call", lambda one: one.wal_bytes_per_call),
)
_SEED = 1
_SEVERAL = 2
"""Steps beyond an edge that show what comes there."""
_WELL_BEYOND = 1.5
"""Times an edge, at which one step shows it: nearer, what is beyond the edge has hardly begun to count."""


def forecasts(over: Over, growth: Growth, value: float, at: str) -> tuple[Forecast, ...]:
    """Return what the steps of a curve say of one beyond them.

    Args:
        over: The axis.
        growth: The curve so far.
        value: Of the step.
        at: The time, in UTC.
    """
    last = _farthest(growth)
    return tuple(_forecast(one, value, at) for one in projections(over, growth, value / last if last else inf))


def compared(said: Sequence[Forecast], growth: Growth) -> tuple[Forecast, ...]:
    """Return what was forecast, with what was measured at the step, if it was."""
    found = {
        (one.candidate, step.value, measure): figure(one)
        for step in growth.steps
        for one in step.figures
        for measure, figure in _FIGURES
        if step.has_intervals and one.is_sound
    }
    return tuple(replace(one, measured=found.get((one.candidate, one.value, one.measure))) for one in said)


def _forecast(one: Projection, value: float, at: str) -> Forecast:
    point = one.points[-1] if one.points and isclose(one.points[-1].value, value) else None
    return Forecast(
        candidate=one.candidate,
        measure=one.measure,
        value=value,
        at=at,
        law=one.law,
        covers=one.covers if point else (),
        figure=point.figure if point else None,
        refused="" if point else one.refused or one.limit,
    )


def projections(over: Over, growth: Growth, times: float) -> tuple[Projection, ...]:
    """Return the projections of each candidate: of throughput over clients, of throughput and costs over other axes.

    Args:
        over: The axis.
        growth: The curve.
        times: How many times the last value to project to; 1 for no projection.
    """
    if times <= 1:
        return ()
    names = dict.fromkeys(one.candidate for step in growth.steps for one in step.figures)
    measures = _FIGURES[:1] if over.field == CLIENTS else _FIGURES
    return tuple(
        _projection(over, growth, name, measure, series, times)
        for measure, figure in measures
        for name in names
        if (series := _series(growth, name, figure))
    )


def _series(growth: Growth, name: str, figure: Callable[[StepFigures], Estimate | None]) -> list[Point]:
    return [
        Point(value=step.value, figure=estimate)
        for step in growth.steps
        for one in step.figures
        if step.has_intervals and one.candidate == name and one.is_sound
        if (estimate := figure(one)) and estimate.low > 0
    ]


def _projection(  # noqa: PLR0913, PLR0917 (what a projection is of)
    over: Over, growth: Growth, name: str, measure: Measure, series: Sequence[Point], times: float
) -> Projection:
    last, farthest = series[-1].value, _farthest(growth)
    if last < farthest:
        where = f"at the largest step that was measured, {over.worded(farthest)}"
        return Projection(candidate=name, measure=measure, law=None, refused=f"{where}, {_lacking(growth, name)}")
    crossed = [edge.value for edge in growth.edges if _is_crossed(edge.value, series)]
    beyond = min((edge.value for edge in growth.edges if edge.value not in crossed), default=None)
    within = [edge for edge in crossed if edge > series[0].value]
    wording = Wording(value=over.worded, figure=partial(worded, TITLES[measure]))
    if over.field == CLIENTS:
        found = projection.project(series, [USL], lambda clients, figure: clients / figure, wording, times)
    else:
        forms = projection.of_rows([one.value for one in series], within[0] if within else None)
        cost = _reciprocal if measure == "calls_per_s" else _itself
        found = projection.project(series, forms, cost, wording, times, beyond)
    return Projection(
        candidate=name,
        measure=measure,
        law=found.law,
        covers=found.covers,
        parameters=projection.coefficients(series, seed=_SEED) if over.field == CLIENTS and not found.misses else {},
        held_out=found.held_out,
        measured=series[-1].figure,
        points=found.points,
        refused=found.refused,
        limit=found.limit,
    )


def _is_crossed(edge: float, series: Sequence[Point]) -> bool:
    """Return whether steps show what comes beyond an edge: two of them, or a last one that is well beyond it."""
    return sum(one.value > edge for one in series) >= _SEVERAL or series[-1].value >= _WELL_BEYOND * edge


def _lacking(growth: Growth, name: str) -> str:
    """Return why a candidate's figures at the largest step tell nothing."""
    at = _farthest(growth)
    own = (one for step in growth.steps if step.value == at for one in step.figures if one.candidate == name)
    if any(one.is_limited for one in own):
        return "the load generator limited it"
    return "it has no interval that lies above zero"


def _farthest(growth: Growth) -> float:
    """Return the largest value that was measured to its end: an interrupted step tells nothing, and changes nothing."""
    return max(step.value for step in growth.steps if step.figures and not step.is_interrupted)


def _reciprocal(_: float, figure: float) -> float:
    return 1 / figure


def _itself(_: float, figure: float) -> float:
    return figure
