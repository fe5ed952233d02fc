"""Ratios of figures that have intervals already.

Owns how intervals combine, and when they hold together. Must not know what is compared.
"""

from math import exp, hypot, log

from scipy.special import stdtrit

from schemabench.records import Estimate
from schemabench.statistics.sign_flips import CONFIDENCE


def quotient(later: Estimate, earlier: Estimate) -> Estimate:
    """Return the ratio of two figures that were estimated apart, with its 95 % interval.

    On logarithms the distances to the ends add as standard errors do: in squares. What changed on the machine between
    the two is not in their intervals, nor in this one.

    Args:
        later: Above zero, with its interval; likewise the next.
        earlier: What it is divided by.
    """
    assert min(later.low, earlier.low) > 0, "only figures above zero have a ratio with an interval"
    value = log(later.value) - log(earlier.value)
    down = hypot(log(later.value / later.low), log(earlier.high / earlier.value))
    up = hypot(log(later.high / later.value), log(earlier.value / earlier.low))
    return Estimate(value=exp(value), low=exp(value - down), high=exp(value + up))


def inverse(ratio: Estimate) -> Estimate:
    """Return one over a ratio that is above zero with its interval."""
    assert ratio.low > 0, "only a ratio above zero has an inverse with an interval"
    return Estimate(value=1 / ratio.value, low=1 / ratio.high, high=1 / ratio.low)


def holds_among(many: int, ratio: Estimate, blocks: int) -> bool:
    """Return whether a ratio's interval still excludes 1 if it is to hold together with others.

    Its level is divided by their number (Bonferroni).

    Args:
        many: The number of all of them.
        ratio: Above zero, with its interval of 95 %.
        blocks: That it rests on.
    """
    single, shared = (float(stdtrit(max(1, blocks - 1), 1 - (1 - CONFIDENCE) / 2 / each)) for each in (1, many))
    end = log(ratio.low if ratio.value > 1 else ratio.high)
    return abs(log(ratio.value)) > abs(log(ratio.value) - end) * shared / single
