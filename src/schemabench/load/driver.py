"""The loop: many conversations in one thread, resumed on the kernel's events.

Owns the timing of a trial and the order in which conversations are resumed. Must not know SQL, workloads or candidates.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from select import EPOLLET, EPOLLIN, EPOLLOUT, epoll
from time import perf_counter_ns, thread_time_ns
from typing import TypeAlias

from schemabench.load.alarm import Alarm
from schemabench.load.collecting import uncollected
from schemabench.load.conversation import conduct, converse, is_plain
from schemabench.load.guard import Guard, Limits, alive
from schemabench.load.pace import Ending, Execute, Schedule, keep_pace
from schemabench.load.pipeline import pipeline
from schemabench.load.session import Session
from schemabench.load.talk import Noted, Pause, Request, Talk, Want
from schemabench.units import NANOSECONDS

_GLANCE_S = 0.25
"""How often silent processes are checked."""
_GUARD = -1
"""Stands for the guard among the sockets of pausing conversations."""

_Executor: TypeAlias = Callable[[Session, Sequence[Request], list[int], Random, Schedule | None], Talk]
"""Executes the requests of a session; at their pace if they have a schedule."""
Others: TypeAlias = tuple[int, Callable[[], bool]]
"""Processes that execute their own parts of the burst: the socket of their messages, and a function that returns
whether all of them are done."""


@dataclass(frozen=True, kw_only=True)
class Drive:
    """The result of driving one burst."""

    started_ns: int
    """When the first request was about to be sent, on the clock of `time.perf_counter_ns`."""
    duration_ns: int
    """From then to the last response, or to the cut."""
    latencies_ns: Sequence[int]
    """Service time of each request, by its number; 0 for a request that this process did not complete."""
    finished_ns: Sequence[int]
    """For each session, in order: from the start to its last response, or to the cut."""
    busy_ns: int
    """Processor time of the loop itself: its duration if the server answered at once."""
    delays_ns: Sequence[int] = ()
    """In an open loop: the time from when each request was due to its start, by its number."""
    lags_ns: Sequence[int] = ()
    """In an open loop: the delays of requests for which a session was free, which are the loop's own."""
    cut: bool = False
    """Whether it was cut short because it exceeded its limit; its sessions must then be stopped."""
    noted: Mapping[int, Noted] = field(default_factory=dict)
    """What sessions noted of requests, by their numbers; added by those who asked for it."""
    flying_ns: Mapping[int, int] = field(default_factory=dict)
    """If it was cut short: the number of each running request -> how long it had been running."""


@uncollected()
def drive(  # noqa: PLR0913 (a burst and its surroundings)
    queues: Sequence[tuple[Session, Sequence[Request]]],
    *,
    calls: int,
    random: Random,
    limits: Limits,
    failure: Callable[[], str | None] = alive,
    due_s: Sequence[float] | None = None,
    ending: Ending | None = None,
    after: Mapping[int, int] | None = None,
    watch: tuple[int, Talk] | None = None,
    others: Others | None = None,
    beside: Sequence[tuple[int, Talk]] = (),
) -> Drive:
    """Execute every session's requests: all sessions concurrently, each one request at a time or several in a pipeline.

    Args:
        queues: The sessions, each with its requests in order.
        calls: The number of requests of all processes; their numbers start at 0.
        random: Determines the jitter of retries.
        limits: The time limits for a call and for the drive, and the callback for its progress.
        failure: Returns why the server does not answer, over a separate connection; None if it does. It is called
            before a call is reported as slow, and if no call has ended for long.
        due_s: When each request is due, by its number, in seconds from the start: an open loop. None for a closed one.
        ending: When an open loop ends before all requests are due; None for never.
        after: How many of its session's requests are answered before a request of a pipeline is sent, by its number.
        watch: The socket and the conversation of the sampler; abandoned when all processes are done.
        others: Other processes to sample until they are done; the result is about this process alone.
        beside: Further sockets and conversations, of sessions without requests of the burst; likewise abandoned.

    Raises:
        StatementFailedError: The server refused a statement; the sessions must then be stopped.
        SlowCallError: A call exceeded its limit; likewise.
        LostConnectionError: A connection broke, or the server does not answer.
    """
    latencies_ns = [0] * calls
    executors = [_executor(*queue, after or {}) for queue in queues]
    offsets = None if due_s is None else _schedule(due_s, ending)
    around = [*beside, *([watch] if watch else [])]
    with epoll(len(queues) + len(around) + 1) as poll, closing(Alarm()) as alarm:
        busy_ns, started_ns = thread_time_ns(), perf_counter_ns()
        schedule = replace(offsets, started_ns=started_ns) if offsets else None
        talks = {
            session.connection.socket: execute(session, requests, latencies_ns, random, schedule)
            for (session, requests), execute in zip(queues, executors, strict=True)
        }
        own = sum(len(requests) for _, requests in queues)
        guard = Guard([session for session, _ in queues], limits, failure, latencies_ns, own, started_ns)
        finished_ns = _loop(poll, alarm, talks, around, guard)
        if guard.cut:
            finished_ns = {socket: finished_ns.get(socket, guard.cut_ns) for socket in talks}
        driven = Drive(
            started_ns=started_ns,
            duration_ns=max(finished_ns.values(), default=started_ns) - started_ns,
            latencies_ns=latencies_ns,
            finished_ns=[finished_ns[socket] - started_ns for socket in talks],
            cut=guard.cut,
            flying_ns=_flying_ns(guard),
            busy_ns=thread_time_ns() - busy_ns,
            delays_ns=schedule.delays_ns if schedule else (),
            lags_ns=schedule.lags_ns if schedule else (),
        )
        if around and others and not guard.cut:
            _linger(poll, alarm, guard, dict(around), others)
        return driven


