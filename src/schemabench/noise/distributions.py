"""Distributions of counts and sizes, which give the same numbers on every machine.

Owns the drawing of numbers from a seed. Must not know what is counted.

Only `Random.random()` is used, which Python promises never to change. Logarithms and exponentials are decimal, and so
correctly rounded everywhere; those of the machine's own library may differ in the last digit.

Source of the normal deviates: Marsaglia and Bray, "A convenient method for generating normal variables" (1964).
"""

from bisect import bisect
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cached_property
from itertools import accumulate
from random import Random
from typing import TypeAlias

import msgspec

_DECIMAL = Context(prec=20, rounding=ROUND_HALF_EVEN)
_MOST_RANKS = 100_000
"""The most values of a Zipf distribution: each has its own weight."""


class _Drawn(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="distribution", dict=True
):
    """The base of all distributions: `distribution = "..."` in a data model tells which."""


class Constant(_Drawn, frozen=True, kw_only=True, tag="constant"):
    """Always the same number."""

    value: int

    def draw(self, _: Random) -> int:
        """Return the number."""
        return self.value


class Uniform(_Drawn, frozen=True, kw_only=True, tag="uniform"):
    """A whole number from `low` to `high`, each as likely as any other."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _check_order(self.low, self.high, "low", "high")

    def draw(self, random: Random) -> int:
        """Return a number."""
        return self.low + int(random.random() * (self.high - self.low + 1))


class LogNormal(_Drawn, frozen=True, kw_only=True, tag="log-normal"):
    """A number whose logarithm is normal: most are near the median, and few are many times as large."""

    median: Decimal
    sigma: Decimal
    """The standard deviation of the natural logarithm."""
    least: int = 0
    most: int
    """Larger numbers become this one, and smaller ones `least`."""

    def __post_init__(self) -> None:
        _check_order(self.least, self.most, "least", "most")
        if self.median <= 0 or self.sigma < 0:
            raise ValueError("the median is not positive, or sigma is negative")

    def draw(self, random: Random) -> int:
        """Return a number."""
        shift = _DECIMAL.multiply(self.sigma, _normal(random))
        value = _DECIMAL.multiply(self.median, _DECIMAL.exp(min(shift, Decimal(100))))
        return max(self.least, min(self.most, int(value.to_integral_value(ROUND_HALF_EVEN))))


class Zipf(_Drawn, frozen=True, kw_only=True, tag="zipf"):
    """A number from `least` to `most`: the k-th smallest has a weight of k to the power of `-exponent`."""

    exponent: Decimal
    least: int = 1
    most: int

    def __post_init__(self) -> None:
        _check_order(self.least, self.most, "least", "most")
        if self.most - self.least >= _MOST_RANKS:
            raise ValueError(f"from least to most there are more than {_MOST_RANKS:,} numbers")

    def draw(self, random: Random) -> int:
        """Return a number."""
        return self.least + _place(self._ends, random)

    @cached_property
    def _ends(self) -> list[Decimal]:
        """The weights, added up."""
        ranks = range(1, self.most - self.least + 2)
        logs = (_DECIMAL.multiply(-self.exponent, _DECIMAL.ln(Decimal(rank))) for rank in ranks)
        return list(accumulate(map(_DECIMAL.exp, logs), _DECIMAL.add))


class Bin(msgspec.Struct, frozen=True, array_like=True):
    """A bar of a histogram: from `low` to `high`, both included, and its weight."""

    low: int
    high: int
    weight: Decimal


class Histogram(_Drawn, frozen=True, kw_only=True, tag="histogram"):
    """A number from one of the bins, which is chosen by its weight, and within it uniform: what was seen somewhere."""

    bins: Sequence[Bin]
    """As in `bins = [[60, 60, 3], [300, 900, 1]]`."""

    def __post_init__(self) -> None:
        for one in self.bins:
            _check_order(one.low, one.high, "the start of a bin", "its end")
        _check_weights([one.weight for one in self.bins])

    def draw(self, random: Random) -> int:
        """Return a number."""
        one = self.bins[_place(self._ends, random)]
        return one.low + int(random.random() * (one.high - one.low + 1))

    @cached_property
    def _ends(self) -> list[Decimal]:
        return list(accumulate((one.weight for one in self.bins), _DECIMAL.add))


class Choice(_Drawn, frozen=True, kw_only=True, tag="choice"):
    """One of several words, each with a weight."""

    weights: Mapping[str, Decimal]

    def __post_init__(self) -> None:
        _check_weights([*self.weights.values()])

    def draw(self, random: Random) -> str:
        """Return a word."""
        return list(self.weights)[_place(self._ends, random)]

    @cached_property
    def _ends(self) -> list[Decimal]:
        return list(accumulate(self.weights.values(), _DECIMAL.add))


Distribution: TypeAlias = Constant | Uniform | LogNormal | Zipf | Histogram
"""A distribution of whole numbers."""
NAMES = ("constant", "uniform", "log-normal", "zipf", "histogram", "choice")
"""What `distribution = ...` may say."""


def _normal(random: Random) -> Decimal:
    """Return a standard normal deviate."""
    while True:
        x, y = 2 * random.random() - 1, 2 * random.random() - 1
        square = x * x + y * y
        if 0 < square < 1:
            exact = Decimal(square)
            spread = _DECIMAL.divide(_DECIMAL.multiply(Decimal(-2), _DECIMAL.ln(exact)), exact)
            return _DECIMAL.multiply(Decimal(x), _DECIMAL.sqrt(spread))


def _place(ends: Sequence[Decimal], random: Random) -> int:
    """Return the place of a weight, chosen at random, among weights that are added up."""
    return min(bisect(ends, _DECIMAL.multiply(Decimal(random.random()), ends[-1])), len(ends) - 1)


def _check_order(low: int, high: int, first: str, second: str) -> None:
    if not 0 <= low <= high:
        raise ValueError(f"{first} ({low}) is negative, or larger than {second} ({high})")


def _check_weights(weights: Sequence[Decimal]) -> None:
    if not weights or min(weights) < 0 or sum(weights) <= 0:
        raise ValueError("there are no weights, or one is negative, or all are zero")
