"""The verdict of a rehearsal: whether the result is the candidate, and how long writers were held up for, in sentences.

Owns their wording, and sums over operations. Must not draw anything: see `document`.
"""

from collections.abc import Iterator, Sequence

from schemabench.rehearsal.record import Ended, Hindered, Rehearsal, Stretch, Unsampled
from schemabench.report.text import name
from schemabench.units import first_of, format_duration, plural

_SHORTER = 0.9
"""A quiet stretch of less than this part of what was asked for is told."""
_NAMED = 3
"""Tables, or kinds of refused calls, that a sentence names."""


def verdict(found: Rehearsal) -> str:
    """Return whether the result is the candidate, how long writers were held up for, and what was refused."""
    if not found.is_done:
        result = _stopped(found)
    elif found.is_candidate:
        result = f"The result is {name(found.candidate)}{_but(found)}."
    elif found.is_another:
        result = f"The result is not {name(found.candidate)}."
    elif found.incomparable or found.unclear:
        result = f"Whether the result is {name(found.candidate)} is not known: {_left_open(found)}."
    elif found.compared:
        result = (
            f"The result has the schema of {name(found.candidate)}; whether it has its rows is not known, since only "
            f"invariants compared them, and {_first(found.counts)}."
        )
    else:
        result = f"The result has the schema of {name(found.candidate)}; its rows were not compared."
    return " ".join(
        [
            result,
            *_backfilled(found),
            _held_up(found),
            *_refused(found),
            *_ended(found),
            *_hindered(found),
            *_left(found),
            *_behind(found),
            *_lagged(found),
            *_cut_short(found),
        ]
    )


def _but(found: Rehearsal) -> str:
    """Return the tables whose numbers of rows are not the candidate's, although the state is."""
    return f" by its state, but {_first(found.counts)}" if found.counts else ""


def _first(some: Sequence[str]) -> str:
    """Return the first ones, and how many there are beside them."""
    return first_of(some, _NAMED, between="; ", rest="; and {:,} more, as below")


def _backfilled(found: Rehearsal) -> Iterator[str]:
    """Yield what the state does not show of a migration whose result is the candidate by it."""
    if found.is_candidate and found.backfills:
        yield (
            f"What {first_of(found.backfills, _NAMED)} did to rows was not compared: a fresh installation executes "
            f"{'this' if len(found.backfills) == 1 else 'these'} before rows are loaded, and no `state` query shows a "
            "difference."
        )


def _left_open(found: Rehearsal) -> str:
    """Return what could not be compared."""
    if found.catalogs is None:
        return "it could not be compared"
    if found.catalogs:
        return "neither its schema nor its rows could be compared after the same calls"
    schema = (
        ["it is not known whether the differences in its schema are the migration's doing"] if found.unclear else []
    )
    return " and ".join([*schema, *(["its rows could not be compared"] if found.incomparable else [])])


def _stopped(found: Rehearsal) -> str:
    """Return how a migration ended of which statements are not done."""
    ended = f"The migration was ended after {format_duration(found.longest_s)} (--for)"
    for place, one in enumerate(found.statements, start=1):
        if one.out_of_time:
            return f"{ended}, in statement {place} of {len(found.statements)}."
        if one.outcome == "failed":
            return f"Statement {place} of {len(found.statements)} failed: {one.failures[-1]}."
    return f"{ended}, before its last statement."


def _held_up(found: Rehearsal) -> str:
    during = summed([one.during for one in found.operations])
    quiet = summed([stretch for one in found.operations for stretch in (one.before, one.after)])
    took = f"It took {format_duration(found.migration_s)}."
    where = "in the quiet around it" if found.after_s else "in the quiet before it"
    if during.longest_s is None or quiet.longest_s is None:
        stretch, when = (during, "meanwhile") if during.longest_s is None else (quiet, where)
        none = "Every call was refused" if stretch.failed else "No call was under way"
        return f"{took} {none} {when}, so that it is not known how long one would have been held up for."
    bound = format_duration(found.late_s)
    return (
        f"{took} The longest response to a call meanwhile was "
        f"{format_duration(during.longest_s)}, and {format_duration(quiet.longest_s)} {where}; "
        f"{late_of(during)} calls took longer than {bound}, and {late_of(quiet)} in the quiet."
    )


def _refused(found: Rehearsal) -> Iterator[str]:
    """Yield how many calls the server refused, of which operations, and why."""
    some = sorted(found.refused, key=lambda one: one.total, reverse=True)
    counts = {
        "before it": sum(one.before for one in some),
        "during it": sum(one.during for one in some),
        "after it": sum(one.after for one in some),
    }
    if some:
        *others, last = (f"{plural(count, 'call')} {when}" for when, count in counts.items() if count)
        when = f"{', '.join(others)} and {last}" if others else last
        kinds = [f"{one.total:,} of {name(one.operation)}, {one.reason}" for one in some]
        yield f"The server refused {when}: {_first(kinds)}."


