"""What a rehearsal found, as a frozen record.

Owns the record, which serialises to JSON. Must not compute anything but what follows from its own fields.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["done", "failed", "rolled back", "not executed"]
"""What became of a statement. One that the migration's own ROLLBACK undid is `rolled back`, as one that a failure
undid; the ROLLBACK is `done`."""


def is_complete(outcomes: Sequence[Outcome]) -> bool:
    """Return whether all statements were executed.

    What the migration undoes itself is rolled back before its last statement. Where the last one is rolled back, it was
    ended.
    """
    return outcomes[-1] == "done" and not {"failed", "not executed"} & set(outcomes)


@dataclass(frozen=True, kw_only=True)
class Blocker:
    """Who kept a statement from a lock."""

    who: str
    """As in `Waiter`."""
    longest_s: float
    """The longest wait for the lock, so far, that was seen while it did."""


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A lock that a statement was seen to hold or to wait for."""

    mode: str
    """As in `AccessExclusiveLock`."""
    relation: str
    """The relation; for a lock on something else its type, as in `virtualxid`: a transaction that must end first."""
    granted: bool
    """Whether it was seen to be held."""
    waited_s: float
    """The longest wait for it that was seen, so far; 0 if none was."""
    blockers: tuple[Blocker, ...] = ()
    """Who was seen to hold a lock in its way, or to be before it in the queue; the longest wait first."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What the server said beside the result of a statement."""

    severity: str
    """As in `WARNING`."""
    text: str
    """On one line, as in `relation "entry" already exists, skipping (42P07)`."""
    times: int
    """How often it said so."""


@dataclass(frozen=True, kw_only=True)
class StatementTimes:
    """One statement of a migration."""

    sql: str
    """On one line."""
    where: str
    """Its file and line; empty for the BEGIN and COMMIT of a file that is one transaction."""
    outcome: Outcome
    duration_s: float | None
    """Of its last execution; None if there was none."""
    executions: int
    """One more than its retries; 0 if there was none."""
    failures: tuple[str, ...]
    """Why executions failed, as in `lock timeout (55P03)` and what the server said of details, in order."""
    notices: tuple[Notice, ...] = ()
    """What the server said beside their results, over all executions: warnings first, and the first different ones of
    each severity."""
    notices_left_out: int = 0
    """How many more it said."""
    locks: tuple[Locked, ...]
    """The strongest first."""
    out_of_time: bool
    """Whether its last execution was cancelled because the migration had taken longer than it may."""
    calls: int
    """Calls of the writers that spent more of their time during it than during any other, and whose response times
    count: as in `Stretch`. A stall counts for one statement."""
    late: int
    """Of these, those whose response was late."""
    longest_s: float | None
    """The longest response to one of these; None if there was none."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The calls of an operation in a stretch of time."""

    calls: int
    """Those whose response times count: all but those that the server refused sooner than they would be late. A refusal
    is no fast response."""
    late: int
    """Those whose response took longer than the bound, refused or not."""
    longest_s: float | None
    """The longest response that counts, from when a call was due; None if there was none."""
    failed: int
    """All calls that the server refused."""


@dataclass(frozen=True, kw_only=True)
class OperationTimes:
    """One operation of the writers."""

    name: str
    before: Stretch
    """In the quiet stretch before the migration."""
    during: Stretch
    """From the begin of the migration, with the calls that were under way then, until it had ended, and all calls that
    fell due meanwhile, and those that queued on a connection on which one was held up."""
    after: Stretch
    """In the quiet stretch after it."""


@dataclass(frozen=True, kw_only=True)
class Waiter:
    """Who waited for the migration."""

    who: str
    """The operation of a writer, or the writer if none is known, a companion, or another session: its role and what it
    executes."""
    mode: str
    """The lock that it waited for, likewise the next."""
    relation: str
    at_once: int
    """The most sessions that were seen to wait at a moment."""
    longest_s: float
    """The longest wait that was seen."""


@dataclass(frozen=True, kw_only=True)
class Undone:
    """Attempts at an operation that the server rolled back."""

    operation: str
    reason: str
    """The error with its SQLSTATE, or the reason of a retry."""
    retried: bool
    """Whether they were repeated."""
    before: int
    """How many in the stretches as for an operation, if they were not repeated; likewise the next two. Of repeated
    ones, how many before the first statement began, from then on until the last one had ended, and afterwards."""
    during: int
    after: int

    @property
    def total(self) -> int:
        """How many in all."""
        return self.before + self.during + self.after


@dataclass(frozen=True, kw_only=True)
class Hindered:
    """A companion that did not complete some of its executions."""

    companion: str
    operation: str
    reason: str
    """What the server said, as in `column "amount" does not exist (42703)`."""
    times: int
    """How many executions ended so, or sessions."""
    statement: int | None
    """The last statement that had been begun when the first one did, counted from 1; None if none had been."""
    meanwhile: bool
    """Whether that statement was still being executed."""
    ended: bool
    """Whether a session ended: it executed nothing any more."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Sessions of a writer that ended, as where the migration terminates them: they made no call from then on."""

    writer: str
    sessions: int
    """How many."""
    clients: int
    """Of how many."""
    reason: str
    """As in `admin shutdown (57P01)`."""
    statement: int | None
    """When the first end was noticed, as in `Hindered`; likewise the next. It may have been earlier."""
    meanwhile: bool


@dataclass(frozen=True, kw_only=True)
class Unsampled:
    """The end of the session that samples locks and sizes: there are no samples from then on."""

    statement: int | None
    """When it was noticed, as in `Hindered`; likewise the next."""
    meanwhile: bool


