"""One connection: its prepared statements, and its side of the conversation as a generator.

Owns what is sent and what is read, retries included. Must not wait: it yields what it waits for, and the driver's
loop resumes it, as in psycopg's own generators.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from select import select
from time import monotonic, perf_counter_ns
from typing import NamedTuple, TypeAlias

import psycopg
from psycopg import pq
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from schemabench.units import NANOSECONDS

DEADLOCK = "deadlock"
RETRYABLE = {"40P01": DEADLOCK, "40001": "serialization failure", "55P03": "lock timeout"}
"""SQLSTATEs after which the same operation may succeed, and what they are called."""
RETRY_LIMIT = 100
"""Attempts at one operation before the experiment is given up: far above what a live system would tolerate."""
_FIRST_BACKOFF_S = 0.001
_LONGEST_BACKOFF_S = 0.1
STOP_S = 5.0
"""How long a server may take to end what was cancelled: it looks for that many times a second."""

SETTINGS = {
    # A process that is stopped in the middle of a transaction must not stop, by its locks, all others with it.
    "idle_in_transaction_session_timeout": "5s",
    # Between trials a session idles for as long as the others' take, and while candidates are built for minutes.
    "idle_session_timeout": "0",
}
"""What every session sets for itself."""
ISOLATION = "default_transaction_isolation"
"""The setting that a session has from its workload."""

ROLLBACK = b"rollback"
"""The name of the one statement that every session has prepared."""


class Want(Enum):
    """What a conversation waits for, where it is not just something to read."""

    WRITE = "room to write"
    READ_AGAIN = "something to read, after there was no room to write"


class Pause(NamedTuple):
    """A conversation that wants to be resumed later."""

    until_ns: int
    """On the clock of `time.perf_counter_ns`."""


Talk: TypeAlias = Generator[Want | Pause | None, None, None]
"""A conversation over one connection: it yields None for something to read, a `Want` where the kernel must be told, and
`Pause` for a while."""


Step: TypeAlias = tuple[bytes, Sequence[bytes | None]]
"""The name of a prepared statement, and its parameters in text format."""
Request: TypeAlias = tuple[int, str, Sequence[Step]]
"""One call: its number in the burst (where its latency goes), its operation, and its steps. Several steps are one
transaction, whose BEGIN and COMMIT are steps too. Plain tuples, since the interpreter unpacks nothing faster."""
Retried: TypeAlias = dict[tuple[str, str], int]
"""(operation, why the server undid it) -> attempts."""


class StatementFailedError(Exception):
    """The server refused a statement, for good or more often than it is repeated."""

    def __init__(self, session: "Session", operation: str, step: Step, result: PGresult, attempts: int) -> None:
        self.session = session
        self.operation = operation
        self.statement, self.parameters = step
        self.attempts = attempts
        self.sqlstate = _diagnosis(result, DiagnosticField.SQLSTATE)
        self.message = _diagnosis(result, DiagnosticField.MESSAGE_PRIMARY)
        self.detail = _diagnosis(result, DiagnosticField.MESSAGE_DETAIL)
        self.context = _diagnosis(result, DiagnosticField.CONTEXT)
        self.position = int(_diagnosis(result, DiagnosticField.STATEMENT_POSITION) or 0)
        """In characters from 1; 0 where the server gave none."""
        super().__init__(f"{self.operation}: {self.message} ({self.sqlstate})")


class LostConnectionError(Exception):
    """The connection to the server broke."""


@dataclass(slots=True)
class Flight:
    """The call that is under way over one connection, since when."""

    request: Request | None = None
    """None where there is none."""
    started_ns: int = 0
    """On the clock of `time.perf_counter_ns`; of the last one where there is none."""


@dataclass(frozen=True, eq=False)
class Session:
    """One connection with its prepared statements.

    Attributes:
        connection: psycopg's wrapper of a libpq connection, non-blocking.
        retried: Attempts that were undone, since the session was opened.
        paused_ns: Operation -> how long it paused before it was tried again, since then.
        flight: The call that is under way.
    """

    connection: PGconn
    retried: Retried = field(default_factory=dict)
    paused_ns: dict[str, int] = field(default_factory=dict)
    flight: Flight = field(default_factory=Flight)

    @classmethod
    def open(cls, conninfo: str, *, isolation: str = "") -> "Session":
        """Connect.

        Args:
            conninfo: libpq's words.
            isolation: The isolation level of all transactions, as in `repeatable read`; empty for the server's own.

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
        return cls(connection)

    def prepare(self, name: bytes, sql: str) -> PGresult:
        """Prepare a statement; the result tells whether the server accepted it."""
        self.connection.nonblocking = 0
        result = self.connection.prepare(name, sql.encode())
        self.connection.nonblocking = 1
        return result

    def query(self, sql: str, parameters: Sequence[bytes] = ()) -> PGresult:
        """Execute a query between bursts and wait for its answer; the result tells whether the server accepted it."""
        self.connection.nonblocking = 0
        result = self.connection.exec_params(sql.encode(), parameters)
        self.connection.nonblocking = 1
        return result

    def cancel(self) -> None:
        """Have the server give up what still runs; it answers as usual that it did."""
        if self.connection.status == ConnStatus.OK and self.connection.transaction_status == TransactionStatus.ACTIVE:
            with suppress(psycopg.Error):
                self.connection.get_cancel().cancel()

    def settle(self, deadline_s: float) -> bool:
        """Read what is still to come, and roll back; return whether the session is fit for more.

        Args:
            deadline_s: On the clock of `time.monotonic`.
        """
        connection = self.connection
        try:
            while True:
                blocked, left_s = connection.flush(), deadline_s - monotonic()
                connection.consume_input()
                if not connection.is_busy():
                    if connection.get_result() is None:
                        break
                elif left_s > 0:
                    select([connection.socket], [connection.socket] if blocked else [], [], left_s)
                else:
                    return False
            if connection.transaction_status != TransactionStatus.IDLE:
                connection.nonblocking = 0
                connection.exec_prepared(ROLLBACK, ())
                connection.nonblocking = 1
        except psycopg.OperationalError:
            return False
        return connection.transaction_status == TransactionStatus.IDLE

    def close(self) -> None:
        """Cancel what still runs, and hang up."""
        self.cancel()
        self.connection.finish()


