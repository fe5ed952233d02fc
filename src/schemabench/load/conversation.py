"""One connection's side of the conversation, request after request, as a generator.

Owns what is sent and what is read. Must not wait: it yields the event it waits for, and the driver's loop resumes it,
as in psycopg's own generators.
"""

from collections.abc import Iterable
from random import Random
from time import perf_counter_ns

import psycopg
from psycopg.pq import ExecStatus

from schemabench.load.attempt import attempt, failed, lacking, recover
from schemabench.load.session import LostConnectionError, Session
from schemabench.load.talk import Pause, Request, Talk, Want, first_error

_GLANCE_NS = 200_000
"""How often a request looks whether what it waits for is there."""


def converse(session: Session, requests: Iterable[Request], latencies_ns: list[int], random: Random) -> Talk:
    """Execute requests one after the other; yield at every wait.

    This generator is the inner loop of every measurement: it makes no unnecessary call. The end of a request is the
    start of the next.

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
    send, flush, clock = connection.send_query_prepared, connection.flush, perf_counter_ns
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
                while (further := receive()) is not None:
                    result = first_error(result, further)
                if result is None or ((status := result.status) != done and status != rows):
                    yield from recover(session, request, failed(session, step, result), random)
                    break
            ended = clock()
            latencies_ns[number] = ended - started
            started = ended
        flight.request = None
    except psycopg.OperationalError as cause:
        raise LostConnectionError(str(cause).strip()) from cause


def conduct(session: Session, requests: Iterable[Request], latencies_ns: list[int], random: Random) -> Talk:
    """Execute requests of any kind, as `converse` does plain ones, each exchange at the session's distance.

    One that takes what another gives waits for it, which a limit of calls bounds: it may never come. At a pace, it has
    waited before.
    """
    flight = session.flight
    try:
        for request in requests:
            number, _, steps = request
            flight.request = request
            flight.started_ns = perf_counter_ns()
            while lacking(session, steps):  # before the clock starts: in production the request came later
                yield Pause(perf_counter_ns() + _GLANCE_NS)
            flight.started_ns = started = perf_counter_ns()
            if failure := (yield from attempt(session, steps)):
                yield from recover(session, request, failure, random)
            done = perf_counter_ns()
            latencies_ns[number] = max(1, done - started)
            flight.note(number, started, done)
        flight.request = None
    except psycopg.OperationalError as cause:
        raise LostConnectionError(str(cause).strip()) from cause


def is_plain(session: Session, requests: Iterable[Request]) -> bool:
    """Return whether `converse` can execute requests."""
    simple = not session.round_trip_ns and session.flight.noted is None
    return simple and all(type(step) is tuple for *_, steps in requests for step in steps)
