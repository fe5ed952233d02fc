"""A candidate alone in databases without rows, which can be emptied repeatedly.

Owns the serial execution of calls, each committed as in production, and the emptying of the databases. Must not know
the expected rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from schemabench import candidate as candidates
from schemabench import signals, sqlfile
from schemabench.candidate import Candidate
from schemabench.encoding import DOCUMENTS, Document, Encoder, held, register_json
from schemabench.equivalence.counterexample import arrays
from schemabench.equivalence.questions import questions
from schemabench.errors import CandidateError, SchemabenchError, ServerError, WorkloadError, is_servers_fault
from schemabench.load import kept
from schemabench.server import Databases, Server, full, offering, opened, several
from schemabench.statements import Operation, Query
from schemabench.workload import NO_PART, Call, Parts, Row

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

_SEQUENCES = """
SELECT schemaname, sequencename, start_value
FROM pg_catalog.pg_sequences
WHERE pg_catalog.has_sequence_privilege(pg_catalog.format('%I.%I', schemaname, sequencename), 'SELECT')
"""
_USED_SEQUENCES = "SELECT schemaname, sequencename FROM pg_catalog.pg_sequences WHERE last_value IS NOT NULL"
"""They begin anew, so that SQL which reproduces a disagreement does so in a database without rows."""

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]


class RefusedError(Exception):
    """A call, or a query, was refused because of its values or the existing rows."""

    def __init__(self, operation: str, message: str, sqlstate: str) -> None:
        super().__init__(f"{message} (SQLSTATE {sqlstate})")
        self.operation = operation
        self.sqlstate = sqlstate


class Scratch:
    """A candidate in separate databases.

    Attributes:
        candidate: The candidate.
        operations: The workload's, with the candidate's own where it overrides them.
        parts: The parts of the workload.
    """

    def __init__(self, candidate: Candidate, defaults: Mapping[str, Operation], parts: Parts, server: Server) -> None:
        self.candidate = candidate
        self.operations = candidates.operations(candidate, defaults)
        self.parts = parts
        self._server = server
        self._queries: dict[tuple[str, str], tuple[Query, ...]] = {}
        self._asked: dict[str, list[tuple[Call, Query]]] = {}
        self._kinds: dict[tuple[str, ...], dict[str, Document]] = {}
        """The part and the SQL of a call -> its values that are taken for JSON."""
        self._pristine: Databases | None = None
        """Cloned for each sequence if the schema contains rows, or moves a sequence."""
        self._databases = several.create(server, _LABEL, parts.names if candidate.databases == "part" else ())
        self._connections = self._connect()

    def install(self) -> None:
        """Install the candidate.

        Raises:
            CandidateError: The server refused the schema.
            ServerError: The server failed.
        """
        for part, names in self.parts.of(self._databases.by_part).items():
            candidates.install(self.candidate, self._connections[part], names, offering)
        filled = any(_filled(connection) or _moved(connection) for connection in self._connections.values())
        self._disconnect()  # SET in a schema ends with its session: writers do not have it either
        if filled:
            self._pristine = self._databases
            self._databases = several.clone(self._server, self._pristine, _LABEL)
        self._connections = self._connect()

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
        connection = self._connection(call)
        names = {*call.values, *self.parts.identifiers(call.part)}
        if missing := next((name for one in operation.statements for name in one.lacks(call.values, names)), ""):
            raise WorkloadError(
                f"The model's calls of {operation.name!r} have no value for :{missing}", where=operation.text.place()
            )
        together = len(operation.statements) > 1
        request = [self.held(one) for one in request]
        try:
            if together:
                connection.execute("BEGIN")
            rows = self._copied(request, operation) if operation.copies else self._rows_of(request, operation)
            if together:
                connection.execute("COMMIT")
        except (RefusedError, psycopg.Error) as cause:
            if not connection.closed:
                connection.rollback()
            if cause.sqlstate in operation.sending.accepted:
                return []
            if isinstance(cause, psycopg.Error):  # an error of COMMIT, which executes deferred constraints
                raise self._failed(call, self._rendered(call)[-1], cause) from cause
            raise
        return rows

    def held(self, call: Call) -> Call:
        """Return a call as it is sent: with lists as psycopg is to adapt them for what holds JSON."""
        if not any(isinstance(value, list | tuple) for value in call.values.values()):
            return call
        queries = self._rendered(call)
        known = call.part, *(query.sql for query in queries)
        if known not in self._kinds:
            self._kinds[known] = self._kinds_of(call, queries)
        values = {**call.values, **{name: held(call.values[name], kind) for name, kind in self._kinds[known].items()}}
        return call._replace(values=values)

    def _kinds_of(self, call: Call, queries: Sequence[Query]) -> dict[str, Document]:
        """Return the values of a call that its operation takes for JSON; none if the server refuses its SQL."""
        connection, operation = self._connection(call), self.operations[call.operation]
        documents = {int(oid): Document(kind) for oid, kind in connection.execute(DOCUMENTS)}
        found: dict[str, Document] = {}
        for query in queries:
            sql, names = query.sql, query.parameters
            if operation.copies:
                sql, names = sqlfile.copied(sql), operation.statements[0].columns
            prepared = connection.pgconn.prepare(b"", sql.encode())
            if prepared.status != ExecStatus.COMMAND_OK:
                return {}  # its execution says why
            about = connection.pgconn.describe_prepared(b"")
            types = map(about.ftype if operation.copies else about.param_type, range(len(names)))
            found |= {name: documents[one] for name, one in zip(names, types, strict=True) if one in documents}
        gathered = operation.sending.batch > 1 and not operation.copies
        return {name: Document.ONE if gathered else kind for name, kind in found.items() if name in call.values}

    def _rows_of(self, request: Sequence[Call], operation: Operation) -> list[Row]:
        """Execute the statements of a request; return the rows of the last one."""
        call = request[0]
        own = arrays(request) if operation.sending.batch > 1 else call.values
        rows: list[Row] = []
        given: dict[str, bytes | None] = {}
        for place, (statement, query) in enumerate(zip(operation.statements, self._rendered(call), strict=True)):
            values: dict[str, object] = {name: None if one is None else one.decode() for name, one in given.items()}
            values |= own
            cursor = self._executed(call, query, [values[name] for name in query.parameters])
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
        raise RefusedError(operation.name, refusal.message, refusal.sqlstate)

    def query(self, names: Iterable[str]) -> list[list[Row]]:
        """Return the rows of some of the workload's queries, those of all parts united; raises as `execute` does."""
        asked = [self._questions(name) for name in names]
        try:
            with signals.deferred(*(one.cancel for one in self._connections.values())), ExitStack() as stack:
                for connection in self._connections.values():
                    stack.enter_context(connection.pipeline())
                cursors = [
                    [self._connection(call).execute(query.sql.encode()) for call, query in each] for each in asked
                ]
                return [[row for cursor in some for row in cursor.fetchall()] for some in cursors]
        except psycopg.Error:  # executing one after the other shows which query failed
            return [[row for call, _ in each for row in self.execute([call])] for each in asked]

    def clear(self) -> None:
        """Restore the databases to their state after the installation of the schema.

        Raises:
            ServerError: The server failed.
        """
        try:
            if self._pristine is None:
                for connection in self._connections.values():
                    _empty(connection)
                return
            self._disconnect()
            several.give_up(self._server, self._databases)
            self._databases = several.clone(self._server, self._pristine, _LABEL)
            self._connections = self._connect()
        except psycopg.Error as cause:
            raise self._lost(cause) from cause

    def close(self) -> None:
        """Disconnect, and drop the databases, as far as they can be dropped."""
        self._disconnect()
        several.give_up(self._server, [*self._databases, *(self._pristine or ())])

    def _questions(self, name: str) -> list[tuple[Call, Query]]:
        """Return what to ask for a query, as calls of the parts that it is asked for."""
        if name not in self._asked:
            some = questions(self.operations[name], self._databases, self.parts, CandidateError)
            names = self.parts.identifiers
            self._asked[name] = [(Call(name, names(one.part), part=one.part), one.query) for one in some]
        return self._asked[name]

    def _connect(self) -> dict[str, Connection]:
        """Return a connection to each database."""
        found: dict[str, Connection] = {}
        for part, database in self._databases.by_part.items():
            found[part] = opened(self._server.conninfo_for(database.name))
            found[part].cursor_factory = psycopg.RawCursor
            register_json(found[part].adapters)
            found[part].execute("SET synchronous_commit = off")  # not measured, and a crash would end the check anyway
            found[part].execute(f"SET statement_timeout = '{STATEMENT_LIMIT_S}s'".encode())
        return found

    def _disconnect(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def _connection(self, call: Call) -> Connection:
        """Return the connection to the database of a call's part.

        Raises:
            WorkloadError: The call belongs to no part, and each part has a database of its own.
        """
        if NO_PART in self._connections:
            return self._connections[NO_PART]
        if not call.part:
            raise WorkloadError(
                f"The model's call of {call.operation!r} belongs to no part, and {self.candidate.name!r} has a "
                "database for each",
                checked=[f"parts: {', '.join(self.parts.names)}"],
                remedies=["say which part it belongs to: `Call(..., part=...)`"],
            )
        return self._connections[call.part]

    def _rendered(self, call: Call) -> tuple[Query, ...]:
        """Return the statements of a call, with its names and values where they are written into the SQL."""
        known = self._queries.get((call.part, call.operation))
        if known is not None:
            return known
        identifiers = self.parts.identifiers(call.part)
        statements = self.operations[call.operation].statements
        own = {name: str(value) for name, value in call.values.items()} | {**identifiers}
        texts = {name: None if value is None else str(value) for name, value in call.values.items()} | {**identifiers}
        queries = tuple(one.render(own, CandidateError, texts) for one in statements)
        if not any((one.literals | one.identifiers) - {*identifiers} for one in statements):
            self._queries[call.part, call.operation] = queries
        return queries

    def _copied(self, request: Sequence[Call], operation: Operation) -> list[Row]:
        """Copy the calls' values as rows; return none."""
        query = self._rendered(request[0])[0]
        try:
            with self._connection(request[0]).cursor() as cursor:
                columns = cursor.execute(sqlfile.copied(query.sql).encode()).description or []
                with cursor.copy(query.sql.encode()) as copy:
                    if operation.statements[0].binary:
                        copy.set_types([one.type_code for one in columns])
                    for call in request:
                        copy.write_row([call.values[name] for name in operation.statements[0].columns])
        except psycopg.Error as cause:
            raise self._failed(request[0], query, cause) from cause
        return []

    def _executed(self, call: Call, query: Query, values: list[object]) -> Cursor:
        try:
            return self._connection(call).execute(query.sql.encode(), values or None)
        except psycopg.Error as cause:
            raise self._failed(call, query, cause) from cause

    def _failed(self, call: Call, query: Query, cause: psycopg.Error) -> SchemabenchError | RefusedError:
        """Return the meaning of a refusal: a lost server, a wrong file, or a call that the candidate refuses.

        Raises:
            WorkloadError: No server refused it, but a value cannot be sent.
        """
        name = call.operation
        if cause.sqlstate is None and not self._connection(call).closed:
            Encoder(self.operations)(name, call.values)
        ended = candidates.ends_sessions(self.candidate, cause.sqlstate)
        if not ended and (self._connection(call).closed or is_servers_fault(cause.sqlstate)):
            return self._lost(cause)
        said = cause.diag.message_primary or str(cause)
        if ended or (cause.sqlstate or "").startswith(_FILE_IS_WRONG):
            position = int(cause.diag.statement_position or 0)
            return CandidateError(
                f"The server refused the operation {name!r} under the candidate {self.candidate.name!r}: {said}",
                where=query.place(position - 1) if position else query.text.place(),
                sqlstate=cause.sqlstate,
                remedies=candidates.remedies(self.candidate, query.text, name),
            )
        detail = f": {cause.diag.message_detail}" if cause.diag.message_detail else ""
        return RefusedError(call.operation, f"{said}{detail}", cause.sqlstate or "")

    def _lost(self, cause: psycopg.Error) -> ServerError:
        if refusal := full(str(cause)):
            return refusal
        closed = any(one.closed for one in self._connections.values())
        reason = self._server.failure() if closed else None
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


def _moved(connection: Connection) -> bool:
    """Return whether the schema leaves a sequence elsewhere than where it starts, to which `RESTART` would take it."""
    looks = [
        sql.SQL("EXISTS (SELECT FROM {} WHERE is_called OR last_value <> {})").format(sql.Identifier(*name), start)
        for *name, start in connection.execute(_SEQUENCES)
    ]
    if not looks:
        return False
    (moved,) = connection.execute(sql.SQL("SELECT {}").format(sql.SQL(" OR ").join(looks))).fetchone() or (False,)
    return bool(moved)


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
