"""Candidates at work for long: the sentence, what drifts, what grows meanwhile, and the course of the turns.

Owns their wording. Must not judge beyond chance: the record's intervals do. What grows is told beside what drifts, and
never said to be its cause.
"""

from collections.abc import Iterator, Mapping, Sequence

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Estimate, Experiment, Slope, Soak, SoakFigures, SoakSlice
from schemabench.report import figures, text
from schemabench.report.drawings import Moment, OverTime
from schemabench.report.text import name
from schemabench.report.tree import Cell, Chart, Fold, Node, Paragraph, Section, Table, cells, columns
from schemabench.report.view import View, ranked
from schemabench.units import format_bytes, format_count, format_duration, plural

GREW = 1.2
"""From here on, growth from the end of the first turn to that of the last is named beside a drift."""
_NOTICES = ("soak-no-autovacuum", "soak-own-time", "soak-load-generator")
_STATE = (("dead_rows", "dead rows"), ("table_bytes", "tables"), ("index_bytes", "indexes"))
_EVENTS = (("checkpoint", "meanwhile", "checkpoints"), ("autovacuum", "looked_after", "vacuums"))
_UNITS = {60.0: "minute", 10.0: "10 s", 1.0: "second"}
_MS = 1e6

Fared = tuple[str, SoakFigures]
"""A candidate's name and its turns."""


def section(view: View) -> Section | None:
    """Return the section on the soak; None if there was none."""
    experiment, known = view.experiment, _fared(view.results)
    if experiment.soak is None or not known:
        return None
    soak = experiment.soak
    said = Paragraph(
        text=f"{text.capital(sentence(experiment))}.",
        notes=view.marks(one for one in experiment.notices if one.code in _NOTICES),
    )
    nodes: list[Node] = [said, Paragraph(text=_explained(soak)), _drifts(soak, known), _growth(known)]
    nodes += _charts(soak, known)
    turns = tuple(_turns(who, one) for who, one in known)
    nodes.append(Fold(summary="Turn by turn", nodes=turns))
    return Section(id="soak", title="Soak: what drifts while candidates work for long", nodes=tuple(nodes))


def sentence(experiment: Experiment) -> str:
    """Return who drifts, and what grew meanwhile; empty without a soak."""
    soak, known = experiment.soak, _fared([result for result, _ in ranked(experiment)])
    if soak is None or not known:
        return ""
    pace = "at production's pace" if soak.paced else "as fast as connections allow"
    begun = f"{format_duration(soak.asked_s)} of work each, by turns, {pace}"
    broken = [f"interrupted after {plural(soak.rounds, 'round')}"] if soak.interrupted else []
    return "; ".join([begun, *broken, *_said(soak, known)])


def _said(soak: Soak, known: Sequence[Fared]) -> Iterator[str]:
    """Yield a clause for each candidate that drifts or left, and one for all others."""
    still: dict[str, Estimate] = {}
    unclear = []
    for who, one in known:
        if one.ended:
            yield f"{name(who)} left: {one.ended}"
            continue
        if who == BASELINE:
            continue
        change = _to_baseline(one.slope("rate"))
        if change is None:
            unclear.append(name(who))
        elif _is_clear(change):
            yield f"{name(who)} {_changes(change, soak)} against the baseline{_beside(one)}"
        else:
            still[who] = change
    if still:
        least = max(max(abs(one.low), abs(one.high)) for one in still.values())
        whose = figures.listed([name(who) for who in still], len(still))
        yield f"{whose}: no drift beyond chance (below {figures.percent(least)} {_per(soak)} would look like chance)"
    if unclear:
        yield f"{figures.listed(unclear, len(unclear))}: too few turns for a slope: try a longer --soak"
    yield from _of_baseline(soak, dict(known).get(BASELINE))


def _of_baseline(soak: Soak, usual: SoakFigures | None) -> Iterator[str]:
    """Yield how the baseline's own figures went, which nothing can be compared with."""
    slope = usual.slope("rate") if usual else None
    if usual is None or slope is None or slope.own is None:
        return
    machine = "with what the machine did meanwhile"
    if _is_clear(slope.own):
        yield f"{name(BASELINE)} itself {_changes(slope.own, soak)}, {machine}{_beside(usual)}"
    else:
        yield f"{name(BASELINE)} itself: no drift beyond chance, {machine}"


def _changes(change: Estimate, soak: Soak) -> str:
    """Return a change of the rate in words, as in `loses 12 % [8, 16] of its throughput per minute`."""
    what = "the speed of its calls" if soak.paced else "its throughput"
    lost = change.value < 0
    size = Estimate(value=-change.value, low=-change.high, high=-change.low) if lost else change
    return f"{'loses' if lost else 'gains'} {figures.share_with_interval(size)} of {what} {_per(soak)}"


