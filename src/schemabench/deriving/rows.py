"""From tables to the rows that are made up for them: order, sizes, keys, references, and everything else.

Owns how keys stay unique and references whole. Must not know statements.
"""

import keyword
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemabench.deriving import contents, references
from schemabench.deriving.code import Made, Name, made
from schemabench.deriving.found import Column, Table
from schemabench.deriving.references import Referring
from schemabench.deriving.scale import Scale

_TAKEN = {"slice_s", "date", "datetime", *keyword.kwlist, *keyword.softkwlist}
"""Names that no table can have in Python here."""
_MANY = 100
"""With more values than this, whole numbers in a key count rows rather than name kinds."""
_DENSE = 0.5
"""With so many of all combinations, any that are asked for are probably there."""
_APART = {"Numbered", "Identified", "Dated"}
"""What tells rows apart anyway."""
_PLAIN = made("Fixed", None)
_MOSTLY = 0.1
"""A column of a key with more values than this share of the rows tells rows apart by itself."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What is made up for a table."""

    table: Table
    name: str
    """In Python: its module's variable, and the field of the cardinality."""
    size: int
    """Its rows at the typical cardinality."""
    whole: int
    """Its rows at production's size."""
    columns: Mapping[str, Made]
    """Column -> what makes its values."""
    combination: Made | None = None
    """Of a key whose columns all repeat: the combinations of their values."""
    key: str = ""
    """What these combinations are called in Python."""
    combined: Sequence[str] = ()
    """The columns of that key."""
    dense: bool = False
    """Whether most combinations of its values are there."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Columns of that key that count, as the lines of an order do, and the first number that no row has."""
    uncertain: bool = False
    """Whether a new row may have the key of another."""
    questions: Sequence[str] = field(default_factory=tuple)


def planned(
    tables: Sequence[Table], scale: Scale, *, values: bool, matched: Mapping[tuple[int, str], float] | None = None
) -> list[Rows]:
    """Return what is made up for each table that has columns to write, referenced ones first.

    Args:
        tables: All tables.
        scale: From real rows to those that are made up.
        values: Whether texts were read as they are.
        matched: (table, column) -> the part of the rows that statements find by what it holds.
    """
    every = references.ordered(references.with_implied(tables))
    names: dict[str, int] = dict.fromkeys(_TAKEN, 0)
    alike = Counter(one.name for one in tables)
    for table in every:
        plain = table.name if alike[table.name] == 1 else f"{table.schema}_{table.name}"
        names[contents.python_name(plain, names)] = table.id
    referenced = {one.target for table in tables for one in table.references if table.rows}
    own = {number: name for name, number in names.items()}
    making = _Making(
        tables={table.id: table for table in every},
        names=own,
        keys={table.id: contents.python_name(f"{own[table.id]}_key", names) for table in every},
        sizes={one.id: max(scale.of(one.rows), 1 if one.id in referenced else 0) for one in every},
        wholes={one.id: max(scale.of(one.rows), one.rows) for one in every},
        matched=matched or {},
    )
    later = set(making.tables)
    found = []
    for table in every:
        later.discard(table.id)
        found.append(_rows(table, making, later, values=values))
    return [one for one in found if one.columns]


@dataclass(frozen=True, kw_only=True)
class _Making:
    """What all tables know of each other while their rows are planned."""

    tables: Mapping[int, Table]
    names: Mapping[int, str]
    """Table -> what it is called in Python."""
    keys: Mapping[int, str]
    """Table -> what the combinations of its key are called."""
    sizes: dict[int, int]
    """Table -> its rows at the typical cardinality."""
    wholes: dict[int, int]
    """Table -> its rows at production's size."""
    matched: Mapping[tuple[int, str], float]
    """(table, column) -> the part of the rows that statements find by what it holds."""


def _rows(table: Table, making: _Making, later: set[int], *, values: bool) -> Rows:
    plan = references.planned(table, making.tables, later)
    columns = references.columns(table, plan, making.names, later)
    keyed = _keyed(table, plan, columns, making, later)
    questions: list[str] = []
    for column in table.columns.values():
        if not column.generated and column.name not in columns:
            columns[column.name] = contents.plain(column, values=values)
            if columns[column.name].name == "Fixed":
                questions.append(f"what does {column.name} ({column.type}) hold? Nothing was made up for it.")
    own = {name: part for (number, name), part in making.matched.items() if number == table.id}
    searched = [part for name, part in own.items() if table.columns[name].base == "tsvector"]
    for name, one in columns.items():
        if part := own.get(name) or (min(searched) if searched else 0.0):
            columns[name] = contents.matching(one, part)
    for key in table.apart:  # an exclusion: ranges without anything in them do not overlap
        ranges = [table.columns[one] for one in key if table.columns[one].category == "R"]
        columns |= {one.name: made("Fixed", "{}" if contents.is_multirange(one) else "empty") for one in ranges}
    for low, high in table.ascending:
        if low in columns and high in columns:
            columns[high] = made("AtLeast", columns[high], low)
    return Rows(
        table=table,
        name=making.names[table.id],
        size=making.sizes[table.id],
        whole=making.wholes[table.id],
        columns={one: columns[one] for one in table.columns if one in columns},
        combination=keyed.combination,
        key=making.keys[table.id],
        combined=keyed.columns,
        dense=keyed.dense,
        counts=_counts(table, keyed.combination, keyed.columns),
        uncertain=keyed.uncertain,
        questions=questions,
    )


@dataclass(kw_only=True)
class _Keyed:
    """How a table's keys stay unique: as in `Rows`."""

    combination: Made | None = None
    columns: Sequence[str] = ()
    dense: bool = False
    uncertain: bool = False


