"""Keys whose columns all repeat, while no two rows have the same: combinations of values, and pairs of rows.

Owns the enumeration. Must not know SQL.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import Any

from schemabench.values.columns import Column, Reference, Referred, Spot
from schemabench.values.scattering import scattered


@dataclass(frozen=True)
class Combination:
    """Combinations of several columns' values, each once: of a key whose columns all repeat."""

    columns: Sequence[Column]
    """Columns whose values can be counted: see `Column.nth`."""
    distinct: Sequence[int]
    """How many values each has; 0 for a reference, which has as many as the other table has rows, and -1 for one that
    is about the same row as the column before it."""

    def sizes(self, spot: Spot) -> list[int]:
        """Return how many values each column adds."""
        pairs = zip(self.columns, self.distinct, strict=True)
        return [one.size(spot) if isinstance(one, Reference) and not count else max(1, count) for one, count in pairs]

    def value(self, spot: Spot, which: int) -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return what one of the columns has in the combination of a row."""
        sizes, leading = self.sizes(spot), which
        while self.distinct[leading] < 0:
            leading -= 1
        number = _combination(spot, prod(sizes)) // prod(sizes[leading + 1 :]) % sizes[leading]
        return self.columns[which].nth(number, spot)


@dataclass(frozen=True)
class Matching:
    """Pairs of rows of two tables that are alike in a column, each once: of a key with tenant, project and member."""

    first: Referred
    second: Referred
    alike: tuple[str, str]
    """The column of each that must be alike."""
    columns: Sequence[tuple[int, str]]
    """(0 for the first table or 1 for the second, the column there) of each column."""

    def value(self, spot: Spot, which: int) -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return what one of the columns has in the pair of a row."""
        ends = self._ends(spot.sizes)
        number = _combination(spot, ends[-1])
        first = bisect(ends, number)
        table, column = self.columns[which]
        if table == 0:
            return self.first.value(column, first, spot.sizes)
        others = self._others(first, spot.sizes)
        return self.second.value(column, others[number - ends[first] + len(others)], spot.sizes)

    def _others(self, place: int, sizes: Any) -> Sequence[int]:  # noqa: ANN401 (the author's own cardinality)
        own, other = self.alike
        return self.second.having(other, self.first.value(own, place, sizes), sizes)

    def _ends(self, sizes: Any) -> Sequence[int]:  # noqa: ANN401 (likewise)
        """Return the number of pairs up to each row of the first table."""
        if sizes not in self._known:
            counts = (len(self._others(place, sizes)) for place in range(max(1, self.first.size(sizes))))
            self._known[sizes] = list(accumulate(counts))
        return self._known[sizes]

    @cached_property
    def _known(self) -> dict[Any, Sequence[int]]:
        """Cardinality -> what `_ends` returns."""
        return {}


def _combination(spot: Spot, total: int) -> int:
    """Return the number of a row's combination, of so many: rows after the background have those that it left."""
    place = spot.place
    if spot.rows <= place and spot.rows < total:
        place = spot.rows + (place - spot.rows) % (total - spot.rows)
    return scattered(place % total, total)


@dataclass(frozen=True)
class Digit(Column):
    """One column of a combination."""

    combination: Combination | Matching
    which: int
    """Its place among the columns of the combination."""

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return the value of a row."""
        return self.combination.value(spot, self.which)
