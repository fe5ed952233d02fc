"""Execution plans of an operation's statements, in the session of a writer.

Owns the use of EXPLAIN. Must not leave a row behind: everything executed here is rolled back.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from textwrap import shorten

import psycopg
from pglast import parse_sql
from pglast.ast import TransactionStmt
from psycopg.pq import ConnStatus, Escaping, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from schemabench.load import Linked, LostConnectionError, kept
from schemabench.monitor import functions
from schemabench.monitor.nodes import Node, summarise
from schemabench.records import InnerPlan, StatementPlan

LIMIT_MS = 30_000
"""Time limit of a statement. A trial lasts about 200 ms with many statements, and EXPLAIN slows them down a few times:
a longer one would delay the run for a figure of little importance."""
_EXPLAIN = b"EXPLAIN (ANALYZE, BUFFERS, WAL, SETTINGS, FORMAT JSON) "
_SHOWN_CHARACTERS = 60  # of a statement without a plan: enough for its kind and its table


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement of an operation in a writer's session."""

    operation: str
    position: int
    """Its position in the operation, from 0."""
    prepared: bytes
    """Its name as a prepared statement."""
    parameters: Sequence[bytes | None]
    """The parameters, in text format and in order."""
    link: Linked | None = None
    """What it takes from earlier statements' rows and gives to later ones, if anything."""


def explain(connection: PGconn, statements: Sequence[Statement]) -> tuple[StatementPlan, ...]:
    """Execute the statements of one operation under EXPLAIN, in one transaction that is rolled back.

    The plans are those that the session uses, generic ones if it has switched to them. Effects that a rollback does not
    undo remain: sequences advance, dead rows are left, the server's counters change; and triggers that are deferred to
    the commit never run. Hence call it after all measurements.

    A statement whose row later ones take is executed twice, first under EXPLAIN, which returns no row, and undone by a
    savepoint. Utility statements have no plan; they are still executed if other statements follow, for their effect,
    and calls of procedures for the plans inside. A statement that fails, as a repeated insert may, or that takes longer
    than `LIMIT_MS` has none either; the rest of the operation is then not executed.

    Args:
        connection: A writer's connection without an open transaction. Calls block, even if it is non-blocking.
        statements: All statements of the operation, in order.

    Returns:
        A plan, or the reason why there is none, for each statement. `same` is left to `compared`.

    Raises:
        LostConnectionError: The connection broke.
    """
    assert connection.transaction_status in {TransactionStatus.IDLE, TransactionStatus.UNKNOWN}, "a transaction is open"
    hindrance = _hindrance(connection)
    execute(connection, b"BEGIN")
    try:
        execute(connection, b"SET LOCAL statement_timeout = %d" % LIMIT_MS)
        return tuple(_explained(connection, statements, hindrance))
    finally:
        if connection.status == ConnStatus.OK:
            execute(connection, b"ROLLBACK")


def _hindrance(connection: PGconn) -> str:
    """Load auto_explain into the session, without reports so far; return why that failed, or an empty text."""
    try:
        execute(connection, functions.LOAD)
    except psycopg.Error as refusal:
        return f"auto_explain cannot be loaded: {refusal.diag.message_primary}"
    return ""


def compared(own: Sequence[StatementPlan], baseline: Sequence[StatementPlan]) -> tuple[StatementPlan, ...]:
    """Return a candidate's plans, each with `same` set: whether its nodes are those of the baseline's statement."""
    expected = {(one.operation, one.position): one.nodes for one in baseline if one.plan is not None}

    def same(one: StatementPlan) -> bool | None:
        nodes = expected.get((one.operation, one.position))
        return None if nodes is None or one.plan is None else one.nodes == nodes

    return tuple(replace(one, same=same(one)) for one in own)


def _explained(connection: PGconn, statements: Sequence[Statement], hindrance: str) -> Iterator[StatementPlan]:
    """Yield the plan of each statement.

    Args:
        connection: A connection in a transaction.
        statements: All statements of an operation, in order.
        hindrance: Why auto_explain does not report the statements in functions; empty if it does.
    """
    obstacle = ""
    values: dict[str, bytes | None] = {}
    for unfilled in statements:
        statement = _filled(unfilled, values)
        queries: list[Node] = []
        reason, unseen = obstacle, ""
        deaf: AbstractContextManager[list[InnerPlan]] = nullcontext([])
        with deaf if hindrance or obstacle else functions.listening(connection) as heard:
            if not obstacle:
                followed = statement.position < statements[-1].position
                queries, reason, obstacle = _attempt(connection, statement, values, followed=followed)
        inside = () if obstacle else tuple(heard)  # those of a failed statement are incomplete
        if hindrance and connection.transaction_status == TransactionStatus.INTRANS:
            sql = statement_text(connection, statement)
            if functions.calls_procedure(sql) or functions.called(connection, sql, queries):
                unseen = f"; plans in its functions are not known: {hindrance}"
        known = bool(queries or inside)
        nodes, summary = summarise(queries, inside) if known else ("", f"no plan: {reason}")
        yield StatementPlan(
            operation=statement.operation,
            position=statement.position,
            nodes=nodes,
            summary=summary + unseen,
            same=None,
            plan=queries if known else None,
            inside=inside,
        )


