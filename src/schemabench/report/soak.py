"""Candidates at work for long: the sentence, what drifts, what grows meanwhile, and the course of the turns.

Owns the section; `soak_drift` words who drifts. Must not judge beyond chance: the record's intervals do. What grows is
told beside what drifts, and never said to be its cause.
"""

from collections.abc import Iterator, Sequence
from statistics import median

from schemabench.records import CandidateResult, Estimate, Experiment, Soak, SoakFigures, SoakSlice
from schemabench.report import figures, text
from schemabench.report.soak_drift import (
    FEW_TURNS,
    FIGURES,
    changes_to_baseline,
    clauses,
    longest_pending,
    own_changes,
    per_unit,
    vacuuming_shares,
)
from schemabench.report.soak_turns import (
    AGE,
    PENDING,
    STATE,
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

_NOTICES = (
    "soak-no-autovacuum",
    "soak-own-time",
    "soak-load-generator",
    "soak-pending-unknown",
    "soak-baseline-drifts",
    "soak-behind",
    "soak-other-calls",
    "soak-broken-off",
)


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
    shown = _figures(soak, known) if any(one.slices for _, one in known) else ()
    return Section(id="soak", title="Soak: what drifts while candidates work for long", nodes=(said, *shown))


def _figures(soak: Soak, known: Sequence[Fared]) -> Iterator[Node]:
    """Yield what the figures mean, and all of them."""
    pending = any(PENDING[0] in turn.state for _, one in known for turn in one.slices)
    yield Paragraph(text=_explained(soak))
    yield _drifts(soak, known)
    yield _growth(soak, known, pending)
    yield from charts(soak, known)
    yield Fold(summary="Turn by turn", nodes=tuple(by_turn(who, one, pending) for who, one in known))


def sentence(experiment: Experiment) -> str:
    """Return who drifts, and what grew meanwhile; empty without a soak."""
    soak, known = experiment.soak, _fared([result for result, _ in ranked(experiment)])
    if soak is None or not known:
        return ""
    left = [name(one.name) for one, _ in ranked(experiment) if one.retired]
    was = "was" if len(left) == 1 else "were"
    without = [f"{figures.listed(left, len(left))} left the blocks early and {was} not measured"] if left else []
    return "; ".join([*_extent(soak, known), *clauses(soak, known), *without])


def _extent(soak: Soak, known: Sequence[Fared]) -> Iterator[str]:
    """Yield how long candidates worked that did not leave, and when that was interrupted."""
    if not soak.rounds:
        yield f"nothing was measured, as it {'was interrupted' if soak.interrupted else 'ended'} in its first round"
        return
    pace = "at production's pace" if soak.paced else "as fast as connections allow"
    whose = "for each that stayed" if any(one.ended for _, one in known) else "each"
    yield f"{format_duration(soak.rounds * soak.slice_s)} of work {whose}, by turns, {pace}"
    if soak.interrupted:
        yield f"interrupted after {plural(soak.rounds, 'round')}"


def _thirds(one: SoakFigures) -> tuple[float, float]:
    """Return the median rates of the first third of the turns that count, and of the last."""
    first, last = one.thirds
    return median(turn.rate for turn in first), median(turn.rate for turn in last)


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
    per = per_unit(soak)
    rate = "speed" if soak.paced else "op/s"
    spans = (f"{rate}, first third", "last third", f"change {per}, %", "against the baseline, %")
    control = (("baseline (control)", soak.control),) if soak.control and soak.control.slices else ()
    uneven = _is_uneven([*known, *control])
    headings = ("candidate", *(["turns"] if uneven else []), *spans, "p50", "p99")
    own = ", of its own turns alone where it took fewer" if uneven else ""
    return Table(
        caption=f"Drift {per} of work; p50 and p99 against the baseline's, in %",
        columns=columns(*headings, numbers=headings[1:]),
        rows=tuple(_drift(*one, uneven=uneven) for one in known if one[1].slices),
        footer=tuple(_drift(*one, uneven=uneven) for one in control),
        legend=(
            ("thirds", f"the median of the turns that count{own}"),
            (figures.DASH, f"nothing to compare with, or its {FEW_TURNS}"),
        ),
    )


def _is_uneven(known: Sequence[Fared]) -> bool:
    """Return whether some took more turns than others, who left or missed rounds."""
    return len({len(one.slices) for _, one in known}) > 1


def _drift(who: str, one: SoakFigures, *, uneven: bool) -> tuple[Cell, ...]:
    """Return how the figures of one changed; with the number of its turns where these are uneven."""
    own, compared = own_changes(one), changes_to_baseline(one)
    return cells(
        name(who),
        *([counted(len(one.slices))] if uneven else []),
        *map(rated, _thirds(one)),
        _change(own.get("rate")),
        *(_change(compared.get(figure)) for figure in FIGURES),
    )


def _growth(soak: Soak, known: Sequence[Fared], pending: bool) -> Table:  # noqa: FBT001 (whether a column is there)
    lists = ("pending lists",) if pending else ()
    uneven = _is_uneven(known)
    headings = (
        "candidate",
        *(["turns"] if uneven else []),
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
        caption="What grew, from the end of the first turn to that of the last, and what the server did in all turns",
        columns=columns(*headings, numbers=("turns", *headings[headings.index("vacuums") :])),
        rows=tuple(_grown(who, one.slices, pending, uneven) for who, one in known if one.slices),
        legend=(
            *((one, "the longest at the end of any turn, in GIN indexes") for one in lists),
            ("age", f"transactions of all candidates since the oldest row that may not be frozen{frozen}"),
            ("their time", "autovacuum's, for vacuums and analyzes of its tables, and as a share of its own work"),
            (
                "during its turns",
                "shares of its time in which autovacuum, analyzes included, worked for it, and for others: all slow it",
            ),
            ("checkpoints, WAL", "of the whole server in its turns, with autovacuum's work for others"),
        ),
    )


def _grown(who: str, slices: Sequence[SoakSlice], pending: bool, uneven: bool) -> tuple[Cell, ...]:  # noqa: FBT001
    """Return what one left; with the number of its turns where these are uneven."""
    seconds = _sum(slices, "looked_after", "vacuum_s")
    wal = _sum(slices, "meanwhile", "wal_bytes")
    return cells(
        name(who),
        *([counted(len(slices))] if uneven else []),
        *(_span(slices, key) for key, _ in STATE),
        *([sized(PENDING[0], longest_pending(slices))] if pending else []),
        _span(slices, AGE),
        counted(_sum(slices, "looked_after", "vacuums")),
        counted(_sum(slices, "looked_after", "analyzes")),
        _vacuuming(seconds, sum(turn.duration_s for turn in slices)),
        " and ".join(figures.share(one) for one in vacuuming_shares(slices) if one is not None) or figures.DASH,
        counted(_sum(slices, "meanwhile", "checkpoints")),
        Cell(text=figures.DASH if wal is None else format_bytes(wal), sort=wal),
    )


def _grouped(value: str) -> str:
    """Return the value of a setting, a number with its thousands apart."""
    return f"{int(value):,}" if value.isdecimal() else value


def _span(slices: Sequence[SoakSlice], key: str) -> str:
    """Return how a state went, as in `8.00 MiB to 9.20 MiB`."""
    first, last = slices[0].state, slices[-1].state
    return f"{amount(key, first[key])} to {amount(key, last[key])}" if key in first and key in last else figures.DASH


def _vacuuming(seconds: float | None, worked_s: float) -> Cell:
    """Return autovacuum's time, and its share of the time that the candidate worked."""
    if not seconds:
        return Cell(text=figures.DASH if seconds is None else "0 s", sort=seconds)
    return Cell(text=f"{format_duration(seconds)} ({figures.share(seconds / worked_s)})", sort=seconds)


def _fared(results: Sequence[CandidateResult]) -> list[Fared]:
    """Return the candidates that took part, in order."""
    return [(result.name, result.soak) for result in results if result.soak]


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
