"""Random whole numbers with the distributions of pgbench's.

Everything random comes from the `random.Random` that the caller has, so that a seed repeats a burst.
"""

import math
from random import Random

from schemabench.values.pgbench.coercion import HIGHEST, ScriptError, Value, real, strict, whole

_LEAST_GAUSSIAN = 2.0
_LEAST_ZIPFIAN, _MOST_ZIPFIAN = 1.001, 1000.0


@strict
def random_uniform(low: Value, high: Value, random: Random) -> int:
    """Return a whole number from `low` to `high`, each equally likely: `random` of pgbench."""
    return whole(low) + random.randrange(_range(low, high))


@strict
def random_exponential(low: Value, high: Value, parameter: Value, random: Random) -> int:
    """Return a whole number from `low` to `high`: each less likely than the one before, by an exponential law."""
    size, by = _range(low, high), real(parameter)
    if not by > 0:
        raise ScriptError(f"random_exponential needs a parameter above zero, not {by}")
    cut = math.exp(-by)
    share = -math.log(cut + (1 - cut) * (1 - random.random())) / by
    return whole(low) + min(size - 1, int(size * share))


@strict
def random_gaussian(low: Value, high: Value, parameter: Value, random: Random) -> int:
    """Return a whole number from `low` to `high`: those in the middle are likelier, by a normal law.

    Args:
        low: The lowest.
        high: The highest.
        parameter: How many standard deviations lie on each side of the middle, at least 2.
        random: Determines it.
    """
    size, deviations = _range(low, high), real(parameter)
    if not deviations >= _LEAST_GAUSSIAN:
        raise ScriptError(f"random_gaussian needs a parameter of at least {_LEAST_GAUSSIAN}, not {deviations}")
    drawn = random.gauss(0, 1)
    while not -deviations <= drawn < deviations:
        drawn = random.gauss(0, 1)
    return whole(low) + min(size - 1, int(size * (drawn + deviations) / (2 * deviations)))


@strict
def random_zipfian(low: Value, high: Value, parameter: Value, random: Random) -> int:
    """Return a whole number from `low` to `high`: place k is as likely as k to the power of minus the parameter.

    Draws are rejected until one fits, so that it needs no memory: L. Devroye, Non-Uniform Random Variate Generation
    (1986), section X.6.1.
    """
    size, by = _range(low, high), real(parameter)
    if not _LEAST_ZIPFIAN <= by <= _MOST_ZIPFIAN:
        raise ScriptError(f"random_zipfian needs a parameter from {_LEAST_ZIPFIAN} to {_MOST_ZIPFIAN:g}, not {by}")
    if size == 1:
        return whole(low)
    scale = 2 ** (by - 1)
    while True:
        first, second = 1 - random.random(), random.random()
        place = _floor(first, -1 / (by - 1), size)
        if place > size:
            continue
        ratio = (1 + 1 / place) ** (by - 1)
        if second * place * (ratio - 1) / (scale - 1) <= ratio / scale:
            return whole(low) + place - 1


def _floor(share: float, exponent: float, size: int) -> int:
    """Return a power of a share as a whole number; one beyond `size` if it is larger."""
    try:
        return int(min(share**exponent, size + 1))
    except OverflowError:
        return size + 1


def _range(low: Value, high: Value) -> int:
    """Return how many whole numbers there are from `low` to `high`."""
    size = whole(high) - whole(low) + 1
    if size < 1:
        raise ScriptError(f"there is no number from {low} to {high}")
    if size > HIGHEST:
        raise ScriptError(f"there are too many numbers from {low} to {high}")
    return size
