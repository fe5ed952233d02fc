"""What ends a drive that would not end by itself, and who hears how far it is meanwhile.

Owns how long a call and a burst may take, and when that is looked at: now and then, so that it costs a short trial
nothing. It is no `statement_timeout`, which would change the sessions that are measured. Must not cancel anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import perf_counter_ns
from typing import NamedTuple

from schemabench.load.session import LostConnectionError, Request, Session
from schemabench.units import NANOSECONDS

LOOK_S = 1.0
"""Between two looks at a drive that lasts."""
SILENT_S = 30.0
"""After so long without the end of any call, the server is asked whether it is still there, and as often again."""


class Passing(NamedTuple):
    """How far a drive is that lasts."""

    elapsed_s: float
    done: int
    calls: int


def nobody(_: Passing) -> None:
    """Hear nothing."""


def alive() -> str | None:
    """Say that nothing is wrong."""
    return None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long things may take, retries and their pauses included."""

    call_s: float = inf
    """A call that takes longer ends the drive with a `SlowCallError`."""
    trial_s: float = inf
    """A drive that takes longer is cut short."""
    told: Callable[[Passing], None] = nobody
    """Who hears of a drive that lasts, about every second."""


class SlowCallError(Exception):
    """A call took longer than it may; the server itself is still there."""

    def __init__(self, session: Session, request: Request, elapsed_s: float) -> None:
        self.session = session
        self.request = request
        self.elapsed_s = elapsed_s
        super().__init__(f"{request[1]} has not been answered for {elapsed_s:g} s")


class Guard:
    """Looks at one drive now and then.

    Args:
        sessions: Who executes.
        limits: How long they may.
        failure: Returns why the server answers nobody, over a connection of its own; None where it does.
        latencies_ns: The drive's own: a call that is done has one.
        calls: How many of them are to be.
        started_ns: When the drive began.

    Attributes:
        cut: Whether the drive is to end, since it took too long.
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
            session.flight.request = None  # of a drive that failed

    def look(self) -> None:
        """Take note of how far the drive is.

        Raises:
            SlowCallError: A call took longer than it may.
            LostConnectionError: The server answers nobody.
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
        """Return the calls that are under way, each with its session and the seconds since it began."""
        return [
            (session, session.flight.request, (now_ns - session.flight.started_ns) / NANOSECONDS)
            for session in self._sessions
            if session.flight.request is not None
        ]

    def _ask(self, now_ns: int) -> None:
        """Ask whether the server is still there.

        Raises:
            LostConnectionError: It is not.
        """
        self._asked_ns = now_ns
        if reason := self._failure():
            raise LostConnectionError(f"The server has not answered {len(self._sessions)} connections: {reason}")

    def _next(self, now_ns: int) -> int:
        """Return when to look again: no later than the first limit that may be passed."""
        begun_ns = min((s.flight.started_ns for s in self._sessions if s.flight.request is not None), default=now_ns)
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
