"""Statements that differ in the length of a list alone: `IN ($1, $2)`, or rows of VALUES.

Owns their one form, with arrays: `= ANY ($1)`, and `FROM unnest($1::integer[], $2::text[])`. Servers before PostgreSQL
18 count each length of IN as a statement of its own, and all count each number of rows so. Must not talk to a server.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pglast import parse_sql
from pglast.parser import ParseError
from pglast.stream import RawStream
from pglast.visitors import Visitor

from schemabench.deriving.found import Executed, Table
from schemabench.deriving.tree import ast

_SEVERAL = 2


def gathered(executed: Iterable[Executed], tables: Sequence[Table], path: Sequence[str]) -> list[Executed]:
    """Return statements, of which those that differ in the length of a list are one.

    Args:
        executed: The statements.
        tables: All tables.
        path: The schemas in which names without a schema are looked for, in order.
    """
    groups: dict[tuple[str, str], list[tuple[Executed, int]]] = {}
    for one in executed:
        sql, length = uniform(one.sql, tables, path)
        groups.setdefault((sql, one.role), []).append((one, length))
    return [_together(sql, some) for (sql, _), some in groups.items()]


def _together(sql: str, some: Sequence[tuple[Executed, int]]) -> Executed:
    """Return the statement that several are: in its own words, if one of them has an array already."""
    first, longest = some[0][0], max(length for _, length in some)
    if len(some) == 1 and longest < _SEVERAL:
        return first
    written = next((one.sql for one, length in some if not length), "")
    lengths: dict[int, int] = {}
    for one, length in some:
        lengths[length] = lengths.get(length, 0) + one.calls
    return replace(
        first,
        sql=written or sql,
        calls=sum(one.calls for one, _ in some),
        total_ms=sum(one.total_ms for one, _ in some),
        rows=sum(one.rows for one, _ in some),
        lengths=tuple(sorted(lengths.items())) if longest >= _SEVERAL and not written else (),
    )


def uniform(sql: str, tables: Sequence[Table], path: Sequence[str]) -> tuple[str, int]:
    """Return a statement with arrays in place of its lists of parameters, and the length of the longest list.

    The layout is the parser's; the length is 0 of a statement without such a list.

    >>> uniform("SELECT a FROM t WHERE b = $1 AND c IN ($2, $3)", [], [])
    ('SELECT a FROM t WHERE b = $1 AND c = ANY($2)', 2)
    """
    try:
        (parsed,) = parse_sql(sql)
    except (ParseError, ValueError):
        return sql, 0
    lists = _Lists()
    lists(parsed)
    longest = lists.longest
    root: Any = parsed.stmt
    if isinstance(root, ast.InsertStmt) and root.selectStmt is not None:
        longest = max(longest, _inserted(root, _types(root, tables, path)))
    numbers = _Numbers()
    numbers(parsed)
    _Renumbering({number: place for place, number in enumerate(sorted(numbers.found), start=1)})(parsed)
    return str(RawStream()(parsed)).rstrip(";"), longest


def _inserted(root: Any, types: Sequence[str | None]) -> int:  # noqa: ANN401 (pglast has no types)
    """Put arrays in place of the rows that are inserted; return how many rows there were, 0 if they stay."""
    query = root.selectStmt
    if query.valuesLists:
        call = _unnested(query.valuesLists, types, is_table=True)
        if call is None:
            return 0
        number = len(query.valuesLists)
        everything = ast.ColumnRef(fields=(ast.A_Star(),))
        root.selectStmt = ast.SelectStmt(
            targetList=(ast.ResTarget(val=everything),),
            fromClause=(ast.RangeFunction(functions=((call, None),), is_rowsfrom=False),),
            limitOption=query.limitOption,
            op=query.op,
        )
        return number
    source = query.fromClause[0] if query.fromClause and len(query.fromClause) == 1 else None
    rows = source.subquery.valuesLists if isinstance(source, ast.RangeSubselect) else None
    call = _unnested(rows, [None] * len(rows[0]), is_table=False) if rows else None
    if source is None or rows is None or call is None:
        return 0
    query.fromClause = (ast.RangeFunction(functions=((call, None),), alias=source.alias, is_rowsfrom=False),)
    return len(rows)


def _types(root: Any, tables: Sequence[Table], path: Sequence[str]) -> list[str | None]:  # noqa: ANN401 (likewise)
    """Return the types of the columns that rows are inserted into; None for arrays, and for what is not known."""
    relation = root.relation
    schemas = [relation.schemaname] if relation.schemaname else path
    table = next((one for one in tables if one.name == relation.relname and one.schema in schemas), None)
    if table is None:
        return []
    names = [one.name for one in root.cols or ()] or list(table.columns)
    known = [table.columns.get(name) for name in names]
    return [one.type if one and one.category != "A" else None for one in known]


def _unnested(rows: Sequence[Sequence[Any]], types: Sequence[str | None], *, is_table: bool) -> Any:  # noqa: ANN401 (likewise)
    """Return the call that makes rows of arrays; None unless all values are parameters, of types that are known.

    Args:
        rows: The rows of VALUES.
        types: The types of the columns; None for one that only a cast tells.
        is_table: Whether the values go into a table as they are: text is then no type of last resort.
    """
    if (
        len(rows) < _SEVERAL
        or any(_parameter(value) is None for row in rows for value in row)
        or len(rows[0]) > len(types)
    ):
        return None
    arrays = []
    for value, kind in zip(rows[0], types, strict=False):
        cast = value.typeName if isinstance(value, ast.TypeCast) else None
        if kind is None and cast is not None and cast.arrayBounds:
            return None
        if kind is None and cast is None and is_table:
            return None
        name = _array_of(kind or "text") if kind or cast is None else _bounded(cast)
        arrays.append(ast.TypeCast(arg=_parameter(value), typeName=name))
    return ast.FuncCall(funcname=(ast.String(sval="unnest"),), args=tuple(arrays))


def _array_of(kind: str) -> Any:  # noqa: ANN401 (likewise)
    (parsed,) = parse_sql(f"SELECT NULL::{kind}[]")
    statement: Any = parsed.stmt
    return statement.targetList[0].val.typeName


def _bounded(name: Any) -> Any:  # noqa: ANN401 (likewise)
    return ast.TypeName(
        names=name.names, typmods=name.typmods, typemod=name.typemod, arrayBounds=(ast.Integer(ival=-1),)
    )


def _parameter(node: Any) -> Any:  # noqa: ANN401 (likewise)
    """Return a parameter, also within casts; None for anything else."""
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return node if isinstance(node, ast.ParamRef) else None


class _Lists(Visitor):
    """Puts arrays in place of lists after IN."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = 0

    def visit_A_Expr(self, _: object, node: Any) -> Any:  # noqa: ANN401, N802 (pglast has no types, and names it so)
        """Replace a list of parameters."""
        if node.kind.name != "AEXPR_IN" or not isinstance(node.rexpr, tuple):
            return None
        found = [_parameter(one) for one in node.rexpr]
        if None in found:
            return None
        self.longest = max(self.longest, len(found))
        negated = node.name[-1].sval == "<>"
        kind = type(node.kind)["AEXPR_OP_ALL" if negated else "AEXPR_OP_ANY"]
        return ast.A_Expr(kind=kind, name=node.name, lexpr=node.lexpr, rexpr=found[0])


class _Numbers(Visitor):
    """Gathers the numbers of parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[int] = set()

    def visit_ParamRef(self, _: object, node: Any) -> None:  # noqa: ANN401, N802 (likewise)
        """Take a parameter."""
        self.found.add(node.number)


class _Renumbering(Visitor):
    """Gives parameters other numbers."""

    def __init__(self, numbers: Mapping[int, int]) -> None:
        super().__init__()
        self.numbers = numbers

    def visit_ParamRef(self, _: object, node: Any) -> Any:  # noqa: ANN401, N802 (likewise)
        """Replace a parameter."""
        return ast.ParamRef(number=self.numbers[node.number])
