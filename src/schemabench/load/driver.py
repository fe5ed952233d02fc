"""The loop: many conversations in one thread, resumed as the kernel says.

Owns the clock of a trial and who is resumed when. Must not know SQL, workloads or candidates.
"""

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from select import EPOLLIN, EPOLLOUT, epoll, select
from time import perf_counter_ns, thread_time_ns
from typing import TypeAlias

from schemabench.load.pace import Schedule, keep_pace
from schemabench.load.session import LostConnectionError, Pause, Request, Session, Talk, Want, converse
from schemabench.units import NANOSECONDS

_GLANCE_S = 0.25
"""How often others are asked for of whom nothing is heard."""
_FD_SETSIZE = 1024
"""`select` knows no descriptors from here on."""

Ready: TypeAlias = list[tuple[int, int]]
"""Sockets at which something happened, each with what."""

Others: TypeAlias = tuple[int, Callable[[], bool]]
"""Processes that execute their own parts of the burst: a socket over which they are heard, and what returns whether all
of them are done."""


@dataclass(frozen=True, kw_only=True)
class Drive:
    """What came of driving one burst."""

    started_ns: int
    """When the first request was about to be sent, on the clock of `time.perf_counter_ns`."""
    duration_ns: int
    """From then to the last response."""
    latencies_ns: Sequence[int]
    """Service time of each request, by its number."""
    finished_ns: Sequence[int]
    """For each session, in order: from the start to its last response."""
    busy_ns: int
    """Processor time that the loop itself took: what it would take with a server that answers at once."""
    delays_ns: Sequence[int] = ()
    """In an open loop: from when each request was due to when it was begun, by its number."""
    lags_ns: Sequence[int] = ()
    """In an open loop: the delays of those requests for which a session was free, which are the loop's own."""


def drive(  # noqa: PLR0913 (a burst, and whoever is there while it is executed)
    queues: Sequence[tuple[Session, Iterable[Request]]],
    *,
    calls: int,
    limit_s: float,
    random: Random,
    due_s: Sequence[float] | None = None,
    watch: tuple[int, Talk] | None = None,
    others: Others | None = None,
) -> Drive:
    """Execute every session's requests, all sessions at once, each one request at a time.

    Args:
        queues: The sessions, each with its requests in order. Sessions may share an iterator: each then takes the next
            request from it when it is free.
        calls: How many requests there are in all; their numbers run from 0.
        limit_s: After so long without a response to any session, the server is taken for hung.
        random: Where the jitter of retries comes from.
        due_s: When each request is due, by its number, in seconds from the start: an open loop. None for a closed one,
            in which each session goes on as soon as it is free.
        watch: The socket and the conversation of whoever watches meanwhile; left off where it is when the last session
            is done, and all others are.
        others: Who else is to be watched to the end; what is returned is about this process alone.

    Raises:
        StatementFailedError: The server refused a statement; the sessions are then fit only to be closed.
        LostConnectionError: A connection broke, or the server hung; likewise.
    """
    latencies_ns = [0] * calls
    collecting = gc.isenabled()
    gc.disable()
    try:
        with epoll(len(queues) + 1) as poll:
            busy_ns, started_ns = thread_time_ns(), perf_counter_ns()
            schedule = None if due_s is None else _schedule(started_ns, due_s)
            talks = {
                session.connection.socket: keep_pace(session, requests, schedule, latencies_ns, random)
                if schedule
                else converse(session, requests, latencies_ns, random)
                for session, requests in queues
            }
            paused: list[tuple[int, int]] = []
            finished_ns = _loop(poll, talks, watch, limit_s, paused, _wait(poll, exactly=schedule is not None))
            driven = Drive(
                started_ns=started_ns,
                duration_ns=max(finished_ns.values(), default=started_ns) - started_ns,
                latencies_ns=latencies_ns,
                finished_ns=[finished_ns[socket] - started_ns for socket in talks],
                busy_ns=thread_time_ns() - busy_ns,
                delays_ns=schedule.delays_ns if schedule else (),
                lags_ns=schedule.lags_ns if schedule else (),
            )
            if watch and others:
                _linger(poll, watch, others, paused)
            return driven
    finally:
        if collecting:
            gc.enable()


