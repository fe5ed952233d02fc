"""Comparing a ghost town with its model, row by row.

Owns what is missing, extra or different, and what of it is tolerated. Must not change anything.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from psycopg.sql import Composable

from schemabench.errors import UsageError
from schemabench.noise import mapping as mappings
from schemabench.noise.entities import ENTITIES, Entity, Row
from schemabench.noise.mapping import Mappings
from schemabench.noise.model import Model, Tolerance
from schemabench.noise.town import Town

_SHOWN_ROWS = 3
"""How many rows of each kind of difference are kept to be shown."""
_FETCHED_ROWS = 10_000
_SHOWN_CHARACTERS = 40  # of a value


Pair = tuple[Row | None, Row | None]
"""What the model says of a row, and what is there; None on either side for nothing."""


@dataclass(kw_only=True)
class Differences:
    """Rows of one kind of difference."""

    count: int = 0
    tolerated: bool = False
    """Whether the model expects them once jobs have run."""
    first: list[Pair] = field(default_factory=list)
    """The first of them."""

    def add(self, pair: Pair) -> None:
        """Count a row."""
        self.count += 1
        if len(self.first) < _SHOWN_ROWS:
            self.first.append(pair)


@dataclass(kw_only=True)
class Finding:
    """What one table holds, against what the model says."""

    entity: Entity
    mapped: bool
    """Whether the table is the user's own."""
    rows: int = 0
    """The rows that the model says."""
    equal: int = 0
    """Those that are there."""
    missing: Differences
    extra: Differences
    different: Differences = field(default_factory=Differences)
    """Rows with another value in some column that is not tolerated."""
    changed: Differences = field(default_factory=lambda: Differences(tolerated=True))
    """Rows with another value in tolerated columns only."""

    @property
    def kinds(self) -> dict[str, Differences]:
        """The differences, each under what they are called."""
        return {"missing": self.missing, "extra": self.extra, "different": self.different, "changed": self.changed}

    @property
    def holds(self) -> bool:
        """Whether nothing differs except what is tolerated."""
        return not any(one.count and not one.tolerated for one in self.kinds.values())

    def worded(self, pair: Pair) -> str:
        """Return a difference in words."""
        said, there = pair
        columns, row = self.entity.columns, there if said is None else said
        assert row is not None, "a difference has a row"
        if said is None or there is None:
            return ", ".join(f"{name} {_value(value)}" for name, value in zip(columns, row, strict=True))
        key = ", ".join(f"{name} {value}" for name, value in zip(self.entity.key, row, strict=False))
        changes = (f"{columns[at]} is {_value(there[at])}, not {_value(said[at])}" for at in _places(said, there))
        return f"{key}: {'; '.join(changes)}"


def verify(
    town: Town, model: Model, mapping: Mappings, *, exact: bool, show: Callable[[str, int], None]
) -> Iterator[Finding]:
    """Compare all tables in one snapshot, those of the town first, then the user's own that a mapping reads.

    Args:
        town: Where.
        model: What should be there.
        mapping: Reads the user's own tables.
        exact: Whether nothing is tolerated.
        show: Receives the table and the number of the model's rows, as they are compared.

    Raises:
        UsageError: A row has no key.
        ServerError: The server refused.
    """
    with town.connection.transaction():
        town.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for entity in ENTITIES.values():
            tolerance = Tolerance() if exact else model.tolerances.get(entity.name, Tolerance())
            found = _finding(entity, tolerance, mapped=False)
            _compared(found, _said(model, entity, show), tolerance, _held(town, entity, town.table(entity.name)))
            yield found
        for name in mapping.having(mappings.READ):
            entity, query = ENTITIES[name], mapping.reading(town, name)
            source = sql.SQL("(\n{}\n) AS own").format(sql.SQL(query.sql.rstrip().rstrip(";")))
            found = _finding(entity, Tolerance(), mapped=True)
            with mappings.worded(query, within=True):
                _compared(found, _said(model, entity, show), Tolerance(), _held(town, entity, source))
            yield found


def _finding(entity: Entity, tolerance: Tolerance, *, mapped: bool) -> Finding:
    missing, extra = Differences(tolerated=tolerance.missing), Differences(tolerated=tolerance.extra)
    return Finding(entity=entity, mapped=mapped, missing=missing, extra=extra)


def _compared(found: Finding, rows: Iterator[Row], tolerance: Tolerance, held: Iterator[Row]) -> None:
    """Complete a finding with the rows of the model and those of a table."""
    columns = found.entity.columns
    for said, there in _paired(len(found.entity.key), rows, held):
        found.rows += said is not None
        if said == there:
            found.equal += 1
        elif there is None:
            found.missing.add((said, None))
        elif said is None:
            found.extra.add((None, there))
        elif {columns[at] for at in _places(said, there)} <= {*tolerance.columns}:
            found.changed.add((said, there))
        else:
            found.different.add((said, there))


def _said(model: Model, entity: Entity, show: Callable[[str, int], None]) -> Iterator[Row]:
    """Yield what the model says, and show each organisation whose rows were taken."""
    for one in model.organisations:
        yield from entity.rows(model, one)
        show(entity.name, entity.count(one))


def _held(town: Town, entity: Entity, source: Composable) -> Iterator[Row]:
    """Yield a table's rows in the order of its key."""
    columns = [sql.SQL("{}::{}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in entity.types.items()]
    key = sql.SQL(", ").join(sql.SQL(str(place)) for place in range(1, len(entity.key) + 1))
    query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(sql.SQL(", ").join(columns), source, key)
    with closing(psycopg.ServerCursor(town.connection, "held")) as cursor:
        cursor.itersize = _FETCHED_ROWS
        cursor.execute(query, binary=True)
        for row in cursor:
            if None in row[: len(entity.key)]:
                raise UsageError(
                    f"A row of {entity.name} has no {' or no '.join(entity.key)}: {row}",
                    remedies=["return rows with keys: only these can be compared"],
                )
            yield row


def _paired(width: int, said: Iterator[Row], there: Iterator[Row]) -> Iterator[Pair]:
    """Yield rows of both sides with the same key together, and others alone; both ascend.

    Args:
        width: The number of columns of the key, the first ones.
        said: What the model says.
        there: What the table holds.
    """
    ours, theirs = next(said, None), next(there, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours[:width] < theirs[:width]):
            yield ours, None
            ours = next(said, None)
        elif ours is None or theirs[:width] < ours[:width]:
            yield None, theirs
            theirs = next(there, None)
        else:
            yield ours, theirs
            ours, theirs = next(said, None), next(there, None)


def _places(said: Row, there: Row) -> list[int]:
    """Return the places of the columns in which two rows differ."""
    return [place for place, (one, other) in enumerate(zip(said, there, strict=True)) if one != other]


def _value(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