def _filled(statement: Statement, values: Mapping[str, bytes | None]) -> Statement:
    """Return a statement with what it takes from earlier rows, where these are known."""
    if statement.link is None or not all(name in values for _, name in statement.link.takes):
        return statement
    return replace(statement, parameters=statement.link.filled(values, {})[1])


def _attempt(
    connection: PGconn, statement: Statement, values: dict[str, bytes | None], *, followed: bool
) -> tuple[list[Node], str, str]:
    """Return a statement's queries, or why it has none; and why later ones cannot be executed, if so.

    Args:
        connection: A connection in a transaction.
        statement: The statement.
        values: Receives what later statements take from its row.
        followed: Whether other statements follow.
    """
    gives = statement.link is not None and bool(statement.link.columns)
    try:
        if gives:
            execute(connection, b"SAVEPOINT explained")
        queries = ask(connection, statement, _EXPLAIN)
        if gives:
            execute(connection, b"ROLLBACK TO explained")
            return queries, "", _given(connection, statement, values)
        if queries:
            return queries, "", ""
        sql = statement_text(connection, statement)
        reason = f"EXPLAIN has none for {shorten(sql, _SHOWN_CHARACTERS, placeholder=' ...')}"
        if _is_transaction_control(sql):
            return [], reason, f"not executed, as statement {statement.position + 1} would end the transaction"
        if followed or functions.calls_procedure(sql):
            execute(connection, execution(connection, statement.prepared, statement.parameters))
    except psycopg.Error as refusal:
        reason = f"{refusal.diag.message_primary} ({refusal.sqlstate})"
        return [], reason, f"not executed, as statement {statement.position + 1} failed"
    return [], reason, ""


def _given(connection: PGconn, statement: Statement, values: dict[str, bytes | None]) -> str:
    """Execute a statement for what later ones take from its row; return why they cannot be executed, if so."""
    assert statement.link is not None, "it gives a row"
    result = execute(connection, execution(connection, statement.prepared, statement.parameters))
    refusal = kept(statement.link.gives, statement.link.columns, result, values)
    return f"not executed, as statement {statement.position + 1} failed: {refusal.message}" if refusal else ""


def ask(connection: PGconn, statement: Statement, explain: bytes) -> list[Node]:
    """Return the output of a form of EXPLAIN for a statement: its queries, none for a utility statement.

    Raises:
        psycopg.Error: The server refused it.
        LostConnectionError: The connection broke.
    """
    result = execute(connection, explain + execution(connection, statement.prepared, statement.parameters))
    said = json.loads(result.get_value(0, 0) or b"[]")
    return [query for query in said if isinstance(query, dict)]  # a utility statement gives only a string


def execution(connection: PGconn, prepared: bytes, parameters: Sequence[bytes | None]) -> bytes:
    """Return the SQL that executes a statement, by the name that it is prepared by, with its parameters as text."""
    escaping = Escaping(connection)
    literals = [b"NULL" if value is None else escaping.escape_literal(value) for value in parameters]
    arguments = b"(" + b", ".join(literals) + b")" if literals else b""
    return b"EXECUTE " + escaping.escape_identifier(prepared) + arguments


def statement_text(connection: PGconn, statement: Statement) -> str:
    """Return a prepared statement's SQL."""
    name = Escaping(connection).escape_literal(statement.prepared)
    query = b"SELECT statement FROM pg_catalog.pg_prepared_statements WHERE name = "
    return (execute(connection, query + name).get_value(0, 0) or b"").decode()


def _is_transaction_control(sql: str) -> bool:
    """Return whether a statement, such as COMMIT, would end the transaction that is to be rolled back."""
    return any(isinstance(statement.stmt, TransactionStmt) for statement in parse_sql(sql))


def execute(connection: PGconn, sql: bytes) -> PGresult:
    """Execute SQL and wait for its result.

    Raises:
        psycopg.Error: The server refused it.
        LostConnectionError: The connection broke.
    """
    try:
        result = connection.exec_(sql)
    except psycopg.OperationalError as cause:
        raise LostConnectionError(str(cause)) from cause
    if connection.status != ConnStatus.OK:
        raise LostConnectionError(connection.get_error_message())
    if result.status == ExecStatus.FATAL_ERROR:
        raise psycopg.errors.error_from_result(result)
    return result
