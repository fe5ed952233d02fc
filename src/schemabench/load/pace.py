"""The open loop: requests start when they are due, not when the previous one is done.

A stalled server delays every request that falls due in the meantime. Times from when a request was sent do not show
that delay, but times from when it was due do (Gil Tene's "coordinated omission"). Owns when a request starts, and the
record of it. Must not execute anything: `session` and `pipeline` do.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random
from time import perf_counter_ns
from typing import TypeAlias

from schemabench.load.attempt import lacking
from schemabench.load.conversation import conduct
from schemabench.load.session import Session
from schemabench.load.talk import AnyStep, Pause, Request, Talk

Execute: TypeAlias = Callable[[Session, Iterable[Request], list[int], Random], Talk]
"""Executes requests one after the other: `conversation.converse` or `conversation.conduct`."""


_GLANCE_NS = 50_000_000
"""How often a session that waits for a request looks whether the loop has ended before that is due."""
_FIRST_LOOK_NS, _LONGEST_LOOK_NS = 200_000, 2_000_000
_LOOK_SHARE, _EACH_LOOK_NS = 8, 50_000
"""A session that waits for what another request gives looks whenever it has waited for an eighth longer, and at least
every 2 ms, so that the later calls of its connection are not late for that. Where more than 40 wait, they look more
seldom, each after as many times 50 us as there are: what they cost the loop does not grow with them."""


@dataclass(kw_only=True)
class Ending:
    """When an open loop ends whose length depends on something that runs beside it."""

    at_ns: float = inf
    """On the clock of `time.perf_counter_ns`: requests that are due from then on are not started."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When each request is due, by its number, and its delays."""

    offsets_ns: Sequence[int]
    """When each request is due, from the start."""
    started_ns: int = 0
    """The start, on the clock of `time.perf_counter_ns`."""
    delays_ns: list[int]
    """From then to when a session started it."""
    ending: Ending | None = None
    """None if all requests are started."""
    lags_ns: list[int] = field(default_factory=list)
    """The delays of requests for which a session was free: the loop's own lag. In no particular order."""
    waiting: set[Session] = field(default_factory=set)
    """Those whose next request waits for what another gives."""

    def due_ns(self, number: int) -> int:
        """Return when a request is due, on the clock of `time.perf_counter_ns`."""
        return self.started_ns + self.offsets_ns[number]

    def is_over(self, due_ns: int) -> bool:
        """Return whether the loop has ended for what is due then."""
        return self.ending is not None and due_ns >= self.ending.at_ns

    def look_ns(self, due_ns: int) -> int:
        """Return until when to wait for what is due then, before the next look."""
        return due_ns if self.ending is None else min(due_ns, perf_counter_ns() + _GLANCE_NS)

    def begin(self, number: int, now_ns: int, *, was_free: bool) -> None:
        """Note when a request is started, and whether its session was free when it was due."""
        self.delays_ns[number] = delay_ns = now_ns - self.due_ns(number)
        if was_free:
            self.lags_ns.append(delay_ns)

    def awaits(self, session: Session, steps: Sequence[AnyStep]) -> Generator[Pause, None, bool]:
        """Wait until all is there that a request takes from others; return whether that was before the end.

        Nothing of it is in flight meanwhile: how long others take is no time of its own, and passes no limit of a call.
        """
        begun_ns = perf_counter_ns()
        try:
            while lacking(session, steps):
                self.waiting.add(session)
                now_ns = perf_counter_ns()
                if self.is_over(now_ns):
                    return False
                share_ns = max(_FIRST_LOOK_NS, (now_ns - begun_ns) // _LOOK_SHARE)
                longest_ns = max(_LONGEST_LOOK_NS, _EACH_LOOK_NS * len(self.waiting))
                yield Pause(now_ns + min(longest_ns, share_ns))
            return True
        finally:
            self.waiting.discard(session)


def keep_pace(  # noqa: PLR0913, PLR0917 (as `converse`, at a pace)
    execute: Execute,
    session: Session,
    requests: Sequence[Request],
    schedule: Schedule,
    latencies_ns: list[int],
    random: Random,
) -> Talk:
    """Execute requests one after the other, none before it is due, until the schedule is over; yield at every wait.

    Args:
        execute: Executes one request.
        session: The connection.
        requests: In the order in which they are due.
        schedule: When they are due; receives the delay of each.
        latencies_ns: As for `converse`, likewise the next.
        random: Determines the jitter of retries.

    Raises:
        StatementFailedError: The server refused a statement.
        LostConnectionError: The connection broke.
    """
    for request in requests:
        number, _, steps = request
        due_ns, was_free = schedule.due_ns(number), False
        while perf_counter_ns() < due_ns and not schedule.is_over(due_ns):
            yield Pause(schedule.look_ns(due_ns))
            was_free = True
        if schedule.is_over(due_ns):
            return
        begun_ns = perf_counter_ns()
        if execute is conduct and not (yield from schedule.awaits(session, steps)):  # what is plain takes nothing
            return
        schedule.begin(number, begun_ns, was_free=was_free)
        yield from execute(session, (request,), latencies_ns, random)
