"""Which values of a call name a row: keys, and references to them.

Owns the column that a value is at home in: that of `orders.customer_id` is `customers.id`. Must not know a log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from schemabench.deriving.found import Column, Table
from schemabench.deriving.operations import Operation
from schemabench.deriving.parameters import Role
from schemabench.deriving.tree import ast

_VALUES = {Role.EQUALS, Role.SET, Role.INSERT}
_LISTS = {Role.ANY, Role.INSERT_MANY}
_UNIQUE = {"uuid"}
"""Types whose default is another value for each row."""


class Home(NamedTuple):
    """A column of a key."""

    table: int
    """The object id of its table."""
    column: str


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What the values of one operation's calls name."""

    homes: Mapping[str, Home]
    """Parameter -> the column that its value is at home in."""
    lists: Mapping[str, Home]
    """Likewise for parameters that are lists."""
    groups: Sequence[tuple[int, Mapping[str, str]]]
    """Parameters that name one row together: the object id of its table, and parameter -> column."""
    makes: Mapping[str, Home]
    """Parameters with new keys, which no row had before."""
    upserts: Mapping[str, Home]
    """Parameters with keys of which a row may be there or not."""
    hands_out: Home | None
    """The column for which a new row gets its value from the server."""
    gives: str
    """The name of that column in the answer; empty where the call does not ask for it."""
    rows: int
    """The rows that a call inserts; 0 where that is not known, or it inserts none."""


def keys(operation: Operation, tables: Mapping[int, Table]) -> Keys:
    """Return what the values of an operation's calls name.

    Args:
        operation: The operation.
        tables: All tables, by their object id.
    """
    homes: dict[str, Home] = {}
    lists: dict[str, Home] = {}
    makes: dict[str, Home] = {}
    for number, use in operation.uses.items():
        if use.table is None or use.column is None or use.role not in _VALUES | _LISTS:
            continue
        home = _home(use.table, use.column.name, tables)
        if home is None:
            continue
        name = operation.names[number]
        (lists if use.role in _LISTS else homes)[name] = home
        if use.role in {Role.INSERT, Role.SET} and home == (use.table.id, use.column.name):
            makes[name] = homes.pop(name)
    handed, gives, rows = _handed_out(operation, tables)
    conflict = getattr(operation.root, "onConflictClause", None)
    return Keys(
        homes=homes,
        lists=lists,
        groups=_groups(operation, tables),
        makes={} if conflict else makes,
        upserts=makes if conflict else {},
        hands_out=handed,
        gives="" if conflict or rows != 1 else gives,
        rows=rows,
    )


def is_handed_out(column: Column) -> bool:
    """Return whether a new row gets another value than any before, unless a statement says one."""
    return bool(column.sequence) or (column.base in _UNIQUE and bool(column.default))


def _home(table: Table, column: str, tables: Mapping[int, Table]) -> Home | None:
    """Return the column that the values of a column are at home in; None for one of no key."""
    seen: set[Home] = set()
    at = Home(table.id, column)
    while at not in seen:
        seen.add(at)
        own = tables[at.table]
        reference = next((one for one in own.references if len(one.columns) == 1 and at.column in one.columns), None)
        reference = reference or next((one for one in own.references if at.column in one.columns), None)
        if reference is None or reference.target not in tables:
            break
        at = Home(reference.target, reference.keys[list(reference.columns).index(at.column)])
    own = tables[at.table]
    alone = any(list(key) == [at.column] for key in own.unique)
    return at if alone or (at.column in own.primary and is_handed_out(own.columns[at.column])) else None


def _groups(operation: Operation, tables: Mapping[int, Table]) -> list[tuple[int, Mapping[str, str]]]:
    """Return the parameters that name one row together, by a key of several columns."""
    by_row: dict[tuple[str, int, int], dict[str, str]] = {}
    known: dict[tuple[str, int, int], Table] = {}
    for number, use in operation.uses.items():
        if use.table is not None and use.column is not None and use.role in _VALUES:
            place = (use.alias, use.row, use.table.id)
            by_row.setdefault(place, {})[use.column.name] = operation.names[number]
            known[place] = use.table
    found: list[tuple[int, Mapping[str, str]]] = []
    for place, named in by_row.items():
        table = known[place]
        for reference in table.references:
            if len(reference.columns) > 1 and set(reference.columns) <= set(named) and reference.target in tables:
                pairs = zip(reference.columns, reference.keys, strict=True)
                found.append((reference.target, {named[own]: key for own, key in pairs}))
        if len(table.primary) > 1 and set(table.primary) <= set(named) and not _inserts(operation, table):
            found.append((table.id, {named[own]: own for own in table.primary}))
    return found


def _inserts(operation: Operation, table: Table) -> bool:
    return isinstance(operation.root, ast.InsertStmt) and operation.root.relation.relname == table.name


def _handed_out(operation: Operation, tables: Mapping[int, Table]) -> tuple[Home | None, str, int]:
    """Return the column whose value the server chooses for new rows, its name in the answer, and how many rows."""
    root: Any = operation.root
    if not isinstance(root, ast.InsertStmt):
        return None, "", 0
    named = [one for one in tables.values() if one.name == root.relation.relname]
    table = next((one for one in named if root.relation.schemaname in {None, one.schema}), None)
    if table is None:
        return None, "", 0
    written = {one.name for one in root.cols or ()} or set(table.columns)
    keys = {column for key in table.unique for column in key}
    free = [one for one in table.columns.values() if one.name in keys - written and is_handed_out(one)]
    if not free:
        return None, "", 0
    query = root.selectStmt
    rows = len(query.valuesLists or ()) if query else 1
    return Home(table.id, free[0].name), _answered(root, free[0].name), rows


def _answered(root: Any, column: str) -> str:  # noqa: ANN401 (pglast has no types)
    """Return the name of a column in what an INSERT returns; empty where it does not return it."""
    clause = getattr(root, "returningClause", None)
    for target in (clause.exprs if clause else None) or ():
        if not isinstance(target.val, ast.ColumnRef):
            continue
        last = target.val.fields[-1]
        if isinstance(last, ast.A_Star):
            return column
        if last.sval == column:
            return str(target.name or column)
    return ""


def normal(value: str, column: Column) -> str:
    """Return a key in one of the ways in which it can be written."""
    if column.base != "uuid":
        return value
    try:
        return str(UUID(value))
    except ValueError:
        return value
