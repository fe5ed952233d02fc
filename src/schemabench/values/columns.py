"""Columns: what a row has in one of them, by the row's place in its table.

Owns the values of keys, references and plain columns. Must not know SQL.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from schemabench.values.distributions import Choice, Distribution, Histogram
from schemabench.values.scattering import mixed, scattered, share_of
from schemabench.values.skews import Even, Skew

_BITS = 64
_VERSION_4 = 4
_EXACT = 1 << 53  # as many shares are different
_DRAWS = 20
"""For each element of a list: so many may be one that it has already."""
_APART = timedelta(milliseconds=1)


class Referred(Protocol):
    """A table whose rows others refer to."""

    def value(self, column: str, place: int, sizes: Any) -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return what the row at a place has in a column."""

    def size(self, sizes: Any) -> int:  # noqa: ANN401 (the author's own cardinality)
        """Return its rows in the background."""

    def alike(self, column: str, sizes: Any) -> Sequence[Sequence[int]]:  # noqa: ANN401 (the author's own cardinality)
        """Return the places of rows with one value of a column each, the most frequent value first."""

    def having(self, column: str, value: Any, sizes: Any) -> Sequence[int]:  # noqa: ANN401 (likewise)
        """Return the places of rows with a value of a column."""

    def beside(self, column: str, spot: "Spot") -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return what the row at a spot has in another column."""


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
    shares: Mapping[int, float] | None = None
    """The shares that were drawn for its columns, by their salts; None where they follow from the place."""


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
class Elements(Column):
    """Lists of different elements, in no order: labels, or tags."""

    weights: Mapping[Any, float]
    """Element -> its weight: how often rows have it."""
    lengths: Mapping[int, float]
    """How many elements -> the share of such rows."""

    def value(self, spot: Spot) -> list[Any]:
        """Return the elements of a row."""
        number, seed = Choice(self.lengths).at(spot.share), int(spot.share * _EXACT)
        found: dict[Any, None] = {}
        for drawn in range(_DRAWS * number):
            found[Choice(self.weights).at(share_of(seed, drawn))] = None
            if len(found) == number:
                break
        return list(found)


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

    table: "Referred | Callable[[], Referred] | None"
    """The other table, or a function that returns it where it stands further down; None for the column's own, whose
    rows then refer to each other."""
    key: str
    """The column of the key there."""
    skew: Skew = field(default_factory=Even)
    """Which rows are referred to more often than others."""
    constraint: str = ""
    """Columns of one constraint refer to the same row."""
    within: str = ""
    """A column of the other table, as in `tenant_id`: the skew is that of its values, the most frequent first, and rows
    with one value are alike. Takes memory for each row of the other table."""
    met: Sequence["Met"] = ()
    """Other tables that must have rows like the one that is referred to. It takes memory for each of theirs."""

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (as the key is)
        """Return the key that a row has."""
        place, size = self._place(spot), self.size(spot)
        for _ in range(size if self.met else 0):
            if all(one.holds(self.target(spot), place, spot) for one in self.met):
                break
            place = (place + 1) % size
        return self.nth(place, spot)

    def _place(self, spot: Spot) -> int:
        if self.within:
            groups = self.target(spot).alike(self.within, spot.sizes)
            group = groups[self.skew.place(len(groups), spot.share)]
            return group[int(len(group) * share_of(int(spot.share * _EXACT), 0))]
        size = self.size(spot)
        return scattered(self.skew.place(size, spot.share), size)

    def nth(self, number: int, spot: Spot) -> Any:  # noqa: ANN401 (as the key is)
        """Return the key of the other table's row at a place."""
        return self.target(spot).value(self.key, number, spot.sizes)

    def size(self, spot: Spot) -> int:
        """Return how many rows can be referred to."""
        return max(1, self.target(spot).size(spot.sizes))

    def target(self, spot: Spot) -> Referred:
        """Return the table that is referred to."""
        return _found(self.table, spot)

    @property
    def group(self) -> str:
        """What the column's share is drawn for."""
        return self.constraint


class Met(NamedTuple):
    """A table that must have a row like another one, as in members of the project's tenant."""

    table: "Referred | Callable[[], Referred] | None"
    """Likewise, as in `Reference`."""
    column: str
    """Its column."""
    own: str
    """The column of the other row that has the same value."""

    def holds(self, other: Referred, place: int, spot: Spot) -> bool:
        """Return whether the table has such a row."""
        return bool(_found(self.table, spot).having(self.column, other.value(self.own, place, spot.sizes), spot.sizes))


@dataclass(frozen=True)
class Related(Column):
    """The key of another table's row that is like the own row in a column, as in an assignee of the task's tenant."""

    table: "Referred | Callable[[], Referred] | None"
    """Likewise, as in `Reference`."""
    key: str
    """The column of the key there."""
    column: str
    """Its column that must be alike. Takes memory for each row of the other table."""
    own: str
    """The own column that it must be like."""
    constraint: str = ""
    """Columns of one constraint refer to the same row."""

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (as the key is)
        """Return the key that a row has; None if no row is like it."""
        other = _found(self.table, spot)
        places = other.having(self.column, spot.table.beside(self.own, spot), spot.sizes)
        return other.value(self.key, places[int(len(places) * spot.share)], spot.sizes) if places else None

    @property
    def group(self) -> str:
        """What the column's share is drawn for."""
        return self.constraint


@dataclass(frozen=True)
class AtLeast(Column):
    """What a column has, but no less than another column of the row: an end that is not before its beginning."""

    column: Column
    other: str

    def value(self, spot: Spot) -> Any:  # noqa: ANN401 (as the columns are)
        """Return the value of a row."""
        one, other = self.column.value(spot), spot.table.beside(self.other, spot)
        return one if one is None or other is None else max(one, other)

    @property
    def group(self) -> str:
        """What the column's share is drawn for."""
        return self.column.group


def _found(table: "Referred | Callable[[], Referred] | None", spot: Spot) -> Referred:
    """Return a table that is named at once or later; without any, that of the row."""
    if table is None:
        return spot.table
    return table() if callable(table) else table
