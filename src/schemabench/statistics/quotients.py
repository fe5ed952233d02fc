"""Ratios of figures that have intervals already.

Owns how intervals combine. Must not know what is compared.
"""

from math import exp, hypot, log

from schemabench.records import Estimate


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
