"""One connection: its prepared statements, and its side of the conversation as a generator.

Owns what is sent and what is read, retries included. Must not wait: it yields the event it waits for, and the driver's
loop resumes it, as in psycopg's own generators.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from select import select
from time import monotonic, perf_counter_ns
from typing import TypeAlias

import psycopg
from psycopg import pq
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from schemabench.load.talk import AnyStep, Pause, Request, Talk, exchange
from schemabench.units import NANOSECONDS

DEADLOCK = "deadlock"
RETRYABLE = {"40P01": DEADLOCK, "40001": "serialization failure", "55P03": "lock timeout"}
"""SQLSTATEs after which a retry may succeed, and their names."""
RETRY_LIMIT = 100
"""Attempts at one operation before the candidate fails: far above what a live system would tolerate."""
_FIRST_BACKOFF_S = 0.001
_LONGEST_BACKOFF_S = 0.1
STOP_S = 5.0
"""Seconds in which a server must end a cancelled statement."""
SMALL_BYTES = 2048
"""Of parameters that the kernel always has room for: a socket can hold at least 4 KiB that are to be sent (tcp(7))."""
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

SUCCEEDED = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}
ROLLBACK = b"rollback"
"""The name of the statement that every session has prepared."""


Retried: TypeAlias = dict[tuple[str, str], int]
"""(operation, reason of the rollback) -> attempts."""


class StatementFailedError(Exception):
    """The server refused a statement with an error that is not retryable, or after too many retries."""

    def __init__(self, session: "Session", operation: str, step: AnyStep, result: PGresult, attempts: int) -> None:
        self.session = session
        self.operation = operation
        self.statement, self.parameters = step[0], step[1]
        self.attempts = attempts
        self.sqlstate = _diagnosis(result, DiagnosticField.SQLSTATE)
        self.message = _diagnosis(result, DiagnosticField.MESSAGE_PRIMARY)
        self.detail = _diagnosis(result, DiagnosticField.MESSAGE_DETAIL)
        self.context = _diagnosis(result, DiagnosticField.CONTEXT)
        self.position = int(_diagnosis(result, DiagnosticField.STATEMENT_POSITION) or 0)
        """In characters from 1; 0 if the server gave none."""
        super().__init__(f"{self.operation}: {self.message} ({self.sqlstate})")


class LostConnectionError(Exception):
    """The connection to the server broke."""


@dataclass(slots=True)
class Flight:
    """The running calls of one connection, and their starts."""

    request: Request | None = None
    """None if no call is running alone."""
    started_ns: int = 0
    """On the clock of `time.perf_counter_ns`; the last call's if none is running."""
    window: dict[int, tuple[Request, int]] = field(default_factory=dict)
    """The running requests of a pipeline, by number, each with its start."""

    def running(self) -> list[tuple[Request, int]]:
        """Return the running requests, each with its start."""
        alone = [(self.request, self.started_ns)] if self.request is not None else []
        return alone + list(self.window.values())

    def clear(self) -> None:
        """Forget what a drive that failed has left."""
        self.request = None
        self.window.clear()


@dataclass(frozen=True, eq=False)
class Session:
    """One connection with its prepared statements.

    Attributes:
        connection: psycopg's wrapper of a libpq connection, non-blocking.
        retried: Attempts rolled back since the session was opened.
        paused_ns: Operation -> its pauses before retries, since then.
        flight: The running calls.
        retryable: Operation -> SQLSTATE -> what it is called, for errors after which its author has it repeated.
        round_trip_ns: What is added to every exchange, as time on the way.
    """

    connection: PGconn
    retried: Retried = field(default_factory=dict)
    paused_ns: dict[str, int] = field(default_factory=dict)
    flight: Flight = field(default_factory=Flight)
    retryable: dict[str, Mapping[str, str]] = field(default_factory=dict)
    round_trip_ns: int = 0

    @classmethod
    def open(cls, conninfo: str, *, isolation: str = "", round_trip_s: float = 0.0) -> "Session":
        """Connect.

        Args:
            conninfo: libpq's connection string.
            isolation: The isolation level of all transactions, as in `repeatable read`; empty for the server's default.
            round_trip_s: Added to every exchange, as time on the way.

        Raises:
            LostConnectionError: The server cannot be reached or refused; with its message.
        """
        connection: PGconn = pq.PGconn.connect(conninfo.encode())
        if connection.status != ConnStatus.OK:
            message = connection.get_error_message()
            connection.finish()
            raise LostConnectionError(message)
        for name, value in (SETTINGS | ({ISOLATION: isolation} if isolation else {})).items():
            connection.exec_(f"SET {name} TO '{value}'".encode())
        connection.prepare(ROLLBACK, b"ROLLBACK")
        connection.nonblocking = 1
        return cls(connection, round_trip_ns=round(round_trip_s * NANOSECONDS))

    def prepare(self, name: bytes, sql: str) -> PGresult:
        """Prepare a statement; the result shows whether the server accepted it."""
        self.connection.nonblocking = 0
        result = self.connection.prepare(name, sql.encode())
        self.connection.nonblocking = 1
        return result

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
        ready = select(
            [socket], [socket] if blocked else [], [], min(left_s, CANCEL_AGAIN_S) if in_pipeline else left_s
        )
        if in_pipeline and not any(ready):
            self.cancel()

    def close(self) -> None:
        """Cancel the running statement, and disconnect."""
        self.cancel()
        self.connection.finish()


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


