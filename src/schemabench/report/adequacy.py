"""Candidates under the production load: the sentences, and the tables with their evidence.

Owns their wording. Must not judge which candidates keep up: the record does.
"""

from collections.abc import Collection, Iterator, Sequence

from schemabench.records import Adequacy, CandidateResult, Estimate, Experiment, Latency, Pacing
from schemabench.report import figures, text
from schemabench.report.text import name
from schemabench.report.tree import Cell, Fold, Paragraph, Section, Table, cells, columns
from schemabench.report.view import View, ranked
from schemabench.units import NANOSECONDS, plural

_OF_LAG = "schedule-lag"
"""The code of the notice that limits the validity of the times."""
_ALL_KEEP_UP = {True: "every candidate keeps up", False: "all judged candidates keep up"}
"""The verdict on several, by whether those judged are all candidates."""

Fared = tuple[str, Adequacy]
"""A candidate's name and its replay."""


def section(view: View) -> Section | None:
    """Return the section on the replayed production load; None if it was not replayed."""
    known = _fared(view.results)
    if not known:
        return None
    said = Paragraph(
        text=f"{text.capital(sentence(view.experiment))}.",
        notes=view.marks(one for one in view.experiment.notices if one.code == _OF_LAG),
    )
    explained = Paragraph(
        text="Open loop: each call starts when production would send it, whether or not the server is ready. "
        "Response time: from when the call was due. Service time: from when it was sent. Where they differ, "
        "calls queued. A dash: too few calls for the percentile."
    )
    times = Fold(summary="Response times of each operation", nodes=tuple(_times(known)))
    nodes = (said, explained, _candidates(known), *_writers(known), times)
    return Section(id="adequacy", title="Adequacy: the production load, replayed in real time", nodes=nodes)


def _candidates(known: Sequence[Fared]) -> Table:
    headings = (
        "candidate",
        "keeps up",
        "queued at the end",
        "finished late by",
        "slowest operation",
        "its response times",
        "load generator lag, p99",
    )
    return Table(
        caption="Candidates under the production load",
        columns=columns(*headings, numbers=[headings[3], *headings[5:]]),
        rows=tuple(
            cells(
                name(who),
                _answer(one.keeps_up),
                _waiting(one),
                Cell(text=_over(one), sort=max(0.0, one.elapsed_s - one.duration_s)),
                name(_slowest_of(one).operation),
                Cell(text=_within(one), sort=_slowest_ns(one)),
                figures.time_cell(one.lag_p99_ns),
            )
            for who, one in known
        ),
    )


def _writers(known: Sequence[Fared]) -> Iterator[Paragraph | Table]:
    """Yield each writer's figures under each candidate; nothing for older run files."""
    headings = (
        "candidate",
        "writer",
        "connections",
        "utilisation",
        "busiest connection",
        "backlog at the end",
        "drained within",
        "keeps up",
    )
    rows = tuple(
        cells(
            name(who),
            name(one.name),
            one.clients,
            _share(one.utilisation),
            _share(one.busiest),
            Cell(text=_seconds(one.backlog_s), sort=one.backlog_s),
            Cell(text=_drained(one), sort=one.drain_s),
            _answer(one.keeps_up),
        )
        for who, fared in known
        for one in fared.writers
    )
    if rows:
        yield Paragraph(
            text="Utilisation: the share of its connections' time that a writer's calls take; above 100 %, the "
            "connections cannot keep up. Backlog: calls left at the end, per connection, and the time to drain "
            "them while production goes on."
        )
        yield Table(
            caption="Writers under the production load", columns=columns(*headings, numbers=headings[2:7]), rows=rows
        )


def _times(known: Sequence[Fared]) -> Iterator[Table]:
    """Yield the table of each operation, candidates in order of rank."""
    headings = ("candidate", "response p50", "p95", "p99", "max", "service p99", "calls")
    operations: dict[str, list[tuple[Cell, ...]]] = {}
    for who, one in known:
        for response, service in zip(one.responses, one.services, strict=True):
            levels = (response.p50_ns, response.p95_ns, response.p99_ns, response.max_ns, service.p99_ns)
            row = cells(name(who), *map(figures.time_cell, levels), response.count)
            operations.setdefault(response.operation, []).append(row)
    for operation, rows in operations.items():
        yield Table(
            caption=f"{name(operation)} under the production load",
            columns=columns(*headings, numbers=headings[1:]),
            rows=tuple(rows),
        )


