"""Several requests in flight over one connection, by libpq's pipeline mode.

Owns when each request is sent, which response is whose, and what becomes of those behind a failed one. Must not choose
how many are in flight: it is told what must be answered before each request.

Each request ends with a synchronisation point of its own, so that it is a transaction of its own, and a failed one
leaves out no more than its own later statements:
https://www.postgresql.org/docs/current/libpq-pipeline-mode.html. A failed transaction block is different: until it is
rolled back, the server refuses all requests behind it. These are sent again once the failed one has succeeded.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter_ns

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

from schemabench.load.attempt import failed, recover
from schemabench.load.conversation import conduct
from schemabench.load.pace import Schedule
from schemabench.load.session import LostConnectionError, Session
from schemabench.load.talk import SUCCEEDED, AnyStep, Pause, Request, Talk, Want, hand

ENDED = "ended pipeline"
"""Why requests behind a failed transaction block are sent again."""
_IN_FAILED_TRANSACTION = b"25P02"
_NEVER = 1 << 63


def pipeline(  # noqa: PLR0913, PLR0917 (as `converse`, with what it waits for)
    after: Mapping[int, int],
    session: Session,
    requests: Sequence[Request],
    latencies_ns: list[int],
    random: Random,
    schedule: Schedule | None,
) -> Talk:
    """Execute requests in order, several at a time; yield at every wait.

    A response counts once the session's round trip has passed since it came.

    Args:
        after: For each request of the pipeline, by its number: how many requests, the first ones, must be answered
            before it is sent. Any other waits for all before it, and all behind it wait for it.
        session: The connection.
        requests: In order.
        latencies_ns: Receives the time from when each request was sent to its response at its number, retries included.
        random: Determines the jitter of retries.
        schedule: When requests are due; receives the delay of each. None if they are sent as soon as there is room.
            Those that are due when it is over are not sent.

    Raises:
        StatementFailedError: The server refused a statement.
        LostConnectionError: The connection broke.
    """
    window = _Window(session, latencies_ns, random)
    connection = session.connection
    try:
        connection.enter_pipeline_mode()
        for request in requests:
            number = request[0]
            needed = after.get(number)
            was_free = False
            while schedule and perf_counter_ns() < (due_ns := schedule.due_ns(number)) and not schedule.is_over(due_ns):
                yield from window.hear(schedule.look_ns(due_ns))
                was_free = True
            if schedule and schedule.is_over(schedule.due_ns(number)):
                break
            while not window.has_answered(needed):
                yield from window.hear()
                was_free = False
            now_ns = perf_counter_ns()
            if schedule and needed is None and not (yield from schedule.awaits(session, request[2])):
                break
            if schedule:
                schedule.begin(number, now_ns, was_free=was_free)
            if needed is not None:
                window.send(_Sent(request, now_ns))
                continue
            connection.exit_pipeline_mode()
            yield from conduct(session, (request,), latencies_ns, random)
            connection.enter_pipeline_mode()
            window.answered += 1
        while not window.has_answered(None):
            yield from window.hear()
        connection.exit_pipeline_mode()
    except psycopg.OperationalError as cause:
        raise LostConnectionError(str(cause).strip()) from cause


@dataclass(slots=True)
class _Sent:
    """A request that is in flight."""

    request: Request
    started_ns: int
    heard: int = 0
    """The steps whose results are complete."""
    failed: tuple[AnyStep, PGresult] | None = None
    """The step that the server refused, and its words."""


class _Window:
    """The requests of one connection that are in flight.

    Attributes:
        answered: How many requests have been answered: the first ones.
    """

    def __init__(self, session: Session, latencies_ns: list[int], random: Random) -> None:
        self.answered = 0
        self._session = session
        self._connection = session.connection
        self._latencies_ns = latencies_ns
        self._random = random
        self._sent: deque[_Sent] = deque()
        """Without a response."""
        self._arriving: deque[tuple[int, _Sent]] = deque()
        """Those whose responses are still on their way, each with the time at which they count."""
        self._failed: list[_Sent] = []
        """To be repeated once nothing else is in flight."""
        self._blocked = False
        """Whether there was no room to write at the last wait."""

    def has_answered(self, needed: int | None) -> bool:
        """Return whether the first so many requests have been answered; None for all that were sent."""
        return not (self._sent or self._arriving) if needed is None else self.answered >= needed

    def send(self, one: _Sent) -> None:
        """Send a request."""
        number, _, steps = one.request
        for step in steps:
            hand(self._connection, step)
        self._connection.pipeline_sync()
        self._sent.append(one)
        self._session.flight.window[number] = one.request, one.started_ns

    def hear(self, until_ns: int = _NEVER) -> Talk:
        """Wait for responses, but no longer than until then, and take all that are there.

        If a request failed, wait for all, and have it succeed.
        """
        yield from self._hear(until_ns)
        if self._failed:
            while not self.has_answered(None):
                yield from self._hear()
            yield from self._mend()

    def _hear(self, until_ns: int = _NEVER) -> Talk:
        """Wait for responses, but no longer than until then, and take all that are there."""
        connection = self._connection
        if not self._read():  # libpq reads, too, where there is no room to write
            until_ns = min(until_ns, self._arriving[0][0]) if self._arriving else until_ns
            was_blocked, self._blocked = self._blocked, bool(connection.flush())
            if self._blocked:
                yield Want.WRITE
            elif until_ns < _NEVER:
                yield Pause(until_ns, listening=True)
            else:
                yield Want.READ_AGAIN if was_blocked else None
            connection.consume_input()
            self._read()
        while self._arriving and self._arriving[0][0] <= (now_ns := perf_counter_ns()):
            _, one = self._arriving.popleft()
            if one.failed:
                self._failed.append(one)
            else:
                self._answer(one, now_ns)

    def _read(self) -> bool:
        """Take the responses that libpq has; return whether there was any."""
        sent, connection = self._sent, self._connection
        waiting = len(sent)
        while sent and not connection.is_busy():
            one, result = sent[0], connection.get_result()
            if result is None:
                one.heard += 1
                if one.heard > len(one.request[2]) + bool(one.failed):  # a commit that is refused has an answer, too
                    raise LostConnectionError(connection.get_error_message())
            elif (status := result.status) == ExecStatus.PIPELINE_SYNC:
                self._arriving.append((perf_counter_ns() + self._session.round_trip_ns, sent.popleft()))
            elif status not in SUCCEEDED and one.failed is None:
                steps = one.request[2]
                one.failed = steps[min(one.heard, len(steps) - 1)], result
        return len(sent) < waiting

    def _answer(self, one: _Sent, now_ns: int) -> None:
        """Note that a request succeeded."""
        number = one.request[0]
        self._latencies_ns[number] = max(1, now_ns - one.started_ns)
        self._session.flight.note(number, one.started_ns, now_ns)
        del self._session.flight.window[number]
        self.answered += 1

    def _mend(self) -> Talk:
        """Repeat what failed, and send again what was refused because of it; nothing else is in flight."""
        some, self._failed = self._failed, []
        refused = [one for one in some[1:] if _refused(one)]
        self._connection.exit_pipeline_mode()
        for one in some[: len(some) - len(refused)]:
            if one.failed:
                yield from recover(self._session, one.request, failed(self._session, *one.failed), self._random)
            self._answer(one, perf_counter_ns())
        self._connection.enter_pipeline_mode()
        retried = self._session.retried
        for one in refused:
            reason = one.request[1], ENDED
            retried[reason] = retried.get(reason, 0) + 1
            self.send(_Sent(one.request, one.started_ns))


def _refused(one: _Sent) -> bool:
    """Return whether a request was refused because an earlier one had failed and was not rolled back."""
    return one.failed is not None and one.failed[1].error_field(DiagnosticField.SQLSTATE) == _IN_FAILED_TRANSACTION