def _ended(found: Rehearsal) -> Iterator[str]:
    """Yield which writers' sessions ended, since when, and why."""
    if found.ended:
        several = plural(sum(one.sessions for one in found.ended), "session")
        kinds = [f"{one.sessions} of {one.clients} of {name(one.writer)}, {loss(one)}" for one in found.ended]
        yield f"{several} of the writers ended, and made no call from then on: {_first(kinds)}."


def loss(one: Ended) -> str:
    """Return since when sessions of a writer are known to have ended, and why."""
    return f"noticed {when(one)}: {one.reason}"


def _hindered(found: Rehearsal) -> Iterator[str]:
    """Yield which companions could not complete executions, since when, and why."""
    if found.hindered:
        several = "Companions" if len({one.companion for one in found.hindered}) > 1 else "A companion"
        kinds = [f"{name(one.companion)}, {hindrance(one)}" for one in found.hindered]
        yield f"{several} failed: {_first(kinds)}."


def hindrance(one: Hindered) -> str:
    """Return how often a companion failed, since when, and why, as in `once after statement 2: no such table`.

    The end of a session is known from when it was noticed, which may be later than it was.
    """
    often = "once" if one.times == 1 else f"{plural(one.times, 'time')}, first"
    if one.ended:
        return f"{'' if one.times == 1 else f'{often} '}noticed {when(one)} (its session ended): {one.reason}"
    return f"{often} {when(one)}: {one.reason}"


def when(one: Hindered | Ended | Unsampled) -> str:
    """Return when a finding was made, by statements."""
    if one.statement is None:
        return "before statement 1"
    return f"{'during' if one.meanwhile else 'after'} statement {one.statement}"


def _left(found: Rehearsal) -> Iterator[str]:
    """Yield what connections that are opened after the migration have, and the writers' did not."""
    if found.left:
        unfelt = "The writers had connected before, so that their calls do not show what comes of it"
        failed = f"Those to a fresh installation have them, and this failed: {found.over_new}"
        yield f"It changes settings for new connections: {_first(found.left)}. {failed if found.over_new else unfelt}."


def _behind(found: Rehearsal) -> Iterator[str]:
    """Yield that the writers were late before the migration began."""
    if found.behind:
        yield (
            f"The writers were behind before it began: {plural(found.behind, 'call')} that had not ended by then had "
            f"waited for a free connection for longer than {format_duration(found.late_s)}, for up to "
            f"{format_duration(found.behind_s)}. What is late is not the migration's doing alone: ask for fewer calls "
            "by --pace, or for more connections by --clients."
        )


def _lagged(found: Rehearsal) -> Iterator[str]:
    """Yield that the load generator was late itself."""
    if found.lag_s is not None and found.lag_s > found.late_s:
        yield (
            f"The load generator itself was late meanwhile: it sent a call {format_duration(found.lag_s)} after the "
            "call was due and its connection was free. What is late is not the doing of locks alone: have fewer "
            "programs run on its machine, or ask for fewer calls by --pace."
        )


def _cut_short(found: Rehearsal) -> Iterator[str]:
    """Yield that little or nothing is left of the quiet after the migration."""
    asked = format_duration(found.quiet_s)
    if not found.after_s:
        yield (
            f"There was no quiet after it: throughout the {asked} that were asked for, calls queued on a connection on "
            "which it had held one up. Where writers are as busy as this, that is not its doing alone. Ask for more by "
            "--quiet, for fewer calls by --pace, or for more connections by --clients."
        )
    elif found.after_s < _SHORTER * found.quiet_s:
        yield (
            f"The quiet after it was shorter than the {asked} that were asked for: calls that had fallen due by its "
            "end, and those that queued on a connection on which it had held one up, were done "
            f"{format_duration(found.during_s - found.migration_s)} later. Ask for more by --quiet."
        )


def summed(stretches: Sequence[Stretch]) -> Stretch:
    """Return several stretches as one."""
    return Stretch(
        calls=sum(one.calls for one in stretches),
        late=sum(one.late for one in stretches),
        longest_s=max((one.longest_s for one in stretches if one.longest_s is not None), default=None),
        failed=sum(one.failed for one in stretches),
    )


def late_of(stretch: Stretch) -> str:
    """Return how many calls were late, as in `40 of 53`."""
    return f"{stretch.late:,} of {stretch.calls:,}"