def sentence(experiment: Experiment) -> str:
    """Return which candidates keep up with production, and their response times; empty without a replay."""
    known = _fared([result for result, _ in ranked(experiment)])
    if not known:
        return ""
    _, first = known[0]
    calls = plural(sum(response.count for response in first.responses), "call")
    unjudged = _unjudged(experiment, [who for who, _ in known])
    who = [*_who(known, whole=not unjudged), *unjudged]
    return f"production load for {_seconds(first.duration_s)} ({calls}): {'; '.join(who)}; {_slowest(known)}"


def headroom(experiment: Experiment) -> str:
    """Return the candidates' headroom over the production load; empty if it is not known."""
    known = {result.name: (result.headroom, standing) for result, standing in ranked(experiment) if result.headroom}
    if not known:
        return ""
    unjudged = _unjudged(experiment, known)
    slow = [name(who) for who, (factor, _) in known.items() if factor.low <= 1]
    drawn = {
        who: (figures.times_at_least if standing.at_least else figures.times)(factor)
        for who, (factor, standing) in known.items()
    }
    least, most = (pick(known, key=lambda who: known[who][0].value) for pick in (min, max))
    spread = f"from {drawn[least]} ({name(least)}) to {drawn[most]} ({name(most)})"
    if len(known) == 1:
        spread = f"{drawn[least]} ({name(least)})" if unjudged else drawn[least]
    if slow:
        verdict = f"not shown to keep up: {figures.listed(slow, len(slow))}"
    else:
        verdict = "it keeps up" if len(known) == 1 else _ALL_KEEP_UP[not unjudged]
    return "; ".join([f"{spread} the production load{'; ' if slow else ': '}{verdict}", *unjudged])


def _unjudged(experiment: Experiment, judged: Collection[str]) -> list[str]:
    """Return a clause on the candidates that are not judged, by why that is so; empty if all are."""
    reasons: dict[str, list[str]] = {}
    for one in experiment.candidates:
        if one.name not in judged:
            early = "left the blocks early" if one.retired else "not measured"
            reasons.setdefault(early if one.status == "ranked" else one.status, []).append(name(one.name))
    groups = [f"{figures.listed(some, len(some))} ({why})" for why, some in reasons.items()]
    return [f"not judged: {', '.join(groups)}"] if groups else []


def _answer(keeps_up: bool | None) -> str:  # noqa: FBT001 (a verdict)
    """Return a verdict as a word."""
    return "not known" if keeps_up is None else "yes" if keeps_up else "no"


def _waiting(one: Adequacy) -> str:
    """Return the calls that were still queued at the end of the production load, by writer."""
    shown = [f"{writer} {count:,}" for writer, count in sorted(one.waiting.items(), key=lambda item: -item[1])]
    return figures.listed(shown) or "none"


def _over(one: Adequacy) -> str:
    """Return the delay of the last response after the end of the production load, or that the burst was cut short."""
    late_s = one.elapsed_s - one.duration_s
    late = _seconds(late_s) if late_s > 0 else "0 s"
    return f"{late} (cut short)" if one.cut else late


def _drained(one: Pacing) -> str:
    """Return the time to drain the backlog."""
    return "never" if one.drain_s is None else _seconds(one.drain_s)


def _slowest_of(one: Adequacy) -> Latency:
    """Return the response times of the slowest operation, by the 99th percentile, or the maximum with too few calls."""
    return max(one.responses, key=_level_ns)


def _slowest_ns(one: Adequacy) -> float:
    """Return the time that `_within` names."""
    return _level_ns(_slowest_of(one))


def _within(one: Adequacy) -> str:
    """Return the response time of the slowest operation, as in `99 % of calls within 2.05 ms`."""
    return f"{_many(_slowest_of(one))} within {_time(one)}"


def _seconds(value: float) -> str:
    """Return a duration."""
    return figures.time(value * NANOSECONDS)


def _fared(results: Sequence[CandidateResult]) -> list[Fared]:
    """Return the candidates with a replay, in order."""
    return [(result.name, result.adequacy) for result in results if result.adequacy]


