"""The choice of a law by what it predicts, and what it says beyond the last step, or why it says nothing.

Owns the choice, the refusals and the reach. Must not fit.

The last step is held out: each law is fitted to the others, and the one that comes closest to the last is taken. Laws
that miss it by less than the standard error of the step itself are equally close, and the simplest of them is taken. If
even the closest misses the step by more than the interval of its own prediction, nothing is projected. Nor is anything
where there are too few steps for any law but the simplest: that it was taken would say nothing.

Beyond the last step, laws diverge that agree on it. Hence the interval reaches as far as those of all laws that the
steps cannot tell from the chosen one: those that fit about as well, and miss the last step by no more than the interval
of the chosen law. Each is fitted to all steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import median

from schemabench.projection.fitting import Fit, distance, fit, needed
from schemabench.projection.laws import Form
from schemabench.records import Edge, Estimate, Law, Projected

FARTHEST = 10.0
"""How many times the last value a projection reaches, at most."""
WIDEST = 10.0
"""A factor between the ends of an interval that says nothing more."""
_POINTS = 4
"""Projected values, equally far apart on a logarithmic scale: enough for a line."""
_ERRORS = 2 * 1.96
"""Standard errors in a 95 % interval."""
_AS_WELL = 2.0
"""A law about which steps scatter by more than this many times as much as about the chosen one fits worse."""
_LEAST_ERROR = 1e-4
"""Figures without scatter, such as counters, are taken for this exact, so that they have a weight."""

Cost = Callable[[float, float], float]
"""(value, figure) -> its cost; of (value, cost), the figure."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A figure of a series."""

    value: float
    """Not below zero."""
    figure: Estimate
    """Above zero, with its interval."""

    @property
    def error(self) -> float:
        """The standard error of the figure's logarithm."""
        return max(_LEAST_ERROR, (log(self.figure.high) - log(self.figure.low)) / _ERRORS)


@dataclass(frozen=True, kw_only=True)
class Wording:
    """How a series is told in a refusal: as everywhere else where it is shown."""

    value: Callable[[float], str]
    """A value, as in `20,000 rows`."""
    figure: Callable[[Estimate], str]
    """A figure with its interval and unit, as in `1.10 ms [1.05, 1.15]`."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a series says beyond its last point."""

    law: Law | None = None
    covers: tuple[Law, ...] = ()
    held_out: Projected | None = None
    points: tuple[Projected, ...] = ()
    refused: str = ""
    """Why there are no points; empty if there are."""
    limit: str = ""
    """Why the last point is before the value that was asked for; empty if it is not."""
    misses: bool = False
    """Whether even the law that comes closest misses the last step: its coefficients say nothing, either."""


def project(  # noqa: PLR0913, PLR0917 (what a projection is of)
    series: Sequence[Point],
    forms: Sequence[Form],
    cost: Cost,
    wording: Wording,
    times: float,
    edge: Edge | None = None,
) -> Found:
    """Return what a series says beyond its last point.

    Args:
        series: By value.
        forms: The laws to choose from, the simplest first.
        cost: What a figure costs, by which laws are: its own inverse, such as the reciprocal.
        wording: Of values and figures in a refusal.
        times: How many times the last value to project to, above 1.
        edge: That no projection crosses, since another law may begin there; nothing is projected if the last step is
            already beyond it. None for none.
    """
    *others, last = series
    tried = [(form, one) for form in forms if len(others) >= needed(form) and (one := _fit(form, others, cost))]
    fewest = sorted({needed(form) for form in forms})[:2][-1] + 1
    if not tried or len(series) < fewest:
        there = "there is 1" if len(series) == 1 else f"there are {len(series)}"
        return Found(refused=f"a projection needs {fewest} or more steps whose intervals lie above zero, and {there}")
    own = cost(last.value, last.figure.value)
    missed = {form.law: distance(one.cost(last.value), own) for form, one in tried}
    closest = min(missed.values())
    form, chosen = next((form, one) for form, one in tried if missed[form.law] <= max(closest, last.error))
    held_out = _predicted(chosen, cost, last.value, last.error)
    nearest = chosen.reach(last.value, last.error)
    if missed[form.law] > nearest:
        return Found(law=form.law, held_out=held_out, refused=_miss(form, held_out, last, wording), misses=True)
    reach, limit = _reach(last.value, times, edge)
    if reach <= last.value:
        return Found(law=form.law, held_out=held_out, refused=limit)
    met = [other for other, one in tried if missed[other.law] <= nearest and one.scatter <= _AS_WELL * chosen.scatter]
    again = {other.law: one for other in met if (one := _fit(other, series, cost))}
    error = median(one.error for one in series)
    values = [last.value * (reach / last.value) ** (step / _POINTS) for step in range(1, _POINTS + 1)]
    each = [_together(again, form.law, cost, value, error) for value in values]
    points = tuple(one for one in each if one.figure.high <= WIDEST * one.figure.low)
    too_wide = f"intervals would span more than a factor of {WIDEST:.0f}"
    return Found(
        law=form.law,
        covers=tuple(law for law in again if law != form.law),
        held_out=held_out,
        points=points,
        refused="" if points else f"the steps do not determine it: {too_wide}",
        limit=(limit if len(points) == len(each) else f"that far away, {too_wide}") if points else "",
    )


def _fit(form: Form, series: Sequence[Point], cost: Cost) -> Fit | None:
    return fit(
        form,
        [one.value for one in series],
        [cost(one.value, one.figure.value) for one in series],
        [one.error for one in series],
    )


def _predicted(one: Fit, cost: Cost, value: float, error: float) -> Projected:
    middle, half = one.cost(value), one.reach(value, error)
    return Projected(value=value, figure=_figure(cost, value, middle, middle / exp(half), middle * exp(half)))


def _together(fits: dict[Law, Fit], chosen: Law, cost: Cost, value: float, error: float) -> Projected:
    """Return what the chosen law predicts, with an interval that holds those of all."""
    each = [(one.cost(value), exp(one.reach(value, error))) for one in fits.values()]
    low, high = min(middle / half for middle, half in each), max(middle * half for middle, half in each)
    return Projected(value=value, figure=_figure(cost, value, fits[chosen].cost(value), low, high))


def _figure(cost: Cost, value: float, middle: float, low: float, high: float) -> Estimate:
    ends = cost(value, low), cost(value, high)
    return Estimate(value=cost(value, middle), low=min(ends), high=max(ends))


def _miss(form: Form, predicted: Projected, last: Point, wording: Wording) -> str:
    """Return what was predicted of the step that was held out, and what was measured."""
    return (
        f"the law that comes closest ({form.law}) predicts {wording.figure(predicted.figure)} at "
        f"{wording.value(last.value)}, where {wording.figure(last.figure)} was measured"
    )


def _reach(last: float, times: float, edge: Edge | None) -> tuple[float, str]:
    """Return the last value of a projection, and why it is not the one that was asked for."""
    reach, limit = last * times, ""
    if times > FARTHEST:
        reach, limit = last * FARTHEST, f"no projection goes beyond {FARTHEST:.0f}x the largest measured value"
    if edge is not None and edge.value < reach:
        named = f"the edge of {edge.title.removesuffix(' full')}"
        reach, limit = edge.value, f"what comes beyond {named} has to be measured"
        if edge.value <= last:
            limit = f"only one step lies beyond {named}, and close to it: measure another one there"
    return reach, limit
