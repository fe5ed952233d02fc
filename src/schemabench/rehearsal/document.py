"""The report of a rehearsal: what held up whom, for how long, and whether the result is the candidate.

Owns what stands in it, and its wording, but for what results: see `result`. Must not draw anything, nor compute a
figure that is not in the record.
"""

from collections.abc import Iterator

from schemabench.rehearsal import locks
from schemabench.rehearsal.record import Blocker, Locked, OperationTimes, Rehearsal, StatementTimes
from schemabench.rehearsal.result import listed, result
from schemabench.rehearsal.transactions import is_rollback
from schemabench.rehearsal.verdict import hindrance, late_of, loss, summed, verdict, when
from schemabench.report.text import name
from schemabench.report.tree import (
    Bullets,
    Cell,
    Column,
    Document,
    Node,
    Paragraph,
    Part,
    Section,
    Table,
    Terms,
    Verbatim,
    cells,
)
from schemabench.units import format_bytes, format_duration, format_significant, plural

_DASH = "-"
_OTHER_TARGETS = {"virtualxid": "another transaction", "transactionid": "another transaction"}
"""Type of a lock that is on no relation -> what it waits for."""
_LONGEST = (
    "the longest response to a call; one that waited through several statements, as for a lock that a transaction "
    "keeps, counts for the longest of them alone; one that was due while a queue from an earlier statement was still "
    "worked off may count for the later one, although the earlier one held it up"
)
_WHO = "an operation of the writers, a companion, or another session by its role and what it executes"
_BLOCKED = f"who held a lock in the way, or was before the statement in the queue: {_WHO}"
_OUTSIDE = "calls under way between two statements alone, or only after the last, are of none"
_WHEN_REPEATED = (
    "of calls that were given up, all from those that were under way when the migration began to the last that it held "
    "up, or that queued behind one of these; "
    "of repeated attempts, only those until its last statement had ended, and later ones are after it"
)


def document(found: Rehearsal) -> Document:
    """Return the report of a rehearsal."""
    sections = (
        Section(id="statements", title="Statements", nodes=tuple(_executed(found)), brief=True),
        Section(id="writers", title="Writers", nodes=(_operations(found),), brief=True),
        Section(
            id="refused",
            title="Refused and repeated calls",
            nodes=(*_undone(found), *_lost(found), *_hindered(found)),
            brief=True,
        ),
        Section(id="locks", title="Locks", nodes=tuple(_locks(found)), brief=True),
        Section(id="waiters", title="Who waited", nodes=tuple(_waiters(found)), brief=True),
        Section(id="written", title="Written", nodes=(_written(found),), brief=True),
        Section(id="result", title="Result", nodes=tuple(result(found)), brief=True),
        Section(id="limits", title="Limits", nodes=(_limits(found),), brief=True),
    )
    return Document(
        title=f"Rehearsal: {found.candidate}",
        origin=found.server,
        parts=(
            Part(
                id="rehearsal",
                title=f"{name(found.candidate)} applied to {name(found.extends)}, under {name(found.workload)} at "
                f"{name(found.cardinality)}",
                link=found.candidate,
                setting=f"{found.server}, {found.clients} clients, {format_significant(found.calls_per_s)} calls a "
                f"second; quiet for {format_duration(found.before_s)} before and {_after(found)} after",
                verdict=(Paragraph(text=verdict(found), emphasis="strong"),),
                sections=tuple(section for section in sections if section.nodes),
            ),
        ),
    )


def _after(found: Rehearsal) -> str:
    return format_duration(found.after_s) if found.after_s else "not at all"


def _time(seconds: float | None) -> Cell:
    return Cell(text=_DASH if seconds is None else format_duration(seconds), sort=seconds)


def _late(found: Rehearsal) -> str:
    """Return which calls are late: a refusal is no fast response."""
    refused = " (a refused call counts only if it did)" if found.refused else ""
    return f"calls that took longer than {format_duration(found.late_s)}{refused}"


def _executed(found: Rehearsal) -> Iterator[Node]:
    yield _statements(found)
    yield from _notices(found)
    yield from _failures(found)


def _statements(found: Rehearsal) -> Table:
    return Table(
        caption="The statements, each with the calls that were under way for longer during it than during another",
        columns=(
            Column(heading="no.", align="right"),
            Column(heading="statement", is_name=True),
            Column(heading="outcome"),
            Column(heading="time", align="right", legend="of the last execution"),
            Column(heading="longest response", short="longest", align="right", legend=_LONGEST),
            Column(heading="late calls", short="late", align="right", legend=f"{_late(found)}; {_OUTSIDE}"),
        ),
        rows=tuple(
            cells(
                place,
                Cell(text=name(one.sql), more=_lines(one.sql)),
                _outcome(one),
                _time(one.duration_s),
                _time(one.longest_s),
                Cell(text=f"{one.late:,} of {one.calls:,}" if one.executions else _DASH, sort=one.late),
            )
            for place, one in enumerate(found.statements, start=1)
        ),
    )


