"""The migration's session: one more conversation beside the writers', which executes statement after statement.

Owns when each statement begins and ends, what becomes of one that fails, and what the server writes meanwhile. Must not
know what the writers feel of it.

A statement is sent as psql sends it, by the simple query protocol: one outside of a transaction block is committed by
itself, so that CREATE INDEX CONCURRENTLY works. If one waits for a lock in vain (`lock_timeout`), it is repeated; in a
transaction block, the whole block is, as its earlier statements were rolled back. If the server ends the session, as a
timeout has it, the statement fails, and the migration ends. When the migration has ended, so does its session: psql
disconnects then. What the server has written is asked for in another session, which has none of the migration's
settings and limits.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import NamedTuple, TypeAlias

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from schemabench.errors import CandidateError, ServerError
from schemabench.load import Ending, LostConnectionError, Refusal, Session
from schemabench.load.session import Undone
from schemabench.load.talk import SUCCEEDED, Pause, Talk, Want
from schemabench.rehearsal.asked import Asked
from schemabench.rehearsal.migration import Step
from schemabench.rehearsal.notices import Heard, ends
from schemabench.rehearsal.record import Outcome
from schemabench.rehearsal.transactions import Block
from schemabench.units import NANOSECONDS, format_duration

LOCK_TIMEOUT = "55P03"
"""lock_not_available."""
CANCELLED = "57014"
"""query_canceled."""
PAUSE_S = 1.0
"""The pause before the first retry of a statement; each later one is twice as long as the one before."""
LONGEST_PAUSE_S = 8.0
NEVER_NS = 1 << 62
"""Later than anything on the clock of `time.perf_counter_ns`."""
_METER = "SELECT pg_current_wal_insert_lsn() - '0/0', pg_database_size(current_database())"
_GLANCE_NS = 1_000_000
"""Between two looks whether it is answered."""
_SETTINGS = (
    # the server ends a statement within a second of the death of this process: a database in use stays for ever
    "SET client_connection_check_interval = 1000",
    # the session is idle before a retry, and in the quiet after the last statement
    "SET idle_session_timeout = 0",
)
"""In what a file's session differs from psql's, which is never idle."""
_NEW = ("SET statement_timeout = 0", "DISCARD ALL", *_SETTINGS)
"""Gives a session the state of a new one; the limit of the file before must not end what that takes."""
_MOST_TRIES = 100
"""Of a command of our own that a migration's `statement_timeout` ends: such a command takes microseconds."""
_CANCEL_AGAIN_NS = 1_000_000_000
MOST_CANCELS = 5
"""A statement that goes on after so many has a handler for `query_canceled`: only the end of its session ends it."""
_COMMITTED = b"COMMIT"
"""The server's word for what a statement did."""
_ENDED = 2
"""Among the meters."""

_Waits: TypeAlias = Generator[Want | Pause | None, None, Refusal | None]


