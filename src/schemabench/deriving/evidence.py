"""What the catalogs and the counters say of values that statements ask for: kinds, and numbers of rows.

Owns conclusions from indexes over some of the rows, and from how many rows a statement finds. Must not write Python.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence

from pglast.visitors import Visitor

from schemabench.deriving.contents import distinct
from schemabench.deriving.found import Column, Table
from schemabench.deriving.operations import Operation
from schemabench.deriving.parameters import Role, Use

_NICE = (1, 2, 3, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000)
"""What people write after LIMIT."""
_EXACT = 0.005
"""A mean that is so near a whole number is one: every call found as many rows as the limit allows."""
_MOST_LENGTHS = 12
"""Different lengths of a list that are still read by a person."""


def limit(rows: float) -> tuple[int, bool]:
    """Return the limit of a statement that finds so many rows on average, and whether that is certain.

    >>> limit(20.0), limit(8.2)
    ((20, True), (10, False))
    """
    nearest = max(1, round(rows))
    if rows > 1 and abs(rows - nearest) < _EXACT * nearest:
        return nearest, True
    return (_NICE[bisect_left(_NICE, rows)] if rows <= _NICE[-1] else nearest), False


def kinds(operation: Operation, use: Use) -> tuple[str, ...]:
    """Return the values that a statement asks for in a column; nothing without evidence.

    There is some if an index has only the rows with certain values, and the statement names all columns of the index:
    somebody made it for such a statement.
    """
    if use.table is None or use.column is None:
        return ()
    operator = "<>" if use.role is Role.DIFFERS else "="
    named = _named(operation)
    fitting = [
        one for one in use.table.partial if (use.column.name, operator) in one.tests and set(one.columns) <= named
    ]
    best = max(fitting, key=lambda one: len(one.columns), default=None)
    return tuple(best.tests[use.column.name, operator]) if best else ()


def lengths(operation: Operation, otherwise: int) -> dict[int, int]:
    """Return the lengths of a statement's list, with calls: some of them, if there are many."""
    counted = dict(operation.executed.lengths) or {otherwise: 1}
    if len(counted) <= _MOST_LENGTHS:
        return counted
    step = len(counted) / _MOST_LENGTHS
    ordered = sorted(counted.items())
    found: dict[int, int] = {}
    for place in range(_MOST_LENGTHS):
        some = ordered[round(place * step) : round((place + 1) * step)]
        calls = sum(number for _, number in some)
        found[round(sum(length * number for length, number in some) / calls)] = calls
    return found


def is_unique(table: Table, columns: Collection[str]) -> bool:
    """Return whether values of some columns find one row at most."""
    return any(set(key) <= set(columns) for key in table.unique)


def matched(operations: Sequence[Operation]) -> dict[tuple[int, str], float]:
    """Return which part of a table's rows statements find by what a column holds: documents, or texts with a word.

    The rows that a statement finds tell it, with the other columns that it compares: of these, frequent values are
    asked for as often as they are there.
    """
    found: dict[tuple[int, str], float] = {}
    for operation in operations:
        for use in operation.uses.values():
            if use.role not in {Role.HOLDS, Role.SEARCH} or not use.table or not use.column or not operation.rows:
                continue
            rows = float(max(1, use.table.rows))
            for other in operation.uses.values():
                if other.role is Role.EQUALS and other.alias == use.alias and other.column:
                    rows *= _alike(use.table, other.column)
            part = min(1.0, operation.rows / max(1.0, rows))
            known = found.get((use.table.id, use.column.name), part)
            found[use.table.id, use.column.name] = min(part, known)
    return found


def _alike(table: Table, column: Column) -> float:
    """Return which part of the rows has the value of a row, on average over rows."""
    statistics = column.statistics
    common = sum(share**2 for _, share in statistics.common) if statistics else 0.0
    return max(common, 1 / max(1, distinct(column, table.rows) or table.rows))


def _named(operation: Operation) -> set[str]:
    """Return the names of the columns in the conditions and in the order of a statement."""
    gathered = _Names()
    root = operation.root
    for part in ("whereClause", "sortClause", "fromClause", "usingClause"):
        if node := getattr(root, part, None):
            gathered(node)
    return gathered.found


class _Names(Visitor):
    """Gathers the names of columns."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def visit_ColumnRef(self, _: object, node: object) -> None:  # noqa: N802 (pglast names it so)
        """Take a column."""
        last = node.fields[-1]  # type: ignore[attr-defined]
        self.found.add(getattr(last, "sval", ""))
