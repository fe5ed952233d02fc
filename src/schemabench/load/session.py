"""One connection: its prepared statements, and its side of the conversation as a generator.

Owns what is sent and what is read, retries included. Must not wait: it yields the event it waits for, and the driver's
loop resumes it, as in psycopg's own generators.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from select import POLLIN, POLLOUT, poll
from time import monotonic
from typing import TypeAlias

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, Escaping, ExecStatus, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from schemabench.load.opening import NotOpenedError, opened
from schemabench.load.talk import AnyStep, Flight, Value
from schemabench.units import NANOSECONDS, plural

DEADLOCK = "deadlock"
RETRYABLE = {"40P01": DEADLOCK, "40001": "serialization failure", "55P03": "lock timeout"}
"""SQLSTATEs after which a retry may succeed, and their names."""
RETRY_LIMIT = 100
"""Attempts at one operation before the candidate fails: far above what a live system would tolerate."""
NO_DATA, TOO_MANY_ROWS, UNKNOWN_COLUMN, WRONG_TYPE = "P0002", "P0003", "42703", "42804"
"""SQLSTATEs that the server has for the same, as in PL/pgSQL's INTO STRICT."""
STOP_S = 5.0
"""Seconds in which a server must end a cancelled statement."""
PREPARED_WITHIN_S = 30.0
"""A statement that is not prepared within so many seconds waits for a lock: otherwise milliseconds suffice."""
CANCEL_AGAIN_S = 0.05
"""Seconds of silence after which the next statement of a pipeline is cancelled."""

SETTINGS = {
    # A process stopped in the middle of a transaction must not block all others with its locks.
    "idle_in_transaction_session_timeout": "5s",
    # A session is idle during the others' trials, and for minutes while candidates are built.
    "idle_session_timeout": "0",
}
"""Settings that every session sets."""
ISOLATION = "default_transaction_isolation"
"""The setting that a session takes from its workload."""

ROLLBACK = b"rollback"
"""The name of the statement that every session has prepared."""


Undone: TypeAlias = dict[tuple[str, str], int]
"""(operation, reason of the rollback) -> attempts."""
Accepted: TypeAlias = tuple[int, str, str]
"""The number of a request that was rolled back and left at that, its operation, and the reason."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why an attempt failed, in the server's words, or in ours where the number of rows was wrong."""

    sqlstate: str
    message: str
    detail: str = ""
    context: str = ""
    position: int = 0
    """In the statement's text, in characters from 1; 0 if the server gave none."""

    @classmethod
    def of(cls, result: PGresult) -> "Refusal":
        """Return what the server said."""

        def said(part: DiagnosticField) -> str:
            return (result.error_field(part) or b"").decode(errors="replace")

        return cls(
            sqlstate=said(DiagnosticField.SQLSTATE),
            message=said(DiagnosticField.MESSAGE_PRIMARY),
            detail=said(DiagnosticField.MESSAGE_DETAIL),
            context=said(DiagnosticField.CONTEXT),
            position=int(said(DiagnosticField.STATEMENT_POSITION) or 0),
        )

    @classmethod
    def of_rows(cls, row: str, count: int) -> "Refusal":
        """Return that a statement returned no row, or several, with the SQLSTATEs of PL/pgSQL's INTO STRICT."""
        shown = "no row" if count == 0 else plural(count, "row")
        return cls(sqlstate=NO_DATA if count == 0 else TOO_MANY_ROWS, message=f"{row!r} has {shown}, not one")


class StatementFailedError(Exception):
    """A statement was refused with an error that is not retryable, or after too many retries."""

    def __init__(self, session: "Session", operation: str, step: AnyStep, refusal: Refusal, attempts: int) -> None:
        self.session = session
        self.operation = operation
        self.step = step
        self.refusal = refusal
        self.attempts = attempts
        super().__init__(f"{operation}: {refusal.message} ({refusal.sqlstate})")


class LostConnectionError(Exception):
    """The connection to the server broke."""