def _executor(session: Session, requests: Sequence[Request], after: Mapping[int, int]) -> _Executor:
    """Return what executes the requests of a session, at their pace if they have a schedule."""
    if any(number in after for number, *_ in requests):
        return partial(pipeline, after)
    return partial(_one_by_one, converse if is_plain(session, requests) else conduct)


def _one_by_one(  # noqa: PLR0913, PLR0917 (as `converse`, with what it needs at a pace)
    execute: Execute,
    session: Session,
    requests: Sequence[Request],
    latencies_ns: list[int],
    random: Random,
    schedule: Schedule | None,
) -> Talk:
    """Execute requests one after the other."""
    if schedule:
        return keep_pace(execute, session, requests, schedule, latencies_ns, random)
    return execute(session, requests, latencies_ns, random)


def finish(talks: Mapping[int, Talk], limit_s: float) -> None:
    """Resume conversations that a drive has left where they were, until all have ended, for `limit_s` at most.

    Raises:
        StatementFailedError: The server refused a statement.
        LostConnectionError: A connection broke.
    """
    if not talks:
        return
    started_ns = perf_counter_ns()
    with epoll(len(talks) + 1) as poll, closing(Alarm()) as alarm:
        guard = Guard((), Limits(trial_s=limit_s), alive, [], 0, started_ns)
        _loop(poll, alarm, talks, (), guard)


def _flying_ns(guard: Guard) -> dict[int, int]:
    """Return how long each request had been running when a drive was cut short, by its number."""
    flying = guard.flying(guard.cut_ns) if guard.cut else ()
    return {number: max(0, round(flying_s * NANOSECONDS)) for _, (number, *_), flying_s in flying}


def _schedule(due_s: Sequence[float], ending: Ending | None) -> Schedule:
    """Return the schedule of a drive before it starts: what that takes, no call is late by."""
    return Schedule(offsets_ns=[round(due * NANOSECONDS) for due in due_s], delays_ns=[0] * len(due_s), ending=ending)


def _loop(
    poll: epoll, alarm: Alarm, talks: Mapping[int, Talk], around: Sequence[tuple[int, Talk]], guard: Guard
) -> dict[int, int]:
    """Resume conversations until all `talks` have ended, or the guard cuts them short; return when each ended.

    Those `around` them are resumed, too, but not waited for.
    """
    every = {**talks, **dict(around)}
    resumes: dict[int, Callable[[None], object]] = {socket: talk.send for socket, talk in every.items()}
    bell = alarm.bell
    finished_ns: dict[int, int] = {}
    gone: set[int] = set()
    """The sockets of those around them whose sessions have ended."""
    ready = [(socket, EPOLLIN) for socket in resumes]
    poll.register(bell, EPOLLIN | EPOLLET)
    alarm.pause(_GUARD, guard.next_ns)
    for socket in resumes:
        poll.register(socket, EPOLLIN)
    most = len(resumes) + 1
    while True:
        for socket, _ in ready:
            if socket == bell:
                ready += _rung(poll, alarm, guard)  # they are resumed in the same round
                continue
            try:
                want = resumes[socket](None)
            except StopIteration:
                if socket in finished_ns or socket in gone:
                    continue  # what it paused for and something to read came together
                if socket in talks:
                    finished_ns[socket] = perf_counter_ns()
                else:
                    gone.add(socket)
                _part(poll, alarm, socket)
                continue
            if want is not None:
                _arrange(poll, alarm, socket, want)
        if len(finished_ns) == len(talks) or guard.cut:
            return finished_ns
        ready = poll.poll(None, most)


def _linger(poll: epoll, alarm: Alarm, guard: Guard, around: Mapping[int, Talk], others: Others) -> None:
    """Continue sampling, and whatever else runs beside, until all other processes are done."""
    heard, done = others
    poll.register(heard, EPOLLIN)
    while not done():
        ready = poll.poll(_GLANCE_S)
        for socket, _ in ready:
            if socket == alarm.bell:
                ready += _rung(poll, alarm, guard)
            elif socket in around:
                try:
                    want = around[socket].send(None)
                except StopIteration:
                    _part(poll, alarm, socket)
                    continue
                if want is not None:
                    _arrange(poll, alarm, socket, want)


def _part(poll: epoll, alarm: Alarm, socket: int) -> None:
    """Wait no longer for a conversation that has ended."""
    alarm.forget(socket)
    with suppress(OSError):  # the kernel has forgotten a socket that is closed
        poll.unregister(socket)


def _arrange(poll: epoll, alarm: Alarm, socket: int, want: object) -> None:
    """Have the kernel wait for the event that a conversation needs."""
    if isinstance(want, Pause):
        poll.modify(socket, EPOLLIN if want.listening else 0)
        alarm.pause(socket, want.until_ns)
    else:
        alarm.forget(socket)
        poll.modify(socket, EPOLLIN | EPOLLOUT if want is Want.WRITE else EPOLLIN)


def _rung(poll: epoll, alarm: Alarm, guard: Guard) -> list[tuple[int, int]]:
    """Return the conversations whose pause is over, in the form of kernel events; the guard makes its check."""
    over = alarm.over()
    if _GUARD in over:
        over.remove(_GUARD)
        guard.look()
        alarm.pause(_GUARD, guard.next_ns)
    for socket in over:
        poll.modify(socket, EPOLLIN)
    return [(socket, EPOLLIN) for socket in over]
