"""Attempts at one request: executed, repeated after errors that allow it, left at that after errors that are accepted.

Owns what becomes of a request whose attempt failed, and the values that its statements take from earlier rows. Must not
wait: it yields what it waits for.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import islice
from random import Random
from time import perf_counter_ns
from typing import NamedTuple

from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult

from schemabench.load.session import (
    RETRY_LIMIT,
    RETRYABLE,
    ROLLBACK,
    UNKNOWN_COLUMN,
    WRONG_TYPE,
    LostConnectionError,
    Refusal,
    Session,
    StatementFailedError,
)
from schemabench.load.talk import SUCCEEDED, UNDONE, AnyStep, Done, Linked, Pause, Request, Talk, Value, Want, exchange
from schemabench.units import NANOSECONDS

_FIRST_BACKOFF_S = 0.001
_LONGEST_BACKOFF_S = 0.1


class Failure(NamedTuple):
    """The end of an attempt that did not succeed."""

    step: AnyStep
    """The step that failed, with the parameters that were sent."""
    refusal: Refusal


def attempt(session: Session, steps: Sequence[AnyStep]) -> Generator[Want | Pause | None, None, Failure | None]:
    """Execute the steps of a request once; return what failed."""
    values: dict[str, bytes | None] = {}
    remembered: dict[str, Value] = {}
    following = iter(steps)
    for step in following:
        if not isinstance(step, Linked):
            sent = step
        else:
            if step.pause_ns:
                yield Pause(perf_counter_ns() + step.pause_ns)
            sent = step.filled({**values, **remembered}, session.memory)
        result = yield from exchange(session.connection, sent, session.round_trip_ns)
        if result is None or result.status not in SUCCEEDED:
            return failed(session, sent, result)
        if not isinstance(step, Linked):
            continue
        if refusal := _learn(session, step, result, values, remembered):
            return Failure(sent, refusal)
        if step.stops(result):
            remembered |= done([step, *islice(following, step.skips)])
    session.memory.update(remembered)  # of what is committed alone
    return None


def _learn(
    session: Session, step: Linked, result: PGresult, values: dict[str, bytes | None], remembered: dict[str, Value]
) -> Refusal | None:
    """Keep what a result says for later steps and later requests; return why that cannot be done."""
    if step.sums:
        included = total(step.sums, result)
        if isinstance(included, Refusal):
            return included
        session.flight.included = included
    if step.stops(result):
        return None
    if step.remembers and (refusal := recalled(step.remembers, result, remembered)):
        return refusal
    if step.gives:
        return kept(step.gives, step.columns, result, values)
    return None


def lacking(session: Session, steps: Sequence[AnyStep]) -> list[str]:
    """Return the names of what steps recall and no request has remembered yet."""
    linked = (step for step in steps if isinstance(step, Linked))
    return [name for step in linked for _, name in step.recalls if name not in session.memory]


def done(steps: Iterable[AnyStep]) -> dict[str, Value]:
    """Return what is remembered of steps that gave nothing: only that their calls are done."""
    linked = (step for step in steps if isinstance(step, Linked))
    return {name: Done.DONE for step in linked for name in step.remembers.values()}


def recalled(columns: Mapping[str, str], result: PGresult, values: dict[str, Value]) -> Refusal | None:
    """Keep what later requests recall of a row; return why that cannot be done.

    Args:
        columns: Column -> the name of its value.
        result: A result that should be one row, if any column is named.
        values: Receives the values.
    """
    found: dict[str, bytes | None] = {}
    if refusal := kept("", [one for one in columns if one], result, found) if any(columns) else None:
        return refusal
    values |= {name: found[f".{column}"] if column else Done.DONE for column, name in columns.items()}
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
        return Refusal.of_rows(gives or "the answer", result.ntuples)
    known = [(result.fname(place) or b"").decode() for place in range(result.nfields)]
    for column in columns:
        wanted = column[1:-1].replace('""', '"') if column.startswith('"') else column.lower()
        if known.count(wanted) != 1:
            message = f"{gives or 'the answer'!r} has {'two columns' if wanted in known else 'no column'} {wanted!r}"
            return Refusal(sqlstate=UNKNOWN_COLUMN, message=message, detail=f"columns: {', '.join(known) or 'none'}")
        values[f"{gives}.{column}"] = result.get_value(0, known.index(wanted))
    return None


def total(column: str, result: PGresult) -> int | Refusal:
    """Return the sum of a column over all rows, NULL as 0; or why there is none."""
    known = [(result.fname(place) or b"").decode() for place in range(result.nfields)]
    if column not in known:
        return Refusal(sqlstate=UNKNOWN_COLUMN, message=f"the answer has no column {column!r}")
    place = known.index(column)
    found = 0
    for row in range(result.ntuples):
        value = result.get_value(row, place)
        try:
            found += 0 if value is None else int(value)
        except ValueError:
            shown = (value or b"").decode(errors="replace")
            return Refusal(sqlstate=WRONG_TYPE, message=f"the answer's {column!r} is no whole number: {shown!r}")
    return found


def failed(session: Session, step: AnyStep, result: PGresult | None) -> Failure:
    """Return the failure of a step that has an error for a result, or none because the connection broke."""
    if result is None:
        raise LostConnectionError(session.connection.get_error_message())
    return Failure(step, Refusal.of(result))


def recover(session: Session, request: Request, failure: Failure, random: Random) -> Talk:
    """After an attempt that the server rolled back, retry a request until it succeeds, unless its error is accepted."""
    number, _, steps = request
    for attempts in range(1, RETRY_LIMIT + 1):
        sqlstate, operation = failure.refusal.sqlstate, _operation(session, request, failure.step)
        acceptable, retryable = session.acceptable.get(operation, {}), session.retryable.get(operation, {})
        accepted, reason = acceptable.get(sqlstate), RETRYABLE.get(sqlstate) or retryable.get(sqlstate)
        if accepted is None and (reason is None or attempts == RETRY_LIMIT):
            raise StatementFailedError(session, operation, failure.step, failure.refusal, attempts)
        if session.connection.transaction_status != TransactionStatus.IDLE:
            yield from exchange(session.connection, (ROLLBACK, ()), session.round_trip_ns)
        if accepted is not None:
            session.flight.included = UNDONE
            session.memory.update(done(steps))
            session.accepted.append((number, operation, accepted))
            return
        assert reason is not None, "it would have been raised"
        session.retried[operation, reason] = session.retried.get((operation, reason), 0) + 1
        # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        backoff_s = random.uniform(0, min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**attempts))
        pausing_ns = perf_counter_ns()
        yield Pause(pausing_ns + round(backoff_s * NANOSECONDS))
        paused_ns = perf_counter_ns() - pausing_ns
        session.paused_ns[operation] = session.paused_ns.get(operation, 0) + paused_ns
        again = yield from attempt(session, steps)
        if again is None:
            return
        failure = again


def _operation(session: Session, request: Request, step: AnyStep) -> str:
    """Return the operation that a step of a request belongs to: a transaction may have steps of several."""
    own = step[0].decode().rpartition("_")[0]
    return own if own in session.retryable else request[1]
