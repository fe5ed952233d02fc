"""Columns: what a row has in one of them, by the row's place in its table.

Owns the values of keys, references and plain columns. Must not know SQL.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import prod
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from schemabench.values.distributions import Distribution, Histogram
from schemabench.values.scattering import mixed, scattered, share_of
from schemabench.values.skews import Even, Skew

_BITS = 64
_VERSION_4 = 4
_EXACT = 1 << 53  # as many shares are different
_APART = timedelta(milliseconds=1)


class Referred(Protocol):
    """A table whose rows others refer to."""

    def value(self, column: str, place: int, sizes: Any) -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return what the row at a place has in a column."""

    def size(self, sizes: Any) -> int:  # noqa: ANN401 (the author's own cardinality)
        """Return its rows in the background."""

    def alike(self, column: str, sizes: Any) -> Sequence[Sequence[int]]:  # noqa: ANN401 (the author's own cardinality)
        """Return the places of rows with one value of a column each, the most frequent value first."""


class Spot(NamedTuple):
    """The place of a row, with what its values follow from."""

    place: int
    """Its place in the table; rows of the background come first."""
    share: float
    """A number from 0 to below 1 for the column."""
    rows: int
    """The rows of the background in its table."""
    sizes: Any
    """The cardinality: its fields of the names of tables hold their rows."""
    table: Referred
    """Its table."""


class Column(ABC):
    """The base of all columns."""

    @abstractmethod
    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return the value of a row."""

    def nth(self, number: int, spot: Spot) -> Any:  # noqa: ANN401 (likewise)
        """Return one of the column's values by its number, for columns whose values can be counted."""
        return self.value(spot._replace(place=number))

    @property
    def group(self) -> str:
        """What the column's share is drawn for, with all columns that have the same; empty for the column alone."""
        return ""


@dataclass(frozen=True)
class Fixed(Column):
    """Always the same value."""

    content: Any

    def value(self, _: Spot) -> Any:  # noqa: ANN401 (whatever was given)
        """Return the value."""
        return self.content


@dataclass(frozen=True)
class Numbered(Column):
    """Whole numbers in the order of rows, each once: what a sequence makes."""

    first: int = 1
    step: int = 1

    def value(self, spot: Spot) -> int:
        """Return the number of a row."""
        return self.first + spot.place * self.step


@dataclass(frozen=True)
class Dated(Column):
    """Successive days, one for each row."""

    first: date

    def value(self, spot: Spot) -> date:
        """Return the day of a row."""
        return self.first + timedelta(days=spot.place)


@dataclass(frozen=True)
class Listed(Column):
    """Values of a list in its order, again and again."""

    contents: Sequence[Any]

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (whatever was given)
        """Return the value of a row."""
        return self.contents[spot.place % len(self.contents)]


@dataclass(frozen=True)
class Identified(Column):
    """A random UUID for each row."""

    salt: int = 0

    def value(self, spot: Spot) -> UUID:
        """Return the identifier of a row."""
        high, low = mixed(spot.place, self.salt), mixed(spot.place, self.salt + 1)
        return UUID(int=high << _BITS | low, version=_VERSION_4)


@dataclass(frozen=True)
class Drawn(Column):
    """Values of a distribution, in no order."""

    distribution: Distribution

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (whatever the distribution has)
        """Return the value of a row."""
        return self.distribution.at(spot.share)


@dataclass(frozen=True)
class Ascending(Column):
    """Values of a histogram in the order of rows, as times have.

    Rows after the background go on from the last bound: times by a millisecond a row, whole numbers by one; any others,
    dates among them, stay there.
    """

    histogram: Histogram

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (as the bounds are)
        """Return the value of a row."""
        if spot.place < spot.rows:
            return self.histogram.at(spot.place / spot.rows)
        last, further = self.histogram.bounds[-1], spot.place - spot.rows + 1
        if isinstance(last, datetime):
            return last + further * _APART
        return last + further if isinstance(last, int) else last


@dataclass(frozen=True)
class Maybe(Column):
    """NULL for a share of the rows, and otherwise what another column has."""

    nulls: float
    column: Column

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (whatever the other column has)
        """Return the value of a row."""
        if spot.share < self.nulls:
            return None
        return self.column.value(spot._replace(share=(spot.share - self.nulls) / (1 - self.nulls)))

    @property
    def group(self) -> str:
        """What the column's share is drawn for."""
        return self.column.group


@dataclass(frozen=True)
class Reference(Column):
    """The key of a row of another table."""

    table: Referred | None
    """The other table; None for the column's own, whose rows then refer to each other."""
    key: str
    """The column of the key there."""
    skew: Skew = field(default_factory=Even)
    """Which rows are referred to more often than others."""
    constraint: str = ""
    """Columns of one constraint refer to the same row."""
    within: str = ""
    """A column of the other table, as in `tenant_id`: the skew is that of its values, the most frequent first, and rows
    with one value are alike. Takes memory for each row of the other table."""

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (as the key is)
        """Return the key that a row has."""
        if self.within:
            groups = (self.table or spot.table).alike(self.within, spot.sizes)
            group = groups[self.skew.place(len(groups), spot.share)]
            return self.nth(group[int(len(group) * share_of(int(spot.share * _EXACT), 0))], spot)
        size = self.size(spot)
        return self.nth(scattered(self.skew.place(size, spot.share), size), spot)

    def nth(self, number: int, spot: Spot) -> Any:  # noqa: ANN401 (as the key is)
        """Return the key of the other table's row at a place."""
        return (self.table or spot.table).value(self.key, number, spot.sizes)

    def size(self, spot: Spot) -> int:
        """Return how many rows can be referred to."""
        return max(1, (self.table or spot.table).size(spot.sizes))

    @property
    def group(self) -> str:
        """What the column's share is drawn for."""
        return self.constraint


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
        total = prod(sizes)
        number = scattered(spot.place % total, total) // prod(sizes[leading + 1 :]) % sizes[leading]
        return self.columns[which].nth(number, spot)


@dataclass(frozen=True)
class Digit(Column):
    """One column of a combination."""

    combination: Combination
    which: int
    """Its place among the columns of the combination."""

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return the value of a row."""
        return self.combination.value(spot, self.which)
