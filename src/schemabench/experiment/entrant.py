"""An entrant: a candidate in a database of its own, with open connections, ready to execute bursts.

Owns how a candidate becomes a database, and the translation of what a server says into errors for people. Must not
know blocks, order or statistics.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from random import Random

import psycopg
from psycopg.pq import ExecStatus

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError, SchemabenchError, ServerError
from schemabench.experiment.burst import Burst, Encoded, Encoder
from schemabench.load import Drive, LostConnectionError, Request, Session, StatementFailedError, Step, drive
from schemabench.load.session import BEGIN, COMMIT
from schemabench.server import Database, Server
from schemabench.sqlfile import Operation
from schemabench.workload import Call, Writer

_LOADER = Writer(name="background", kind="batch", weight=1)
HUNG_S = 120.0
"""A server that answers none of the connections for so long is taken for hung."""
_LOADED_AT_ONCE = 1000  # calls of the background in memory at a time
_SHOWN_VALUE = 80  # characters of a parameter in an error
_INSUFFICIENT_RESOURCES, _OPERATOR_INTERVENTION, _SYSTEM_ERROR = "53", "57", "58"
_SERVERS_FAULT = (_INSUFFICIENT_RESOURCES, _OPERATOR_INTERVENTION, _SYSTEM_ERROR)
"""Classes of SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html"""


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
        queues = [
            (session, [self._request(session, writer, encoded) for encoded in queue])
            for (session, writer), queue in zip(self.sessions, burst.queues, strict=True)
        ]
        try:
            return drive(queues, limit_s=HUNG_S, random=random)
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

    def _request(self, session: Session, writer: Writer, encoded: Encoded) -> Request:
        number, operation, values = encoded
        if (session, operation) not in self._prepared:
            self._prepare(session, writer, operation)
        steps: list[Step] = [
            (name, [values[parameter] for parameter in parameters]) for name, parameters in self._plans[operation]
        ]
        if len(steps) > 1:
            steps = [(BEGIN, ()), *steps, (COMMIT, ())]
        return number, operation, steps

    def _prepare(self, session: Session, writer: Writer, operation: str) -> None:
        plan = []
        for position, statement in enumerate(self.template.operations[operation].statements):
            query = statement.render(writer.identifiers)
            name = f"{operation}_{position}".encode()
            result = session.prepare(name, query.sql)
            if result.status != ExecStatus.COMMAND_OK:
                failure = StatementFailedError((0, operation, ()), (name, ()), result, 1)
                raise self._failed(failure, writer)
            plan.append((name, query.parameters))
        self._plans[operation] = tuple(plan)
        self._prepared.add((session, operation))

    def _failed(self, failure: StatementFailedError, writer: Writer | None = None) -> SchemabenchError:
        """Return the error for people: operation, SQL, parameters, and what the server said."""
        operation = self.template.operations[failure.operation]
        position = failure.statement.decode().removeprefix(f"{operation.name}_")
        statement = operation.statements[int(position) if position.isdecimal() else -1]
        query = statement.render(writer.identifiers if writer else self.sessions[0][1].identifiers)
        shown = [
            f":{name} = {'NULL' if value is None else repr(value.decode(errors='replace')[:_SHOWN_VALUE])}"
            for name, value in zip(query.parameters, failure.parameters, strict=False)
        ]
        own = operation.text.path == self.template.candidate.file.path
        retried = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
        kind = ServerError if failure.sqlstate.startswith(_SERVERS_FAULT) else CandidateError
        return kind(
            f"The operation {operation.name!r} failed under the candidate {self.name!r}{retried}: {failure.message}",
            where=query.place(max(0, failure.position - 1)) if failure.position else statement.text.place(),
            sqlstate=failure.sqlstate,
            checked=[*shown, *filter(None, (failure.detail, *failure.context.splitlines()[:2]))],
            remedies=[]
            if own
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
        with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
            candidates.install(candidate, connection)
        with closing(enter(template, candidate.name, database, [_LOADER])) as loader:
            _load(loader, background)
        with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
    except psycopg.OperationalError as cause:
        raise lost(server, str(cause)) from cause
    return template


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
        entrant.execute(Burst(queues=[queue], operations=[call.operation for call in some], rows=0), random)


def lost(server: Server, message: str) -> ServerError:
    """Return the error for a connection that broke or was refused."""
    reason = server.failure()
    return ServerError(
        f"The connection to the server was lost: {message.strip()}",
        checked=[f"the server: {reason}" if reason else "the server is still there"],
        remedies=["run again", "look at the server's log"] if reason is None else ["run again"],
    )