class Meter(NamedTuple):
    """What the server has written at a moment."""

    at_ns: int
    wal_bytes: int
    """Of the whole server, since ever."""
    database_bytes: int


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One execution of a statement."""

    step: int
    """The statement, by its place in the migration."""
    begun_ns: int
    """On the clock of `time.perf_counter_ns`; likewise the next."""
    ended_ns: int
    refusal: Refusal | None
    """Why it failed; None if it did not."""
    out_of_time: bool = False
    """Whether it was cancelled because the migration had taken longer than it may."""


@dataclass(kw_only=True, eq=False)
class Applying:
    """A migration that is executed beside the writers.

    Attributes:
        session: Its session.
        steps: Its statements.
        asked: The settings of the rehearsal.
        meter: A session in its database without limits, in which what the server has written is asked for.
        another: Opens another one like `meter`: the migration may end that.
        ending: Receives when the writers end.
        count: Returns how many attempts of the writers were rolled back and repeated so far.
        attempts: Each execution of a statement, in order.
        outcomes: What became of each statement, by its place.
        heard: What the server said beside the results of each statement, by its place.
        meters: What the server had written when the quiet stretch began, when the migration began, and when it ended.
        counted: What `count` returned at these moments.
        lock_timeout: The setting in the session at its end, as in `2s`; empty if the server did not tell it, as
            where it had ended the session.
        overdue: Whether it took longer than it may: its statement was cancelled, or not repeated any more.
        place: The statement that is running; None while none is.
        since_ns: Since when it has been running, on the clock of `time.perf_counter_ns`; likewise the next.
        starts_ns: When the migration starts.
    """

    session: Session
    meter: Session
    another: Callable[[], Session]
    steps: Sequence[Step]
    asked: Asked
    ending: Ending
    count: Callable[[], Undone]
    attempts: list[Attempt] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)
    counted: list[Undone] = field(default_factory=list)
    lock_timeout: str = ""
    overdue: bool = False
    place: int | None = None
    since_ns: int = 0
    starts_ns: int = 0
    _deadline_ns: int = NEVER_NS
    _cancels: int = 0
    _commits: bool = False
    """Whether the last statement committed a transaction, after which another one may follow at once: AND CHAIN."""
    _last_words: Refusal | None = None
    """What the server said before it ended the session; None if it has not."""

    def __post_init__(self) -> None:
        self.outcomes = ["not executed"] * len(self.steps)
        self.heard = [Heard() for _ in self.steps]
        self.session.connection.notice_handler = self._hear

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way, and the quiet stretch after it, too."""
        return perf_counter_ns() >= self.ending.at_ns

    @property
    def is_ended(self) -> bool:
        """Whether the last statement has ended that is executed."""
        return len(self.meters) > _ENDED

    @property
    def begun_ns(self) -> int:
        """When the first statement began, once it has."""
        return self.attempts[0].begun_ns

    @property
    def ended_ns(self) -> int:
        """When the last statement ended that was executed, once it has."""
        return self.attempts[-1].ended_ns

    def at(self, moment_ns: int) -> tuple[int | None, bool]:
        """Return the last statement that had been begun at a moment, by its place, and whether it was running then.

        There is none before the first one.
        """
        begun = [one for one in self.attempts if one.begun_ns <= moment_ns]
        return (begun[-1].step, moment_ns <= begun[-1].ended_ns) if begun else (None, False)

    def talk(self) -> Talk:
        """Execute the migration after the quiet stretch; then say when the writers end.

        Raises `LostConnectionError` if the connection broke without a word of the server, and `CandidateError` if a
        statement cannot be cancelled.
        """
        try:
            yield from self._measure()
            self.starts_ns = perf_counter_ns() + round(self.asked.quiet_s * NANOSECONDS)
            yield Pause(self.starts_ns)
            yield from self._measure()
            self._deadline_ns = perf_counter_ns() + round(self.asked.longest_s * NANOSECONDS)
            yield from self._execute_all()
            self._deadline_ns = NEVER_NS
            yield from self._read_lock_timeout()
            yield from self._measure()
        except psycopg.OperationalError as cause:
            raise LostConnectionError(str(cause).strip()) from cause
        self.ending.at_ns = self.ended_ns + round(self.asked.quiet_s * NANOSECONDS)
        self.session.close()

    def _execute_all(self) -> Generator[Want | Pause | None, None, None]:
        """Execute all statements, up to the first one that fails for good, or to the end of the time."""
        place = retries = 0
        block = Block()
        while place < len(self.steps):
            if self._is_idle() or self._commits:
                block.begin(place)
            refusal = yield from self._attempt(place)
            if refusal is None:
                self._undo(block.undone(place, self.steps[place].sql))
            if refusal is None and not self.overdue:
                retries = 0 if self._is_idle() else retries
                place += 1
                continue
            if refusal is None and self._is_idle():
                return  # it ended although it was cancelled, and is committed
            if not self._is_idle():
                yield from self._command("ROLLBACK")
            undone = place if refusal else place + 1
            self._undo(range(block.first, undone))
            if refusal is None:
                return
            until_ns = perf_counter_ns() + round(pause_s(retries) * NANOSECONDS)
            may_retry = refusal.sqlstate == LOCK_TIMEOUT and retries < self.asked.retries
            self.overdue |= may_retry and until_ns >= self._deadline_ns
            if not may_retry or self.overdue:
                self.outcomes[place] = "failed"
                return
            yield Pause(until_ns)
            retries, place = retries + 1, block.first

    def _undo(self, places: range) -> None:
        for place in places:
            self.outcomes[place] = "rolled back"

    def _attempt(self, place: int) -> _Waits:
        """Execute one statement; return why it failed."""
        step = self.steps[place]
        if step.begins:
            yield from self._begin_file()
        self._commits = False
        self.place, self.since_ns = place, perf_counter_ns()
        refusal = yield from self._query(step.sql)
        self.place, ended_ns = None, perf_counter_ns()
        self._deadline_ns = NEVER_NS if self.overdue else self._deadline_ns
        out_of_time = self.overdue and refusal is not None and refusal.sqlstate == CANCELLED
        self.attempts.append(
            Attempt(step=place, begun_ns=self.since_ns, ended_ns=ended_ns, refusal=refusal, out_of_time=out_of_time)
        )
        if refusal is None:
            self.outcomes[place] = "done"
        return refusal

    def _begin_file(self) -> Generator[Want | Pause | None, None, None]:
        """Give the session the state of a new one, with the lock timeout that is asked for: as psql has it for a file.

        What `Session.open` sets and prepares is lost, and nobody needs it here: nothing settles this session.
        Raises `ServerError` if the server refuses that, unless it has ended the session: then the statement fails. It
        takes no time, and so is never cancelled.
        """
        deadline_ns, self._deadline_ns = self._deadline_ns, NEVER_NS
        commands = [*_NEW]
        if self.asked.lock_timeout_ms is not None:
            commands.append(f"SET lock_timeout = {self.asked.lock_timeout_ms}")
        for command in commands:
            refusal = yield from self._command(command)
            if refusal is not None and self._last_words is None:
                raise ServerError(
                    f"The server refuses {command!r} in the migration's session: {refusal.message}",
                    sqlstate=refusal.sqlstate,
                )
        self._deadline_ns = deadline_ns

    def _measure(self) -> Generator[Want | Pause | None, None, None]:
        """Ask for what the server has written; raises `ServerError` if it refuses to tell."""
        try:
            wal, size = yield from self._metered()
        except psycopg.OperationalError:  # the migration has ended that session
            self.meter = self.another()
            wal, size = yield from self._metered()
        self.meters.append(Meter(perf_counter_ns(), wal, size))
        self.counted.append(self.count())

    def _metered(self) -> Generator[Pause, None, tuple[int, int]]:
        """Return what the server has written; raises `psycopg.OperationalError` if it has ended the session.

        The load loop has no eye on this session, whose answer takes milliseconds. If the migration's own session has
        ended, nothing can be resumed by it, and the loop waits.
        """
        connection = self.meter.connection
        connection.send_query(_METER.encode())
        while self._last_words is None and (connection.flush() or connection.is_busy()):
            yield Pause(perf_counter_ns() + _GLANCE_NS)
            connection.consume_input()
        results: list[PGresult] = []
        while (result := connection.get_result()) is not None:
            results.append(result)
        if connection.status != ConnStatus.OK:
            raise psycopg.OperationalError(connection.get_error_message())
        if results[0].status not in SUCCEEDED:
            refusal = Refusal.of(results[0])
            raise ServerError(f"The server refuses {_METER!r}: {refusal.message}", sqlstate=refusal.sqlstate)
        return int(results[0].get_value(0, 0) or 0), int(results[0].get_value(0, 1) or 0)

    def _read_lock_timeout(self) -> Generator[Want | Pause | None, None, None]:
        rows: list[PGresult] = []
        yield from self._command("SHOW lock_timeout", rows)
        self.lock_timeout = (rows[0].get_value(0, 0) or b"").decode() if rows else ""

    def _command(self, sql: str, rows: list[PGresult] | None = None) -> _Waits:
        """Execute a command of our own as `_query` does, again if the migration's `statement_timeout` ends it."""
        for _ in range(_MOST_TRIES):
            refusal = yield from self._query(sql, rows)
            if refusal is None or refusal.sqlstate != CANCELLED:
                break
        return refusal

    def _query(self, sql: str, rows: list[PGresult] | None = None) -> _Waits:
        """Execute what psql would send at once; return why the server refused it, or why it has ended the session.

        Args:
            sql: One statement, or several that the grammar cannot take apart.
            rows: Receives the results that have rows.
        """
        if self._last_words is not None:
            return self._last_words
        connection, results = self.session.connection, list[PGresult]()
        try:
            yield from self._exchange(sql, results)
        except psycopg.OperationalError as failure:
            lost: str | None = str(failure).strip()
        else:
            lost = None if connection.status == ConnStatus.OK else connection.get_error_message()
        failed = [Refusal.of(one) for one in results if one.status not in SUCCEEDED]
        if lost is not None:
            self._last_words = self._last_words or next((one for one in failed if one.sqlstate), None)
            if self._last_words is None:
                raise LostConnectionError(lost)
            return self._last_words
        if rows is not None:
            rows += [one for one in results if one.status == ExecStatus.TUPLES_OK]
        self._commits |= any(one.command_status == _COMMITTED for one in results)
        return failed[0] if failed else None

    def _exchange(self, sql: str, results: list[PGresult]) -> Generator[Want | Pause | None, None, None]:
        connection = self.session.connection
        connection.send_query(sql.encode())
        while connection.flush():
            yield Want.WRITE
        while True:
            connection.consume_input()
            while connection.is_busy():
                yield Pause(self._deadline_ns, listening=True)
                self._check_deadline()
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                return
            results.append(result)

    def _check_deadline(self) -> None:
        """Cancel the statement if the migration has taken longer than it may.

        Raises `CandidateError` if it goes on all the same.
        """
        if perf_counter_ns() < self._deadline_ns:
            return
        if self._cancels == MOST_CANCELS and self.place is not None:
            step = self.steps[self.place]
            raise CandidateError(
                f"The statement {step.shown!r} goes on although it was cancelled after "
                f"{format_duration(self.asked.longest_s)}",
                checked=[f"{step.where or step.shown}: cancelled {MOST_CANCELS} times, a second apart"],
                remedies=["leave out its handler of `query_canceled`", "allow the migration more time: --for 5min"],
            )
        self.overdue, self._cancels = True, self._cancels + 1
        self._deadline_ns = perf_counter_ns() + _CANCEL_AGAIN_NS
        self.session.cancel()

    def _hear(self, notice: PGresult) -> None:
        if ends(notice):  # while it was idle
            self._last_words = Refusal.of(notice)
        elif self.place is not None:
            self.heard[self.place].hear(notice)

    def _is_idle(self) -> bool:
        return self.session.connection.transaction_status == TransactionStatus.IDLE


def pause_s(retries: int) -> float:
    """Return the pause before the next retry, after so many."""
    return min(LONGEST_PAUSE_S, PAUSE_S * 2.0**retries)
