"""A candidate alone in a database without rows, which can be emptied repeatedly.

Owns the serial execution of calls, each committed as in production, and the emptying of the database. Must not know the
expected rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from schemabench import candidate as candidates
from schemabench import sqlfile
from schemabench.candidate import Candidate
from schemabench.equivalence.counterexample import arrays
from schemabench.errors import CandidateError, SchemabenchError, ServerError, WorkloadError, is_servers_fault
from schemabench.load import kept
from schemabench.server import Database, Server, full, opened
from schemabench.statements import Operation, Query
from schemabench.workload import Call, Row

_LABEL = "check"
_FILE_IS_WRONG = "42"
"""The class of SQLSTATEs for syntax errors and names that do not exist: errors of any call at any time."""
STATEMENT_LIMIT_S = 20.0
"""A few rows take milliseconds, or seconds on a stalled machine: a statement that takes longer never ends."""
_RELATIONS = """
SELECT relkind::text, nspname, relname
FROM pg_catalog.pg_class
JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
WHERE (relkind = 'r' OR relkind = 'm' AND relispopulated)
    AND nspname <> 'information_schema' AND nspname !~ '^pg_'
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend
        WHERE classid = 'pg_catalog.pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
    )
ORDER BY pg_class.oid
"""
"""Tables, including partitions, and populated materialized views, in the order of their creation: no view precedes the
relations that it reads. Relations of extensions are excluded."""

_USED_SEQUENCES = "SELECT schemaname, sequencename FROM pg_catalog.pg_sequences WHERE last_value IS NOT NULL"
"""They begin anew, so that SQL which reproduces a disagreement does so in a database without rows."""

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]


class RefusedError(Exception):
    """A call was refused because of its values or the existing rows."""

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(f"{message} (SQLSTATE {sqlstate})")
        self.sqlstate = sqlstate


class Scratch:
    """A candidate in a separate database.

    Attributes:
        candidate: The candidate.
        operations: The workload's, with the candidate's own where it overrides them.
        identifiers: The value of each `:"name"` in them.
    """

    def __init__(
        self, candidate: Candidate, defaults: Mapping[str, Operation], identifiers: Mapping[str, str], server: Server
    ) -> None:
        self.candidate = candidate
        self.operations = candidates.operations(candidate, defaults)
        self.identifiers = identifiers
        self._server = server
        self._queries: dict[str, tuple[Query, ...]] = {}
        self._pristine: Database | None = None  # cloned for each sequence if the schema contains rows
        self._database = server.create(_LABEL, keep=False)
        self._connection = self._connect()

    def install(self) -> None:
        """Install the candidate.

        Raises:
            CandidateError: The server refused the schema.
            ServerError: The server failed.
        """
        candidates.install(self.candidate, self._connection)
        filled = _filled(self._connection)
        self._connection.close()  # SET in a schema ends with its session: writers do not have it either
        if filled:
            self._pristine, self._database = self._database, self._server.clone(self._database, _LABEL)
        self._connection = self._connect()

    def batch(self, operation: str) -> int:
        """Return the most calls of an operation that are one request."""
        return self.operations[operation].sending.batch

    def execute(self, request: Sequence[Call]) -> list[Row]:
        """Execute the calls of a request atomically, and return the rows of its last statement.

        Raises:
            RefusedError: The server refused it, with an error that its author does not accept; with its message.
            CandidateError: The operation's SQL is wrong.
            ServerError: The server failed.
        """
        call = request[0]
        operation = self.operations[call.operation]
        if missing := next((name for name in operation.parameters if name not in call.values), ""):
            raise WorkloadError(
                f"The model's calls of {operation.name!r} have no value for :{missing}", where=operation.text.place()
            )
        several = len(operation.statements) > 1
        try:
            if several:
                self._connection.execute("BEGIN")
            rows = self._copied(request, operation) if operation.copies else self._rows_of(request, operation)
            if several:
                self._connection.execute("COMMIT")
        except (RefusedError, psycopg.Error) as cause:
            if not self._connection.closed:
                self._connection.rollback()
            if cause.sqlstate in operation.sending.accepted:
                return []
            if isinstance(cause, psycopg.Error):  # an error of COMMIT, which executes deferred constraints
                raise self._failed(call.operation, self._rendered(call)[-1], cause) from cause
            raise
        return rows

    def _rows_of(self, request: Sequence[Call], operation: Operation) -> list[Row]:
        """Execute the statements of a request; return the rows of the last one."""
        call = request[0]
        own = arrays(request) if operation.sending.batch > 1 else call.values
        rows: list[Row] = []
        given: dict[str, bytes | None] = {}
        for place, (statement, query) in enumerate(zip(operation.statements, self._rendered(call), strict=True)):
            values: dict[str, object] = {name: None if one is None else one.decode() for name, one in given.items()}
            values |= own
            cursor = self._executed(call.operation, query, [values[name] for name in query.parameters])
            rows = cursor.fetchall() if cursor.description else []
            if statement.gives and statement.stops and not rows:
                break
            if statement.gives:
                self._keep(operation, place, cursor, given)
        return rows

    def _keep(self, operation: Operation, place: int, cursor: Cursor, given: dict[str, bytes | None]) -> None:
        """Keep what later statements take from a statement's only row, as text that the server reads again."""
        statement = operation.statements[place]
        assert cursor.pgresult is not None, "it was executed"
        refusal = kept(statement.gives, operation.taken(place), cursor.pgresult, given)
        if refusal is None:
            return
        if refusal.sqlstate.startswith(_FILE_IS_WRONG):
            raise CandidateError(
                f"{operation.name!r} failed under the candidate {self.candidate.name!r}: {refusal.message}",
                where=statement.text.place(),
                checked=[refusal.detail],
            )
        raise RefusedError(refusal.message, refusal.sqlstate)

    def query(self, names: Iterable[str]) -> list[list[Row]]:
        """Return the rows of some of the workload's queries; raises as `execute` does."""
        calls = [Call(name, {}) for name in names]
        try:
            with self._connection.pipeline():
                cursors = [self._connection.execute(self._rendered(call)[0].sql.encode()) for call in calls]
                return [cursor.fetchall() for cursor in cursors]
        except psycopg.Error:  # executing one after the other shows which query failed
            return [self.execute([call]) for call in calls]

    def clear(self) -> None:
        """Restore the database to its state after the installation of the schema.

        Raises:
            ServerError: The server failed.
        """
        try:
            if self._pristine is None:
                _empty(self._connection)
                return
            self._connection.close()
            self._server.drop(self._database)
            self._database = self._server.clone(self._pristine, _LABEL)
            self._connection = self._connect()
        except psycopg.Error as cause:
            raise self._lost(cause) from cause

    def close(self) -> None:
        """Disconnect, and drop the databases, unless the server is gone."""
        self._connection.close()
        if self._server.alive():
            for database in filter(None, (self._database, self._pristine)):
                self._server.drop(database)

    def _connect(self) -> Connection:
        connection: Connection = opened(self._server.conninfo_for(self._database.name))
        connection.cursor_factory = psycopg.RawCursor
        connection.execute("SET synchronous_commit = off")  # not measured, and a crash would end the check anyway
        connection.execute(f"SET statement_timeout = '{STATEMENT_LIMIT_S}s'".encode())
        return connection

    def _rendered(self, call: Call) -> tuple[Query, ...]:
        """Return the statements of a call, with its names and values where they are written into the SQL."""
        known = self._queries.get(call.operation)
        if known is not None:
            return known
        statements = self.operations[call.operation].statements
        own = {name: str(value) for name, value in call.values.items()}
        literals = {name: None if value is None else str(value) for name, value in call.values.items()}
        queries = tuple(one.render({**own, **self.identifiers}, CandidateError, literals) for one in statements)
        if not any(one.literals or one.identifiers - {*self.identifiers} for one in statements):
            self._queries[call.operation] = queries
        return queries

    def _copied(self, request: Sequence[Call], operation: Operation) -> list[Row]:
        """Copy the calls' values as rows; return none."""
        query = self._rendered(request[0])[0]
        try:
            with self._connection.cursor() as cursor:
                columns = cursor.execute(sqlfile.copied(query.sql).encode()).description or []
                with cursor.copy(query.sql.encode()) as copy:
                    if operation.statements[0].binary:
                        copy.set_types([one.type_code for one in columns])
                    for call in request:
                        copy.write_row([call.values[name] for name in operation.statements[0].columns])
        except psycopg.Error as cause:
            raise self._failed(operation.name, query, cause) from cause
        return []

    def _executed(self, name: str, query: Query, values: list[object]) -> Cursor:
        try:
            return self._connection.execute(query.sql.encode(), values or None)
        except psycopg.Error as cause:
            raise self._failed(name, query, cause) from cause

    def _failed(self, name: str, query: Query, cause: psycopg.Error) -> SchemabenchError | RefusedError:
        """Return the meaning of a refusal: a lost server, a wrong file, or a call that the candidate refuses."""
        if self._connection.closed or is_servers_fault(cause.sqlstate):
            return self._lost(cause)
        said = cause.diag.message_primary or str(cause)
        if (cause.sqlstate or "").startswith(_FILE_IS_WRONG):
            position = int(cause.diag.statement_position or 0)
            return CandidateError(
                f"The server refused the operation {name!r} under the candidate {self.candidate.name!r}: {said}",
                where=query.place(position - 1) if position else query.text.place(),
                sqlstate=cause.sqlstate,
                remedies=candidates.remedies(self.candidate, query.text, name),
            )
        detail = f": {cause.diag.message_detail}" if cause.diag.message_detail else ""
        return RefusedError(f"{said}{detail}", cause.sqlstate or "")

    def _lost(self, cause: psycopg.Error) -> ServerError:
        if refusal := full(str(cause)):
            return refusal
        reason = self._server.failure() if self._connection.closed else None
        return ServerError(
            f"The server failed while {self.candidate.name!r} was checked: {str(cause).strip()}",
            sqlstate=cause.sqlstate,
            checked=[f"the server: {reason}"] if reason else [],
            remedies=["run again"],
        )


