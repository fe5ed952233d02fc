"""The ghost jobs at work: each by its own schedule, whether or not the one before it is done.

Owns the schedule, the connections and the counts of runs. Must not know what else is on the server.

The schedule is open: a run is due at its time, however slow the server is, and waits for a free connection if all are
busy. What a run writes follows from its job and its number.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil, inf
from queue import SimpleQueue
from threading import Event, Lock, Thread
from time import monotonic
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from schemabench import signals
from schemabench.errors import ServerError, UsageError
from schemabench.noise.datamodel import KINDS, OWN_IDS
from schemabench.noise.model import Job, Model
from schemabench.noise.town import SESSION_NAME, worded
from schemabench.server.dsn import Conninfo, connect, with_words

LATE_S = 1.0
"""A run that begins this long after it was due is late."""
KEPT_RUNS = 3
"""Runs of a job whose records are kept: the table does not grow for ever."""
_RUNS_PER_CONNECTION = 10.0
"""Runs per second for which one connection is opened, at most `_MOST_CONNECTIONS`."""
_LEAST_CONNECTIONS, _MOST_CONNECTIONS = 2, 32
MOST_PER_S = 10_000
"""The most runs that may be due per second: several times as many as all connections get done on two cores (1,300,
measured). More would only wait, and take memory."""
_ENDING_S = 5.0
"""How long the runs under way may take to finish at the end; then they are cancelled."""
_TOLD_EVERY_S = 0.25
DOING, AGAIN = "Running the ghost jobs", "run again: runs that were under way are undone, and the town is whole"
"""What failed if the server ended a session, and the remedy."""
_BEGIN = "UPDATE {jobs} SET runs = runs + 1, last_run_at = now() WHERE id = %(job)s RETURNING runs"
_READ = """
SELECT count(*), sum(value)
FROM (
    SELECT value FROM {records}
    WHERE job >= %(first)s AND job < %(beyond)s
    ORDER BY job, run, place
    LIMIT %(reads)s
) AS theirs
"""
"""Of all jobs of the organisation, in the order of the key."""
_WRITE = """
INSERT INTO {records} (job, run, place, value)
SELECT %(job)s, %(run)s, place, (place * 7919 + %(run)s) %% 1000000 FROM generate_series(0, %(writes)s - 1) AS place
"""
_FORGET = "DELETE FROM {records} WHERE job = %(job)s AND run <= %(run)s - %(kept)s"
_EXPIRE = """
DELETE FROM {records} WHERE (job, run, place) IN (
    SELECT old.job, old.run, old.place FROM {records} AS old INNER JOIN {jobs} AS its ON its.id = old.job
    WHERE old.job >= %(first)s AND old.job < %(beyond)s AND old.run < its.runs
    FOR UPDATE OF old SKIP LOCKED
)
"""
"""What is not of the last run of its job, in the whole organisation. It waits for nobody, so that none deadlocks."""
_HISTORY = """
INSERT INTO {runs} (job, run, started_at, took_ms, records)
VALUES (%(job)s, %(run)s, now(), (1000 * extract(epoch FROM clock_timestamp() - now()))::integer, %(writes)s)
"""
_AUDIT = (
    "INSERT INTO {audits} (organisation, author, at, action) VALUES (%(organisation)s, %(owner)s, now(), 'started')"
)


@dataclass(kw_only=True)
class Counts:
    """Runs of one kind of job so far."""

    due: int = 0
    begun: int = 0
    done: int = 0
    late: int = 0
    """Those that began more than `LATE_S` after they were due, or are that long due and have not begun."""
    failed: int = 0
    longest_wait_s: float = 0.0
    """The longest time from due to begun."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One run of a job."""

    due_s: float
    job: Job
    organisation: int


def jobs(model: Model) -> list[tuple[int, Job]]:
    """Return the jobs that run, each after its organisation."""
    return [(one.id, job) for one in model.organisations for job in one.jobs if job.state == "active"]


def pace(model: Model, speed: float) -> float:
    """Return how many runs are due per second."""
    return sum(speed / job.every_s for _, job in jobs(model))


