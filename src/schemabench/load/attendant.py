"""A session that runs beside the drives of others: it goes on from drive to drive, and none waits for it.

Owns when such a session executes its next request, and how it comes to rest between drives. Must not know what it is
for, nor word an error.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from time import perf_counter_ns
from typing import NamedTuple

import psycopg
from psycopg.pq import ConnStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from schemabench.load.conversation import conduct
from schemabench.load.driver import finish
from schemabench.load.session import ROLLBACK, LostConnectionError, Refusal, Session, StatementFailedError, stop
from schemabench.load.talk import Pause, Request, Talk, exchange

GRACE_S = 0.1
"""How long a request may still run after a drive before it is cancelled, if the next one would follow at once. Most end
within it, and a longer one would delay every trial."""
_AGAIN_NS = 1_000_000_000
"""How long a session without a pace pauses after a refusal: the next one would follow at once, and so on."""


class Hindrance(NamedTuple):
    """What kept a session from completing a request."""

    at_ns: int
    """When that was known, on the clock of `time.perf_counter_ns`."""
    reason: str
    """What the server said, as in `column "amount" does not exist (42703)`."""
    is_end: bool = False
    """Whether the session has ended."""


@dataclass(kw_only=True, eq=False)
class Attendant:
    """One session with what it executes beside drives.

    Attributes:
        session: The connection.
        requests: What it executes, without end; none for a session that only stays as it is.
        every_ns: From the start of one request to the start of the next, on a clock that stands still between drives;
            0 for one after the other.
        wait_ns: On that clock: the time until the next request.
        random: Determines the jitter of retries.
        latencies_ns: The service time of each request that was completed since `begin`.
        cut: The number of requests that were cancelled since then, because a drive had ended.
        said: The last message that the server sent unasked, as before it ends a session.
    """

    session: Session
    requests: Iterator[Request] | None
    every_ns: int = 0
    wait_ns: int = 0
    random: Random = field(default_factory=lambda: Random(0))  # noqa: S311 (reproducible on purpose)
    latencies_ns: list[int] = field(default_factory=list)
    cut: int = 0
    said: str = ""
    _due_ns: int = 0
    _running: bool = False
    _resting: bool = True
    _talk: Talk | None = None

    def __post_init__(self) -> None:
        self.session.connection.notice_handler = self._hear

    @property
    def socket(self) -> int:
        """The socket of the connection."""
        return self.session.connection.socket

    def begin(self, hindered: Callable[[Hindrance], object] | None = None) -> Talk:
        """Return the conversation for one drive.

        Args:
            hindered: Is told of what the server refuses, after which the next request follows when it is due, and of
                the end of the session, after which none does. If nobody is told, the conversation raises
                `StatementFailedError` if the server refused a statement, and `LostConnectionError` if the connection
                broke.
        """
        self.latencies_ns, self.cut = [], 0
        self._resting = False
        self._due_ns = perf_counter_ns() + self.wait_ns
        self._talk = self._attend() if hindered is None else self._attend_still(hindered)
        return self._talk

    def check(self) -> None:
        """Read what the server says unasked.

        Raises:
            LostConnectionError: The connection broke; with the server's last message.
        """
        connection = self.session.connection
        try:
            connection.consume_input()
            connection.is_busy()
        except psycopg.OperationalError as cause:
            with suppress(psycopg.OperationalError):
                connection.is_busy()  # which reads what came before the end
            raise LostConnectionError(self.said or str(cause).strip()) from cause
        if connection.status != ConnStatus.OK:
            raise LostConnectionError(self.said or connection.get_error_message())

    def wind_up(self) -> None:
        """Begin no further request; the clock stands still from now on."""
        self._resting = True
        due_ns = self._due_ns + self.every_ns if self._running else self._due_ns
        self.wait_ns = max(0, due_ns - perf_counter_ns())
        if not self._running:
            self._end()

    def rest(self, limit_s: float) -> bool:
        """After `wind_up`, end the running request, if any; return whether the session is at rest.

        A request at a pace is completed, since the next one follows much later. One that would be followed at once is
        cancelled unless it ends soon: it would be completed in no drive that is shorter than it takes.

        Args:
            limit_s: How long a request at a pace may take to be completed.

        Raises:
            StatementFailedError: The server refused a statement.
            LostConnectionError: The connection broke.
        """
        if self._running and self._talk is not None:
            finish({self.socket: self._talk}, limit_s if self.every_ns else GRACE_S)
        return not self._running or (not self.every_ns and self.cancel())

    def cancel(self) -> bool:
        """Cancel the running request; return whether the session can be used again."""
        self.cut += self._running
        self._end()
        return stop([self.session])

    def _attend(self) -> Talk:
        """Execute requests when they are due."""
        self.check()
        if self.requests is None:
            while True:
                yield None
                self.check()
        while not self._resting:
            while perf_counter_ns() < self._due_ns:
                yield Pause(self._due_ns)
                self.check()
            self._running, latency_ns = True, [0]
            try:
                yield from conduct(self.session, [next(self.requests)], latency_ns, self.random)
            except LostConnectionError as failure:
                raise LostConnectionError(self._last_words() or str(failure)) from failure
            self._running = False
            self.latencies_ns.append(latency_ns[0])
            self.session.accepted.clear()  # nobody counts them, and there is no end
            # what fell due meanwhile is not made up for
            self._due_ns = max(self._due_ns + self.every_ns, perf_counter_ns())

    def _attend_still(self, hindered: Callable[[Hindrance], object]) -> Talk:
        """Likewise; go on after a request that was refused, and stop at the end of the session."""
        while True:
            try:
                yield from self._attend()
            except StatementFailedError as failure:
                refusal = failure.refusal
                is_end = self.session.connection.status != ConnStatus.OK  # it was ended while it executed
                hindered(Hindrance(perf_counter_ns(), f"{refusal.message} ({refusal.sqlstate})", is_end))
                if is_end:
                    self._leave()
                    return
                yield from self._put_off()
            except LostConnectionError as failure:
                hindered(Hindrance(perf_counter_ns(), str(failure), is_end=True))
                self._leave()
                return
            else:
                return

    def _put_off(self) -> Talk:
        """Roll back what was refused; the next request is due as after one that was completed, but not at once."""
        connection = self.session.connection
        if connection.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
            with suppress(psycopg.OperationalError):  # whether there is a session is seen before the next request
                yield from exchange(connection, (ROLLBACK, ()), self.session.round_trip_ns)
        self._running = False
        now_ns = perf_counter_ns()
        self._due_ns = max(self._due_ns + self.every_ns, now_ns if self.every_ns else now_ns + _AGAIN_NS)

    def _leave(self) -> None:
        """Execute nothing any more: the session has ended."""
        self._running = False
        self.session.connection.finish()

    def _last_words(self) -> str:
        """Return what the server said before it ended the session, if anything: it may have come with the end."""
        with suppress(psycopg.OperationalError):
            result = self.session.connection.get_result()
            return Refusal.of(result).message if result else self.said
        return self.said

    def _end(self) -> None:
        self._running = False
        if self._talk is not None:
            self._talk.close()
            self._talk = None

    def _hear(self, notice: PGresult) -> None:
        self.said = Refusal.of(notice).message
