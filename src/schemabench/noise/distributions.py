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
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

_DECIMAL = Context(prec=20, rounding=ROUND_HALF_EVEN)
MOST = 1_000_000_000
"""The largest number of a distribution."""
_MOST_RANKS = 100_000
"""The most values of a Zipf distribution: each has its own weight."""
_MOST_SIGMA, _MOST_EXPONENT = 10, 10
"""With more, nearly all numbers are at the ends."""
_MOST_WEIGHT = 1_000_000_000_000

WORDS = "choice"
"""The distribution that draws words."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=MOST)]
"""A number of something."""
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[^\\x00]*$")]
"""A text that PostgreSQL accepts."""


class _Drawn(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="distribution", dict=True
):
    """The base of all distributions: `distribution = "..."` in a data model tells which."""


class Constant(_Drawn, frozen=True, kw_only=True, tag="constant"):
    """Always the same number."""

    value: Count

    @property
    def highest(self) -> int:
        """The largest number that is drawn."""
        return self.value

    def draw(self, _: Random) -> int:
        """Return the number."""
        return self.value


class Uniform(_Drawn, frozen=True, kw_only=True, tag="uniform"):
    """A whole number from `low` to `high`, each as likely as any other."""

    low: Count
    high: Count

    def __post_init__(self) -> None:
        _check_order(self.low, self.high, "low", "high")

    @property
    def highest(self) -> int:
        """The largest number that is drawn."""
        return self.high

    def draw(self, random: Random) -> int:
        """Return a number."""
        return self.low + int(random.random() * (self.high - self.low + 1))


class LogNormal(_Drawn, frozen=True, kw_only=True, tag="log-normal"):
    """A number whose logarithm is normal: most are near the median, and few are many times as large."""

    median: Decimal
    sigma: Decimal
    """The standard deviation of the natural logarithm."""
    least: Count = 0
    most: Count
    """Larger numbers become this one, and smaller ones `least`."""

    def __post_init__(self) -> None:
        _check_order(self.least, self.most, "least", "most")
        _check_within(self.median, MOST, "the median")
        _check_within(self.sigma, _MOST_SIGMA, "sigma")

    @property
    def highest(self) -> int:
        """The largest number that is drawn."""
        return self.most

    def draw(self, random: Random) -> int:
        """Return a number."""
        shift = _DECIMAL.multiply(self.sigma, _normal(random))
        value = _DECIMAL.multiply(self.median, _DECIMAL.exp(min(shift, Decimal(100))))
        return max(self.least, min(self.most, int(value.to_integral_value(ROUND_HALF_EVEN))))


class Zipf(_Drawn, frozen=True, kw_only=True, tag="zipf"):
    """A number from `least` to `most`: the k-th smallest has a weight of k to the power of `-exponent`."""

    exponent: Decimal
    least: Count = 1
    most: Count

    def __post_init__(self) -> None:
        _check_order(self.least, self.most, "least", "most")
        _check_within(self.exponent, _MOST_EXPONENT, "the exponent")
        if self.most - self.least >= _MOST_RANKS:
            raise ValueError(f"from least to most there are more than {_MOST_RANKS:,} numbers")

    @property
    def highest(self) -> int:
        """The largest number that is drawn."""
        return self.most

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

    low: Count
    high: Count
    weight: Decimal


class Histogram(_Drawn, frozen=True, kw_only=True, tag="histogram"):
    """A number from one of the bins, which is chosen by its weight, and within it uniform: what was seen somewhere."""

    bins: Sequence[Bin]
    """As in `bins = [[60, 60, 3], [300, 900, 1]]`."""

    def __post_init__(self) -> None:
        for one in self.bins:
            _check_order(one.low, one.high, "the start of a bin", "its end")
        _check_weights([one.weight for one in self.bins])

    @property
    def highest(self) -> int:
        """The largest number that is drawn."""
        return max(one.high for one in self.bins)

    def draw(self, random: Random) -> int:
        """Return a number."""
        one = self.bins[_place(self._ends, random)]
        return one.low + int(random.random() * (one.high - one.low + 1))

    @cached_property
    def _ends(self) -> list[Decimal]:
        return list(accumulate((one.weight for one in self.bins), _DECIMAL.add))


class Choice(_Drawn, frozen=True, kw_only=True, tag=WORDS):
    """One of several words, each with a weight."""

    weights: Mapping[Name, Decimal]

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
NAMES = ("constant", "uniform", "log-normal", "zipf", "histogram", WORDS)
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
    if low > high:
        raise ValueError(f"{first} ({low}) is larger than {second} ({high})")


def _check_within(number: Decimal, most: int, name: str) -> None:
    if not number.is_finite() or not 0 <= number <= most:
        raise ValueError(f"{name} ({number}) is not from 0 to {most:,}")


def _check_weights(weights: Sequence[Decimal]) -> None:
    for weight in weights:
        _check_within(weight, _MOST_WEIGHT, "a weight")
    if not any(weights):
        raise ValueError("there are no weights, or all are zero")
