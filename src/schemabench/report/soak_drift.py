"""Who drifts in a soak, in words: the clauses on candidates, the control and the baseline.

Owns which changes are told, of which figure, and what is said where there are none, or where the load generator may
hide them. Must not judge beyond chance: the record's intervals do, which hold for all candidates and figures at once.
What grew is told beside what drifts, and never said to be its cause.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from schemabench.candidate import BASELINE
from schemabench.records import Estimate, Slope, Soak, SoakFigures, SoakSlice
from schemabench.report import figures
from schemabench.report.soak_turns import PENDING, STATE, VACUUMING, Fared, amount
from schemabench.report.text import name
from schemabench.units import format_duration

FIGURES = {"rate": "", "p50_ns": "p50", "p99_ns": "p99"}
"""Figure of a slope -> what it is called, in the order of the report. The pace decides what the rate is called."""
GREW = 1.2
"""From here on, growth from the end of the first turn to that of the last is named beside a drift."""
VACUUMED = 0.05
"""From here on, the share of its time in which autovacuum was at work is named, likewise."""
FEW_TURNS = "turns are too few or depend too much on each other"
"""Why a slope has no interval."""
_UNITS = {60.0: "minute", 10.0: "10 s", 1.0: "second"}

Changes = Mapping[str, Estimate]
"""Figure -> its change for the time that slopes are for, of the figures whose interval is known."""


def clauses(soak: Soak, known: Sequence[Fared]) -> Iterator[str]:
    """Yield a clause for each candidate that drifts or left, and one for all others of whom the same is known."""
    others: list[Fared] = []
    for who, one in known:
        if one.ended:
            yield f"{name(who)} {_left(one, soak)}"
        elif who != BASELINE and (clear := _clear(changes_to_baseline(one))):
            yield f"{name(who)}{_drifting(clear, soak)} against the baseline{_beside(one)}"
        elif who != BASELINE:
            others.append((who, one))
    usual = dict(known).get(BASELINE)
    yield from _of_others(soak, others, usual)
    if usual and usual.ended:
        yield "so there is nothing to compare with, and the soak ended"
    yield from _of_control(soak)
    yield from _of_baseline(soak, usual)


def _left(one: SoakFigures, soak: Soak) -> str:
    """Return when one left, and why, as in `left after round 12 of 21, with 6.9 s of work: the disk is full`."""
    if not one.slices:
        return f"left in its first turn: {one.ended}"
    last, worked_s = one.slices[-1].round + 1, sum(turn.duration_s for turn in one.slices)
    of = f" of {soak.rounds:,}" if last < soak.rounds else ""
    return f"left after round {last:,}{of}, with {format_duration(worked_s)} of work: {one.ended}"


def _of_others(soak: Soak, others: Sequence[Fared], usual: SoakFigures | None) -> Iterator[str]:
    """Yield what is known of candidates of which no drift is: that they are steady, or why that cannot be said."""
    still: dict[tuple[str, ...], dict[str, Changes]] = {}
    unclear, hidden = [], []
    for who, one in others:
        changes = changes_to_baseline(one)
        if not changes:
            unclear.append(name(who))
        elif one.is_limited or (usual and usual.is_limited):
            hidden.append(name(who))
        else:
            still.setdefault(tuple(changes), {})[who] = changes
    for judged, some in still.items():
        yield _calm(judged, some, soak)
    if hidden:
        yield f"{figures.listed(hidden, len(hidden))}: no verdict, as the load generator was the bottleneck"
    if unclear and soak.rounds and not (usual and usual.ended):
        alone = len(unclear) == 1
        remedy = "" if soak.interrupted else ": try a longer --soak"
        yield (
            f"whether {figures.listed(unclear, len(unclear))} {'drifts' if alone else 'drift'} cannot be told, as "
            f"{'its' if alone else 'their'} {FEW_TURNS}{remedy}"
        )


def _calm(judged: Sequence[str], some: Mapping[str, Changes], soak: Soak) -> str:
    """Return who does not drift, in which figures, and which changes of each their intervals leave possible."""
    whose = figures.listed(map(name, some), len(some))
    told = f" {per_unit(soak)}{', by candidate' if len(some) > 1 else ''}"
    bounds = [_bounds(figure, [one[figure] for one in some.values()]) for figure in judged]
    titles = _titles(judged, soak)
    parts = [
        f"{title} ({bound}{'' if place else told})"
        for place, (title, bound) in enumerate(zip(titles, bounds, strict=True))
    ]
    unknown = _titles([figure for figure in FIGURES if figure not in judged], soak)
    missing = f", and no slope is known of {figures.listed(unknown)}" if unknown else ""
    return f"{whose}: no drift beyond chance in {figures.listed(parts)}{missing}"


def _bounds(figure: str, changes: Sequence[Estimate]) -> str:
    """Return the ends of intervals that contain zero, as in `at most a loss of 59 % or a gain of 153 %`.

    These differ, since nothing loses more than all of itself. Several have a range of ends: `a loss of 23 to 25 %`.
    """
    less, more = ("loss", "gain") if figure == "rate" else ("fall", "rise")
    lost = _range([abs(one.low) for one in changes])
    gained = _range([abs(one.high) for one in changes])
    return f"at most a {less} of {lost} or a {more} of {gained}"


def _range(shares: Sequence[float]) -> str:
    """Return the least and the greatest share in percent, as in `23 to 25 %`; one if they look alike."""
    least, most = figures.percent(min(shares)), figures.percent(max(shares))
    return most if least == most else f"{least.removesuffix(' %')} to {most}"


def _of_control(soak: Soak) -> Iterator[str]:
    """Yield what is wrong with the control: it is the baseline once more, and so has to tie."""
    if soak.control is None:
        return
    if soak.control.ended:
        yield f"the control {_left(soak.control, soak)}"
    elif clear := _clear(changes_to_baseline(soak.control)):
        comma = "," if "rate" in clear else ""
        yield f"doubtful: the control, a second baseline{comma}{_drifting(clear, soak)} against the baseline"


def _of_baseline(soak: Soak, usual: SoakFigures | None) -> Iterator[str]:
    """Yield how the baseline's own figures went, which nothing can be compared with."""
    if usual is None or not usual.slopes:
        return
    changes = own_changes(usual)
    if not changes:
        yield f"whether {name(BASELINE)} itself drifts cannot be told, as its turns depend too much on each other"
        return
    machine = "with what the machine did meanwhile"
    if clear := _clear(changes):
        yield f"{name(BASELINE)} itself{_drifting(clear, soak)}, {machine}{_beside(usual)}"
    else:
        judged = _titles(changes, soak)
        yield f"{name(BASELINE)} itself: no drift beyond chance in {figures.listed(judged)}, {machine}"


