"""Which rows refer to which: the order of tables, and references of one row that follow from each other.

Owns circles of tables, and columns that several foreign keys share. Must not know statements.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemabench.deriving import contents
from schemabench.deriving.code import Made, Name, made
from schemabench.deriving.found import ForeignKey, Table

_ROUGHLY = 1.1
"""Estimates of different values are not exact."""


@dataclass(frozen=True, kw_only=True)
class Referring:
    """A foreign key, and how its columns get their values."""

    key: ForeignKey
    """With the columns that it shares with the other table though they are not among its own."""
    free: Sequence[str]
    """Its columns that no foreign key before it has."""
    shared: tuple[str, str] | None = None
    """(own column, column of the other table) that a foreign key before it has, too."""


def ordered(tables: Sequence[Table]) -> list[Table]:
    """Return tables, each after those that it refers to; of a circle, the one that refers to the fewest comes first."""
    left = {table.id: table for table in tables}
    found: list[Table] = []
    while left:
        free = [one for one in left.values() if not _missing(one, left)]
        if not free:
            circling = [one for one in left.values() if one.id in _reached(one, left)]
            free = [min(circling, key=lambda one: len(_missing(one, left)))]
        found.extend(left.pop(table.id) for table in free)
    return found


def with_implied(tables: Sequence[Table]) -> list[Table]:
    """Return tables with references that no foreign key says: columns of the name and type that others have for theirs.

    An audit table often has a `tenant_id` without a foreign key.
    """
    targets: dict[tuple[str, str], set[tuple[int, str]]] = {}
    for table in tables:
        for key in table.references:
            if len(key.columns) == 1:
                known = key.columns[0], table.columns[key.columns[0]].base
                targets.setdefault(known, set()).add((key.target, key.keys[0]))
    return [replace(table, references=[*table.references, *_implied(table, targets)]) for table in tables]


def _implied(table: Table, targets: Mapping[tuple[str, str], set[tuple[int, str]]]) -> Iterator[ForeignKey]:
    own = {column for key in table.references for column in key.columns} | {one for key in table.unique for one in key}
    for column in table.columns.values():
        found = targets.get((column.name, column.base), set())
        if column.name not in own and not column.generated and len(found) == 1:
            ((target, key),) = found
            if target != table.id:
                name = f"{table.name}_{column.name}"
                yield ForeignKey(name=name, columns=[column.name], target=target, keys=[key], declared=False)


def _missing(table: Table, left: Mapping[int, Table]) -> set[int]:
    """Return the tables that a table refers to, of those that are left."""
    return {key.target for key in table.references if key.target in left and key.target != table.id}


def _reached(table: Table, left: Mapping[int, Table]) -> set[int]:
    """Return the tables that a table refers to, directly or by others."""
    found: set[int] = set()
    pending = [table.id]
    while pending:
        further = _missing(left[pending.pop()], left) - found
        found |= further
        pending += further
    return found


def circular(tables: Sequence[Table]) -> list[tuple[Table, ForeignKey]]:
    """Return the foreign keys, of those that the schema has, to tables that are filled later.

    Args:
        tables: All tables, in the order in which they are filled.
    """
    place = {table.id: number for number, table in enumerate(tables)}
    return [
        (table, key)
        for table in tables
        for key in table.references
        if key.declared and place.get(key.target, -1) > place[table.id]
    ]


def planned(table: Table, tables: Mapping[int, Table], later: Collection[int]) -> list[Referring]:
    """Return how the foreign keys of a table get their values, in order.

    A foreign key of columns that are never NULL comes first, and of those the one with the most columns, with what it
    shares with the other table: a task's tenant is that of its project, if both refer to tenants by the same name.
    Those that share a column with it follow.

    Args:
        table: The table.
        tables: All tables.
        later: Those that stand further down: in a circle, nothing follows from their rows.
    """
    widened = [
        key if key.target in later else _widened(table, key, tables[key.target])
        for key in table.references
        if key.target in tables
    ]
    found: list[Referring] = []
    taken: set[str] = set()
    for key in sorted(widened, key=lambda one: _rank(table, one)):
        own = next(one for one in table.references if one.name == key.name)
        free = [column for column in own.columns if column not in taken]
        pairs = dict(zip(key.columns, key.keys, strict=True))
        shared = [(column, pairs[column]) for column in key.columns if column in taken]
        if not free:
            continue
        leads = not shared and key.target != table.id and _is_required(table, own)
        chosen = key if leads or shared else own
        found.append(Referring(key=chosen, free=chosen.columns if leads else free, shared=_chosen(shared, table)))
        taken |= set(chosen.columns)
    return found


def _chosen(shared: Sequence[tuple[str, str]], table: Table) -> tuple[str, str] | None:
    """Return the column with the most different values, of those that are shared."""
    return max(shared, key=lambda one: _distinct(table, one[0]), default=None)


def _distinct(table: Table, column: str) -> int:
    return contents.distinct(table.columns[column], table.rows)


def _widened(table: Table, key: ForeignKey, target: Table) -> ForeignKey:
    """Return a foreign key with the columns by which both tables refer to the same third one.

    A column has no more different values than the one that it follows from: an order's tenant is that of its customer,
    but a customer's address is not that of the shop.
    """
    more = [
        one.columns[0]
        for one in table.references
        if len(one.columns) == 1
        and one.columns[0] not in key.columns
        and one.columns[0] in target.columns
        and one.columns[0] not in key.keys
        and any(other.target == one.target and list(other.columns) == list(one.columns) for other in target.references)
        and _distinct(table, one.columns[0]) <= _ROUGHLY * _distinct(target, one.columns[0])
    ]
    return replace(key, columns=[*key.columns, *more], keys=[*key.keys, *more])


def _rank(table: Table, key: ForeignKey) -> tuple[bool, bool, int, str]:
    return key.target == table.id, not _is_required(table, key), -len(key.columns), key.name


def _is_required(table: Table, key: ForeignKey) -> bool:
    return all(table.columns[column].required for column in key.columns)


def columns(
    table: Table, plan: Sequence[Referring], names: Mapping[int, str], later: Collection[int]
) -> dict[str, Made]:
    """Return what makes the columns of foreign keys.

    Args:
        table: The table.
        plan: Its foreign keys.
        names: Table -> what it is called in Python.
        later: The tables that stand further down.
    """
    found: dict[str, Made] = {}
    for one in plan:
        target = _named(one.key.target, table, names, later)
        if one.shared:
            found |= _related(table, one, target)
        else:
            found |= _leading(table, one, target, list(_met(table, one, plan, names, later)))
    return found


def _named(target: int, table: Table, names: Mapping[int, str], later: Collection[int]) -> Name | None:
    """Return what another table is called in Python; None for the table itself."""
    if target == table.id:
        return None
    return Name(f"lambda: {names[target]}" if target in later else names[target])


def _met(
    table: Table, leader: Referring, plan: Sequence[Referring], names: Mapping[int, str], later: Collection[int]
) -> Iterator[Made]:
    """Yield the tables that must have rows like the one that a foreign key refers to."""
    pairs = dict(zip(leader.key.columns, leader.key.keys, strict=True))
    for one in plan:
        if one.shared and one.shared[0] in pairs and all(table.columns[column].required for column in one.free):
            target = _named(one.key.target, table, names, later)
            yield made("Met", target, one.shared[1], pairs[one.shared[0]])


def _leading(table: Table, one: Referring, target: Name | None, met: Sequence[Made]) -> dict[str, Made]:
    """Return the columns of a foreign key that none is before: all are about one row."""
    key = one.key
    most = max(key.columns, key=lambda name: _distinct(table, name))
    keywords: dict[str, Any] = {}
    if skew := contents.shares(table.columns[most].statistics):
        keywords["skew"] = skew
    if len(key.columns) > 1:
        keywords["constraint"] = key.name
        for column, other in zip(key.columns, key.keys, strict=True):
            if target and column != most and (skew := contents.shares(table.columns[column].statistics)):
                keywords |= {"skew": skew, "within": other}
    if met:
        keywords["met"] = tuple(one for place, one in enumerate(met) if one not in met[:place])
    return {
        column: _maybe(table, column, made("Reference", target, other, **keywords))
        for column, other in zip(key.columns, key.keys, strict=True)
    }


def _related(table: Table, one: Referring, target: Name | None) -> dict[str, Made]:
    """Return the columns of a foreign key that shares a column with one before it."""
    assert one.shared is not None, "it shares a column"
    own, other = one.shared
    pairs = dict(zip(one.key.columns, one.key.keys, strict=True))
    keywords = {"constraint": one.key.name} if len(one.free) > 1 else {}
    return {
        column: _maybe(table, column, made("Related", target, pairs[column], other, own, **keywords))
        for column in one.free
    }


def _maybe(table: Table, column: str, one: Made) -> Made:
    """Return a column that is NULL as often as in production."""
    statistics = table.columns[column].statistics
    nulls = statistics.nulls if statistics else 0.0
    return made("Maybe", nulls, one) if nulls and not table.columns[column].required else one
