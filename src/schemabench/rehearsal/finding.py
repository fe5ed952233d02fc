"""From what happened in a rehearsal to its record.

Owns which stretch of time a figure is from. Must not execute anything.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench import candidate as candidates
from schemabench.candidate import Candidate, Remark
from schemabench.experiment.plan import Plan
from schemabench.experiment.sessions import since
from schemabench.load import Hindrance
from schemabench.load.session import Refusal
from schemabench.load.session import Undone as Counts
from schemabench.redaction import redact_line, redact_sql
from schemabench.rehearsal import locks, stalls
from schemabench.rehearsal.applying import Applying
from schemabench.rehearsal.asked import Asked
from schemabench.rehearsal.catalogs import Attributed
from schemabench.rehearsal.record import (
    Ended,
    Hindered,
    OperationTimes,
    Rehearsal,
    StatementTimes,
    Undone,
    Unsampled,
    Written,
    is_complete,
)
from schemabench.rehearsal.settings import Settings
from schemabench.rehearsal.stalls import Calls
from schemabench.rehearsal.watching import Sample
from schemabench.rehearsal.writers import Driven
from schemabench.units import NANOSECONDS
from schemabench.workload import Companion, Writer


@dataclass(frozen=True, kw_only=True)
class Applied:
    """A migration that was applied under load."""

    server: str
    """As in `Rehearsal`; likewise the next."""
    calls_per_s: float
    applying: Applying
    samples: Sequence[Sample]
    sizes: Sequence[int]
    """The database's sizes meanwhile, in bytes."""
    driven: Driven
    retried: Counts
    """Attempts of the writers that were rolled back and repeated, over all."""
    writers_lock_timeout: str
    """As in `Rehearsal`."""
    gathered: Mapping[str, str]
    """Operation whose calls are gathered before they are sent -> how long for, as in `for up to 1.00 s`."""
    remarks: Sequence[Remark]
    """What was passed over."""
    settings: Settings
    """What was set for new connections before the migration."""
    left: tuple[str, ...] = ()
    """As in `Rehearsal`."""
    unsampled_ns: int | None = None
    """When the session ended that takes samples, on the clock of `time.perf_counter_ns`; None if it did not."""

    @property
    def is_done(self) -> bool:
        """Whether all statements were executed."""
        return is_complete(self.applying.outcomes)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What results, next to a fresh installation of the candidate."""

    schema: Attributed | None = None
    """In what catalogs differ; None if the fresh installation did not execute the calls."""
    rows: str = ""
    """In what rows differ; empty if they do not."""
    incomparable: str = ""
    """Why they could not be compared; empty if they could."""
    over_new: str = ""
    """As in `Rehearsal`."""
    counts: tuple[str, ...] = ()
    """The tables with another number of rows."""
    undecided: tuple[str, ...] = ()
    """The invariants that do not hold in the fresh installation either."""
    backfills: tuple[str, ...] = ()
    """As in `Rehearsal`."""


@dataclass(frozen=True, kw_only=True)
class _Times:
    """When the stretches of a rehearsal began, on the clock of `time.perf_counter_ns`."""

    before_ns: float
    during_ns: float
    after_ns: float
    """When the calls had ended that fell due during the migration, and those that queued behind what it held up."""
    end_ns: float

    def lengths_s(self) -> tuple[float, float, float]:
        """Return the lengths of the stretches before, during and after the migration."""
        ends_ns = (self.during_ns, self.after_ns, max(self.after_ns, self.end_ns))
        begins_ns = (self.before_ns, self.during_ns, self.after_ns)
        before_s, during_s, after_s = (
            (end - begin) / NANOSECONDS for begin, end in zip(begins_ns, ends_ns, strict=True)
        )
        return before_s, during_s, after_s

    def masks(self, calls: Calls) -> tuple[NDArray[np.bool_], ...]:
        """Return which calls belong to the stretches before, during and after the migration, each call to one."""
        held = calls.under_way(self.during_ns, self.after_ns)
        before, after = calls.within(self.before_ns, self.during_ns), calls.within(self.after_ns, self.end_ns)
        return before & ~held, held, after


def record(
    plan: Plan, candidate: Candidate, applied: Applied, compared: Compared, *, schema: tuple[str, ...] | None
) -> Rehearsal:
    """Return the record of a rehearsal.

    Args:
        plan: The workload at a cardinality.
        candidate: The migration, which extends another candidate.
        applied: What happened.
        compared: What results, next to a fresh installation.
        schema: In what the schema differs from one that was not loaded and executed no calls, which counts if
            `compared` has none; None if it could not be read.
    """
    assert candidate.extends is not None, "a migration extends what it is applied to"
    applying, driven, asked = applied.applying, applied.driven, applied.applying.asked
    calls = _calls(driven)
    times = _times(applied, calls)
    before_s, during_s, after_s = times.lengths_s()
    behind, behind_s = calls.behind(applying.begun_ns, asked.late_s * NANOSECONDS, applied.gathered)
    return Rehearsal(
        workload=plan.found.workload.name,
        cardinality=plan.cardinality,
        candidate=candidate.name,
        extends=candidate.extends.name,
        server=applied.server,
        clients=plan.clients,
        calls_per_s=applied.calls_per_s,
        late_s=asked.late_s,
        quiet_s=asked.quiet_s,
        longest_s=asked.longest_s,
        before_s=before_s,
        migration_s=(applying.ended_ns - applying.begun_ns) / NANOSECONDS,
        during_s=during_s,
        after_s=after_s,
        lock_timeout=applying.lock_timeout,
        writers_lock_timeout=applied.writers_lock_timeout,
        statements=tuple(_statements(applied, calls, asked)),
        operations=tuple(_operations(calls, times, asked)),
        waiters=locks.waiters(applied.samples),
        undone=(*_refused(calls, driven, times), *_retried(applying, applied.retried)),
        hindered=tuple(_hindered(applying, driven.hindered)),
        ended=tuple(_ended(plan, applying, driven.ended)),
        unsampled=_unsampled(applying, applied.unsampled_ns),
        left=applied.left,
        over_new=compared.over_new,
        written=_written(applied),
        overdue=applying.overdue,
        behind=behind,
        behind_s=behind_s,
        lag_s=_lag_s(driven, times),
        gathered=tuple(f"{name}, {wait}" for name, wait in sorted(applied.gathered.items())),
        catalogs=schema if compared.schema is None else compared.schema.own,
        provisional=compared.schema is None,
        by_others=compared.schema.others if compared.schema else (),
        unclear=compared.schema.unclear if compared.schema else (),
        why_unclear=compared.schema.why if compared.schema else "",
        rows=compared.rows,
        incomparable=compared.incomparable,
        counts=compared.counts,
        compared=(queries := _queries(plan, compared) if applied.is_done else ()),
        by_state=any(one in plan.found.workload.state for one in queries),
        undecided=compared.undecided,
        backfills=compared.backfills,
        not_executed=tuple(sorted(candidate.file.operations)),
        passed_over=tuple(one.text for one in candidates.notices(candidate, applied.remarks)),
    )


def _calls(driven: Driven) -> Calls:
    drive = driven.drive
    return stalls.calls(driven.burst.operations, driven.due_ns, drive.delays_ns, drive.latencies_ns, driven.refused)


def _times(applied: Applied, calls: Calls) -> _Times:
    """Return when each stretch of a rehearsal begins."""
    applying, driven = applied.applying, applied.driven
    migration_ns = applying.begun_ns, applying.ended_ns
    return _Times(
        before_ns=driven.drive.started_ns,
        during_ns=applying.begun_ns,
        after_ns=max(calls.over_ns(*migration_ns), float(driven.backlog_ns(*migration_ns))),
        end_ns=applying.ending.at_ns,
    )


def _lag_s(driven: Driven, times: _Times) -> float | None:
    lag_ns = driven.lag_ns(times.during_ns, times.after_ns)
    return None if lag_ns is None else lag_ns / NANOSECONDS


def _queries(plan: Plan, compared: Compared) -> tuple[str, ...]:
    """Return the queries by which rows were compared."""
    return () if compared.incomparable else tuple(one for one in plan.queries if one not in compared.undecided)


def _statements(applied: Applied, calls: Calls, asked: Asked) -> Iterator[StatementTimes]:
    """Yield what is known of each statement; a call counts for the one during which it spent most of its time."""
    applying = applied.applying
    mostly = calls.mostly_in([(one.begun_ns, one.ended_ns) for one in applying.attempts])
    step_of = np.array([*(one.step for one in applying.attempts), -1])[mostly]  # -1 is the last one's place
    for place, step in enumerate(applying.steps):
        own = [one for one in applying.attempts if one.step == place]
        held = calls.stretch(step_of == place, asked.late_s * NANOSECONDS)
        yield StatementTimes(
            sql=step.shown,
            where=step.where,
            outcome=applying.outcomes[place],
            duration_s=(own[-1].ended_ns - own[-1].begun_ns) / NANOSECONDS if own else None,
            executions=len(own),
            failures=tuple(_failure(one.refusal) for one in own if one.refusal is not None),
            notices=tuple(applying.heard[place].notices()),
            notices_left_out=applying.heard[place].left_out,
            locks=locks.of_statement(applied.samples, place),
            out_of_time=bool(own) and own[-1].out_of_time,
            calls=held.calls,
            late=held.late,
            longest_s=held.longest_s,
        )


def _failure(refusal: Refusal) -> str:
    """Return why a statement failed, in the server's words."""
    detail = redact_sql(refusal.detail).rstrip(".")
    return f"{refusal.message} ({refusal.sqlstate})" + (f": {detail}" if detail else "")


