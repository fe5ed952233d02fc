"""One connection: its prepared statements, and its side of the conversation as a generator.

Owns what is sent and what is read, retries included. Must not wait: it yields the event it waits for, and the driver's
loop resumes it, as in psycopg's own generators.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from select import select
from time import monotonic, perf_counter_ns
from typing import NamedTuple, TypeAlias

import psycopg
from psycopg import pq
from psycopg.pq import ConnStatus, DiagnosticField, Escaping, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from schemabench.load.talk import NOTHING, UNDONE, AnyStep, Flight, Linked, Pause, Request, Talk, Want, exchange
from schemabench.units import NANOSECONDS

DEADLOCK = "deadlock"
RETRYABLE = {"40P01": DEADLOCK, "40001": "serialization failure", "55P03": "lock timeout"}
"""SQLSTATEs after which a retry may succeed, and their names."""
RETRY_LIMIT = 100
"""Attempts at one operation before the candidate fails: far above what a live system would tolerate."""
_FIRST_BACKOFF_S = 0.001
_LONGEST_BACKOFF_S = 0.1
NO_DATA, TOO_MANY_ROWS, UNKNOWN_COLUMN = "P0002", "P0003", "42703"
"""SQLSTATEs that the server has for the same, as in PL/pgSQL's INTO STRICT."""
STOP_S = 5.0
"""Seconds in which a server must end a cancelled statement."""

SETTINGS = {
    # A process stopped in the middle of a transaction must not block all others with its locks.
    "idle_in_transaction_session_timeout": "5s",
    # A session is idle during the others' trials, and for minutes while candidates are built.
    "idle_session_timeout": "0",
}
"""Settings that every session sets."""
ISOLATION = "default_transaction_isolation"
"""The setting that a session takes from its workload."""

_SUCCEEDED = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}
ROLLBACK = b"rollback"
"""The name of the statement that every session has prepared."""


