"""Plans that a new session would choose, and the planner's estimates of tables.

Owns queries to the planner without side effects: nothing is executed, no lock outlives them, and no writer's session is
involved. In a writer's own session, EXPLAIN would count as an execution of the prepared statement, and so bring it
closer to the generic plan (https://www.postgresql.org/docs/current/sql-prepare.html).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import psycopg
from pglast import parse_sql
from pglast.ast import VariableSetStmt
from psycopg.pq.abc import PGconn
from psycopg.rows import TupleRow, class_row

from schemabench.monitor import queries
from schemabench.monitor.nodes import Node, outline
from schemabench.monitor.plans import LIMIT_MS, Statement, ask, execute, statement_text

_EXPLAIN = b"EXPLAIN (FORMAT JSON) "
_UNSEEN = (b"SET track_counts = off", b"SELECT pg_catalog.pg_stat_force_next_flush()")
"""Reads during planning are not counted with the writers'; if the role lacks the right to that setting, they are
flushed at once, before the next trial begins."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The plans that the planner would choose for one statement now."""

    custom: Sequence[Node]
    """The custom plan for the values of one call, as in a session's first five executions."""
    generic: Sequence[Node]
    """The generic plan, to which a session may switch after these."""

    @property
    def lines(self) -> frozenset[str]:
        """Both plans as lines."""
        return frozenset((outline(self.custom), outline(self.generic)))


Choices: TypeAlias = Mapping[tuple[str, int], Choice]
"""(operation, position of the statement in it) -> its plans."""


class Table(NamedTuple):
    """A table or materialized view, and the planner's estimates of it."""

    name: str
    root: str
    """Its topmost parent, with the schema if that is not on the search path; itself if it is not a partition."""
    believed_rows: float
    """-1 if it was never vacuumed or analyzed."""
    live_rows: int
    """Since the database was made, or since the table was last vacuumed or analyzed all there are."""
    pages: int


def choose(connection: PGconn, statements: Sequence[Statement]) -> dict[tuple[str, int], Choice]:
    """Return the plans of the statements of one operation; statements without a plan are omitted.

    Only `SET` is executed. A statement that takes a value from an earlier one's row is omitted. One that cannot be
    planned without executing the previous ones is omitted, with all that follow.

    Args:
        connection: A new connection, not a writer's, with the statements prepared. Calls block.
        statements: All statements of the operation, in order.

    Raises:
        LostConnectionError: The connection broke.
    """
    found: dict[tuple[str, int], Choice] = {}
    connection.exec_(_UNSEEN[0])
    execute(connection, b"BEGIN")
    try:
        execute(connection, b"SET LOCAL statement_timeout = %d" % LIMIT_MS)
        for statement in (one for one in statements if one.link is None or not one.link.takes):
            custom, generic = (_planned(connection, statement, mode) for mode in (b"custom", b"generic"))
            if custom and generic:
                found[statement.operation, statement.position] = Choice(custom=custom, generic=generic)
            elif _is_setting(sql := statement_text(connection, statement)):
                execute(connection, sql.encode())
    except psycopg.Error:
        return found
    finally:
        connection.exec_(b"ROLLBACK")
        connection.exec_(_UNSEEN[1])
    return found


def tables(connection: psycopg.Connection[TupleRow]) -> tuple[Table, ...]:
    """Return the planner's estimates of the tables of a database, each partition separately.

    Raises:
        psycopg.Error: The server failed.
    """
    with connection.cursor(row_factory=class_row(Table)) as cursor:
        return tuple(cursor.execute(queries.text("statistics")).fetchall())


def _planned(connection: PGconn, statement: Statement, mode: bytes) -> list[Node]:
    execute(connection, b"SET LOCAL plan_cache_mode = force_%s_plan" % mode)
    return ask(connection, statement, _EXPLAIN)


def _is_setting(sql: str) -> bool:
    return any(isinstance(statement.stmt, VariableSetStmt) for statement in parse_sql(sql))