def _operations(calls: Calls, times: _Times, asked: Asked) -> Iterator[OperationTimes]:
    for name in calls.names():
        before, during, after = (
            calls.stretch(which & (calls.operations == name), asked.late_s * NANOSECONDS)
            for which in times.masks(calls)
        )
        yield OperationTimes(name=name, before=before, during=during, after=after)


def _refused(calls: Calls, driven: Driven, times: _Times) -> Iterator[Undone]:
    """Yield the calls that were refused, by operation and error."""
    found: dict[tuple[str, str], Counter[int]] = {}
    for place, which in enumerate(times.masks(calls)):
        for number in calls.numbers[which]:
            if reason := driven.refused.get(int(number)):
                found.setdefault((driven.burst.operations[number], reason), Counter())[place] += 1
    for (operation, reason), counts in sorted(found.items()):
        yield Undone(
            operation=operation, reason=reason, retried=False, before=counts[0], during=counts[1], after=counts[2]
        )


def _retried(applying: Applying, total: Counts) -> Iterator[Undone]:
    """Yield the attempts that were repeated, by operation and reason.

    They are known as counts at the begin of the migration and at its end alone, and not by call.
    """
    first, begun, ended = applying.counted
    stretches = [since(first, begun), since(begun, ended), since(ended, total)]
    for operation, reason in sorted(total):
        before, during, after = (counts.get((operation, reason), 0) for counts in stretches)
        if before or during or after:
            yield Undone(operation=operation, reason=reason, retried=True, before=before, during=during, after=after)


