"""The course of a soak: each turn of each candidate, and the lines through them.

Owns the tables and charts of turns, and how a figure of a turn is written. Must not say what drifts.
"""

from collections.abc import Iterator, Mapping, Sequence

from schemabench.records import Soak, SoakFigures, SoakSlice
from schemabench.report import figures
from schemabench.report.drawings import Moment, OverTime
from schemabench.report.text import name
from schemabench.report.tree import Cell, Chart, Table, cells, columns
from schemabench.units import format_bytes, format_count

STATE = (("dead_rows", "dead rows"), ("table_bytes", "tables"), ("index_bytes", "indexes"))
PENDING = ("pending_bytes", "pending lists")
AGE = "xid_age"
VACUUMING = ("own_vacuum_share", "others_vacuum_share")
_EVENTS = (("checkpoint", "meanwhile", "checkpoints"), ("autovacuum", "looked_after", "vacuums"))
_MS = 1e6

Fared = tuple[str, SoakFigures]
"""A candidate's name and its turns."""


def by_turn(who: str, one: SoakFigures, pending: bool) -> Table:  # noqa: FBT001 (as above)
    """Return the table of one candidate's turns."""
    state = (*STATE, *([PENDING] if pending else []), (AGE, "age"))
    titles = [title for _, title in state]
    headings = ("round", "after", "rate", "p50", "p99", *titles, "vacuums", "for others", "checkpoints")
    return Table(
        caption=f"{name(who)} turn by turn",
        columns=columns(*headings, numbers=headings),
        rows=tuple(
            cells(
                turn.round + 1,
                Cell(text=f"{turn.worked_s:,.1f} s", sort=turn.worked_s),
                rated(turn.rate),
                figures.time_cell(turn.p50_ns),
                figures.time_cell(turn.p99_ns),
                *(sized(key, turn.state.get(key)) for key, _ in state),
                counted(turn.looked_after.get("vacuums")),
                figures.share_cell(turn.meanwhile.get(VACUUMING[1])),
                counted(turn.meanwhile.get("checkpoints")),
            )
            for turn in one.slices
        ),
        legend=(
            ("after", "its own work before the turn"),
            ("for others", "the share of the turn in which autovacuum was at work for others"),
        ),
    )


def charts(soak: Soak, known: Sequence[Fared]) -> Iterator[Chart]:
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
            rows=tuple(cells(name(who), rated(some[0]), rated(some[-1])) for who, some in ends.items()),
        ),
        repeats=True,
    )


def _events(turn: SoakSlice) -> tuple[str, ...]:
    readings: Mapping[str, Mapping[str, float]] = {"meanwhile": turn.meanwhile, "looked_after": turn.looked_after}
    return tuple(event for event, source, key in _EVENTS if readings[source].get(key))


def amount(key: str, value: float) -> str:
    """Return a state in the unit of its name."""
    return format_bytes(value) if key.endswith("_bytes") else format_count(value)


def sized(key: str, value: float | None) -> Cell:
    """Return a state as a cell; a dash if it is not known, likewise below."""
    return Cell(text=figures.DASH if value is None else amount(key, value), sort=value)


def rated(value: float) -> Cell:
    """Return operations per second."""
    return Cell(text=format_count(value), sort=value)


def counted(value: float | None) -> Cell:
    """Return a count."""
    return Cell(text=figures.DASH if value is None else f"{value:,.0f}", sort=value)
