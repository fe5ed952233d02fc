"""How candidates compare with the baseline: at both ends of a curve, in a sentence, and from which size on.

Owns the wording, and the choice of candidates. Must not compute a ratio that is not in the experiments.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import inf, log

from schemabench.candidate import BASELINE
from schemabench.records import Experiment, Growth, GrowthStep, Run, Standing
from schemabench.report import figures
from schemabench.report.growth import apart, steps
from schemabench.report.growth.forms import PLACES, candidates
from schemabench.report.sizes import size
from schemabench.report.text import name
from schemabench.report.tree import Node, Paragraph, Terms
from schemabench.report.view import ranked
from schemabench.units import first_of, plural

_MOST = 3
"""Candidates that are told; further ones are counted."""
_LEAST = 1e-9
"""Taken for a ratio of zero."""
_NEVER, _UNKNOWN = "neither faster nor slower at any step", "no step tells"
_End = tuple[GrowthStep, Standing | None]
_Order = tuple[float, str | None]
"""A step, and whether a candidate is `faster` or `slower` there; empty if that is not beyond chance, None if nothing
tells."""


def sentence(run: Run, growth: Growth) -> str:
    """Return the throughput over the baseline's of those candidates for which it changes most; empty without any.

    It is of the first and the last step that can tell candidates apart; without any, of the first and the last of all.
    """
    every = [one for one in steps.experiments(run, growth) if not one[0].is_interrupted]
    if not every:
        return ""
    told = steps.telling(run, growth)
    known = [one for one in every if one[0] in told] or every
    ends = [known[0], *known[-1:]] if len(known) > 1 else known
    found = {who: [(step, _standing(experiment, who)) for step, experiment in ends] for who in _rivals(ends)}
    if not found:
        return ""
    changed = sorted(found, key=lambda who: -_change(found[who]))
    each = [f"{name(who)} {_told(found[who])}" for who in changed]
    said = first_of(each, _MOST, between="; ", rest="; {:,} more, in the tables below")
    return f"Throughput relative to the baseline's: {said}."


def spans(run: Run, growth: Growth) -> Iterator[Node]:
    """Yield from which step on, or up to which, each candidate is faster or slower than the baseline beyond chance.

    Nothing where fewer than two steps can tell candidates apart.
    """
    telling = steps.telling(run, growth)
    together = sum(step.has_intervals for step in growth.steps if step.figures)
    others = [one for one in candidates(growth) if one != BASELINE]
    known = [(step, one if step in telling else None) for step, one in steps.experiments(run, growth)]
    if sum(one is not None for _, one in known) <= 1 or not others:
        return
    orders = {who: [(step.value, _order(one, who, together)) for step, one in known] for who in others}
    said = {who: _spans(own) for who, own in orders.items()}
    unknown = [who for who, own in orders.items() if all(order is None for _, order in own)]
    never = [who for who, text in said.items() if not text and who not in unknown]
    level = f"beyond chance at {plural(together, 'step')} together"
    if len(never) == len(others):
        yield Paragraph(text=f"No candidate is faster or slower than the baseline at any step, {level}.")
        return
    yield Paragraph(text=f"Against the baseline, {level}:")
    groups = [(never, _NEVER), (unknown, _UNKNOWN)]
    rest = [
        (", ".join(map(name, some)) if len(some) <= _MOST else plural(len(some), "other"), text)
        for some, text in groups
        if some
    ]
    yield Terms(items=(*((name(who), text) for who, text in said.items() if text), *rest))


def _order(experiment: Experiment | None, who: str, together: int) -> str | None:
    """Return whether a candidate is faster or slower at a step; empty if neither is proved, None if nothing tells."""
    told = apart.told(experiment, who, BASELINE, together) if experiment else None
    if told is None:
        return None
    return "" if not told.together else "faster" if told.ratio.value > 1 else "slower"


def _spans(orders: Sequence[_Order]) -> str:
    """Return where a candidate is faster or slower, as in `slower up to 500, faster from 2,000 on`; empty if never."""
    ends = orders[0][0], orders[-1][0]
    runs = [(order, [value for value, _ in alike]) for order, alike in groupby(orders, key=lambda one: one[1])]
    places = [(order, _span(values, *ends)) for order, values in runs if order]
    said = (
        f"{order} {' and '.join(place for _, place in alike)}"
        for order, alike in groupby(places, key=lambda one: one[0])
    )
    return ", ".join(said)


def _span(values: Sequence[float], first: float, last: float) -> str:
    """Return some neighbouring steps in words, as in `from 2,000 on` if the last of all is among them."""
    low, high = values[0], values[-1]
    if (low, high) == (first, last):
        return "throughout"
    if low == high:
        return f"at {size(low)}"
    if low == first:
        return f"up to {size(high)}"
    return f"from {size(low)} on" if high == last else f"from {size(low)} to {size(high)}"


def _rivals(ends: list[tuple[GrowthStep, Experiment]]) -> Iterator[str]:
    """Yield each candidate with a ratio at an end, once."""
    names = (standing.name for _, experiment in ends for _, standing in ranked(experiment))
    yield from dict.fromkeys(one for one in names if one != BASELINE)


def _standing(experiment: Experiment, who: str) -> Standing | None:
    return next((standing for _, standing in ranked(experiment) if standing.name == who), None)


def _change(ends: list[_End]) -> float:
    """Return how far a ratio moves; of one end, how far it is from 1. One that is not ranked at an end comes first."""
    if any(standing is None for _, standing in ends):
        return inf
    ratios = [standing.to_baseline.value for _, standing in ends if standing]
    logs = [log(one or _LEAST) for one in ratios]
    return abs(logs[-1] - logs[0]) if len(logs) > 1 else abs(logs[0])


def _told(ends: list[_End]) -> str:
    return ", ".join(f"{_ratio(step, standing)} at {size(step.value)}" for step, standing in ends)


def _ratio(step: GrowthStep, standing: Standing | None) -> str:
    """Return a ratio, with its interval where there are enough blocks for one."""
    if standing is None:
        return "not ranked"
    shown = figures.stood(standing, PLACES) if step.has_intervals else figures.multiple(standing.to_baseline.value)
    return shown if shown != figures.DASH else "not known"
