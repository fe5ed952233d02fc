"""Tables whose rows are known by their places.

Owns how a row's values follow from its place. A row of the background is the same whenever it is asked for, so that
calls can be about it: nothing is remembered. Must not know SQL.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from schemabench.values.columns import Column, Maybe, Spot
from schemabench.values.scattering import salt_of, share_of
from schemabench.values.skews import Even, Skew

_TRIED = 100
"""Rows that are looked at for one with certain values."""


@dataclass(frozen=True)
class Table:
    """What a table holds.

    Attributes:
        name: The field of the cardinality that holds the number of its rows.
        columns: Column -> its values.
    """

    name: str
    columns: Mapping[str, Column]

    def size(self, sizes: Any) -> int:  # noqa: ANN401 (the author's own cardinality)
        """Return its rows in the background."""
        return int(getattr(sizes, self.name))

    def value(self, column: str, place: int, sizes: Any) -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return what the row at a place has in a column."""
        spot = Spot(place, share_of(place, self._salts[column]), self.size(sizes), sizes, self)
        return self.columns[column].value(spot)

    def row(self, place: int, sizes: Any, random: Random | None = None) -> dict[str, Any]:  # noqa: ANN401 (as above)
        """Return the row at a place, by column.

        Args:
            place: Below the table's size for a row of the background, beyond it for a row that a call adds.
            sizes: The cardinality.
            random: Draws what does not follow from the place, for a row that is new.
        """
        rows = self.size(sizes)
        if random is None:
            shares = {salt: share_of(place, salt) for salt in self._salts.values()}
        else:
            shares = {salt: random.random() for salt in dict.fromkeys(self._salts.values())}
        return {
            name: column.value(Spot(place, shares[self._salts[name]], rows, sizes, self, shares))
            for name, column in self.columns.items()
        }

    def rows(self, names: Sequence[str], sizes: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 (as above)
        """Yield the rows of the background, with the values of some columns, in the order of places."""
        size = self.size(sizes)
        chosen = [(self.columns[name], self._salts[name]) for name in names]
        for place in range(size):
            yield tuple(column.value(Spot(place, share_of(place, salt), size, sizes, self)) for column, salt in chosen)

    def beside(self, column: str, spot: Spot) -> Any:  # noqa: ANN401 (whatever the column holds)
        """Return what the row at a spot has in another column."""
        salt = self._salts[column]
        share = share_of(spot.place, salt) if spot.shares is None else spot.shares[salt]
        return self.columns[column].value(spot._replace(share=share))

    def any(
        self,
        sizes: Any,  # noqa: ANN401 (as above)
        random: Random,
        skew: Skew | None = None,
        having: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return one of the rows of the background; by default each as likely as any other.

        Args:
            sizes: The cardinality.
            random: Chooses it.
            skew: Which places are chosen more often.
            having: Column -> the value that the row must have; `...` for any but NULL. It takes memory for each row of
                the table, unless all are `...`. If a hundred rows that are tried have others, the last one is returned.
        """
        wanted = having or {}
        exact = next((name for name, value in wanted.items() if value is not ...), None)
        places = self.having(exact, wanted[exact], sizes) if exact else ()
        size = len(places) or max(1, self.size(sizes))
        row: dict[str, Any] = {}
        for _ in range(_TRIED if wanted else 1):
            place = (skew or Even()).draw(size, random)
            row = self.row(places[place] if places else place, sizes)
            if all(row[name] is not None and value in (row[name], ...) for name, value in wanted.items()):
                break
        return row

    def draw(self, column: str, sizes: Any, random: Random, *, nulls: bool = True) -> Any:  # noqa: ANN401 (as above)
        """Return a value of a column, distributed as its rows have it; without `nulls`, as those that have one."""
        size = max(1, self.size(sizes))
        place, share = int(size * random.random()), random.random()
        found = self.columns[column]
        if not nulls and isinstance(found, Maybe):
            found = found.column
        return found.value(Spot(place, share, size, sizes, self))

    def range(self, column: str, sizes: Any, random: Random) -> tuple[Any, Any]:  # noqa: ANN401 (as above)
        """Return two values of a column, the lower one first."""
        low, high = sorted(
            [self.draw(column, sizes, random, nulls=False), self.draw(column, sizes, random, nulls=False)]
        )
        return low, high

    def alike(self, column: str, sizes: Any) -> Sequence[Sequence[int]]:  # noqa: ANN401 (as above)
        """Return the places of rows with one value of a column each, the most frequent value first."""
        if (column, sizes) not in self._alike:
            groups: dict[Any, list[int]] = {}
            for place in range(max(1, self.size(sizes))):
                groups.setdefault(self.value(column, place, sizes), []).append(place)
            self._alike[column, sizes] = sorted(groups.values(), key=len, reverse=True)
        return self._alike[column, sizes]

    def having(self, column: str, value: Any, sizes: Any) -> Sequence[int]:  # noqa: ANN401 (as above)
        """Return the places of rows with a value of a column, in their order."""
        if (column, sizes) not in self._having:
            places: dict[Any, list[int]] = {}
            for group in self.alike(column, sizes):
                places[self.value(column, group[0], sizes)] = list(group)
            self._having[column, sizes] = places
        return self._having[column, sizes].get(value, ())

    @cached_property
    def _having(self) -> dict[tuple[str, Any], dict[Any, list[int]]]:
        """(column, cardinality) -> value -> what `having` returns."""
        return {}

    @cached_property
    def _alike(self) -> dict[tuple[str, Any], list[list[int]]]:
        """(column, cardinality) -> what `alike` returns."""
        return {}

    @cached_property
    def _salts(self) -> dict[str, int]:
        """Column -> what tells its shares from those of others; columns of one group have the same."""
        return {name: salt_of(f"{self.name}.{column.group or name}") for name, column in self.columns.items()}
