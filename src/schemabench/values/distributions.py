"""Distributions of values: some values with weights, a histogram, or both.

Owns the choice of a value. Must not know columns or tables.
"""

from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from functools import cached_property
from itertools import accumulate
from random import Random
from typing import Any

_EXACT = Context(prec=200_000)
"""With more digits than a number of Postgres has."""


class Distribution(ABC):
    """The base of all distributions."""

    @abstractmethod
    def at(self, share: float) -> Any:  # noqa: ANN401 (whatever its values are)
        """Return the value at a share from 0 to below 1: with an evenly spread share, values are distributed so."""

    def draw(self, random: Random) -> Any:  # noqa: ANN401 (likewise)
        """Return a value, by one `random.random()`."""
        return self.at(random.random())


@dataclass(frozen=True)
class Choice(Distribution):
    """One of several values, each with a weight.

    >>> Choice({"free": 3, "paid": 1}).at(0.8)
    'paid'
    """

    weights: Mapping[Any, float]
    """Value -> its weight, which is a share of the sum of all."""

    def at(self, share: float) -> Any:  # noqa: ANN401 (whatever was given)
        """Return a value."""
        values, ends = self._added
        return values[min(bisect(ends, share * ends[-1]), len(ends) - 1)]

    @cached_property
    def _added(self) -> tuple[tuple[Any, ...], tuple[float, ...]]:
        return tuple(self.weights), tuple(accumulate(self.weights.values()))


@dataclass(frozen=True)
class Histogram(Distribution):
    """A value between two bounds, evenly; between any two neighbours are as many values as between any others.

    Bounds are numbers, dates or times, ascending, two or more, as in `pg_stats.histogram_bounds`. Both ends can be
    drawn of whole numbers and dates; decimals have as many places as the lower bound.

    >>> Histogram((0, 10, 1_000)).at(0.25), Histogram((0, 10, 1_000)).at(0.75)
    (5, 505)
    """

    bounds: Sequence[Any]

    def at(self, share: float) -> Any:  # noqa: ANN401 (as the bounds are)
        """Return a value."""
        exact = share * (len(self.bounds) - 1)
        number = min(int(exact), len(self.bounds) - 2)
        return between(self.bounds[number], self.bounds[number + 1], exact - number)


@dataclass(frozen=True)
class Mixed(Distribution):
    """Some values with shares of their own, and for the rest of the draws another distribution.

    >>> mixed = Mixed({0: 0.5}, Histogram((1, 100)))
    >>> mixed.at(0.3), mixed.at(0.75)
    (0, 51)
    """

    shares: Mapping[Any, float]
    """Value -> its share of all draws; their sum is below 1."""
    rest: Distribution

    def at(self, share: float) -> Any:  # noqa: ANN401 (whatever its values are)
        """Return a value."""
        values, ends = self._added
        if share < ends[-1]:
            return values[bisect(ends, share)]
        return self.rest.at((share - ends[-1]) / (1 - ends[-1]))

    @cached_property
    def _added(self) -> tuple[tuple[Any, ...], tuple[float, ...]]:
        return tuple(self.shares), tuple(accumulate(self.shares.values()))


def between(low: Any, high: Any, share: float) -> Any:  # noqa: ANN401 (numbers, dates or times)
    """Return the value that lies so far between two others, of their type."""
    if isinstance(low, int):
        return min(high, low + int((high - low + 1) * share))
    if isinstance(low, Decimal):
        return _EXACT.quantize(_EXACT.fma(_EXACT.subtract(high, low), Decimal(share), low), low)
    if isinstance(low, date) and not isinstance(low, datetime):
        return min(high, low + (high - low + type(high - low)(days=1)) * share)
    return low + (high - low) * share
