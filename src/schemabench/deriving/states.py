"""What all candidates must agree on after the same calls, whatever their order.

Owns which columns do not depend on the order of calls. When in doubt, a column is left out: a wrong state would
disqualify a right candidate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pglast.visitors import Visitor

from schemabench.deriving.found import Column, Table, quoted
from schemabench.deriving.operations import Operation
from schemabench.deriving.parameters import Role
from schemabench.deriving.rows import Rows
from schemabench.deriving.statement import Kind
from schemabench.deriving.tree import ast

_UNORDERED = {"json", "xml", "point", "box", "polygon", "circle", "line", "lseg", "path"}
"""Types that cannot be sorted."""
_EXACT = {"int2", "int4", "int8", "numeric"}
"""Types whose sums do not depend on the order."""
_CHANGING = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)


@dataclass(frozen=True, kw_only=True)
class State:
    """A query that all candidates must answer alike."""

    name: str
    sql: str


@dataclass
class _Fate:
    """What becomes of a table's columns by the operations."""

    given: set[str] = field(default_factory=set)
    """Columns that depend on nothing but the calls."""
    doubtful: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    """Columns that some update sets."""
    inserted: set[str] = field(default_factory=set)
    """Columns that some insertion sets."""
    lost: bool = False
    """Whether nothing can be said of the table."""


def states(rows: Sequence[Rows], operations: Sequence[Operation]) -> tuple[list[State], list[str]]:
    """Return a query for each table of which some columns do not depend on the order of calls; and other tables.

    Only tables that operations write are there.
    """
    written = {id(one.root): _target(one.root, rows) for one in operations if one.kind is Kind.WRITE}
    changed = {one.table.name for one in written.values() if one}
    found: list[State] = []
    others: list[str] = []
    hidden = any(_hides(one.root) for one in operations)
    for one in rows:
        own = [operation for operation in operations if written.get(id(operation.root)) is one]
        columns = _columns(one, own, changed) if own and not hidden else []
        if columns:
            found.append(State(name=f"state_{one.name}", sql=_query(one.table, columns)))
        elif own:
            others.append(one.table.qualified)
    return found, others


def _columns(rows: Rows, operations: Sequence[Operation], changed: set[str]) -> list[Column]:
    """Return the columns that do not depend on the order of the operations that write a table."""
    fate = _Fate(given=set(rows.columns))
    for operation in operations:
        match operation.root:
            case ast.InsertStmt():
                _inserted(rows, operation.root, fate, changed)
            case ast.UpdateStmt():
                _updated(operation.root, operation.root.targetList, fate, rows.table)
            case _:
                fate.lost = True
    inserts = any(isinstance(one.root, ast.InsertStmt) for one in operations)
    for operation in operations:
        if isinstance(operation.root, ast.UpdateStmt) and not _is_about_one(
            rows, operation, fate.touched, inserts=inserts
        ):
            fate.doubtful |= {one.name for one in operation.root.targetList if one.name}
    names = fate.given - fate.doubtful
    if rows.table.triggers:  # which may set any other column, to the time for example
        names &= fate.touched | fate.inserted
    columns = [one for one in rows.table.columns.values() if one.name in names and one.base not in _UNORDERED]
    return [] if fate.lost else columns


def _is_about_one(rows: Rows, operation: Operation, touched: set[str], *, inserts: bool) -> bool:
    """Return whether an update changes the same rows, whatever was executed before it."""
    if operation.root.whereClause is None:
        return not inserts
    where = _Gathered()
    where(operation.root.whereClause)
    if where.columns & touched or where.asks or _is_bounded(rows.table, operation):
        return False
    bound = {use.column.name for use in operation.uses.values() if use.column and use.role is Role.EQUALS}
    by_key = any(set(key) <= bound for key in rows.table.unique)
    return not inserts or (by_key and not rows.combined)


def _is_bounded(table: Table, operation: Operation) -> bool:
    """Return whether a check may refuse an update, which depends on those before it."""
    return bool(set(table.checked) & {one.name for one in operation.root.targetList if one.name})


def _inserted(rows: Rows, root: Any, fate: _Fate, changed: set[str]) -> None:  # noqa: ANN401 (pglast has no types)
    table, query = rows.table, root.selectStmt
    if query is None or (query.valuesLists is None and (query.targetList is None or _reads(query, changed))):
        fate.lost = True
        return
    if rows.uncertain and not root.onConflictClause:
        fate.lost = True  # of two rows with one key, the first stays
        return
    targets = [one.name for one in root.cols or ()] or list(table.columns)
    fate.inserted |= set(targets)
    for values in query.valuesLists or [[one.val for one in query.targetList]]:
        for name, value in zip(targets, values, strict=False):
            if _is_volatile(value):
                fate.doubtful.add(name)
    for column in table.columns.values():
        if column.name not in targets and (column.sequence or not _is_constant(column.default)):
            fate.doubtful.add(column.name)
    conflict = root.onConflictClause
    if conflict is None:
        return
    keys = {one.name for one in (getattr(conflict.infer, "indexElems", None) or ()) if one.name}
    if conflict.action.name == "ONCONFLICT_UPDATE":
        _updated(conflict, conflict.targetList, fate, table)
        fate.doubtful |= set(targets) - keys - {one.name for one in conflict.targetList if one.name}
    else:
        fate.doubtful |= set(targets) - keys