def _schedule(started_ns: int, due_s: Sequence[float]) -> Schedule:
    """Return the schedule of a drive that started then."""
    return Schedule(due_ns=[started_ns + round(due * NANOSECONDS) for due in due_s], delays_ns=[0] * len(due_s))


def _wait(poll: epoll, *, exactly: bool) -> Callable[[float], Ready]:
    """Return what waits for so many seconds, until something happens.

    An epoll counts in whole milliseconds, and so wakes up to one too late; `select` waits for the epoll itself, to the
    microsecond, with one system call more.
    """
    if not exactly or poll.fileno() >= _FD_SETSIZE:
        return poll.poll

    def wait(timeout_s: float) -> Ready:
        select((poll,), (), (), timeout_s)
        return poll.poll(0)

    return wait


def _loop(  # noqa: C901, PLR0913, PLR0917 (the hot loop: calling its parts would cost more than it explains)
    poll: epoll,
    talks: Mapping[int, Talk],
    watch: tuple[int, Talk] | None,
    limit_s: float,
    paused: list[tuple[int, int]],
    wait: Callable[[float], Ready],
) -> dict[int, int]:
    """Resume conversations until all are over; return when each ended."""
    every = {**talks, **dict([watch] if watch else [])}
    resumes: dict[int, Callable[[None], object]] = {socket: talk.send for socket, talk in every.items()}
    watcher = watch[0] if watch else -1
    finished_ns: dict[int, int] = {}
    ready = [(socket, EPOLLIN) for socket in resumes]
    heard_ns = perf_counter_ns()  # when something last came from a session
    for socket in resumes:
        poll.register(socket, EPOLLIN)
    while True:
        for socket, _ in ready:
            try:
                want = resumes[socket](None)
            except StopIteration:
                finished_ns[socket] = perf_counter_ns()
                poll.unregister(socket)
                continue
            if want is not None:
                _arrange(poll, socket, want, paused)
        if len(finished_ns) == len(talks):
            return finished_ns
        timeout_s = limit_s
        if paused:
            timeout_s = min(limit_s, max(0.0, (paused[0][0] - perf_counter_ns()) / NANOSECONDS))
        ready = wait(timeout_s)
        now_ns = perf_counter_ns()
        if len(ready) > 1 or (ready and ready[0][0] != watcher):
            heard_ns = now_ns
        elif sum(socket != watcher for _, socket in paused) == len(talks) - len(finished_ns):
            heard_ns = now_ns  # nobody has asked the server for anything
        elif now_ns - heard_ns >= limit_s * NANOSECONDS:
            raise LostConnectionError(f"The server has not answered any of {len(talks)} connections for {limit_s:g} s")
        if paused and paused[0][0] <= now_ns:
            ready += _due(poll, paused)


def _linger(poll: epoll, watch: tuple[int, Talk], others: Others, paused: list[tuple[int, int]]) -> None:
    """Go on watching until all others are done."""
    heard, done = others
    watcher, talk = watch
    poll.register(heard, EPOLLIN)
    while not done():
        due_s = (paused[0][0] - perf_counter_ns()) / NANOSECONDS if paused else _GLANCE_S
        ready = poll.poll(min(_GLANCE_S, max(0.0, due_s))) + _due(poll, paused)
        if any(socket == watcher for socket, _ in ready) and (want := talk.send(None)) is not None:
            _arrange(poll, watcher, want, paused)


def _arrange(poll: epoll, socket: int, want: object, paused: list[tuple[int, int]]) -> None:
    """Have the kernel wait for what a conversation wants."""
    if isinstance(want, Pause):
        poll.modify(socket, 0)
        heappush(paused, (want.until_ns, socket))
    else:
        poll.modify(socket, EPOLLIN | EPOLLOUT if want is Want.WRITE else EPOLLIN)


def _due(poll: epoll, paused: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Take the conversations whose pause is over."""
    due: list[tuple[int, int]] = []
    while paused and paused[0][0] <= perf_counter_ns():
        _, socket = heappop(paused)
        poll.modify(socket, EPOLLIN)
        due.append((socket, EPOLLIN))
    return due