def _keyed(
    table: Table, plan: Sequence[Referring], columns: dict[str, Made], making: _Making, later: set[int]
) -> _Keyed:
    """Add the columns that tell rows apart, and bound the table's size by the keys that it can have."""
    found = _Keyed()
    referring = {column: one for one in plan for column in one.free}
    for key in sorted([*table.unique, *table.apart], key=len):
        own = _own(table, key, referring)
        if own is not None and columns.get(own, _PLAIN).name not in _APART:
            columns[own] = _nullable(table.columns[own], _unique(table.columns[own]))
        elif own is None and found.combination is None and key in table.unique:
            found.combination, found.columns, most = _combined(table, key, referring, columns, making, later)
            found.dense = making.sizes[table.id] >= _DENSE * most[0]
            making.sizes[table.id] = min(making.sizes[table.id], most[0])
            making.wholes[table.id] = min(making.wholes[table.id], most[1])
            name = Name(making.keys[table.id])
            columns |= {one: made("Digit", name, place) for place, one in enumerate(found.columns)}
        found.uncertain = found.uncertain or own is None
    return found


def _own(table: Table, key: Sequence[str], referring: Mapping[str, Referring]) -> str | None:
    """Return the column of a key that tells rows apart by itself; None if none does."""
    free = [table.columns[one] for one in key if one not in referring and not table.columns[one].labels]
    if len(key) == 1 and free:
        return key[0]
    for column in free:
        if column.category not in {"N", "S", "U", "D"} or column.base in {"bool", "date", "int2"}:
            continue
        values = contents.distinct(column, table.rows)
        if (
            column.sequence
            or values > max(1, _MOSTLY * table.rows)
            or (column.base in contents.WHOLE and values > _MANY)
        ):
            return column.name
    return None


def _unique(column: Column) -> Made:
    """Return what gives each row a value of its own."""
    if column.category == "N":
        return made("Numbered")
    if column.category in {"S", "D", "I"} or column.base == "uuid":
        return contents.unique(column)
    return contents.plain(column, values=False)


def _nullable(column: Column, one: Made) -> Made:
    """Return a column that is NULL as often as in production."""
    nulls = column.statistics.nulls if column.statistics and not column.required else 0.0
    return made("Maybe", nulls, one) if nulls and one.name != "Maybe" else one


def _combined(  # noqa: PLR0913, PLR0917 (what tables know of each other)
    table: Table,
    key: Sequence[str],
    referring: Mapping[str, Referring],
    columns: Mapping[str, Made],
    making: _Making,
    later: set[int],
) -> tuple[Made, Sequence[str], tuple[int, int]]:
    """Return the combinations of a key whose columns all repeat, its columns, and how many there are.

    There are two numbers: of the rows that are made up, and in production.
    """
    matching = _matching(table, key, referring, making, later)
    if matching:
        return matching
    parts, counts, total, whole = [], [], 1, 1
    for place, name in enumerate(key):
        one = referring.get(name)
        if one is None:
            count = max(1, len(table.columns[name].labels) or contents.distinct(table.columns[name], table.rows))
            parts.append(contents.nth(table.columns[name], count))
            counts.append(count)
            total, whole = total * count, whole * count
            continue
        follows = place > 0 and referring.get(key[place - 1]) == one
        parts.append(_without_skew(columns[name]))
        counts.append(-1 if follows else 0)
        if not follows:
            total *= max(1, making.sizes[one.key.target])
            whole *= max(1, making.wholes[one.key.target])
    return made("Combination", tuple(parts), tuple(counts)), tuple(key), (total, whole)


def _matching(
    table: Table, key: Sequence[str], referring: Mapping[str, Referring], making: _Making, later: set[int]
) -> tuple[Made, Sequence[str], tuple[int, int]] | None:
    """Return the pairs of rows that a key is about, whose tables share a column; None if it is about none."""
    second = next((referring[one] for one in key if one in referring and referring[one].shared), None)
    if second is None or second.shared is None:
        return None
    own, other = second.shared
    first = referring[own]
    if {first.key.target, second.key.target} & (later | {table.id}):
        return None
    pairs, others = (dict(zip(one.key.columns, one.key.keys, strict=True)) for one in (first, second))
    names = [*first.free, *second.free]
    places = tuple((0, pairs[one]) for one in first.free) + tuple((1, others[one]) for one in second.free)
    tables = (Name(making.names[first.key.target]), Name(making.names[second.key.target]))
    found = made("Matching", *tables, (pairs[own], other), places)
    kinds = max(1, contents.distinct(table.columns[own], table.rows))
    counts = [
        max(1, sizes[first.key.target] * sizes[second.key.target] // kinds) for sizes in (making.sizes, making.wholes)
    ]
    return found, names, (counts[0], counts[1])


def _counts(table: Table, combination: Made | None, combined: Sequence[str]) -> dict[str, int]:
    """Return the columns of a combination that are numbers, and the first number that no row has."""
    if combination is None or combination.name != "Combination":
        return {}
    found = zip(combined, *combination.positional, strict=True)
    return {
        name: part.positional[0] + count
        for name, part, count in found
        if part.name == "Numbered" and table.columns[name].base in contents.WHOLE
    }


def _without_skew(one: Made) -> Made:
    """Return a reference of which each row is as likely as any other, and which is never NULL."""
    inner = one.positional[1] if one.name == "Maybe" else one
    return Made(inner.name, inner.positional, {key: value for key, value in inner.keywords.items() if key != "skew"})
