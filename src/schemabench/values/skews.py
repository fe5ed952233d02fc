"""Skews: which of so many places is meant, and how much more often than the others.

Owns the choice of a place. Must not know what is at it. A place is a number from 0 to below the size, which is at
least 1. `place` takes a share, a number from 0 to below 1; with an evenly spread share, places have the skew.
"""

from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from math import log
from random import Random


class Skew(ABC):
    """The base of all skews."""

    @abstractmethod
    def place(self, size: int, share: float) -> int:
        """Return a place below `size`, for a share from 0 to below 1."""

    def draw(self, size: int, random: Random) -> int:
        """Return a place below `size`, by one `random.random()`."""
        return self.place(size, random.random())


@dataclass(frozen=True)
class Even(Skew):
    """Every place is as likely as any other.

    >>> Even().place(10, 0.35)
    3
    """

    def place(self, size: int, share: float) -> int:
        """Return a place."""
        return int(size * share)


@dataclass(frozen=True)
class Zipf(Skew):
    """Zipf's law: place k has a weight of (k + 1) to the power of `-exponent`. Exact; takes memory for each place.

    >>> [Zipf(1.0).place(1_000, share) for share in (0.0, 0.2, 0.5, 0.9)]
    [0, 1, 23, 472]
    """

    exponent: float

    def place(self, size: int, share: float) -> int:
        """Return a place."""
        ends = _zipf(size, self.exponent)
        return min(bisect(ends, share * ends[-1]), size - 1)


@dataclass(frozen=True)
class Power(Skew):
    """Low places more often, by a power of the share: cheap for any size. 1 is even, and 3 gives a tenth 46 %.

    >>> Power(3).place(1_000, 0.5)
    125
    """

    exponent: float

    def place(self, size: int, share: float) -> int:
        """Return a place."""
        return int(size * share**self.exponent)


@dataclass(frozen=True)
class Geometric(Skew):
    """Each place takes `first` of what the places before it have left; the last one takes the rest.

    >>> [Geometric(0.5).place(3, share) for share in (0.4, 0.6, 0.9)]
    [0, 1, 2]
    """

    first: float

    def place(self, size: int, share: float) -> int:
        """Return a place."""
        return min(size - 1, int(log(1 - share) / log(1 - self.first)))


@dataclass(frozen=True)
class Hot(Skew):
    """A hot set: the first `part` of the places has `share` of the draws, evenly, and the others have the rest.

    >>> [Hot(part=0.1, share=0.9).place(100, share) for share in (0.0, 0.89, 0.9, 0.99)]
    [0, 9, 10, 91]
    """

    part: float
    share: float

    def place(self, size: int, share: float) -> int:
        """Return a place."""
        hot = min(size, max(1, round(size * self.part)))
        if share < self.share or hot == size:
            return min(hot - 1, int(hot * share / self.share))
        return min(size - 1, hot + int((size - hot) * (share - self.share) / (1 - self.share)))


@dataclass(frozen=True)
class Recent(Skew):
    """The last `part` of the places, evenly: the newest rows, where rows are in the order of their time.

    >>> [Recent(0.1).place(1_000, share) for share in (0.0, 0.5)]
    [900, 950]
    """

    part: float

    def place(self, size: int, share: float) -> int:
        """Return a place."""
        recent = min(size, max(1, round(size * self.part)))
        return size - recent + int(recent * share)


@dataclass(frozen=True)
class Shares(Skew):
    """The first places have shares of their own, as a server counts its most common values; the others are even.

    Where there are fewer places than shares, the first shares count, in their proportions.

    >>> [Shares((0.5, 0.2)).place(10, share) for share in (0.4, 0.6, 0.7, 0.99)]
    [0, 1, 2, 9]
    """

    first: Sequence[float]
    """The shares of all draws, in order; their sum is 1 or less."""

    def place(self, size: int, share: float) -> int:
        """Return a place."""
        ends = _added(tuple(self.first[:size]))
        known = ends[-1] if ends else 0.0
        if len(ends) == size:
            return min(bisect(ends, share * known), size - 1)
        if share < known:
            return bisect(ends, share)
        rest = (share - known) / (1 - known)
        return min(size - 1, len(ends) + int((size - len(ends)) * rest))


@lru_cache(maxsize=16)
def _zipf(size: int, exponent: float) -> tuple[float, ...]:
    return tuple(accumulate((rank + 1) ** -exponent for rank in range(size)))


@lru_cache(maxsize=256)
def _added(shares: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(accumulate(shares))