def _lines(sql: str) -> Verbatim | None:
    """Return a statement with its lines; None if it has but one, which its cell shows."""
    return Verbatim(label="In lines", text=sql, language="sql") if "\n" in sql else None


def _outcome(one: StatementTimes) -> str:
    return one.outcome if one.executions < 2 else f"{one.outcome}, {one.executions} tries"  # noqa: PLR2004 (several)


def _notices(found: Rehearsal) -> Iterator[Node]:
    """Yield what the server said beside the results of statements."""
    for place, one in enumerate(found.statements, start=1):
        if one.notices:
            items = [f"{said.severity}: {said.text}{_often(said.times)}" for said in one.notices]
            besides = f", besides {plural(one.notices_left_out, 'further message')} that were not kept"
            raised = f"{_numbered(place, one)} raised{besides if one.notices_left_out else ''}"
            yield listed(raised, items, "message")


def _often(times: int) -> str:
    return f", {plural(times, 'time')}" if times > 1 else ""


def _numbered(place: int, one: StatementTimes) -> str:
    """Return a statement by its number and where it stands, as in `Statement 2 (narrow.sql:7)`."""
    return f"Statement {place}{f' ({name(one.where)})' if one.where else ''}"


def _failures(found: Rehearsal) -> Iterator[Node]:
    """Yield why statements failed, and what has been done by then."""
    for place, one in enumerate(found.statements, start=1):
        if one.failures:
            failed = "was cancelled" if one.out_of_time else "failed"
            what = "was repeated after" if one.outcome in {"done", "rolled back"} else failed
            yield Bullets(lead=f"{_numbered(place, one)} {what}:", items=one.failures)
    if found.overdue:
        yield Paragraph(text=f"The migration took longer than it may, and was {_ended(found)}: allow more by --for.")
    if not found.is_done:
        done = [
            str(place)
            for place, one in enumerate(found.statements, start=1)
            if one.outcome == "done" and not is_rollback(one.sql)
        ]
        yield Paragraph(
            text=f"Done by then, and still there: {', '.join(done)}."
            if done
            else "None of its statements took effect in full. If one left something behind all the same, such as an "
            f"invalid index, {_where_left(found)}."
        )


def _where_left(found: Rehearsal) -> str:
    if found.catalogs is None:
        return "it is not told, as its catalogs could not be compared"
    return "it is among the differences of the catalogs below"


def _ended(found: Rehearsal) -> str:
    return "cancelled, but its last statement ended all the same" if found.is_done else "ended"


def _operations(found: Rehearsal) -> Table:
    return Table(
        caption="The longest response to calls of each operation, from when they were due: before the migration, "
        "during it and after it",
        columns=(
            Column(heading="operation", is_name=True),
            Column(heading="longest before", short="before", align="right"),
            Column(heading="longest during", short="during", align="right"),
            Column(heading="longest after", short="after", align="right"),
            Column(
                heading="late during",
                align="right",
                legend=f"{_late(found)}, from those that were under way when the migration began to "
                "the last that it held up, or that queued behind one of these",
            ),
            Column(heading="late in the quiet", short="late in quiet", align="right"),
        ),
        rows=tuple(_operation(one) for one in found.operations),
    )


def _operation(one: OperationTimes) -> tuple[Cell, ...]:
    quiet = summed([one.before, one.after])
    return cells(
        name(one.name),
        _time(one.before.longest_s),
        _time(one.during.longest_s),
        _time(one.after.longest_s),
        Cell(text=late_of(one.during), sort=one.during.late),
        Cell(text=late_of(quiet), sort=quiet.late),
    )


def _undone(found: Rehearsal) -> Iterator[Node]:
    if found.undone:
        repeated = any(one.retried for one in found.undone)
        yield Table(
            caption="Calls that the server refused, and attempts that were rolled back and repeated",
            columns=(
                Column(heading="operation", is_name=True),
                Column(heading="reason", prose=True),
                Column(heading="then"),
                Column(heading="before", align="right"),
                Column(heading="during", align="right", legend=_WHEN_REPEATED if repeated else ""),
                Column(heading="after", align="right"),
            ),
            rows=tuple(
                cells(
                    name(one.operation),
                    one.reason,
                    "repeated" if one.retried else "given up",
                    *(one.before, one.during, one.after),
                )
                for one in found.undone
            ),
        )


def _lost(found: Rehearsal) -> Iterator[Node]:
    """Yield which writers' sessions ended, and when that was noticed."""
    if found.ended:
        yield Bullets(
            lead="Sessions of writers that ended. What they were executing then is among the refused calls, and those "
            "that they would have made afterwards are missing:",
            items=tuple(f"{name(one.writer)}: {one.sessions} of {one.clients}, {loss(one)}" for one in found.ended),
        )