def _beside(one: SoakFigures) -> str:
    """Return what grew meanwhile, as in ` (dead rows grew from 12 to 3.4k)`; empty if nothing did."""
    first, last = one.slices[0].state, one.slices[-1].state
    grown = [
        f"{title} from {_amount(key, first[key])} to {_amount(key, last[key])}"
        for key, title in _STATE
        if last.get(key, 0.0) > GREW * first.get(key, 0.0)
    ]
    return f" ({', '.join(grown)})" if grown else ""


def _explained(soak: Soak) -> str:
    """Return what the figures mean."""
    rate = (
        "Speed: operations for each second in which a connection was busy; p50 and p99 count from when calls were due"
        if soak.paced
        else "Throughput and service times are over all operations"
    )
    slowed = (
        f" The clocks of autovacuum and of checkpoints were {figures.listed(_factors(soak))} times as slow as usual, "
        "since each candidate works for a part of the time only."
        if soak.slowed
        else ""
    )
    return (
        f"Turns of about {format_duration(soak.slice_s)}, in random order in each of {soak.rounds} rounds, on copies "
        f"of their own. {rate}. Against the baseline: the ratio to its figure of the same round, free of the "
        f"machine's own drift. The first round does not count for slopes.{slowed}"
    )


def _factors(soak: Soak) -> list[str]:
    return [f"{factor:g}" for factor in dict.fromkeys(soak.slowed.values())]


def _drifts(soak: Soak, known: Sequence[Fared]) -> Table:
    per = _per(soak)
    rate = "speed" if soak.paced else "op/s"
    headings = ("candidate", f"{rate}, first", "last", f"change {per}, %", "against the baseline, %", "p50", "p99")
    control = (("baseline (control)", soak.control),) if soak.control and soak.control.slices else ()
    return Table(
        caption=f"Drift {per} of work; p50 and p99 against the baseline's, in %",
        columns=columns(*headings, numbers=headings[1:]),
        rows=tuple(_drift(*one) for one in known if one[1].slices),
        footer=tuple(_drift(*one) for one in control),
    )


def _drift(who: str, one: SoakFigures) -> tuple[Cell, ...]:
    slopes = {slope.figure: slope for slope in one.slopes}
    rate = slopes.get("rate")
    return cells(
        name(who),
        _rate(one.slices[0].rate),
        _rate(one.slices[-1].rate),
        _change(rate.own if rate else None),
        _change(_to_baseline(rate)),
        _change(_to_baseline(slopes.get("p50_ns"))),
        _change(_to_baseline(slopes.get("p99_ns"))),
    )


def _growth(known: Sequence[Fared]) -> Table:
    headings = (
        "candidate",
        "dead rows",
        "tables",
        "indexes",
        "vacuums",
        "analyzes",
        "their time",
        "checkpoints",
        "WAL",
    )
    return Table(
        caption="What grew, from the end of the first turn to that of the last, and what the server did",
        columns=columns(*headings, numbers=headings[4:]),
        rows=tuple(_grown(who, one.slices) for who, one in known if one.slices),
        legend=(
            ("their time", "autovacuum's, for vacuums and analyzes of its tables, and as a share of its own work"),
        ),
    )


def _grown(who: str, slices: Sequence[SoakSlice]) -> tuple[Cell, ...]:
    first, last = slices[0].state, slices[-1].state
    spans = [
        f"{_amount(key, first[key])} to {_amount(key, last[key])}" if key in first and key in last else figures.DASH
        for key, _ in _STATE
    ]
    seconds = _sum(slices, "looked_after", "vacuum_s")
    wal = _sum(slices, "meanwhile", "wal_bytes")
    return cells(
        name(who),
        *spans,
        _count(_sum(slices, "looked_after", "vacuums")),
        _count(_sum(slices, "looked_after", "analyzes")),
        _vacuuming(seconds, sum(turn.duration_s for turn in slices)),
        _count(_sum(slices, "meanwhile", "checkpoints")),
        Cell(text=figures.DASH if wal is None else format_bytes(wal), sort=wal),
    )


def _vacuuming(seconds: float | None, worked_s: float) -> Cell:
    """Return autovacuum's time, and its share of the time that the candidate worked."""
    if not seconds:
        return Cell(text=figures.DASH if seconds is None else "0 s", sort=seconds)
    return Cell(text=f"{format_duration(seconds)} ({figures.share(seconds / worked_s)})", sort=seconds)


