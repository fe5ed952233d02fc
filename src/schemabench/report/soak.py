"""Candidates at work for long: the sentence, what drifts, what grows meanwhile, and the course of the turns.

Owns their wording. Must not judge beyond chance: the record's intervals do. What grows is told beside what drifts, and
never said to be its cause.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from statistics import median

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Estimate, Experiment, Slope, Soak, SoakFigures, SoakSlice
from schemabench.report import figures, text
from schemabench.report.soak_turns import (
    AGE,
    PENDING,
    STATE,
    VACUUMING,
    Fared,
    amount,
    by_turn,
    charts,
    counted,
    rated,
    sized,
)
from schemabench.report.text import name
from schemabench.report.tree import Cell, Fold, Node, Paragraph, Section, Table, cells, columns
from schemabench.report.view import View, ranked
from schemabench.units import format_bytes, format_duration, plural

GREW = 1.2
"""From here on, growth from the end of the first turn to that of the last is named beside a drift."""
VACUUMED = 0.05
"""From here on, the share of its turns in which autovacuum was at work is named, likewise."""
_NOTICES = (
    "soak-no-autovacuum",
    "soak-own-time",
    "soak-load-generator",
    "soak-pending-unknown",
    "soak-baseline-drifts",
    "soak-behind",
)
_UNITS = {60.0: "minute", 10.0: "10 s", 1.0: "second"}


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
    pending = any(PENDING[0] in turn.state for _, one in known for turn in one.slices)
    nodes: list[Node] = [said, Paragraph(text=_explained(soak)), _drifts(soak, known), _growth(soak, known, pending)]
    nodes += charts(soak, known)
    turns = tuple(by_turn(who, one, pending) for who, one in known)
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
    left = [name(one.name) for one, _ in ranked(experiment) if one.retired]
    was = "was" if len(left) == 1 else "were"
    without = [f"{figures.listed(left, len(left))} left the blocks early and {was} not measured"] if left else []
    return "; ".join([begun, *broken, *_said(soak, known), *without])


def _said(soak: Soak, known: Sequence[Fared]) -> Iterator[str]:
    """Yield a clause for each candidate that drifts or left, and one for all others."""
    without = any(who == BASELINE and one.ended for who, one in known)
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
    if unclear and not without:
        remedy = "" if soak.interrupted else ": try a longer --soak"
        yield f"{figures.listed(unclear, len(unclear))}: too few independent turns for a slope{remedy}"
    if without:
        yield "so there is nothing to compare with, and the soak ended"
    yield from _of_control(soak)
    yield from _of_baseline(soak, dict(known).get(BASELINE))


def _of_control(soak: Soak) -> Iterator[str]:
    """Yield what is wrong with the control: it is the baseline once more, and so has to tie."""
    if soak.control is None:
        return
    change = _to_baseline(soak.control.slope("rate"))
    if soak.control.ended:
        yield f"the control left: {soak.control.ended}"
    elif change is not None and _is_clear(change):
        yield f"doubtful: the control, a second baseline, {_changes(change, soak)} against the baseline"


def _of_baseline(soak: Soak, usual: SoakFigures | None) -> Iterator[str]:
    """Yield how the baseline's own figures went, which nothing can be compared with."""
    slope = usual.slope("rate") if usual else None
    if usual is None or slope is None:
        return
    if slope.own is None:
        yield f"{name(BASELINE)} itself: too few independent turns for a slope"
        return
    machine = "with what the machine did meanwhile"
    if _is_clear(slope.own):
        yield f"{name(BASELINE)} itself {_changes(slope.own, soak)}, {machine}{_beside(usual)}"
    else:
        yield f"{name(BASELINE)} itself: no drift beyond chance, {machine}"


def _thirds(one: SoakFigures) -> tuple[float, float]:
    """Return the median rates of the first third of the turns that count, and of the last."""
    counted = [turn.rate for turn in one.slices if turn.round] or [turn.rate for turn in one.slices]
    some = ceil(len(counted) / 3)
    return median(counted[:some]), median(counted[-some:])


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
        f"{title} from {amount(key, first.get(key, 0.0))} to {amount(key, last[key])}"
        for key, title in STATE
        if last.get(key, 0.0) > GREW * first.get(key, 0.0)
    ]
    if longest := _longest(one.slices):
        grown.append(f"pending lists of up to {amount(PENDING[0], longest)}")
    own, _ = _shares(one.slices)
    if own and own >= VACUUMED:
        grown.append(f"vacuums under way in {figures.share(own)} of its turns")
    return f" ({', '.join(grown)})" if grown else ""


def _explained(soak: Soak) -> str:
    """Return what the figures mean."""
    rate = (
        "Speed: operations for each second in which a connection was busy; p50 and p99 count from when calls were due"
        if soak.paced
        else "Throughput and service times are over all operations"
    )
    names = list(soak.slowed)
    slowed = (
        f" {figures.listed(names, len(names))} {'was' if len(names) == 1 else 'were'} "
        f"{figures.listed(_factors(soak), len(names))} times as long as usual, since each candidate works for a part "
        "of the time only."
        if names
        else ""
    )
    return (
        f"Turns of about {format_duration(soak.slice_s)}, in random order in each of {soak.rounds} rounds, on copies "
        f"of their own. {rate}. Against the baseline: the ratio to its figure of the same round, without "
        f"what the machine did to both alike. The first round does not count for slopes.{slowed}"
    )


def _factors(soak: Soak) -> list[str]:
    return [f"{factor:g}" for factor in dict.fromkeys(soak.slowed.values())]