@dataclass(frozen=True, kw_only=True)
class Written:
    """What the server wrote."""

    wal_bytes: int
    """From the begin of the migration to its end, by the whole server."""
    quiet_wal_bytes_per_s: float
    """In the quiet stretch before it."""
    before_bytes: int
    """The size of the database when the migration began, without temporary files and WAL; likewise the next two."""
    after_bytes: int
    """When it had ended."""
    most_bytes: int
    """The largest size that was seen."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a rehearsal found."""

    workload: str
    cardinality: str
    candidate: str
    extends: str
    """What it was applied to."""
    server: str
    """The server, as in `PostgreSQL 18.0 (embedded)`."""
    clients: int
    """The connections of the writers."""
    calls_per_s: float
    """The pace of all writers together."""
    late_s: float
    """A call whose response took longer is late."""
    quiet_s: float
    """How long the quiet stretches were asked to be."""
    longest_s: float
    """How long the migration might take."""
    before_s: float
    """The length of the quiet stretch before the migration."""
    migration_s: float
    """From the begin of its first statement to the end of its last one, pauses before retries included."""
    during_s: float
    """Until all calls that fell due meanwhile had ended, too, and those that queued on a connection on which one was
    held up."""
    after_s: float
    """The length of the quiet stretch after that; 0 if these calls ended no earlier than it should have."""
    lock_timeout: str
    """The setting in the migration's session at its end; empty if the server did not tell, having ended it."""
    writers_lock_timeout: str
    """In the writers' sessions."""
    statements: tuple[StatementTimes, ...]
    operations: tuple[OperationTimes, ...]
    waiters: tuple[Waiter, ...]
    undone: tuple[Undone, ...]
    hindered: tuple[Hindered, ...] = ()
    """What kept companions from completing executions."""
    ended: tuple[Ended, ...] = ()
    """The writers' sessions that ended."""
    unsampled: Unsampled | None = None
    """None if the session did not end that samples locks and sizes."""
    left: tuple[str, ...] = ()
    """What it set for connections that are opened after it, as in `statement_timeout = 1s for the database`."""
    over_new: str = ""
    """What failed over the connections to a fresh installation, which have these settings; empty if nothing did."""
    written: Written
    overdue: bool
    """Whether it took longer than it may: its statement was cancelled, or not repeated any more."""
    behind: int
    """The calls that had not ended when the migration began, and had waited for a free connection for longer than
    `late_s`."""
    behind_s: float
    """The longest of these waits; 0 if there was none."""
    lag_s: float | None = None
    """The longest time, during the migration, from when a call could be sent, since it was due and its connection free,
    until it was: the load generator's own delay. None if no call was sent meanwhile, or if calls take what others
    give, and so may wait for that."""
    gathered: tuple[str, ...]
    """The operations whose calls wait for each other to be sent together, as in `load, for up to 1.00 s`."""
    catalogs: tuple[str, ...] | None
    """In what the schema differs from a fresh installation of the candidate, as far as that is the migration's doing;
    None if it could not be read, as where the server failed."""
    by_others: tuple[str, ...] = ()
    """In what else it differs, as a second fresh installation does that executed the same calls at their pace, beside
    companions: what they made."""
    unclear: tuple[str, ...] = ()
    """In what else it differs, where it is not known whether that is the migration's doing."""
    why_unclear: str = ""
    """Why it is not known; empty if there is nothing of the kind."""
    provisional: bool
    """Whether that installation was not loaded and executed no calls, as where the migration failed, or the candidate
    does not take the calls. What differs may then come from rows or calls, such as a partition, and is no verdict."""
    rows: str
    """In what the rows differ from those of a fresh installation after the same calls; empty if they do not."""
    incomparable: str
    """Why the rows could not be compared, as where the fresh installation does not take the calls, where two fresh ones
    differ, too, or where the server failed after the measurement; empty if they could, or if nobody tried."""
    counts: tuple[str, ...]
    """The tables that have another number of rows than in a fresh installation after the same calls, as in `entry has 5
    rows instead of 2,000`. They are no verdict where queries over the state agree."""
    compared: tuple[str, ...]
    """The queries whose rows were compared; none if the migration failed, if they could not be, if there are none, or
    if all are `undecided`."""
    by_state: bool = True
    """Whether queries over the state are among them: invariants alone do not miss rows that are gone."""
    undecided: tuple[str, ...]
    """The invariants that do not hold in a fresh installation either."""
    backfills: tuple[str, ...]
    """The places of the migration's statements that found no rows in a fresh installation, which is loaded afterwards:
    what they did to rows is not compared, unless the state shows it."""
    not_executed: tuple[str, ...]
    """The candidate's own operations: the writers executed those of what it extends."""
    passed_over: tuple[str, ...]
    """What was not executed of the migration, and why."""

    @property
    def is_done(self) -> bool:
        """Whether all statements were executed."""
        return is_complete([one.outcome for one in self.statements])

    @property
    def is_candidate(self) -> bool:
        """Whether all statements were executed, and what results is the candidate, of which rows were compared, too.

        Where invariants alone compared them, tables with another number of rows leave that open.
        """
        agree = self.is_done and not self.is_another and not self.incomparable and not self.unclear
        return agree and bool(self.compared) and (self.by_state or not self.counts)

    @property
    def refused(self) -> tuple[Undone, ...]:
        """The calls that the server refused, by operation and reason."""
        return tuple(one for one in self.undone if not one.retried)

    @property
    def is_another(self) -> bool:
        """Whether what results is known not to be the candidate."""
        return bool(self.rows or (self.catalogs and not self.provisional))