def _hindered(found: Rehearsal) -> Iterator[Node]:
    """Yield what companions could not complete, and when that began."""
    if found.hindered:
        yield Bullets(
            lead="Companions that could not complete executions. What they would have read, locked or written then is "
            "missing beside the writers:",
            items=tuple(f"{name(one.companion)} ({name(one.operation)}): {hindrance(one)}" for one in found.hindered),
        )


def _locks(found: Rehearsal) -> Iterator[Node]:
    rows = [
        (place, one, blocker)
        for place, statement in enumerate(found.statements, start=1)
        for one in locks.telling(statement.locks)
        for blocker in one.blockers or (None,)
    ]
    if rows:
        is_blocked = any(blocker for *_, blocker in rows)
        columns = (
            Column(heading="no.", align="right"),
            Column(heading="on", is_name=True),
            Column(heading="lock"),
            Column(heading="held", drop=1),
            Column(heading="waited for it", short="waited", align="right", legend="the longest wait that was seen"),
            *([Column(heading="blocked by", prose=True, legend=_BLOCKED)] if is_blocked else []),
        )
        yield Table(
            caption="The strongest locks that each statement was seen with, and those that it waited for",
            columns=columns,
            rows=tuple(_lock(*row)[: len(columns)] for row in rows),
        )


def _lock(place: int, one: Locked, blocker: Blocker | None) -> tuple[Cell, ...]:
    return cells(
        place,
        _locked(one.relation),
        one.mode.removesuffix("Lock"),
        "yes" if one.granted else "no",
        _time((blocker.longest_s if blocker else one.waited_s) or None),
        name(blocker.who) if blocker else _DASH,
    )


def _locked(target: str) -> str:
    """Return what a lock is on: a relation's name, or what else it is, in words."""
    return _OTHER_TARGETS.get(target) or name(target)


def _waiters(found: Rehearsal) -> Iterator[Node]:
    if found.waiters:
        yield Table(
            caption="Who was seen to wait for the migration, or behind it in a queue",
            columns=(
                Column(heading="who", is_name=True, legend=_WHO),
                Column(heading="for the lock"),
                Column(heading="on"),
                Column(heading="at once", align="right"),
                Column(heading="longest", align="right"),
            ),
            rows=tuple(
                cells(
                    name(one.who),
                    one.mode.removesuffix("Lock"),
                    _locked(one.relation),
                    one.at_once,
                    _time(one.longest_s),
                )
                for one in found.waiters
            ),
        )


def _written(found: Rehearsal) -> Terms:
    one = found.written
    wal = (
        f"{format_bytes(one.wal_bytes)} during the migration, by the whole server; "
        f"{format_bytes(one.quiet_wal_bytes_per_s)} a second in the quiet before it"
    )
    disk = (
        f"the database had {format_bytes(one.before_bytes)} before, {format_bytes(one.after_bytes)} afterwards, and "
        f"{format_bytes(one.most_bytes)} at most, without temporary files and WAL"
    )
    own = (
        f"{found.lock_timeout} in the migration's session at its end"
        if found.lock_timeout
        else "not known in the migration's session"
    )
    timeout = f"{own}, {found.writers_lock_timeout} in the writers'"
    return Terms(items=(("WAL", wal), ("disk", disk), ("lock_timeout", timeout)))


def _unsampled(found: Rehearsal) -> str:
    """Return since when there are no samples, as the session that takes them ended; empty if it did not."""
    if found.unsampled is None:
        return ""
    return (
        f"; the session that takes them ended, which was noticed {when(found.unsampled)}: from then on there are none, "
        "nor of the database's size"
    )


def _limits(found: Rehearsal) -> Bullets:
    items = [
        "this is one rehearsal: what the quiet around it shows is normal, and a second one tells what varies",
        f"locks are samples, 0.5 to 20 ms apart: what was held for less may be missing{_unsampled(found)}",
        *found.passed_over,
    ]
    if found.lag_s:
        items.append(
            f"up to {format_duration(found.lag_s)} of a response during the migration is the load generator's own "
            "delay: it sent a call that late although it was due and had a free connection"
        )
    if found.undecided:
        items.append(
            "these invariants do not hold in a fresh installation either, as when writers end between two calls that "
            f"belong together, and tell nothing of the migration: {', '.join(map(name, found.undecided))}"
        )
    if found.gathered:
        items.append(
            "calls of these operations wait for each other to be sent together, which their responses include: "
            f"{'; '.join(found.gathered)}"
        )
    if found.not_executed:
        items.append(
            f"the writers executed what {name(found.extends)} has throughout, and not what {name(found.candidate)} has "
            f"in its place: {', '.join(map(name, found.not_executed))}"
        )
    return Bullets(lead="Notes:", items=tuple(items))