def _filled(connection: Connection) -> list[tuple[str, sql.Identifier]]:
    """Return the tables (`r`) and views (`m`) that contain rows."""
    relations = [(kind, sql.Identifier(*name)) for kind, *name in connection.execute(_RELATIONS)]
    if not relations:
        return []
    looks = sql.SQL(", ").join(sql.SQL("EXISTS (SELECT FROM {})").format(name) for _, name in relations)
    (found,) = connection.execute(sql.SQL("SELECT ARRAY[{}]").format(looks)).fetchone() or ((),)
    return [relation for relation, filled in zip(relations, found, strict=True) if filled]


def _empty(connection: Connection) -> None:
    """Empty all tables and views.

    TRUNCATE waits for the disk, and takes several times as long as deleting a few rows. But only a superuser can delete
    without triggers and foreign keys.
    """
    filled = _filled(connection)
    tables = [name for kind, name in filled if kind == "r"]
    if tables and connection.info.parameter_status("is_superuser") == "on":
        deletions = sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(name) for name in tables)
        connection.execute(
            sql.SQL("SET session_replication_role = replica; {}; RESET session_replication_role").format(deletions)
        )
    elif tables:
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(tables)))
    for name in connection.execute(_USED_SEQUENCES).fetchall():
        connection.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(*name)))
    for kind, name in filled:
        if kind == "m":
            connection.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(name))