def check(model: Model, speed: float, option: str) -> None:
    """Refuse jobs of which none runs, or that are due more often than any server gets them done.

    Args:
        model: Has the jobs.
        speed: How many times as fast as the model says.
        option: What sets it, as in `--speed`.

    Raises:
        UsageError: They are.
    """
    if not jobs(model):
        raise UsageError("No job of the model is active", remedies=["make a model with more: noise model --orgs"])
    if (due_per_s := pace(model, speed)) > MOST_PER_S:
        fitting = 0.99 * speed * MOST_PER_S / due_per_s  # less than rounding to three digits may add
        raise UsageError(
            f"{option} {speed:g} is too fast for this model: {due_per_s:,.0f} job runs would be due per second, and "
            f"{MOST_PER_S:,} is the limit. What a server gets done is less: on two cores, 1,300 per second",
            remedies=[
                f"slow it down: {option} {fitting:.3g}",
                "make a model of fewer organisations: noise model --orgs",
            ],
        )


def connections(model: Model, speed: float) -> int:
    """Return how many connections the jobs of a model have."""
    return max(_LEAST_CONNECTIONS, min(_MOST_CONNECTIONS, ceil(pace(model, speed) / _RUNS_PER_CONNECTION)))


def schedule(model: Model, speed: float) -> Iterator[Run]:
    """Yield all runs in the order in which they are due, in seconds from the start, without end.

    Args:
        model: Has the jobs.
        speed: How many times as fast as the model says.
    """
    known = jobs(model)
    heap = [(job.offset_s / speed, place) for place, (_, job) in enumerate(known)]
    heapq.heapify(heap)
    while heap:
        due_s, place = heap[0]
        organisation, job = known[place]
        yield Run(due_s=due_s, job=job, organisation=organisation)
        heapq.heapreplace(heap, (due_s + job.every_s / speed, place))