def converse(session: Session, requests: Iterable[Request], latencies_ns: list[int], random: Random) -> Talk:
    """Execute plain requests one after the other; yield at every wait.

    This generator is the inner loop of every measurement: it makes no unnecessary call. libpq sends a statement as soon
    as it has it, and the kernel has room for a small one if nothing else is on its way. The end of a request is the
    start of the next.

    Args:
        session: The connection.
        requests: In order; each as `is_plain` says.
        latencies_ns: Receives each request's service time at its number, retries included.
        random: Determines the jitter of retries.

    Raises:
        StatementFailedError: The server refused a statement.
        LostConnectionError: The connection broke.
    """
    connection, flight = session.connection, session.flight
    send, clock = connection.send_query_prepared, perf_counter_ns
    consume, busy, receive = connection.consume_input, connection.is_busy, connection.get_result
    rows, done = int(ExecStatus.TUPLES_OK), int(ExecStatus.COMMAND_OK)
    try:
        started = clock()
        for request in requests:
            number, _, steps = request
            flight.started_ns = started
            flight.request = request
            for step in steps:
                statement, parameters = step  # type: ignore[misc]
                send(statement, parameters)
                yield None
                consume()
                while busy():
                    yield None
                    consume()
                result = receive()
                while receive() is not None:
                    pass
                if result is None or ((status := result.status) != done and status != rows):
                    yield from repeat(session, request, step, result, random)
                    break
            ended = clock()
            latencies_ns[number] = ended - started
            started = ended
        flight.request = None
    except psycopg.OperationalError as cause:
        raise LostConnectionError(str(cause).strip()) from cause


def conduct(session: Session, requests: Iterable[Request], latencies_ns: list[int], random: Random) -> Talk:
    """Execute requests of any kind, as `converse` does plain ones, each exchange at the session's distance."""
    flight = session.flight
    try:
        for request in requests:
            number, _, steps = request
            flight.started_ns = started = perf_counter_ns()
            flight.request = request
            for step in steps:
                result = yield from exchange(session.connection, step, session.round_trip_ns)
                if result is None or result.status not in SUCCEEDED:
                    yield from repeat(session, request, step, result, random)
                    break
            latencies_ns[number] = max(1, perf_counter_ns() - started)
        flight.request = None
    except psycopg.OperationalError as cause:
        raise LostConnectionError(str(cause).strip()) from cause


def is_plain(session: Session, requests: Iterable[Request]) -> bool:
    """Return whether `converse` can execute requests: small ones of prepared statements, with no round trip added."""
    return not session.round_trip_ns and all(
        type(step) is tuple and sum(len(value) for value in step[1] if value) <= SMALL_BYTES
        for *_, steps in requests
        for step in steps
    )


def repeat(session: Session, request: Request, step: AnyStep, result: PGresult | None, random: Random) -> Talk:
    """Retry a request until it succeeds, after an attempt that the server rolled back."""
    _, operation, steps = request
    for attempt in range(1, RETRY_LIMIT + 1):
        if result is None:
            raise LostConnectionError(session.connection.get_error_message())
        sqlstate = _diagnosis(result, DiagnosticField.SQLSTATE)
        reason = RETRYABLE.get(sqlstate) or session.retryable.get(operation, {}).get(sqlstate)
        if reason is None or attempt == RETRY_LIMIT:
            raise StatementFailedError(session, operation, step, result, attempt)
        session.retried[operation, reason] = session.retried.get((operation, reason), 0) + 1
        if session.connection.transaction_status != TransactionStatus.IDLE:
            yield from exchange(session.connection, (ROLLBACK, ()), session.round_trip_ns)
        # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        backoff_s = random.uniform(0, min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**attempt))
        pausing_ns = perf_counter_ns()
        yield Pause(pausing_ns + round(backoff_s * NANOSECONDS))
        paused_ns = perf_counter_ns() - pausing_ns
        session.paused_ns[operation] = session.paused_ns.get(operation, 0) + paused_ns
        for step in steps:  # noqa: PLR1704 (the step that failed last is the one to report)
            result = yield from exchange(session.connection, step, session.round_trip_ns)
            if result is None or result.status not in SUCCEEDED:
                break
        else:
            return


def _left_pipeline(connection: PGconn) -> bool:
    """Leave pipeline mode, if it is on and all results are read; return whether it is off."""
    with suppress(psycopg.OperationalError):
        connection.exit_pipeline_mode()
    return connection.pipeline_status == PipelineStatus.OFF


def _diagnosis(result: PGresult, field: DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")
