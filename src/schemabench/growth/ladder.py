"""The choice of the next step: where curves bend or cross, rather than evenly.

Owns the choice. Must not measure.

Lines are straight on logarithmic scales where a law is a power. The departure of a step from the line through its
neighbours, in units of its standard error, tells how sure a bend is. A wide gap beside a sure bend, or one in which
two candidates change places, is halved before others; without either, the widest is.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import hypot, log

from schemabench.growth.axis import Over
from schemabench.records import Estimate

_SURE = 2.0
"""Standard errors from which on a departure is one: less is chance."""
_NARROWEST = log(1.25)
"""Neighbours that are nearer to each other are near enough."""
_BETWEEN = 0.05
"""The standard error of what intervals do not hold: the same experiment, minutes later, differs by some percent."""
_ERRORS = 2 * 1.96
"""Standard errors in a 95 % interval."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The rates of the candidates at one value."""

    value: float
    rates: Mapping[str, Estimate]


def following(over: Over, readings: Sequence[Reading], tried: Collection[float] = ()) -> float | None:
    """Return the next value, in the gap that says most; None if all gaps are narrow.

    Args:
        over: The axis.
        readings: At least two, by value.
        tried: Values that are not tried again, with those that came to no reading.
    """
    best: tuple[tuple[bool, float, float], float] | None = None
    for number, (low, high) in enumerate(pairwise(readings)):
        width = over.position(high.value) - over.position(low.value)
        value = over.between(low.value, high.value)
        if value is None or value in tried or width < _NARROWEST:
            continue
        bend = max(departure(over, readings, number), departure(over, readings, number + 1))
        rank = (crosses(readings, number), width * bend if bend > _SURE else 0.0, width)
        if best is None or rank > best[0]:
            best = rank, value
    return best[1] if best else None


def departure(over: Over, readings: Sequence[Reading], place: int) -> float:
    """Return by how many standard errors a step departs from the line through its neighbours, for whom it does most.

    Zero for the first step and the last.
    """
    if not 0 < place < len(readings) - 1:
        return 0.0
    before, at, after = readings[place - 1 : place + 2]
    share = (over.position(at.value) - over.position(before.value)) / (
        over.position(after.value) - over.position(before.value)
    )
    found = [0.0]
    for name in before.rates.keys() & at.rates.keys() & after.rates.keys():
        (first, own, last) = (one.rates[name] for one in (before, at, after))
        off = log(own.value) - (1 - share) * log(first.value) - share * log(last.value)
        error = hypot(_error(own), (1 - share) * _error(first), share * _error(last))
        found.append(abs(off) / error)
    return max(found)


def crosses(readings: Sequence[Reading], place: int) -> bool:
    """Return whether two candidates may change places in the gap after a step.

    They do if one leads at the step or the nearest before it at which one of them does, and the other at the nearest
    after it, by more than a standard error.
    """
    names = sorted(set.union(*(set(one.rates) for one in readings)))
    return any(
        _nearest_lead(reversed(readings[: place + 1]), *both) * _nearest_lead(readings[place + 1 :], *both) < 0
        for both in combinations(names, 2)
    )


def _nearest_lead(readings: Iterable[Reading], first: str, second: str) -> int:
    """Return 1 if the first leads at the first step where one does, -1 if the second does, 0 if there is none."""
    leads = (_leads(one.rates[first], one.rates[second]) for one in readings if {first, second} <= one.rates.keys())
    return next((one for one in leads if one), 0)


def _leads(first: Estimate, second: Estimate) -> int:
    """Return 1 if the first is the larger one, -1 if the second is, 0 if they differ by less than a standard error."""
    off = log(first.value) - log(second.value)
    return 0 if abs(off) <= hypot(_error(first), _error(second)) else 1 if off > 0 else -1


def _error(figure: Estimate) -> float:
    """Return the standard error of a figure's logarithm, between experiments."""
    return hypot((log(figure.high) - log(figure.low)) / _ERRORS if figure.low > 0 else 0.0, _BETWEEN)