def _ended(plan: Plan, applying: Applying, some: Iterable[tuple[Writer, Hindrance]]) -> Iterator[Ended]:
    """Yield which writers' sessions ended, each writer and reason once, in order of the first."""
    found: dict[tuple[str, str], list[Hindrance]] = {}
    for one, why in some:
        found.setdefault((one.name, why.reason), []).append(why)
    clients = Counter(one.name for one in plan.connections)
    for (writer, reason), several in found.items():
        statement, meanwhile = _begun(applying, several[0].at_ns)
        yield Ended(
            writer=writer,
            sessions=len(several),
            clients=clients[writer],
            reason=redact_sql(reason),
            statement=statement,
            meanwhile=meanwhile,
        )


def _unsampled(applying: Applying, at_ns: int | None) -> Unsampled | None:
    if at_ns is None:
        return None
    statement, meanwhile = _begun(applying, at_ns)
    return Unsampled(statement=statement, meanwhile=meanwhile)


def _begun(applying: Applying, at_ns: int) -> tuple[int | None, bool]:
    """Return the last statement that had been begun by then, counted from 1, and whether it was being executed."""
    place, meanwhile = applying.at(at_ns)
    return None if place is None else place + 1, meanwhile


def _hindered(applying: Applying, some: Iterable[tuple[Companion, Hindrance]]) -> Iterator[Hindered]:
    """Yield what kept companions from completing executions, each companion and reason once, in order of the first."""
    found: dict[tuple[str, str], list[tuple[Companion, Hindrance]]] = {}
    for companion, why in some:
        found.setdefault((companion.name, why.reason), []).append((companion, why))
    for several in found.values():
        companion, first = several[0]
        statement, meanwhile = _begun(applying, first.at_ns)
        yield Hindered(
            companion=companion.name,
            operation=companion.operation,
            reason=redact_line(first.reason),
            times=len(several),
            statement=statement,
            meanwhile=meanwhile,
            ended=any(why.is_end for _, why in several),
        )


def _written(applied: Applied) -> Written:
    first, begun, ended = applied.applying.meters
    return Written(
        wal_bytes=ended.wal_bytes - begun.wal_bytes,
        quiet_wal_bytes_per_s=(begun.wal_bytes - first.wal_bytes) / ((begun.at_ns - first.at_ns) / NANOSECONDS),
        before_bytes=begun.database_bytes,
        after_bytes=ended.database_bytes,
        most_bytes=max(begun.database_bytes, ended.database_bytes, *applied.sizes),
    )