@dataclass(frozen=True, eq=False)
class Session:
    """One connection with its prepared statements.

    Attributes:
        connection: psycopg's wrapper of a libpq connection, non-blocking.
        retried: Attempts that were rolled back and repeated since the session was opened.
        accepted: Requests that were rolled back and left at that, since then.
        paused_ns: Operation -> its pauses before retries, since then.
        flight: The running calls.
        retryable: Operation -> SQLSTATE -> what it is called, for errors after which its author has it repeated.
        acceptable: Likewise for errors that end it as if it had succeeded.
        round_trip_ns: What is added to every exchange, as time on the way.
        memory: Name -> what a committed request has remembered under it for later ones, of any session that shares it.
    """

    connection: PGconn
    retried: Undone = field(default_factory=dict)
    accepted: list[Accepted] = field(default_factory=list)
    paused_ns: dict[str, int] = field(default_factory=dict)
    flight: Flight = field(default_factory=Flight)
    retryable: dict[str, Mapping[str, str]] = field(default_factory=dict)
    acceptable: dict[str, Mapping[str, str]] = field(default_factory=dict)
    round_trip_ns: int = 0
    memory: dict[str, Value] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        conninfo: str,
        *,
        isolation: str = "",
        role: str = "",
        round_trip_s: float = 0.0,
        memory: dict[str, Value] | None = None,
    ) -> "Session":
        """Connect.

        Args:
            conninfo: libpq's connection string.
            isolation: As for `open_all`, likewise below.
            role: As which it executes; empty for the one that connects.
            round_trip_s: Added to every exchange.
            memory: What requests remember for others; None for an empty one.

        Raises:
            LostConnectionError: The server cannot be reached or refused; with its message.
        """
        (one,) = cls.open_all(
            [(conninfo, role)], isolation=isolation, round_trip_s=round_trip_s, memory={} if memory is None else memory
        )
        return one

    @classmethod
    def open_all(
        cls,
        wanted: Sequence[tuple[str, str]],
        *,
        isolation: str = "",
        round_trip_s: float = 0.0,
        memory: dict[str, Value],
    ) -> "list[Session]":
        """Connect several times at once: all, or none.

        Args:
            wanted: For each, libpq's connection string, and the role as which it executes; empty for the one that
                connects.
            isolation: The isolation level of all transactions, as in `repeatable read`; empty for the server's default.
            round_trip_s: Added to every exchange, as time on the way.
            memory: What requests remember for others.

        Raises:
            LostConnectionError: The server cannot be reached or refused; with its message.
        """
        try:
            connections = opened([conninfo for conninfo, _ in wanted])
        except NotOpenedError as cause:
            raise LostConnectionError(str(cause)) from None
        try:
            _set_up(connections, [role for _, role in wanted], isolation)
        except BaseException as failure:
            for connection in connections:
                connection.finish()
            if isinstance(failure, psycopg.OperationalError):  # it was lost meanwhile
                raise LostConnectionError(str(failure)) from None
            raise
        round_trip_ns = round(round_trip_s * NANOSECONDS)
        return [cls(connection, round_trip_ns=round_trip_ns, memory=memory) for connection in connections]

    def prepare(self, name: bytes, sql: str) -> PGresult:
        """Prepare a statement; the result shows whether the server accepted it.

        Raises:
            LostConnectionError: It took longer than `PREPARED_WITHIN_S`.
        """
        (result,) = prepare([(self, name, sql.encode())])
        if result is None:
            raise LostConnectionError(f"{name.decode()} could not be prepared within {PREPARED_WITHIN_S:g} s")
        return result

    def _prepared(self, deadline_s: float) -> PGresult | None:
        """Return the result of preparing a statement that was sent; None if it takes too long."""
        connection = self.connection
        prepared: PGresult | None = None
        while True:
            blocked = connection.flush()
            connection.consume_input()
            if not connection.is_busy():
                result = connection.get_result()
                if result is None:  # what could not be sent has none
                    return prepared or connection.make_empty_result(ExecStatus.FATAL_ERROR)
                prepared = result
            elif (left_s := deadline_s - monotonic()) > 0:
                _wait(connection.socket, blocked, left_s)
            else:
                return None

    def parameter_types(self, name: bytes) -> tuple[int, ...]:
        """Return the object ids of the types of a prepared statement's parameters, in order; waits for the answer."""
        described = self._described(name)
        return tuple(described.param_type(place) for place in range(described.nparams))

    def column_types(self, name: bytes) -> tuple[int, ...]:
        """Return the object ids of the types of a prepared query's columns, in order; waits for the answer."""
        described = self._described(name)
        return tuple(described.ftype(place) for place in range(described.nfields))

    def _described(self, name: bytes) -> PGresult:
        self.connection.nonblocking = 0
        described = self.connection.describe_prepared(name)
        self.connection.nonblocking = 1
        return described

    def query(self, sql: str, parameters: Sequence[bytes] = ()) -> PGresult:
        """Execute a query between bursts and wait for its result, which shows whether the server accepted it."""
        self.connection.nonblocking = 0
        result = self.connection.exec_params(sql.encode(), parameters)
        self.connection.nonblocking = 1
        return result

    def cancel(self) -> None:
        """Cancel the running statement, if any; the server then answers as usual."""
        if self.connection.status == ConnStatus.OK and self.connection.transaction_status == TransactionStatus.ACTIVE:
            with suppress(psycopg.Error):
                self.connection.get_cancel().cancel()

    def settle(self, deadline_s: float) -> bool:
        """Read the outstanding results, and roll back; return whether the session can be used again.

        Args:
            deadline_s: On the clock of `time.monotonic`.
        """
        connection = self.connection
        try:
            while True:
                blocked, left_s = connection.flush(), deadline_s - monotonic()
                connection.consume_input()
                if not connection.is_busy():
                    result = connection.get_result()
                    if result is None:
                        if _left_pipeline(connection):
                            break
                    elif result.status == ExecStatus.COPY_IN:  # the server waits for rows, and says nothing else before
                        connection.put_copy_end(b"given up")
                elif left_s > 0:
                    self._await(blocked, left_s)
                else:
                    return False
            if connection.transaction_status != TransactionStatus.IDLE:
                connection.nonblocking = 0
                connection.exec_prepared(ROLLBACK, ())
                connection.nonblocking = 1
        except psycopg.OperationalError:
            return False
        return connection.transaction_status == TransactionStatus.IDLE

    def _await(self, blocked: int, left_s: float) -> None:
        """Wait for the server; if it executes the next statement of a pipeline meanwhile, cancel that, too."""
        socket, in_pipeline = self.connection.socket, self.connection.pipeline_status != PipelineStatus.OFF
        ready = _wait(socket, blocked, min(left_s, CANCEL_AGAIN_S) if in_pipeline else left_s)
        if in_pipeline and not ready:
            self.cancel()

    def close(self) -> None:
        """Cancel the running statement, and disconnect."""
        self.cancel()
        self.connection.finish()


