"""The guard: ends a drive that exceeds its limits, and reports the progress of a long one.

Owns the time limits of calls and bursts, and the times at which they are checked: seldom, so that a short trial has no
cost. It does not use `statement_timeout`, which would change the measured sessions. Must not cancel anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import perf_counter_ns
from typing import NamedTuple

from schemabench.load.session import LostConnectionError, Session
from schemabench.load.talk import Request
from schemabench.units import NANOSECONDS, plural

LOOK_S = 1.0
"""Seconds between two checks of a long drive."""
SILENT_S = 30.0
"""If no call has ended for this many seconds, the server is checked, and again after the same time."""


class Passing(NamedTuple):
    """The progress of a long drive."""

    elapsed_s: float
    done: int
    calls: int


def nobody(_: Passing) -> None:
    """Hear nothing."""


def alive() -> str | None:
    """Report no failure."""
    return None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The time limits, retries and their pauses included."""

    call_s: float = inf
    """A call that takes longer ends the drive with a `SlowCallError`."""
    trial_s: float = inf
    """A drive that takes longer is cut short."""
    told: Callable[[Passing], None] = nobody
    """Receives the progress of a long drive, about every second."""


class SlowCallError(Exception):
    """A call exceeded its limit, although the server is alive."""

    def __init__(self, session: Session, request: Request, elapsed_s: float) -> None:
        self.session = session
        self.request = request
        self.elapsed_s = elapsed_s
        super().__init__(f"{request[1]} has not been answered for {elapsed_s:g} s")


class Guard:
    """Checks one drive at intervals.

    Args:
        sessions: The sessions of the drive.
        limits: The time limits.
        failure: Returns why the server does not answer, over a separate connection; None if it does.
        latencies_ns: The drive's latencies: nonzero for a completed call.
        calls: The number of calls of this process.
        started_ns: The start of the drive.

    Attributes:
        cut: Whether the drive must end because it exceeded its limit.
        cut_ns: When that was found.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (a drive, its limits and its server)
        self,
        sessions: Sequence[Session],
        limits: Limits,
        failure: Callable[[], str | None],
        latencies_ns: list[int],
        calls: int,
        started_ns: int,
    ) -> None:
        self.cut, self.cut_ns = False, 0
        self._sessions = sessions
        self._limits = limits
        self._failure = failure
        self._latencies_ns = latencies_ns
        self._calls = calls
        self._started_ns = started_ns
        self._asked_ns = started_ns
        self.next_ns = self._next(started_ns)
        for session in sessions:
            session.flight.clear()

    def look(self) -> None:
        """Check the drive against its limits.

        Raises:
            SlowCallError: A call exceeded its limit.
            LostConnectionError: The server does not answer.
        """
        now_ns = perf_counter_ns()
        flying = self.flying(now_ns)
        slow = max(flying, key=lambda one: one[2], default=None)
        if slow and slow[2] >= self._limits.call_s:
            self._ask(now_ns)
            raise SlowCallError(*slow)
        elapsed_s = (now_ns - self._started_ns) / NANOSECONDS
        if elapsed_s >= self._limits.trial_s:
            self._ask(now_ns)
            self.cut, self.cut_ns = True, now_ns
        since_s = (now_ns - self._asked_ns) / NANOSECONDS
        if flying and min(since_s, *(silent_s for _, _, silent_s in flying)) >= SILENT_S:
            self._ask(now_ns)
        if elapsed_s >= LOOK_S:
            left = self._latencies_ns.count(0) - (len(self._latencies_ns) - self._calls)
            self._limits.told(Passing(elapsed_s, self._calls - left, self._calls))
        self.next_ns = self._next(now_ns)

    def flying(self, now_ns: int) -> list[tuple[Session, Request, float]]:
        """Return the running calls, each with its session and the seconds since its start."""
        return [
            (session, request, (now_ns - started_ns) / NANOSECONDS)
            for session in self._sessions
            for request, started_ns in session.flight.running()
        ]

    def _ask(self, now_ns: int) -> None:
        """Check that the server is alive.

        Raises:
            LostConnectionError: It is not.
        """
        self._asked_ns = now_ns
        if reason := self._failure():
            raise LostConnectionError(
                f"The server has not answered {plural(len(self._sessions), 'connection')}: {reason}"
            )

    def _next(self, now_ns: int) -> int:
        """Return the time of the next check: no later than the first limit that may be exceeded."""
        begun_ns = min((begun for one in self._sessions for _, begun in one.flight.running()), default=now_ns)
        due_ns = [
            now_ns + round(LOOK_S * NANOSECONDS),
            *(
                since_ns + round(limit_s * NANOSECONDS)
                for since_ns, limit_s in (
                    (begun_ns, self._limits.call_s),
                    (self._started_ns, self._limits.trial_s),
                )
                if limit_s < inf
            ),
        ]
        return min(due_ns)
