"""How candidates compare with the baseline at both ends of a curve, in a sentence.

Owns its wording, and the choice of candidates. Must not compute a ratio that is not in the experiments.
"""

from collections.abc import Iterator
from math import inf, log

from schemabench.candidate import BASELINE
from schemabench.records import Experiment, Growth, GrowthStep, Run, Standing
from schemabench.report import figures
from schemabench.report.growth import steps
from schemabench.report.growth.forms import PLACES
from schemabench.report.sizes import size
from schemabench.report.text import name
from schemabench.report.view import ranked
from schemabench.units import first_of

_MOST = 3
"""Candidates that are told; further ones are counted."""
_LEAST = 1e-9
"""Taken for a ratio of zero."""
_End = tuple[GrowthStep, Standing | None]


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