def _set_up(connections: Sequence[PGconn], roles: Sequence[str], isolation: str) -> None:
    """Set what every session sets, and prepare what it needs, in all of them at once.

    Raises:
        LostConnectionError: The server refused one of it; with its message.
    """
    settings = SETTINGS | ({ISOLATION: isolation} if isolation else {})
    texts = [f"SET {name} TO '{value}'".encode() for name, value in settings.items()]
    for connection, role in zip(connections, roles, strict=True):
        own = [b"SET ROLE " + Escaping(connection).escape_identifier(role.encode())] if role else []
        connection.send_query(b"; ".join([*texts, *own]))
    for connection in connections:
        _accepted(connection)
    for connection in connections:
        connection.send_prepare(ROLLBACK, b"ROLLBACK")
    for connection in connections:
        _accepted(connection)
        connection.nonblocking = 1


def _accepted(connection: PGconn) -> None:
    """Wait for the results of what was sent."""
    while (result := connection.get_result()) is not None:
        if result.status != ExecStatus.COMMAND_OK:
            raise LostConnectionError(Refusal.of(result).message or connection.get_error_message())


def prepare(statements: Iterable[tuple[Session, bytes, bytes]], within_s: float | None = None) -> list[PGresult | None]:
    """Prepare a statement in each of several sessions, in all of them at once.

    Args:
        statements: Session, name and SQL of each.
        within_s: How long all of them may take; None for `PREPARED_WITHIN_S`.

    Returns:
        For each, in order, a result that shows whether the server accepted it; None if it took too long, because a
        table that it uses remained locked. It is then cancelled.
    """
    deadline_s = monotonic() + (PREPARED_WITHIN_S if within_s is None else within_s)
    sent = []
    for session, name, sql in statements:
        with suppress(psycopg.OperationalError):  # as below
            session.connection.send_prepare(name, sql)
        sent.append(session)
    results: list[PGresult | None] = []
    for session in sent:
        try:
            results.append(session._prepared(deadline_s))  # noqa: SLF001 (this module's)
        except psycopg.OperationalError:  # the connection is lost, as its status says
            results.append(session.connection.make_empty_result(ExecStatus.FATAL_ERROR))
    stop([session for session, result in zip(sent, results, strict=True) if result is None])
    return results


def stop(sessions: Sequence[Session]) -> bool:
    """Cancel running calls and roll them back, to release their locks; return whether all sessions can be used again.

    Other sessions are closed, because the server has not ended their statements.
    """
    for session in sessions:
        session.cancel()
    deadline_s = monotonic() + STOP_S
    unfit = [session for session in sessions if not session.settle(deadline_s)]
    for session in unfit:
        session.connection.finish()
    return not unfit


def _wait(socket: int, blocked: int, limit_s: float) -> bool:
    """Wait until a socket can be read, or written if that is blocked; return whether it can within so many seconds.

    By poll, since select takes no descriptor above 1,023, and a run may have more sessions.
    """
    watch = poll()
    watch.register(socket, POLLIN | (POLLOUT if blocked else 0))
    return bool(watch.poll(max(0.0, limit_s) * 1000))


def _left_pipeline(connection: PGconn) -> bool:
    """Leave pipeline mode, if it is on and all results are read; return whether it is off."""
    with suppress(psycopg.OperationalError):
        connection.exit_pipeline_mode()
    return connection.pipeline_status == PipelineStatus.OFF