def _turns(who: str, one: SoakFigures) -> Table:
    """Return the table of one candidate's turns."""
    headings = ("round", "after", "rate", "p50", "p99", "dead rows", "tables", "indexes", "vacuums", "checkpoints")
    return Table(
        caption=f"{name(who)} turn by turn",
        columns=columns(*headings, numbers=headings),
        rows=tuple(
            cells(
                turn.round + 1,
                Cell(text=f"{turn.worked_s:,.1f} s", sort=turn.worked_s),
                _rate(turn.rate),
                _time(turn.p50_ns),
                _time(turn.p99_ns),
                *(_state(turn, key) for key, _ in _STATE),
                _count(turn.looked_after.get("vacuums")),
                _count(turn.meanwhile.get("checkpoints")),
            )
            for turn in one.slices
        ),
    )


def _charts(soak: Soak, known: Sequence[Fared]) -> Iterator[Chart]:
    """Yield the courses of rate and p99, a line for each candidate; none where nothing is known."""
    rate = "operations/s of a busy connection" if soak.paced else "operations/s"
    courses = (
        ("Rate", rate, [(who, turn, turn.rate) for who, one in known for turn in one.slices]),
        (
            "p99",
            "ms, 99th percentile",
            [(who, turn, turn.p99_ns / _MS) for who, one in known for turn in one.slices if turn.p99_ns],
        ),
    )
    for title, unit, points in courses:
        if points:
            yield _chart(f"{title} over each candidate's own work ({unit}, log scale)", unit, points)


def _chart(title: str, unit: str, points: Sequence[tuple[str, SoakSlice, float]]) -> Chart:
    moments = tuple(
        Moment(name=who, block=turn.round + 1, started_s=turn.worked_s, rate=value, events=_events(turn))
        for who, turn, value in points
    )
    ends: dict[str, list[float]] = {}
    for who, _, value in points:
        ends.setdefault(who, []).append(value)
    spans = "; ".join(f"{who} {format_count(some[0])} to {format_count(some[-1])}" for who, some in ends.items())
    headings = ("candidate", "first turn", "last turn")
    return Chart(
        title=title,
        description=f"A line for each candidate, from its first turn to its last: {spans}.",
        drawing=OverTime(moments=moments, unit=unit, since="at work"),
        table=Table(
            caption=title,
            columns=columns(*headings, numbers=headings[1:]),
            rows=tuple(cells(name(who), _rate(some[0]), _rate(some[-1])) for who, some in ends.items()),
        ),
        repeats=True,
    )


def _events(turn: SoakSlice) -> tuple[str, ...]:
    readings: Mapping[str, Mapping[str, float]] = {"meanwhile": turn.meanwhile, "looked_after": turn.looked_after}
    return tuple(event for event, source, key in _EVENTS if readings[source].get(key))


def _fared(results: Sequence[CandidateResult]) -> list[Fared]:
    """Return the candidates that took part, in order."""
    return [(result.name, result.soak) for result in results if result.soak]


def _per(soak: Soak) -> str:
    return f"per {_UNITS.get(soak.per_s) or format_duration(soak.per_s)}"


def _to_baseline(slope: Slope | None) -> Estimate | None:
    return slope.to_baseline if slope else None


def _is_clear(change: Estimate) -> bool:
    return not change.low <= 0 <= change.high


def _sum(slices: Sequence[SoakSlice], source: str, key: str) -> float | None:
    """Return the sum of a reading over all turns; None if it is not known in any."""
    some = [getattr(turn, source)[key] for turn in slices if key in getattr(turn, source)]
    return sum(some) if some else None


def _amount(key: str, value: float) -> str:
    return format_bytes(value) if key.endswith("_bytes") else format_count(value)


def _state(turn: SoakSlice, key: str) -> Cell:
    value = turn.state.get(key)
    return Cell(text=figures.DASH if value is None else _amount(key, value), sort=value)


def _rate(value: float) -> Cell:
    return Cell(text=format_count(value), sort=value)


def _time(value_ns: float | None) -> Cell:
    return Cell(text=figures.time(value_ns), sort=value_ns)


def _count(value: float | None) -> Cell:
    return Cell(text=figures.DASH if value is None else f"{value:,.0f}", sort=value)


def _change(change: Estimate | None) -> Cell:
    """Return a relative change and its interval, in percent with signs."""
    if change is None:
        return Cell(text=figures.DASH)
    ends = ", ".join(figures.signed_percent(end) for end in (change.low, change.high))
    return Cell(text=figures.signed_percent(change.value), interval=f"[{ends}]", sort=change.value)
