"""An entrant: a candidate in a database of its own, with open connections, ready to execute bursts.

Owns how a candidate becomes a database, and the translation of what a server says into errors for people. Must not
know blocks, order or statistics.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError, SchemabenchError, ServerError, WorkloadError, is_servers_fault
from schemabench.experiment import undone
from schemabench.experiment.burst import Burst, Encoded
from schemabench.experiment.loaded import Loaded
from schemabench.load import (
    Drive,
    Limits,
    LostConnectionError,
    Others,
    Request,
    Session,
    SlowCallError,
    StatementFailedError,
    Step,
    Talk,
    drive,
    stop,
)
from schemabench.load.session import STOP_S, Retried
from schemabench.monitor.plans import Statement
from schemabench.monitor.sampler import mark
from schemabench.redaction import redact_sql
from schemabench.server import Database, Host, Server, lost, opened
from schemabench.sqlfile import Operation, Text
from schemabench.units import format_duration
from schemabench.workload import Writer

_UNLIMITED = Limits()
_SHOWN_VALUE = 80  # characters of a parameter in an error
_FLUSH = b"flush_statistics"


@dataclass(frozen=True, kw_only=True)
class Template:
    """A candidate in a database that entrants are cloned from."""

    candidate: Candidate
    operations: Mapping[str, Operation]
    """The workload's, with the candidate's own where it overrides them."""
    server: Host
    database: Database
    isolation: str = ""
    """The isolation level of the writers' transactions; empty for the server's own."""


@dataclass(kw_only=True, eq=False)
class Entrant:
    """A candidate under the name by which it enters an experiment."""

    name: str
    template: Template
    database: Database
    """The copy that it is in at present."""
    sessions: Sequence[tuple[Session, Writer]]
    """The connections, each with the writer that it belongs to."""
    _prepared: set[tuple[Session, str]] = field(default_factory=set)
    _plans: dict[str, tuple[tuple[bytes, tuple[str, ...]], ...]] = field(default_factory=dict)

    def execute(self, burst: Burst, random: Random, limits: Limits = _UNLIMITED) -> Drive:
        """Load a burst and drive it; see there."""
        return self.drive(self.load(burst), random, limits)

    def load(self, burst: Burst) -> Loaded:
        """Do everything for a burst that can be done before the clock starts.

        Raises:
            CandidateError: The server refused an operation.
            ServerError: The server failed.
        """
        queues: list[tuple[Session, Sequence[Request]]] = []
        for (session, writer), queue in zip(self.sessions, burst.queues, strict=True):
            self._prepare(session, writer, {call.operation for call in queue})
            queues.append((session, [self._request(call) for call in queue]))
        return Loaded(queues=queues, operations=burst.operations, pace=burst.pace)

    def flush_statistics(self) -> None:
        """Have every session write down what it counted, which it would otherwise do within seconds.

        Raises:
            ServerError: The server failed.
        """
        queues: list[tuple[Session, Sequence[Request]]] = []
        for session, _ in self.sessions:
            if (session, "") not in self._prepared:
                result = session.prepare(_FLUSH, "SELECT pg_catalog.pg_stat_force_next_flush()")
                if result.status != ExecStatus.COMMAND_OK:
                    continue  # PostgreSQL 14 has no such function: its counts come late
                self._prepared.add((session, ""))
            queues.append((session, [(len(queues), "", [(_FLUSH, ())])]))
        self.drive(Loaded(queues=queues, operations=[""] * len(queues)), Random(0))  # noqa: S311 (nothing is retried)

    def drive(
        self,
        loaded: Loaded,
        random: Random,
        limits: Limits = _UNLIMITED,
        watch: tuple[int, Talk] | None = None,
        others: Others | None = None,
    ) -> Drive:
        """Execute what is loaded, once; nothing is under way afterwards.

        Args:
            loaded: What to execute.
            random: Where the jitter of retries comes from.
            limits: How long it may take.
            watch: Who watches meanwhile, as for the load loop's `drive`.
            others: Who else is watched to the end, likewise.

        Raises:
            CandidateError: The server refused an operation, or a call took longer than it may.
            ServerError: The server failed.
        """
        before, sessions = self.retries(), [session for session, _ in self.sessions]
        try:
            driven = drive(
                loaded.queues,
                calls=len(loaded.operations),
                random=random,
                limits=limits,
                failure=self.template.server.failure,
                due_s=loaded.pace.due_s if loaded.pace else None,
                watch=watch,
                others=others,
            )
        except StatementFailedError as failure:
            stop(sessions)
            raise self._failed(failure) from None
        except SlowCallError as failure:
            awaited = self._awaited(failure.session)
            stop(sessions)
            retried = {key: count - before.get(key, 0) for key, count in self.retries().items()}
            raise self._slow(failure, limits, retried, awaited) from None
        except LostConnectionError as failure:
            raise lost(self.template.server, failure) from failure
        if driven.cut and not stop(sessions):
            raise CandidateError(
                f"A trial of {self.template.candidate.name!r} was cut short, and the server did not end it within "
                f"{format_duration(STOP_S)} of being told to",
                remedies=["look at the server's log"],
            )
        return driven

    def asked(self, calls: Iterable[tuple[Writer, Encoded]]) -> Iterator[tuple[PGconn, list[Statement]]]:
        """Yield for each call, of the writer given, a connection that has prepared it, and its statements to ask for.

        That is one that has executed the operation, and so has come to the plan that it was executed by; where only
        other workers have such a connection, it is one of ours.

        Raises:
            CandidateError: The server refused an operation.
            ServerError: The server failed.
        """
        for writer, call in calls:
            known = [session for session, _ in self.sessions if (session, call.operation) in self._prepared]
            session = known[0] if known else self.sessions[0][0]
            self._prepare(session, writer, {call.operation})
            steps = self._plans[call.operation]
            statements = [
                Statement(
                    operation=call.operation,
                    position=position,
                    prepared=name,
                    parameters=[call.values[parameter] for parameter in parameters],
                )
                for position, (name, parameters) in enumerate(steps[1:-1] if len(steps) > 1 else steps)
            ]
            yield session.connection, statements

    @property
    def pids(self) -> list[int]:
        """The process ids of the sessions, on the server."""
        return [session.connection.backend_pid for session, _ in self.sessions]

    def retries(self) -> Retried:
        """Return how many attempts at each operation were undone so far, and why."""
        total: Retried = {}
        for session, _ in self.sessions:
            for key, count in session.retried.items():
                total[key] = total.get(key, 0) + count
        return total

    def paused_ns(self) -> int:
        """Return how long all connections together have paused so far, before they tried again what was undone."""
        return sum(sum(session.paused_ns.values()) for session, _ in self.sessions)

    def leave(self) -> None:
        """Close the connections, and forget what was prepared over them."""
        self.close()
        self._prepared.clear()
        self._plans.clear()

    def go_on(self, database: Database) -> None:
        """Connect anew, to the same database or to a copy of it.

        Raises:
            ServerError: The server cannot be reached or refused.
        """
        self.database = database
        self.sessions = connected(self.template, database, [writer for _, writer in self.sessions])

    def close(self) -> None:
        """Close the connections."""
        for session, _ in self.sessions:
            session.close()

    def _request(self, call: Encoded) -> Request:
        number, operation, values, _ = call
        steps: list[Step] = [
            (name, [values[parameter] for parameter in parameters]) for name, parameters in self._plans[operation]
        ]
        return number, operation, steps

    def _prepare(self, session: Session, writer: Writer, operations: Iterable[str]) -> None:
        """Prepare operations on a connection, each once."""
        for operation in operations:
            if (session, operation) not in self._prepared:
                self._plans[operation] = tuple(self._plan(session, writer, self.template.operations[operation]))
                self._prepared.add((session, operation))

    def _plan(self, session: Session, writer: Writer, operation: Operation) -> Iterator[tuple[bytes, tuple[str, ...]]]:
        """Prepare each statement of an operation, several as a transaction; yield its name and its parameters."""
        whose_fault = CandidateError if self._own(operation) else WorkloadError
        queries = [statement.render(writer.identifiers, whose_fault) for statement in operation.statements]
        statements = [(str(position), query.sql, query.parameters) for position, query in enumerate(queries)]
        if len(statements) > 1:
            statements = [("begin", "BEGIN", ()), *statements, ("commit", "COMMIT", ())]
        for label, text, parameters in statements:
            name = f"{operation.name}_{label}".encode()
            result = session.prepare(name, mark(operation.name) + text)
            if session.connection.status != ConnStatus.OK:
                raise lost(self.template.server, session.connection.get_error_message())
            if result.status != ExecStatus.COMMAND_OK:
                raise self._failed(StatementFailedError(session, operation.name, (name, ()), result, 1))
            yield name, parameters

    def _awaited(self, session: Session) -> list[str]:
        """Return what a session waits for at this moment, as far as the server says."""
        with suppress(psycopg.Error, ServerError), connect(self.template.server, self.database) as connection:
            return undone.awaited(connection, session.connection.backend_pid)
        return []

    def _slow(self, failure: SlowCallError, limits: Limits, retried: Retried, awaited: Sequence[str]) -> CandidateError:
        """Return the error for a call that took longer than it may: operation, parameters, time."""
        _, operation, steps = failure.request
        values = {
            name: value
            for (_, names), (_, parameters) in zip(self._plans[operation], steps, strict=True)
            for name, value in zip(names, parameters, strict=True)
        }
        checked, remedies = undone.said(retried, [session for session, _ in self.sessions])
        return CandidateError(
            f"A call of {operation!r} under the candidate {self.template.candidate.name!r} was given up after "
            f"{format_duration(failure.elapsed_s)}: a call may take {format_duration(limits.call_s)}",
            where=self.template.operations[operation].text.place(),
            checked=[*_shown(values.items()), *awaited, *checked],
            remedies=[*remedies, "let calls take longer: --call-timeout 2min"],
        )

    def _own(self, operation: Operation) -> bool:
        """Return whether the candidate overrides the operation."""
        return operation.text.path == self.template.candidate.file.path

    def _failed(self, failure: StatementFailedError) -> SchemabenchError:
        """Return the error for people: operation, SQL, parameters, and what the server said."""
        if failure.operation not in self.template.operations:
            return lost(
                self.template.server, failure.message
            )  # what is ours is refused only to a session that is ended
        writer, candidate = dict(self.sessions)[failure.session], self.template.candidate
        operation = self.template.operations[failure.operation]
        position = failure.statement.decode().removeprefix(f"{operation.name}_")
        statement = operation.statements[int(position) if position.isdecimal() else -1]
        query = statement.render(writer.identifiers)
        shown = _shown(zip(query.parameters, failure.parameters, strict=False))
        retried = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
        kind = ServerError if is_servers_fault(failure.sqlstate) else CandidateError
        return kind(
            f"The operation {operation.name!r} failed under the candidate {candidate.name!r}{retried}: "
            f"{failure.message}",
            where=query.place(max(0, failure.position - 1 - len(mark(operation.name))))
            if failure.position
            else statement.text.place(),
            sqlstate=failure.sqlstate,
            checked=[*shown, *filter(None, (failure.detail, *redact_sql(failure.context).splitlines()[:2]))],
            remedies=candidates.remedies(candidate, statement.text, operation.name),
        )


def _shown(values: Iterable[tuple[str, bytes | None]]) -> list[str]:
    """Return the parameters of a call, each with the beginning of its value."""
    return [
        f":{name} = {'NULL' if value is None else repr(value.decode(errors='replace')[:_SHOWN_VALUE])}"
        for name, value in values
    ]


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
                raise candidates.refused(template.candidate, text, cause, name) from cause


def connect(server: Host, database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to a database beside the sessions that are measured.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    try:
        return opened(server.conninfo_for(database.name))
    except psycopg.OperationalError as cause:
        raise lost(server, cause) from cause


def drop(server: Server, database: Database) -> None:
    """Drop a database, unless its server is gone: then there is nothing that we could do about it."""
    if server.alive():
        server.drop(database)


def enter(template: Template, name: str, database: Database, writers: Iterable[Writer]) -> Entrant:
    """Open a connection to a clone of a template for each of the writers given.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    return Entrant(name=name, template=template, database=database, sessions=connected(template, database, writers))


def connected(template: Template, database: Database, writers: Iterable[Writer]) -> list[tuple[Session, Writer]]:
    """Return a connection to a database for each of the writers given: all, or none.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    sessions: list[tuple[Session, Writer]] = []
    conninfo = template.server.conninfo_for(database.name)
    try:
        for writer in writers:
            sessions.append((Session.open(conninfo, isolation=template.isolation), writer))  # noqa: PERF401 (those that are open must be closed)
    except BaseException as cause:
        for session, _ in sessions:
            session.close()
        if isinstance(cause, LostConnectionError):
            raise lost(template.server, cause) from cause
        raise
    return sessions