def _who(known: Sequence[Fared], *, whole: bool) -> list[str]:
    """Return which candidates keep up, which do not, and which are unclear; `whole` if those are all candidates."""
    behind = [f"{name(label)} ({_behind(one)})" for label, one in known if one.keeps_up is False]
    unclear = [f"{name(label)} ({_unclear(one)})" for label, one in known if one.keeps_up is None]
    said = []
    if len(behind) == len(known):
        nobody = "none keeps up" if whole else "none of those judged keeps up"
        said.append(f"{nobody}: {figures.listed(behind, len(behind))}")
    elif behind:
        said.append(f"not all keep up: {figures.listed(behind, len(behind))}")
    elif not unclear:
        said.append(_ALL_KEEP_UP[whole] if len(known) > 1 else f"{name(known[0][0])} keeps up")
    elif len(unclear) < len(known):
        said.append("the others keep up")
    if unclear:
        who = f"{figures.listed(unclear, len(unclear))} {'keeps' if len(unclear) == 1 else 'keep'} up"
        said.append(f"it is unclear whether {who}: try a longer --adequacy")
    return said


def _behind(one: Adequacy) -> str:
    """Return why a candidate does not keep up, naming the writer that is furthest behind."""
    late = f"finished {_over(one)} late" if not one.cut else f"cut short after {_seconds(one.elapsed_s)}"
    worst = max((w for w in one.writers if w.keeps_up is False), key=lambda w: w.utilisation.value, default=None)
    if worst is None:  # an older run file has no writers
        writer, count = max(one.waiting.items(), key=lambda item: item[1])
        return f"{plural(count, 'call')} of {name(writer)} queued at the end, {late}"
    if worst.utilisation.value < 1 and worst.busiest is not None and worst.busiest.low >= 1:
        taken = figures.share_with_interval(worst.busiest)
        return f"calls over one connection of {name(worst.name)} take {taken} of its time, {late}"
    return f"{_taken(worst)}, {late}"


def _unclear(one: Adequacy) -> str:
    """Return why it is unclear whether a candidate keeps up."""
    writer = max((w for w in one.writers if w.keeps_up is None), key=lambda w: w.utilisation.high)
    if writer.utilisation.high >= 1:
        return _taken(writer)
    if writer.drain_s is None or writer.drain_s > one.duration_s:
        drains = "never drains" if writer.drain_s is None else f"takes {_seconds(writer.drain_s)} to drain"
        return f"the backlog of {name(writer.name)} at the end {drains}"
    return f"a response to {name(writer.name)} took {_seconds(writer.slowest_s)}, longer than the whole replay"


def _taken(writer: Pacing) -> str:
    return (
        f"calls of {name(writer.name)} take {figures.share_with_interval(writer.utilisation)} of its connections' time"
    )


def _slowest(known: Sequence[Fared]) -> str:
    """Return the slowest operation and its response time, from the fastest candidate to the slowest."""
    ordered = sorted(known, key=lambda fared: _slowest_ns(fared[1]))
    (first, quick), (last, slow) = ordered[0], ordered[-1]
    operation, other = _slowest_of(quick), _slowest_of(slow)
    said = f"slowest operation: {name(operation.operation)}, {_many(operation)} answered within {_time(quick)}"
    due = f"of when {'it was' if operation.count == other.count == 1 else 'they were'} due"
    if len(known) == 1:
        return f"{said} {due}"
    alike = operation.operation == other.operation and _many(operation) == _many(other)
    what = "" if alike else f"{name(other.operation)}, {_many(other)} within "
    return f"{said} ({name(first)}) to {what}{_time(slow)} ({name(last)}) {due}"


def _time(one: Adequacy) -> str:
    """Return the response time of the slowest operation."""
    return f"{figures.time(_slowest_ns(one))}{' or more' if one.cut else ''}"


def _many(times: Latency) -> str:
    """Return the calls that the time covers."""
    if times.p99_ns is not None:
        return "99 % of calls"
    few = {1: "its one call", 2: "both calls"}
    return few.get(times.count, f"all {plural(times.count, 'call')}")


def _level_ns(times: Latency) -> float:
    return times.max_ns if times.p99_ns is None else times.p99_ns


def _share(share: Estimate | None) -> Cell:
    return Cell(text=figures.share_with_interval(share), sort=share.value) if share else Cell(text=figures.DASH)
