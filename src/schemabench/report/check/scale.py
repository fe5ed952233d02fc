"""Figures on one scale, on which more is better and a bound is a point.

Owns the conversion of ratios and differences to gains. Must not judge.
"""

import math
from dataclasses import dataclass

from schemabench.records import Criterion, Estimate


@dataclass(frozen=True, kw_only=True)
class Gain:
    """By how much a candidate is better than another, with its interval; below zero where it is worse."""

    low: float
    centre: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Bound:
    """How much worse a candidate may be."""

    harmless: float
    """The gain from which on it is not worse, whatever the other candidate's figure is within its interval."""
    harmful: float
    """The gain below which it is worse, likewise; at most `harmless`."""


def gain(criterion: Criterion, found: Estimate) -> Gain:
    """Return a ratio or a difference as a gain: logs for ratios."""
    ends = [_signed(criterion, one) for one in (found.low, found.high)]
    return Gain(low=min(ends), centre=_signed(criterion, found.value), high=max(ends))


def bound(criterion: Criterion, share: float, other: Estimate) -> Bound:
    """Return the bound for a regression by a share: of 1 for ratios, of all there is for shares, else of a figure.

    Args:
        criterion: What candidates are compared by.
        share: How much worse the figure may be, as in 0.05.
        other: The figure of the candidate that the others are compared with.
    """
    if criterion.compared == "ratio":
        limit = _signed(criterion, 1 - share if criterion.better == "more" else 1 + share)
        return Bound(harmless=limit, harmful=limit)
    if criterion.unit == "share":
        return Bound(harmless=-share, harmful=-share)
    return Bound(harmless=-share * max(other.low, 0.0), harmful=-share * other.high)


def _signed(criterion: Criterion, value: float) -> float:
    sign = 1 if criterion.better == "more" else -1
    if criterion.compared == "ratio":
        value = math.log(value) if value > 0 else -math.inf
    return sign * value