Undone: TypeAlias = dict[tuple[str, str], int]
"""(operation, reason of the rollback) -> attempts."""


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
        shown = "no row" if count == 0 else f"{count:,} rows"
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
        flight: The running call.
        retryable: Operation -> SQLSTATE -> what it is called, for errors after which its author has it repeated.
        acceptable: Likewise for errors that end it as if it had succeeded.
        round_trip_ns: What is added to every exchange, as time on the way.
    """

    connection: PGconn
    retried: Undone = field(default_factory=dict)
    accepted: Undone = field(default_factory=dict)
    paused_ns: dict[str, int] = field(default_factory=dict)
    flight: Flight = field(default_factory=Flight)
    retryable: dict[str, Mapping[str, str]] = field(default_factory=dict)
    acceptable: dict[str, Mapping[str, str]] = field(default_factory=dict)
    round_trip_ns: int = 0

    @classmethod
    def open(cls, conninfo: str, *, isolation: str = "", role: str = "", round_trip_s: float = 0.0) -> "Session":
        """Connect.

        Args:
            conninfo: libpq's connection string.
            isolation: The isolation level of all transactions, as in `repeatable read`; empty for the server's default.
            role: As which it executes; empty for the one that connects.
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
        if role:
            result = connection.exec_(b"SET ROLE " + Escaping(connection).escape_identifier(role.encode()))
            if result.status != ExecStatus.COMMAND_OK:
                connection.finish()
                raise LostConnectionError(Refusal.of(result).message)
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
                        break
                    if result.status == ExecStatus.COPY_IN:  # the server waits for rows, and says nothing else before
                        connection.put_copy_end(b"given up")
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
    """Execute requests one after the other; yield at every wait.

    This generator is the inner loop of every measurement: it makes no unnecessary call.

    Args:
        session: The connection.
        requests: In order.
        latencies_ns: Receives each request's service time at its number, retries included.
        random: Determines the jitter of retries.

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
                statement, parameters = step  # type: ignore[misc]
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
                    yield from _recover(session, request, _failed(session, step, result), random)
                    break
            latencies_ns[number] = perf_counter_ns() - started
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
            if failure := (yield from _attempt(session, steps)):
                yield from _recover(session, request, failure, random)
            latencies_ns[number] = max(1, (done := perf_counter_ns()) - started)
            if flight.noted is not None:
                if flight.included != UNDONE:
                    flight.noted[number] = (started, done, flight.included)
                flight.included = NOTHING
        flight.request = None
    except psycopg.OperationalError as cause:
        raise LostConnectionError(str(cause).strip()) from cause


def is_plain(session: Session, requests: Iterable[Request]) -> bool:
    """Return whether `converse` can execute requests."""
    simple = not session.round_trip_ns and session.flight.noted is None
    return simple and all(type(step) is tuple for *_, steps in requests for step in steps)


class _Failure(NamedTuple):
    """The end of an attempt that did not succeed."""

    step: AnyStep
    """The step that failed, with the parameters that were sent."""
    refusal: Refusal


def _attempt(session: Session, steps: Sequence[AnyStep]) -> Generator[Want | Pause | None, None, _Failure | None]:
    """Execute the steps of a request once; return what failed."""
    values: dict[str, bytes | None] = {}
    for step in steps:
        sent = step.filled(values) if isinstance(step, Linked) else step
        result = yield from exchange(session.connection, sent, session.round_trip_ns)
        if result is None or result.status not in _SUCCEEDED:
            return _failed(session, sent, result)
        if isinstance(step, Linked) and step.sums:
            included = total(step.sums, result)
            if isinstance(included, Refusal):
                return _Failure(sent, included)
            session.flight.included = included
        if not isinstance(step, Linked) or not step.gives:
            continue
        if step.stops and result.ntuples == 0:
            return (yield from _attempt(session, steps[-1:])) if len(steps) > 1 else None  # the commit
        if refusal := kept(step.gives, step.columns, result, values):
            return _Failure(sent, refusal)
    return None


def kept(gives: str, columns: Sequence[str], result: PGresult, values: dict[str, bytes | None]) -> Refusal | None:
    """Keep what later statements take from a row; return why that cannot be done.

    Args:
        gives: What the row is called.
        columns: What is taken from it.
        result: A result that should be one row.
        values: Receives the values, by names as in `placed.id`.
    """
    if result.ntuples != 1:
        return Refusal.of_rows(gives, result.ntuples)
    known = [(result.fname(place) or b"").decode() for place in range(result.nfields)]
    for column in columns:
        if column.lower() not in known:
            message = f"{gives!r} has no column {column!r}"
            return Refusal(sqlstate=UNKNOWN_COLUMN, message=message, detail=f"columns: {', '.join(known) or 'none'}")
        values[f"{gives}.{column}"] = result.get_value(0, known.index(column.lower()))
    return None


def total(column: str, result: PGresult) -> int | Refusal:
    """Return the sum of a column over all rows, NULL as 0; or why there is none."""
    known = [(result.fname(place) or b"").decode() for place in range(result.nfields)]
    if column not in known:
        return Refusal(sqlstate=UNKNOWN_COLUMN, message=f"the answer has no column {column!r}")
    place = known.index(column)
    values = (result.get_value(row, place) for row in range(result.ntuples))
    return sum(int(value) for value in values if value is not None)


def _failed(session: Session, step: AnyStep, result: PGresult | None) -> _Failure:
    """Return the failure of a step that has an error for a result, or none because the connection broke."""
    if result is None:
        raise LostConnectionError(session.connection.get_error_message())
    return _Failure(step, Refusal.of(result))


def _recover(session: Session, request: Request, failure: _Failure, random: Random) -> Talk:
    """After an attempt that the server rolled back, retry a request until it succeeds, unless its error is accepted."""
    _, operation, steps = request
    acceptable, retryable = session.acceptable.get(operation, {}), session.retryable.get(operation, {})
    for attempt in range(1, RETRY_LIMIT + 1):
        sqlstate = failure.refusal.sqlstate
        accepted, reason = acceptable.get(sqlstate), RETRYABLE.get(sqlstate) or retryable.get(sqlstate)
        if accepted is None and (reason is None or attempt == RETRY_LIMIT):
            raise StatementFailedError(session, operation, failure.step, failure.refusal, attempt)
        if session.connection.transaction_status != TransactionStatus.IDLE:
            yield from exchange(session.connection, (ROLLBACK, ()), session.round_trip_ns)
        if accepted is not None:
            session.flight.included = UNDONE
            session.accepted[operation, accepted] = session.accepted.get((operation, accepted), 0) + 1
            return
        assert reason is not None, "it would have been raised"
        session.retried[operation, reason] = session.retried.get((operation, reason), 0) + 1
        # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        backoff_s = random.uniform(0, min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**attempt))
        pausing_ns = perf_counter_ns()
        yield Pause(pausing_ns + round(backoff_s * NANOSECONDS))
        paused_ns = perf_counter_ns() - pausing_ns
        session.paused_ns[operation] = session.paused_ns.get(operation, 0) + paused_ns
        again = yield from _attempt(session, steps)
        if again is None:
            return
        failure = again