def _updated(root: Any, targets: Sequence[Any], fate: _Fate, table: Table) -> None:  # noqa: ANN401 (pglast has no types)
    """Keep columns that something is added to; all others depend on the last call."""
    fate.touched |= {target.name for target in targets if target.name}
    for target in targets:
        column = table.columns.get(target.name or "")
        if column is None:
            fate.lost = True
        elif not (column.base in _EXACT and _is_sum(target.val, column.name)):
            fate.doubtful.add(column.name)
    if getattr(root, "fromClause", None):
        fate.doubtful |= {target.name for target in targets if target.name}


def _is_sum(value: Any, column: str) -> bool:  # noqa: ANN401 (likewise)
    """Return whether an expression is the column and something added that does not depend on any row."""
    if not isinstance(value, ast.A_Expr) or value.name[-1].sval not in {"+", "-"}:
        return False
    first, second = value.lexpr, value.rexpr
    own = isinstance(first, ast.ColumnRef) and getattr(first.fields[-1], "sval", "") == column
    excluded = isinstance(second, ast.ColumnRef) and getattr(second.fields[0], "sval", "") == "excluded"
    return own and (excluded or (not _named(second) and not _is_volatile(second)))


def _query(table: Table, columns: Sequence[Column]) -> str:
    names = ", ".join(quoted(one.name) for one in columns)
    order = ", ".join(quoted(one.name) + (' COLLATE "C"' if one.category == "S" else "") for one in columns)
    return f"SELECT {names}\nFROM {table.qualified}\nORDER BY {order}"


def _target(root: Any, rows: Sequence[Rows]) -> Rows | None:  # noqa: ANN401 (likewise)
    relation: Any = getattr(root, "relation", None)
    named = [one for one in rows if relation is not None and one.table.name == relation.relname]
    return next((one for one in named if relation.schemaname in {None, one.table.schema}), None)


def _reads(query: Any, changed: set[str]) -> bool:  # noqa: ANN401 (likewise)
    """Return whether a query reads what operations change."""
    gathered = _Gathered()
    gathered(query)
    return bool(gathered.tables & changed) or gathered.locks


def _hides(root: Any) -> bool:  # noqa: ANN401 (likewise)
    """Return whether a statement changes tables in a part of it."""
    gathered = _Gathered()
    gathered(root)
    return gathered.changes > isinstance(root, _CHANGING)


def _named(node: Any) -> set[str]:  # noqa: ANN401 (likewise)
    """Return the names of the columns in an expression."""
    gathered = _Gathered()
    gathered(node)
    return gathered.columns


def _is_volatile(value: Any) -> bool:  # noqa: ANN401 (likewise)
    """Return whether an expression may differ from run to run: it calls a function, or asks for the time."""
    gathered = _Gathered()
    gathered(value)
    return gathered.volatile


def _is_constant(default: str | None) -> bool:
    return default is None or not any(one in default for one in ("(", "CURRENT", "LOCAL"))


class _Gathered(Visitor):
    """Gathers what an expression or a statement depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: set[str] = set()
        self.tables: set[str] = set()
        self.volatile = False
        self.asks = False
        self.locks = False
        self.changes = 0

    def visit_ColumnRef(self, _: object, node: Any) -> None:  # noqa: ANN401, N802 (pglast has no types, and names it so)
        """Take a column."""
        self.columns.add(getattr(node.fields[-1], "sval", "*"))

    def visit_RangeVar(self, _: object, node: Any) -> None:  # noqa: ANN401, N802 (likewise)
        """Take a table."""
        self.tables.add(node.relname)

    def visit_FuncCall(self, *_: object) -> None:  # noqa: N802 (likewise)
        """Note a function."""
        self.volatile = True

    visit_SQLValueFunction = visit_SetToDefault = visit_FuncCall  # noqa: N815 (likewise)

    def visit_SubLink(self, *_: object) -> None:  # noqa: N802 (likewise)
        """Note a query within."""
        self.volatile = self.asks = True

    def visit_LockingClause(self, *_: object) -> None:  # noqa: N802 (likewise)
        """Note a lock, which may skip rows."""
        self.locks = True

    def visit_InsertStmt(self, *_: object) -> None:  # noqa: N802 (likewise)
        """Note a change."""
        self.changes += 1

    visit_UpdateStmt = visit_DeleteStmt = visit_MergeStmt = visit_InsertStmt  # noqa: N815 (likewise)