def stop(sessions: Sequence[Session]) -> bool:
    """Give up what is under way and roll it back, so that nobody waits for its locks; return whether all are fit.

    Those that are not are closed: the server has not ended what they asked for.
    """
    for session in sessions:
        session.cancel()
    deadline_s = monotonic() + STOP_S
    unfit = [session for session in sessions if not session.settle(deadline_s)]
    for session in unfit:
        session.connection.finish()
    return not unfit


def converse(session: Session, requests: Iterable[Request], latencies_ns: list[int], random: Random) -> Talk:
    """Execute requests one after the other; yield whenever there is to wait.

    This generator is the inner loop of everything that is measured: it calls nothing that it could do without.

    Args:
        session: The connection.
        requests: In order.
        latencies_ns: Receives each request's service time at its number, retries included.
        random: Where the jitter of retries comes from.

    Raises:
        StatementFailedError: The server refused a statement.
        LostConnectionError: The connection broke.
    """
    connection, flight = session.connection, session.flight
    send, flush = connection.send_query_prepared, connection.flush
    consume, busy, receive = connection.consume_input, connection.is_busy, connection.get_result
    rows, done = int(ExecStatus.TUPLES_OK), int(ExecStatus.COMMAND_OK)
    try:
        for request in requests:
            number, _, steps = request
            flight.started_ns = started = perf_counter_ns()
            flight.request = request
            for step in steps:
                statement, parameters = step
                send(statement, parameters)
                want = None
                while flush():
                    yield Want.WRITE
                    want = Want.READ_AGAIN
                yield want
                consume()
                while busy():
                    yield None
                    consume()
                result = receive()
                while receive() is not None:
                    pass
                if result is None or ((status := result.status) != done and status != rows):
                    yield from _repeat(session, request, step, result, random)
                    break
            latencies_ns[number] = perf_counter_ns() - started
        flight.request = None
    except psycopg.OperationalError as cause:
        raise LostConnectionError(str(cause).strip()) from cause


def _repeat(session: Session, request: Request, step: Step, result: PGresult | None, random: Random) -> Talk:
    """Execute a request again until it succeeds, after an attempt that the server undid."""
    _, operation, steps = request
    for attempt in range(1, RETRY_LIMIT + 1):
        if result is None:
            raise LostConnectionError(session.connection.get_error_message())
        reason = RETRYABLE.get(_diagnosis(result, DiagnosticField.SQLSTATE))
        if reason is None or attempt == RETRY_LIMIT:
            raise StatementFailedError(session, operation, step, result, attempt)
        session.retried[operation, reason] = session.retried.get((operation, reason), 0) + 1
        if session.connection.transaction_status != TransactionStatus.IDLE:
            yield from exchange(session.connection, (ROLLBACK, ()))
        # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        backoff_s = random.uniform(0, min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**attempt))
        pausing_ns = perf_counter_ns()
        yield Pause(pausing_ns + round(backoff_s * NANOSECONDS))
        paused_ns = perf_counter_ns() - pausing_ns
        session.paused_ns[operation] = session.paused_ns.get(operation, 0) + paused_ns
        for step in steps:  # noqa: PLR1704 (the step that failed last is the one to report)
            result = yield from exchange(session.connection, step)
            if result is None or result.status not in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
                break
        else:
            return


def exchange(connection: PGconn, step: Step) -> Generator[Want | Pause | None, None, PGresult | None]:
    """Execute one step and return its result; None where the connection broke."""
    yield from ask(connection, step)
    yield Want.READ_AGAIN
    return (yield from hear(connection))


def ask(connection: PGconn, step: Step) -> Talk:
    """Send one step; its answer is left unread."""
    connection.send_query_prepared(*step)
    while connection.flush():
        yield Want.WRITE


def hear(connection: PGconn) -> Generator[Want | Pause | None, None, PGresult | None]:
    """Return the answer to what was asked; None where the connection broke."""
    connection.consume_input()
    while connection.is_busy():
        yield None
        connection.consume_input()
    result = connection.get_result()
    while connection.get_result() is not None:
        pass
    return result


def _diagnosis(result: PGresult, field: DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")
