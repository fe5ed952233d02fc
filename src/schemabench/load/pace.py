"""The open loop: requests start when they are due, not when the previous one is done.

A stalled server delays every request that falls due in the meantime. Times from when a request was sent do not show
that delay, but times from when it was due do (Gil Tene's "coordinated omission"). Owns when a request starts, and the
record of it. Must not execute anything: `session` and `pipeline` do.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from time import perf_counter_ns
from typing import TypeAlias

from schemabench.load.session import Session
from schemabench.load.talk import Pause, Request, Talk

Execute: TypeAlias = Callable[[Session, Iterable[Request], list[int], Random], Talk]
"""Executes requests one after the other: `conversation.converse` or `conversation.conduct`."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When each request is due, by its number, and its delays."""

    due_ns: Sequence[int]
    """On the clock of `time.perf_counter_ns`."""
    delays_ns: list[int]
    """From then to when a session started it."""
    lags_ns: list[int] = field(default_factory=list)
    """The delays of requests for which a session was free: the loop's own lag. In no particular order."""

    def begin(self, number: int, now_ns: int, *, was_free: bool) -> None:
        """Note when a request is started, and whether its session was free when it was due."""
        self.delays_ns[number] = delay_ns = now_ns - self.due_ns[number]
        if was_free:
            self.lags_ns.append(delay_ns)


def keep_pace(  # noqa: PLR0913, PLR0917 (as `converse`, at a pace)
    execute: Execute,
    session: Session,
    requests: Sequence[Request],
    schedule: Schedule,
    latencies_ns: list[int],
    random: Random,
) -> Talk:
    """Execute requests one after the other, none before it is due; yield at every wait.

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
        number, *_ = request
        due_ns = schedule.due_ns[number]
        if was_free := perf_counter_ns() < due_ns:
            yield Pause(due_ns)
        schedule.begin(number, perf_counter_ns(), was_free=was_free)
        yield from execute(session, (request,), latencies_ns, random)