def _drifts(soak: Soak, known: Sequence[Fared]) -> Table:
    per = _per(soak)
    rate = "speed" if soak.paced else "op/s"
    spans = (f"{rate}, first third", "last third", f"change {per}, %", "against the baseline, %")
    headings = ("candidate", *spans, "p50", "p99")
    control = (("baseline (control)", soak.control),) if soak.control and soak.control.slices else ()
    return Table(
        caption=f"Drift {per} of work; p50 and p99 against the baseline's, in %",
        columns=columns(*headings, numbers=headings[1:]),
        rows=tuple(_drift(*one) for one in known if one[1].slices),
        footer=tuple(_drift(*one) for one in control),
        legend=(
            ("thirds", "the median of the turns that count"),
            (figures.DASH, "nothing to compare with, or too few independent turns for an interval"),
        ),
    )


def _drift(who: str, one: SoakFigures) -> tuple[Cell, ...]:
    slopes = {slope.figure: slope for slope in one.slopes}
    rate = slopes.get("rate")
    return cells(
        name(who),
        *map(rated, _thirds(one)),
        _change(rate.own if rate else None),
        _change(_to_baseline(rate)),
        _change(_to_baseline(slopes.get("p50_ns"))),
        _change(_to_baseline(slopes.get("p99_ns"))),
    )


def _growth(soak: Soak, known: Sequence[Fared], pending: bool) -> Table:  # noqa: FBT001 (whether a column is there)
    lists = ("pending lists",) if pending else ()
    headings = (
        "candidate",
        "dead rows",
        "tables",
        "indexes",
        *lists,
        "age",
        "vacuums",
        "analyzes",
        "their time",
        "during its turns",
        "checkpoints",
        "WAL",
    )
    most = soak.settings.get("autovacuum_freeze_max_age")
    frozen = f": from autovacuum_freeze_max_age on ({_grouped(most)}), autovacuum freezes" if most else ""
    return Table(
        caption="What grew, from the end of the first turn to that of the last, and what the server did",
        columns=columns(*headings, numbers=headings[len(lists) + 5 :]),
        rows=tuple(_grown(who, one.slices, pending) for who, one in known if one.slices),
        legend=(
            *((one, "the longest at the end of any turn, in GIN indexes") for one in lists),
            ("age", f"transactions of all candidates since the oldest row that may not be frozen{frozen}"),
            ("their time", "autovacuum's, for vacuums and analyzes of its tables, and as a share of its own work"),
            (
                "during its turns",
                "the share of its own turns in which autovacuum was at work for it, and for others: all slow its calls",
            ),
        ),
    )


def _grown(who: str, slices: Sequence[SoakSlice], pending: bool) -> tuple[Cell, ...]:  # noqa: FBT001 (as above)
    seconds = _sum(slices, "looked_after", "vacuum_s")
    wal = _sum(slices, "meanwhile", "wal_bytes")
    return cells(
        name(who),
        *(_span(slices, key) for key, _ in STATE),
        *([sized(PENDING[0], _longest(slices))] if pending else []),
        _span(slices, AGE),
        counted(_sum(slices, "looked_after", "vacuums")),
        counted(_sum(slices, "looked_after", "analyzes")),
        _vacuuming(seconds, sum(turn.duration_s for turn in slices)),
        " and ".join(figures.share(one) for one in _shares(slices) if one is not None) or figures.DASH,
        counted(_sum(slices, "meanwhile", "checkpoints")),
        Cell(text=figures.DASH if wal is None else format_bytes(wal), sort=wal),
    )


def _grouped(value: str) -> str:
    """Return the value of a setting, a number with its thousands apart."""
    return f"{int(value):,}" if value.isdecimal() else value


def _longest(slices: Sequence[SoakSlice]) -> float | None:
    """Return how long pending lists were at most at the end of a turn; None if that is not known."""
    return max((turn.state[PENDING[0]] for turn in slices if PENDING[0] in turn.state), default=None)


def _span(slices: Sequence[SoakSlice], key: str) -> str:
    """Return how a state went, as in `8.00 MiB to 9.20 MiB`."""
    first, last = slices[0].state, slices[-1].state
    return f"{amount(key, first[key])} to {amount(key, last[key])}" if key in first and key in last else figures.DASH


def _shares(slices: Sequence[SoakSlice]) -> list[float | None]:
    """Return in which shares of its turns autovacuum was at work for it, and for others; None where it is not known."""
    found: list[float | None] = []
    for key in VACUUMING:
        looked = [(turn.meanwhile[key], turn.duration_s) for turn in slices if key in turn.meanwhile]
        whole_s = sum(duration_s for _, duration_s in looked)
        found.append(sum(share * duration_s for share, duration_s in looked) / whole_s if whole_s else None)
    return found


def _vacuuming(seconds: float | None, worked_s: float) -> Cell:
    """Return autovacuum's time, and its share of the time that the candidate worked."""
    if not seconds:
        return Cell(text=figures.DASH if seconds is None else "0 s", sort=seconds)
    return Cell(text=f"{format_duration(seconds)} ({figures.share(seconds / worked_s)})", sort=seconds)


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
    """Return the sum of a reading over all turns; None if it is not known in one."""
    some = [getattr(turn, source).get(key) for turn in slices]
    return None if None in some else sum(some)


def _change(change: Estimate | None) -> Cell:
    """Return a relative change and its interval, in percent with signs."""
    if change is None:
        return Cell(text=figures.DASH)
    ends = ", ".join(figures.signed_percent(end) for end in (change.low, change.high))
    return Cell(text=figures.signed_percent(change.value), interval=f"[{ends}]", sort=change.value)
