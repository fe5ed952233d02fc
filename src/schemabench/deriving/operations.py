"""From counted statements to a workload's operations: names, types and places of their parameters.

Owns the names of operations and the choice of types. Must not know values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from pglast import parse_sql

from schemabench.deriving import grouping, parameters, rewriting
from schemabench.deriving.code import apart
from schemabench.deriving.found import Executed, LeftOut, Table, quoted
from schemabench.deriving.parameters import Role, Use
from schemabench.deriving.source import Source
from schemabench.deriving.statement import Kind
from schemabench.deriving.tree import ast

_SHORT = {
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "character varying": "varchar",
    "character": "bpchar",
    "bit": "varbit",
    "double precision": "float8",
}
"""What workloads call a type that has a long name, or one that would cut values."""
_PREPARED = "schemabench_init"
_CHOOSING = {Role.EQUALS, Role.ANY, Role.FROM, Role.TO, Role.HOLDS, Role.SEARCH}
"""What a parameter is that chooses rows."""
_LONGEST = 60


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A statement that becomes an operation."""

    name: str
    executed: Executed
    """The statement as it was counted."""
    sql: str
    """With names and types for parameters."""
    uses: Mapping[int, Use]
    names: Mapping[int, str]
    types: Mapping[int, str]
    root: Any
    """Its parse tree."""

    @property
    def kind(self) -> Kind:
        """What it does."""
        return self.executed.kind

    @property
    def rows(self) -> float:
        """The rows that an execution returns or changes, on average."""
        return self.executed.rows / max(1, self.executed.calls)


def derived(
    source: Source,
    statements: Sequence[Executed],
    most: int,
    tables: Sequence[Table],
    path: Sequence[str],
) -> tuple[list[Operation], list[LeftOut], list[Executed]]:
    """Return operations, the statements that cannot be prepared, and those beyond the number of operations.

    Args:
        source: The database.
        statements: The statements, those that matter most first.
        most: How many become operations at most.
        tables: All tables.
        path: The schemas in which names are looked for, in order.
    """
    found: list[Operation] = []
    left_out: list[LeftOut] = []
    taken: set[str] = set()
    for place, counted in enumerate(statements):
        if len(found) == most:
            return found, left_out, list(statements[place:])
        try:
            one, known = _prepared(source, counted, path, place)
        except psycopg.Error as cause:
            (parsed,) = parse_sql(counted.sql)
            why = f"the server cannot prepare it: {cause.diag.message_primary}"
            what = _named(parsed.stmt, parameters.read(counted.sql, tables, path))
            left_out.append(LeftOut(what=what, why=why, calls=counted.calls))
            continue
        (parsed,) = parse_sql(one.sql)
        uses = parameters.read(one.sql, tables, path)
        names = parameters.names(uses)
        name = apart(_named(parsed.stmt, uses), taken)
        taken.add(name)
        found.append(
            Operation(
                name=name,
                executed=one,
                sql=rewriting.wrapped(rewriting.named(one.sql, names, known)),
                uses=uses,
                names=names,
                types=known,
                root=parsed.stmt,
            )
        )
    return found, left_out, []


def search_path(schemas: Sequence[str]) -> str:
    """Return the setting under which names without a schema are found."""
    return ", ".join(map(quoted, schemas)) or "public"


def _prepared(source: Source, counted: Executed, path: Sequence[str], place: int) -> tuple[Executed, dict[int, str]]:
    """Return a statement as it can be prepared, and the types of its parameters.

    Raises:
        psycopg.Error: The server cannot prepare it.
    """
    try:
        return counted, types(source, counted.sql, path, place)
    except psycopg.errors.GroupingError:
        sql = grouping.repaired(counted.sql)
        if sql is None:
            raise
    except psycopg.errors.UndefinedFunction:
        sql = rewriting.with_intervals(counted.sql)
        if sql == counted.sql:
            raise
    return replace(counted, sql=sql), types(source, sql, path, place)


def types(source: Source, sql: str, path: Sequence[str], place: int) -> dict[int, str]:
    """Return the type of each parameter, as the server infers it.

    Raises:
        psycopg.Error: The server cannot prepare the statement.
    """
    (parsed,) = parse_sql(sql)
    if isinstance(parsed.stmt, ast.RefreshMatViewStmt):
        return {}
    name = f"{_PREPARED}_{place}"
    (row,) = source.tried(
        f"SET LOCAL search_path = {search_path(path)}",
        f"PREPARE {name} AS {sql}",
        "SELECT parameter_types::text[] AS types FROM pg_catalog.pg_prepared_statements "  # noqa: S608 (a name of ours)
        f"WHERE name = '{name}'",
    )
    source.tried(f"DEALLOCATE {name}")
    return {number: _short(kind) for number, kind in enumerate(row["types"], start=1)}


def _short(kind: str) -> str:
    plain = kind.removesuffix("[]")
    return _SHORT.get(plain, plain) + kind.removeprefix(plain)


def _named(root: Any, uses: Mapping[int, Use]) -> str:  # noqa: ANN401 (pglast has no types)
    """Return the name of an operation: what it does, with which table, by which columns."""
    verb = {
        ast.InsertStmt: "insert",
        ast.UpdateStmt: "update",
        ast.DeleteStmt: "delete",
        ast.MergeStmt: "merge",
        ast.RefreshMatViewStmt: "refresh",
    }.get(type(root), "select")
    if verb == "insert" and root.onConflictClause:
        verb = "upsert"
    target = root.relation.relname if verb != "select" else _first_table(root)
    by = [use.column.name for use in uses.values() if use.column and use.role in _CHOOSING]
    words = [verb, *([target] if target else [])]
    if by and verb not in {"insert", "upsert"}:
        words += ["by", *dict.fromkeys(by)]
    name = "_".join("".join(one if one.isascii() and one.isalnum() else "_" for one in word.lower()) for word in words)
    return name[:_LONGEST].rstrip("_")


def _first_table(root: Any) -> str:  # noqa: ANN401 (pglast has no types)
    """Return the name of the first table that a query reads, or of the function that it calls."""
    pending = [*(root.fromClause or ()), *(one.val for one in root.targetList or ())]
    while pending:
        one = pending.pop(0)
        match one:
            case ast.RangeVar():
                return str(one.relname)
            case ast.JoinExpr():
                pending[:0] = [one.larg, one.rarg]
            case ast.RangeSubselect():
                pending[:0] = [*(one.subquery.fromClause or ())]
            case ast.FuncCall() if root.fromClause is None:
                return str(one.funcname[-1].sval)
            case _:
                pass
    return ""
