"""An entrant: a candidate in a database of its own, with open connections, ready to execute bursts.

Owns how a candidate becomes a database, and the translation of what a server says into errors for people. Must not
know blocks, order or statistics.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from random import Random
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import ConnStatus, ExecStatus

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError, SchemabenchError, ServerError, WorkloadError, is_servers_fault
from schemabench.experiment.burst import Burst, Encoded, Encoder
from schemabench.load import Drive, LostConnectionError, Request, Session, StatementFailedError, Step, drive
from schemabench.load.session import BEGIN, COMMIT
from schemabench.server import Database, Server
from schemabench.sqlfile import Operation, Text
from schemabench.workload import Call, Writer

_LOADER = Writer(name="background", kind="batch", weight=1)
HUNG_S = 120.0
"""A server that answers none of the connections for so long is taken for hung."""
_LOADED_AT_ONCE = 1000  # calls of the background in memory at a time
_SHOWN_VALUE = 80  # characters of a parameter in an error


@dataclass(frozen=True, kw_only=True)
class Template:
    """A candidate in a database that entrants are cloned from."""

    candidate: Candidate
    operations: Mapping[str, Operation]
    """The workload's, with the candidate's own where it overrides them."""
    server: Server
    database: Database


@dataclass(frozen=True, kw_only=True, eq=False)
class Entrant:
    """A candidate under the name by which it enters an experiment."""

    name: str
    template: Template
    database: Database
    sessions: Sequence[tuple[Session, Writer]]
    """The connections, each with the writer that it belongs to."""
    _prepared: set[tuple[Session, str]] = field(default_factory=set)
    _plans: dict[str, tuple[tuple[bytes, tuple[str, ...]], ...]] = field(default_factory=dict)

    def execute(self, burst: Burst, random: Random) -> Drive:
        """Execute a burst: everything that can be done before the clock starts is done before.

        Raises:
            CandidateError: The server refused an operation.
            ServerError: The server failed.
        """
        queues, pools = [], {}
        for (session, writer), queue in zip(self.sessions, burst.queues, strict=True):
            pool = burst.pools.get(writer.name, ())
            self._prepare(session, writer, {call.operation for call in chain(queue, pool)})
            if writer.name not in pools:
                pools[writer.name] = iter([self._request(call) for call in pool])
            queues.append((session, chain([self._request(call) for call in queue], pools[writer.name])))
        try:
            return drive(queues, calls=len(burst.operations), limit_s=HUNG_S, random=random)
        except StatementFailedError as failure:
            raise self._failed(failure) from None
        except LostConnectionError as failure:
            raise lost(self.template.server, str(failure)) from failure

    def retries(self) -> dict[str, int]:
        """Return how many attempts at each operation were undone so far."""
        total: dict[str, int] = {}
        for session, _ in self.sessions:
            for operation, count in session.retried.items():
                total[operation] = total.get(operation, 0) + count
        return total

    def close(self) -> None:
        """Close the connections."""
        for session, _ in self.sessions:
            session.close()

    def _request(self, call: Encoded) -> Request:
        number, operation, values = call
        steps: list[Step] = [
            (name, [values[parameter] for parameter in parameters]) for name, parameters in self._plans[operation]
        ]
        if len(steps) > 1:
            steps = [(BEGIN, ()), *steps, (COMMIT, ())]
        return number, operation, steps

    def _prepare(self, session: Session, writer: Writer, operations: Iterable[str]) -> None:
        """Prepare operations on a connection, each once."""
        for operation in operations:
            if (session, operation) not in self._prepared:
                self._plans[operation] = tuple(self._plan(session, writer, self.template.operations[operation]))
                self._prepared.add((session, operation))

    def _plan(self, session: Session, writer: Writer, operation: Operation) -> Iterator[tuple[bytes, tuple[str, ...]]]:
        """Prepare each statement of an operation; yield its name and its parameters."""
        whose_fault = CandidateError if self._own(operation) else WorkloadError
        for position, statement in enumerate(operation.statements):
            query = statement.render(writer.identifiers, whose_fault)
            name = f"{operation.name}_{position}".encode()
            result = session.prepare(name, query.sql)
            if session.connection.status != ConnStatus.OK:
                raise lost(self.template.server, session.connection.get_error_message())
            if result.status != ExecStatus.COMMAND_OK:
                raise self._failed(StatementFailedError(session, operation.name, (name, ()), result, 1))
            yield name, query.parameters

    def _own(self, operation: Operation) -> bool:
        """Return whether the candidate overrides the operation."""
        return operation.text.path == self.template.candidate.file.path

    def _failed(self, failure: StatementFailedError) -> SchemabenchError:
        """Return the error for people: operation, SQL, parameters, and what the server said."""
        writer = dict(self.sessions)[failure.session]
        operation = self.template.operations[failure.operation]
        position = failure.statement.decode().removeprefix(f"{operation.name}_")
        statement = operation.statements[int(position) if position.isdecimal() else -1]
        query = statement.render(writer.identifiers)
        shown = [
            f":{name} = {'NULL' if value is None else repr(value.decode(errors='replace')[:_SHOWN_VALUE])}"
            for name, value in zip(query.parameters, failure.parameters, strict=False)
        ]
        retried = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
        kind = ServerError if is_servers_fault(failure.sqlstate) else CandidateError
        return kind(
            f"The operation {operation.name!r} failed under the candidate {self.name!r}{retried}: {failure.message}",
            where=query.place(max(0, failure.position - 1)) if failure.position else statement.text.place(),
            sqlstate=failure.sqlstate,
            checked=[*shown, *filter(None, (failure.detail, *failure.context.splitlines()[:2]))],
            remedies=[]
            if self._own(operation)
            else [f"override it: `-- name: {operation.name}` in {self.template.candidate.file.path}"],
        )


def build(
    candidate: Candidate, defaults: Mapping[str, Operation], server: Server, background: Iterable[Call]
) -> Template:
    """Create a database with the candidate's schema and the background rows, vacuumed and analyzed.

    Args:
        candidate: What to build.
        defaults: The workload's operations.
        server: Where.
        background: The calls that load the background rows.

    Raises:
        CandidateError: The server refused the schema or an operation.
        ServerError: The server failed.
    """
    operations = candidates.operations(candidate, defaults)
    database = server.create(f"{candidate.name}_template")
    template = Template(candidate=candidate, operations=operations, server=server, database=database)
    try:
        _fill(template, background)
    except BaseException:
        drop(server, database)
        raise
    return template


def _fill(template: Template, background: Iterable[Call]) -> None:
    candidate, server, database = template.candidate, template.server, template.database
    try:
        with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
            candidates.install(candidate, connection)
            # Nobody measures the loading, and a clone does not inherit settings of its template.
            name = sql.Identifier(database.name)
            connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
        with closing(enter(template, candidate.name, database, [_LOADER])) as loader:
            _load(loader, background)
        with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
    except psycopg.OperationalError as cause:
        raise lost(server, str(cause)) from cause
    except psycopg.Error as cause:  # ANALYZE executes what indexes are made of
        raise candidates.refused(candidate, candidate.file.preamble, cause) from cause


def query(template: Template, name: str) -> Text:
    """Return the SQL of a query that checks rather than loads.

    Raises:
        CandidateError: The candidate made several statements of it.
    """
    operation = template.operations[name]
    if len(operation.statements) != 1:
        raise CandidateError(
            f"The query {name!r} has {len(operation.statements)} statements, not one", where=operation.text.place()
        )
    return operation.statements[0].text


def check(template: Template, names: Iterable[str]) -> None:
    """Have the server parse the queries that check, which it would otherwise see only after all blocks.

    Raises:
        CandidateError: The server refused one.
        ServerError: The server failed.
    """
    with connect(template.server, template.database) as connection:
        for name in names:
            text = query(template, name)
            result = connection.pgconn.prepare(b"", text.sql.encode())
            if result.status != ExecStatus.COMMAND_OK:
                cause = psycopg.errors.error_from_result(result)
                raise candidates.refused(template.candidate, text, cause) from cause


def connect(server: Server, database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to a database beside the sessions that are measured.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    try:
        return psycopg.connect(server.conninfo_for(database.name), autocommit=True)
    except psycopg.OperationalError as cause:
        raise lost(server, str(cause)) from cause


def drop(server: Server, database: Database) -> None:
    """Drop a database, unless its server is gone: then there is nothing that we could do about it."""
    if server.alive():
        server.drop(database)


def enter(template: Template, name: str, database: Database, writers: Iterable[Writer]) -> Entrant:
    """Open a connection to a clone of a template for each of the writers given.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    sessions: list[tuple[Session, Writer]] = []
    conninfo = template.server.conninfo_for(database.name)
    try:
        for writer in writers:
            sessions.append((Session.open(conninfo), writer))  # noqa: PERF401 (those that are open must be closed)
    except BaseException as cause:
        for session, _ in sessions:
            session.close()
        if isinstance(cause, LostConnectionError):
            raise lost(template.server, str(cause)) from cause
        raise
    return Entrant(name=name, template=template, database=database, sessions=sessions)


def _load(entrant: Entrant, calls: Iterable[Call]) -> None:
    encode, random = Encoder(), Random(0)  # noqa: S311 (only jitter)
    remaining = iter(calls)
    while some := list(islice(remaining, _LOADED_AT_ONCE)):
        queue = [Encoded(number, call.operation, encode(call)) for number, call in enumerate(some)]
        entrant.execute(Burst(queues=[queue], pools={}, operations=[call.operation for call in some], rows=0), random)


def lost(server: Server, message: str) -> ServerError:
    """Return the error for a connection that broke or was refused."""
    reason = server.failure()
    return ServerError(
        f"The connection to the server was lost: {message.strip()}",
        checked=[f"the server: {reason}" if reason else "the server is still there"],
        remedies=["run again", "look at the server's log"] if reason is None else ["run again"],
    )
