"""Which plans a session that is new would choose, and what the planner believes of tables.

Owns a look at the planner that leaves nothing: nothing is executed, no lock outlives it, and no writer's session has to
do with it. In a writer's own, EXPLAIN would count as an execution of the prepared statement, and so lead it on to the
generic plan (https://www.postgresql.org/docs/current/sql-prepare.html).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple, TypeAlias

import psycopg
from pglast import parse_sql
from pglast.ast import VariableSetStmt
from psycopg.pq.abc import PGconn
from psycopg.rows import TupleRow, class_row

from schemabench.monitor.nodes import Node, outline
from schemabench.monitor.plans import LIMIT_MS, Statement, ask, execute, statement_text

_EXPLAIN = b"EXPLAIN (FORMAT JSON) "
_UNSEEN = (b"SET track_counts = off", b"SELECT pg_catalog.pg_stat_force_next_flush()")
"""What planning reads is not counted as the writers' doing; where the role has no right to that, it is counted at once,
before the next trial begins."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the planner would do with one statement now."""

    custom: Sequence[Node]
    """For the values of one call: what the first five executions in a session are done by."""
    generic: Sequence[Node]
    """For any values: what a session may come to after these."""

    @property
    def lines(self) -> frozenset[str]:
        """Either in one line."""
        return frozenset((outline(self.custom), outline(self.generic)))


Choices: TypeAlias = Mapping[tuple[str, int], Choice]
"""(operation, position of the statement in it) -> what would be done."""


class Table(NamedTuple):
    """A table or materialized view, and what the planner believes of it."""

    name: str
    root: str
    """Its topmost parent, with the schema where that is not on the search path; itself where it is no partition."""
    believed_rows: float
    """-1 where it was never vacuumed or analyzed."""
    live_rows: int
    """Since the database was made, or since the table was last vacuumed or analyzed all there are."""
    pages: int


def choose(connection: PGconn, statements: Sequence[Statement]) -> dict[tuple[str, int], Choice]:
    """Return how the statements of one operation would be executed; those are left out that have no plan.

    Nothing but `SET` is executed. A statement that cannot be planned without those before it is left out, with all that
    follow.

    Args:
        connection: A new one, not a writer's, where the statements are prepared. It is waited for.
        statements: All of the operation, in order.

    Raises:
        LostConnectionError: The connection broke.
    """
    found: dict[tuple[str, int], Choice] = {}
    connection.exec_(_UNSEEN[0])
    execute(connection, b"BEGIN")
    try:
        execute(connection, b"SET LOCAL statement_timeout = %d" % LIMIT_MS)
        for statement in statements:
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
    """Return what the planner believes of the tables of a database; partitions each for itself.

    Raises:
        psycopg.Error: The server failed.
    """
    query = resources.files(__package__).joinpath("queries/statistics.sql").read_bytes()
    with connection.cursor(row_factory=class_row(Table)) as cursor:
        return tuple(cursor.execute(query).fetchall())


def _planned(connection: PGconn, statement: Statement, mode: bytes) -> list[Node]:
    execute(connection, b"SET LOCAL plan_cache_mode = force_%s_plan" % mode)
    return ask(connection, statement, _EXPLAIN)


def _is_setting(sql: str) -> bool:
    return any(isinstance(statement.stmt, VariableSetStmt) for statement in parse_sql(sql))
