"""The projections of a growth curve.

Owns which laws are tried over which axis, and which figures are projected. Must not fit.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import inf, isclose

from schemabench import projection
from schemabench.growth import edges
from schemabench.growth.axis import CLIENTS, Over
from schemabench.projection import USL, Point, Wording
from schemabench.records import Estimate, Forecast, Growth, Measure, Projection, StepFigures
from schemabench.report.growth.forms import TITLES, unranked, worded

_FIGURES: tuple[tuple[Measure, Callable[[StepFigures], Estimate | None]], ...] = (
    ("calls_per_s", lambda one: one.calls_per_s),
    ("p99_ns", lambda one: one.p99_ns),
    ("wal_bytes_per_call", lambda one: one.wal_bytes_per_call),
)
_SEED = 1


def forecasts(over: Over, growth: Growth, value: float, at: str, unprepared: str = "") -> tuple[Forecast, ...]:
    """Return what the steps of a curve say of one beyond them.

    Args:
        over: The axis.
        growth: The curve so far.
        value: Of the step.
        at: The time, in UTC.
        unprepared: Why that step comes too soon for a forecast; empty if it does not.
    """
    last = _farthest(growth)
    said = (_forecast(one, value, at) for one in projections(over, growth, value / last if last else inf))
    return tuple(replace(one, refused=unprepared) if unprepared else one for one in said)


def compared(said: Sequence[Forecast], growth: Growth) -> tuple[Forecast, ...]:
    """Return what was forecast, with what was measured at the step, if it was."""
    figures = {(one.candidate, step.value): one for step in growth.steps if step.has_intervals for one in step.figures}
    return tuple(_beside(one, figures.get((one.candidate, one.value))) for one in said)


def _beside(said: Forecast, own: StepFigures | None) -> Forecast:
    """Return what was forecast with what was measured, or why that tells nothing."""
    if own is None:
        return replace(said, measured=None)
    lacking = _unsound(own, said.measure)
    return replace(said, measured=None if lacking else dict(_FIGURES)[said.measure](own), lacking=lacking)


def _unsound(own: StepFigures, measure: Measure) -> str:
    """Return why a figure is not there, or tells nothing of its schema; empty if it is, and does."""
    if own.reason and dict(_FIGURES)[measure](own) is None:
        return f"it was not ranked ({unranked(own)})"
    if own.is_sound(measure):
        return ""
    return "it left after too few trials for an interval" if own.has_few_trials else "the load generator limited it"


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
    found = (_of(over, growth, name, measure, times) for measure, _ in measures for name in names)
    return tuple(one for one in found if one)


def _of(over: Over, growth: Growth, name: str, measure: Measure, times: float) -> Projection | None:
    """Return the projection of a candidate's figure; None if it has none at any step, or no interval."""
    own = [(step, one) for step in growth.steps for one in step.figures if one.candidate == name and step.has_intervals]
    known = [(step, one, figure) for step, one in own if (figure := dict(_FIGURES)[measure](one)) and figure.low > 0]
    series = [Point(value=step.value, figure=figure) for step, one, figure in known if one.is_sound(measure)]
    if series:
        return _projection(over, growth, name, measure, series, times)
    if known:
        reasons = " or ".join(dict.fromkeys(_unsound(one, measure) for _, one, _ in known))
        return Projection(candidate=name, measure=measure, law=None, refused=f"at each step, {reasons}")
    return None


def _projection(  # noqa: PLR0913, PLR0917 (what a projection is of)
    over: Over, growth: Growth, name: str, measure: Measure, series: Sequence[Point], times: float
) -> Projection:
    last, farthest = series[-1].value, _farthest(growth)
    if last < farthest:
        where = f"at the largest step that was measured, {over.worded(farthest)}"
        lacking = f"{where}, {_lacking(growth, name, measure)}"
        return Projection(candidate=name, measure=measure, law=None, refused=lacking)
    sizes = {step.value: edges.together_bytes(step) for step in growth.steps}
    known = {one.value: sizes[one.value] for one in series}
    crossed = [edge.value for edge in growth.edges if edges.shown(edge, known)]
    ahead = (edge for edge in growth.edges if edge.value not in crossed)
    beyond = min(ahead, key=lambda edge: edge.value, default=None)
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


def _lacking(growth: Growth, name: str, measure: Measure) -> str:
    """Return why a candidate's figure at the largest step tells nothing."""
    at = _farthest(growth)
    own = [one for step in growth.steps if step.value == at for one in step.figures if one.candidate == name]
    return next(filter(None, (_unsound(one, measure) for one in own)), "it has no interval that lies above zero")


def _farthest(growth: Growth) -> float:
    """Return the largest value that was measured to its end: an interrupted step tells nothing, and changes nothing."""
    return max(step.value for step in growth.steps if step.figures and not step.is_interrupted)


def _reciprocal(_: float, figure: float) -> float:
    return 1 / figure


def _itself(_: float, figure: float) -> float:
    return figure