def _drifting(changes: Changes, soak: Soak) -> str:
    """Return changes of figures in words, as in `: its p99 grows by 200 % [80, 400] per minute`, to follow a name."""
    parts = [_moving(figure, change, soak) for figure, change in changes.items()]
    return f"{' ' if 'rate' in changes else ': '}{figures.listed(parts)}"


def _moving(figure: str, change: Estimate, soak: Soak) -> str:
    """Return a change of one figure in words, as in `loses 12 % [8, 16] of its throughput per minute`."""
    less = change.value < 0
    size = Estimate(value=-change.value, low=-change.high, high=-change.low) if less else change
    shown = figures.share_with_interval(size)
    if figure != "rate":
        return f"its {FIGURES[figure]} {'shrinks' if less else 'grows'} by {shown} {per_unit(soak)}"
    what = "the speed of its calls" if soak.paced else "its throughput"
    return f"{'loses' if less else 'gains'} {shown} of {what} {per_unit(soak)}"


def _beside(one: SoakFigures) -> str:
    """Return what grew meanwhile, as in ` (dead rows from 12 to 3.4k)`; empty if nothing did."""
    first, last = one.slices[0].state, one.slices[-1].state
    grown = [
        f"{title} from {amount(key, first.get(key, 0.0))} to {amount(key, last[key])}"
        for key, title in STATE
        if last.get(key, 0.0) > GREW * first.get(key, 0.0)
    ]
    if longest := longest_pending(one.slices):
        grown.append(f"pending lists of up to {amount(PENDING[0], longest)}")
    own, _ = vacuuming_shares(one.slices)
    if own and own >= VACUUMED:
        grown.append(f"autovacuum at work for it in {figures.share(own)} of its time")
    return f" ({', '.join(grown)})" if grown else ""


def changes_to_baseline(one: SoakFigures) -> Changes:
    """Return the changes of the figures of one against the baseline's."""
    return {figure: slope.to_baseline for figure, slope in _judged(one).items() if slope.to_baseline}


def own_changes(one: SoakFigures) -> Changes:
    """Return the changes of the figures of one, with what the machine did meanwhile."""
    return {figure: slope.own for figure, slope in _judged(one).items() if slope.own}


def _judged(one: SoakFigures) -> dict[str, Slope]:
    """Return the slopes whose intervals hold jointly; in an older run file, that of the rate alone."""
    slopes = ((figure, one.slope(figure)) for figure in FIGURES)
    return {figure: slope for figure, slope in slopes if slope and (slope.judged > 1 or figure == "rate")}


def _clear(changes: Changes) -> Changes:
    """Return the changes that are beyond chance."""
    return {figure: change for figure, change in changes.items() if not change.low <= 0 <= change.high}


def _titles(judged: Iterable[str], soak: Soak) -> list[str]:
    """Return what figures are called."""
    rate = "the speed of calls" if soak.paced else "throughput"
    return [FIGURES[figure] or rate for figure in judged]


def per_unit(soak: Soak) -> str:
    """Return the time that slopes are for, as in `per minute`."""
    return f"per {_UNITS.get(soak.per_s) or format_duration(soak.per_s)}"


def longest_pending(slices: Sequence[SoakSlice]) -> float | None:
    """Return how long pending lists were at most at the end of a turn; None if that is not known."""
    return max((turn.state[PENDING[0]] for turn in slices if PENDING[0] in turn.state), default=None)


def vacuuming_shares(slices: Sequence[SoakSlice]) -> list[float | None]:
    """Return in which shares of its time autovacuum was at work for it, and for others; None where it is not known."""
    found: list[float | None] = []
    for key in VACUUMING:
        looked = [(turn.meanwhile[key], turn.duration_s) for turn in slices if key in turn.meanwhile]
        whole_s = sum(duration_s for _, duration_s in looked)
        found.append(sum(share * duration_s for share, duration_s in looked) / whole_s if whole_s else None)
    return found