@dataclass(kw_only=True)
class Ghosts:
    """The jobs of a town at work: see `work`.

    Attributes:
        conninfo: The database.
        schema: The town's schema.
        model: Has the jobs.
        speed: How many times as fast as the model says.
        pids: The process ids of the sessions on the server, once they are open.
        messages: What the server said of failed runs, by SQLSTATE: the first of each.
    """

    conninfo: Conninfo
    schema: str
    model: Model
    speed: float = 1.0
    pids: tuple[int, ...] = ()
    messages: dict[str, str] = field(default_factory=dict)
    _counts: dict[str, Counts] = field(default_factory=lambda: {kind: Counts() for kind in KINDS})
    _waiting: set[Run] = field(default_factory=set)
    _queue: "SimpleQueue[Run | None]" = field(default_factory=SimpleQueue)
    _lock: Lock = field(default_factory=Lock)
    _stopped: Event = field(default_factory=Event)
    _failure: ServerError | None = None
    _began_s: float = 0.0
    _ended_s: float = inf

    def work(self, for_s: float, tell: Callable[["Ghosts"], bool]) -> None:
        """Run jobs until the time is over, somebody says so, or a signal comes; then let the runs under way finish.

        Afterwards every run that has begun is done or has failed.

        Args:
            for_s: How long; infinity for ever.
            tell: Receives this object a few times a second; returns whether to go on.

        Raises:
            ServerError: The server cannot be reached, refused a connection or ended one.
        """
        with ExitStack() as stack:
            sessions = [self._open(stack) for _ in range(connections(self.model, self.speed))]
            self.pids = tuple(session.info.backend_pid for session in sessions)
            workers = [Thread(target=self._serve, args=[session], daemon=True) for session in sessions]
            ended = stack.enter_context(signals.noted())
            self._began_s = monotonic()
            for worker in workers:
                worker.start()
            try:
                self._schedule(for_s, lambda: not ended() and tell(self))
            finally:
                self._end(workers, sessions)
        if self._failure:
            raise self._failure

    def counts(self) -> dict[str, Counts]:
        """Return the counts by kind; a run that waits for a connection too long is late already."""
        with self._lock:
            found = {kind: Counts(**vars(one)) for kind, one in self._counts.items()}
            waiting = list(self._waiting)
        for run in waiting:
            _add_wait(found[run.job.kind], self.elapsed_s - run.due_s)
        return found

    @property
    def elapsed_s(self) -> float:
        """Time since the schedule began, until it ended."""
        return min(monotonic(), self._ended_s) - self._began_s

    def _open(self, stack: ExitStack) -> psycopg.Connection[TupleRow]:
        return stack.enter_context(closing(connect(with_words(self.conninfo, application_name=SESSION_NAME))))

    def _schedule(self, for_s: float, go_on: Callable[[], bool]) -> None:
        """Hand out runs when they are due."""
        told_s = 0.0
        for run in schedule(self.model, self.speed):
            while (now_s := self.elapsed_s) < min(run.due_s, for_s) or now_s >= told_s:
                if now_s >= told_s:
                    told_s = now_s + _TOLD_EVERY_S
                    if self._failure or not go_on():
                        return
                self._stopped.wait(max(0.0, min(told_s, run.due_s, for_s) - now_s))
            if run.due_s >= for_s:
                return
            with self._lock:
                self._counts[run.job.kind].due += 1
                self._waiting.add(run)
            self._queue.put(run)

    def _end(self, workers: Sequence[Thread], sessions: Sequence[psycopg.Connection[TupleRow]]) -> None:
        """Let runs under way finish, or cancel them; runs that have not begun stay undone."""
        self._ended_s = monotonic()
        self._stopped.set()
        for _ in workers:
            self._queue.put(None)
        _join(workers, _ENDING_S)
        under_way = [session for worker, session in zip(workers, sessions, strict=True) if worker.is_alive()]
        cancelling = [Thread(target=_cancel, args=[session], daemon=True) for session in under_way]
        for thread in cancelling:
            thread.start()
        _join([*cancelling, *workers], _ENDING_S)
        with self._lock:  # a server that does not even answer a cancel
            for own in self._counts.values():
                unanswered = own.begun - own.done - own.failed
                own.failed += unanswered
                if unanswered:
                    self.messages.setdefault("", "the server did not answer")

    def _serve(self, session: psycopg.Connection[TupleRow]) -> None:
        """Execute runs on one connection, until the end."""
        while (run := self._queue.get()) is not None:
            own = self._counts[run.job.kind]
            with self._lock:
                if self._stopped.is_set():
                    return
                self._waiting.discard(run)
                own.begun += 1
                _add_wait(own, self.elapsed_s - run.due_s)
            try:
                self._execute(session, run)
            except psycopg.Error as cause:
                with self._lock:
                    own.failed += 1
                    self.messages.setdefault(cause.sqlstate or "", str(cause).strip().splitlines()[0])
                if session.closed:
                    self._failure = worded(cause, DOING, AGAIN, session)
                    self._stopped.set()
                    return
            else:
                with self._lock:
                    own.done += 1

    def _execute(self, session: psycopg.Connection[TupleRow], run: Run) -> None:
        """Execute one run, as one transaction."""
        job = run.job
        values = {
            "job": job.id,
            "organisation": run.organisation,
            "owner": job.owner,
            "reads": job.reads,
            "writes": job.writes,
            "kept": KEPT_RUNS,
            "first": run.organisation * OWN_IDS,
            "beyond": (run.organisation + 1) * OWN_IDS,
        }
        with session.transaction():
            row = session.execute(self._texts[_BEGIN], values).fetchone()
            if row is None:
                raise psycopg.DataError(f"the job {job.id} is gone")
            values["run"] = row[0]
            texts = [_READ] * (job.reads > 0) + [_WRITE] * (job.writes > 0) + [_FORGET]
            texts += [_EXPIRE] * (job.kind == "expire") + [_HISTORY, _AUDIT]
            for text in texts:
                session.execute(self._texts[text], values)

    @cached_property
    def _texts(self) -> dict[str, bytes]:
        """The statements, with the names of the town's tables."""
        names = {name: sql.Identifier(self.schema, name) for name in ("jobs", "records", "runs", "audits")}
        texts: tuple[LiteralString, ...] = (_BEGIN, _READ, _WRITE, _FORGET, _EXPIRE, _HISTORY, _AUDIT)
        return {text: sql.SQL(text).format(**names).as_bytes(None) for text in texts}


def _add_wait(counts: Counts, waited_s: float) -> None:
    counts.late += waited_s > LATE_S
    counts.longest_wait_s = max(counts.longest_wait_s, waited_s)


def _join(threads: Sequence[Thread], limit_s: float) -> None:
    """Wait for all threads, so long altogether."""
    until_s = monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, until_s - monotonic()))


def _cancel(session: psycopg.Connection[TupleRow]) -> None:
    with suppress(psycopg.Error):
        session.cancel_safe(timeout=_ENDING_S)
