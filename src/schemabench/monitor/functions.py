"""Plans of statements inside functions, which auto_explain reports and EXPLAIN does not.

Owns auto_explain in the session that explains: it is loaded there after all measurements, and reports in a single
transaction, by notices to that session, so that nothing is written to the server's log. Must not be loaded in a session
that is measured afterwards. Source: https://www.postgresql.org/docs/current/auto-explain.html.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pglast import parse_sql
from pglast.ast import CallStmt, FuncCall
from pglast.visitors import Visitor
from psycopg.pq import DiagnosticField, Escaping, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from schemabench.monitor.nodes import Node, outline
from schemabench.records import InnerPlan

LOAD = b"LOAD 'auto_explain'"
"""Statements of a session before `listening`, outside a transaction; if they are refused, no plans are reported."""
_SPEAK = b"""
SET LOCAL auto_explain.log_min_duration = 0;
SET LOCAL auto_explain.log_nested_statements = on;
SET LOCAL auto_explain.sample_rate = 1;
SET LOCAL auto_explain.log_analyze = off;
SET LOCAL auto_explain.log_format = json;
SET LOCAL auto_explain.log_level = notice;
SET LOCAL client_min_messages = notice;
SET LOCAL lc_messages = 'C'
"""
_SAID = re.compile(r"duration: \S+ ms  plan:\n(?P<plan>\{.*\})\s*", re.DOTALL)
_FUNCTION = re.compile(r'function "?(?P<name>[^"(\s]+)"?(?:\([^)]*\))?(?: (?P<kind>line|statement) (?P<number>\d+))?')
"""In the context of a message, the innermost first: `PL/pgSQL function charge(integer) line 4 at SQL statement`, or
`SQL function "total" statement 1`."""
_USERS = b"""
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_proc
    JOIN pg_catalog.pg_language ON pg_language.oid = prolang
    WHERE proname = ANY (%s::name [])
    AND lanname NOT IN ('internal', 'c')
    AND pronamespace <> 'pg_catalog'::regnamespace
)
"""
"""Whether one of these names belongs to a function with statements."""


@contextmanager
def listening(connection: PGconn) -> Iterator[list[InnerPlan]]:
    """Yield a list that, at the end, holds the plans of all statements that functions executed meanwhile.

    Args:
        connection: A connection with auto_explain loaded, in a transaction; reports continue until its end.
    """
    heard: dict[tuple[str, str, str], InnerPlan] = {}
    plans: list[InnerPlan] = []

    def hear(notice: PGresult) -> None:
        said = _SAID.fullmatch(_field(notice, DiagnosticField.MESSAGE_PRIMARY))
        where = _FUNCTION.search(_field(notice, DiagnosticField.CONTEXT))
        if said is None or where is None:
            return  # from another source, or about the explained statement itself
        query: dict[str, Any] = json.loads(said["plan"])
        function = " ".join(filter(None, where.group("name", "kind", "number")))
        key = function, query["Query Text"], outline([query])
        times = heard[key].times if key in heard else 0
        heard[key] = InnerPlan(function=function, statement=query["Query Text"], times=times + 1, plan=[query])

    before, connection.notice_handler = connection.notice_handler, hear
    try:
        connection.exec_(_SPEAK)
        yield plans
    finally:
        connection.notice_handler = before
        plans += sorted(heard.values(), key=lambda one: (*_place(one.function), one.statement))


def calls_procedure(sql: str) -> bool:
    """Return whether a statement is a CALL, which has no plan of its own."""
    return any(isinstance(statement.stmt, CallStmt) for statement in parse_sql(sql))


def called(connection: PGconn, sql: str, queries: Sequence[Node]) -> bool:
    """Return whether a statement calls users' functions or triggers that execute statements.

    Args:
        connection: A connection to their database, in a transaction that has not failed.
        sql: The statement.
        queries: Its plan, with the triggers that fired.
    """
    if any("Constraint Name" not in trigger for query in queries for trigger in query.get("Triggers", ())):
        return True
    names = _Names()
    names(parse_sql(sql))
    if not names.found:
        return False
    array = "{" + ",".join(f'"{name}"' for name in sorted(names.found)) + "}"
    result = connection.exec_(_USERS % Escaping(connection).escape_literal(array.encode()))
    return result.status == ExecStatus.TUPLES_OK and result.get_value(0, 0) == b"t"


class _Names(Visitor):
    """Collects the names of the functions that a statement calls, without their schemas."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_FuncCall(self, _: object, node: FuncCall) -> None:  # noqa: N802 (pglast's naming)
        """Note a call."""
        self.found.update(name.sval for name in (node.funcname or ())[-1:])


def _place(function: str) -> tuple[str, int]:
    """Return the sort key of functions and their lines."""
    name, _, number = function.rpartition(" ")
    return (name, int(number)) if number.isdecimal() else (function, 0)


def _field(result: PGresult, field: DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")
