"""Jobs of one client set of pipelines: sessions that execute the operations of a candidate.

Owns the execution of operations, and the waits for a job. Must not know tables.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any, TypeAlias

import mutants
import psycopg

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError
from schemabench.server import Database, Server

NAMES = {"set": "a"}
LIMIT_S = 30.0
"""For what takes milliseconds."""
PIPELINES = mutants.found("pipelines")
ALL = sorted(mutants.shipped("pipelines"))

Session: TypeAlias = psycopg.Connection[Any]


class Job:
    """A session that executes operations of a candidate, for one set."""

    def __init__(self, one: Candidate, connection: Session) -> None:
        self.connection = connection
        self.connection.cursor_factory = psycopg.RawCursor
        self.backend = connection.info.backend_pid
        self._operations = candidates.operations(one, PIPELINES.operations)

    def steps(self, name: str, values: Mapping[str, object]) -> list[Callable[[], psycopg.Cursor[Any]]]:
        """Return what executes each statement of an operation."""
        queries = [one.render(NAMES, CandidateError, NAMES) for one in self._operations[name].statements]
        return [
            lambda query=query: self.connection.execute(  # type: ignore[misc] # a lambda has no annotations
                query.sql.encode(), [values[name] for name in query.parameters]
            )
            for query in queries
        ]

    def run(self, name: str, values: Mapping[str, object]) -> list[Any]:
        """Execute an operation, of several statements in a transaction; return the rows of its last statement."""
        steps = self.steps(name, values)
        if len(steps) == 1:
            cursor = steps[0]()
        else:
            with self.connection.transaction():
                for statement, step in zip(self._operations[name].statements, steps, strict=True):
                    cursor = step()
                    if statement.stops and not cursor.rowcount:
                        break
        return cursor.fetchall() if cursor.description else []

    def copy(self, records: Sequence[Mapping[str, object]], halfway: Callable[[], object] = lambda: None) -> None:
        """Copy records into staging; call something when half of them are sent."""
        (statement,) = self._operations["stage_record"].statements
        with self.connection.cursor().copy(statement.render(NAMES, CandidateError, NAMES).sql.encode()) as copy:
            for number, record in enumerate(records):
                if number == len(records) // 2:
                    halfway()
                copy.write_row([record[name] for name in statement.columns])

    def rows(self, name: str) -> list[Any]:
        """Return the rows of a query."""
        return self.run(name, {})


@contextmanager
def connected(server: Server, database: Database) -> Iterator[Session]:
    """Connect; the connection may be broken at the end."""
    connection = psycopg.connect(server.conninfo_for(database.name), autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


def until_it_waits(connection: Session, waiting: Job) -> None:
    """Return once a job waits for a lock."""
    _until(lambda: (waiting.backend,) in connection.execute("SELECT pid FROM pg_locks WHERE NOT granted").fetchall())


def until_it_is_gone(connection: Session, job: Job) -> None:
    """Return once the backend of a job has ended."""
    backends = "SELECT pid FROM pg_stat_activity"
    _until(lambda: (job.backend,) not in connection.execute(backends).fetchall())


def _until(done: Callable[[], bool]) -> None:
    until_s = monotonic() + LIMIT_S
    while not done():
        assert monotonic() < until_s, "it never came to that"
        sleep(0.01)


def locked(connection: Session, table: str) -> None:
    """Lock a table of any schema until the transaction ends."""
    named = "SELECT oid::regclass FROM pg_class WHERE relname = %s AND relkind IN ('r', 'p')"
    for (found,) in connection.execute(named, [table]).fetchall():
        connection.execute(f"LOCK TABLE {found} IN ACCESS EXCLUSIVE MODE".encode())
