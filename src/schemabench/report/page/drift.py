"""Throughput over the blocks of an experiment: how much it drifted, how much it scattered, and what came in between.

Owns the chart over time. Must not judge: candidates are compared within a block, whatever the machine did between two.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import altair as alt
from markupsafe import Markup

from schemabench.records import CHECKPOINTED, VACUUMED, CandidateResult, Trial
from schemabench.report import figures
from schemabench.report.page.charts import data, figure
from schemabench.report.page.looks import Look, scale
from schemabench.report.page.tables import Cell, Column, table
from schemabench.units import NANOSECONDS, format_count

_HEIGHT_PX = 300
_POINT_PX2, _MARK_PX2 = 18, 130
_RATE = ".3s"
"""Three digits and an SI prefix, in D3's own notation, as `format_count` has them."""
_LONG_S = 300.0
"""From here on time is told in minutes."""
_FAINT = 0.15
"""Of the other lines while the pointer is on one."""
MOST_POINTS = 120
"""Of one candidate: of more blocks, as many in a row become one point as it takes, so that a long run stays legible."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that the server does now and then, and how it is marked."""

    counters: tuple[str, ...]
    """Any of them is above zero in a trial in which it was under way."""
    name: str
    colour: str
    shape: str
    """The path of an SVG, as `looks.Look` has them."""


_EVENTS = (
    Event(counters=CHECKPOINTED, name="checkpoint", colour="var(--checkpoint)", shape="M0,1L1,-1H-1Z"),
    Event(
        counters=VACUUMED,
        name="autovacuum",
        colour="var(--autovacuum)",
        shape="M-1,-.3H-.3V-1H.3V-.3H1V.3H.3V1H-.3V.3H-1Z",
    ),
)


@dataclass(frozen=True, kw_only=True)
class _Point:
    """One candidate in one block, or the median of several in a row."""

    candidate: str
    block: int
    """The first of them, counted from 1 over counted blocks."""
    started_s: float
    rate: float
    """Per second."""
    events: tuple[str, ...]
    """Their names."""


def over_blocks(results: Sequence[CandidateResult], known: Mapping[str, Look]) -> Markup:
    """Return the chart of throughput over blocks; nothing where no trial was counted."""
    counted = {result.name: [trial for trial in result.trials if _drawable(trial)] for result in results}
    counted = {name: trials for name, trials in counted.items() if trials}
    if not counted:
        return Markup()
    per_row = all(trial.rows for trials in counted.values() for trial in trials)
    unit = "rows/s" if per_row else "operations/s"
    blocks = [trial.block for trials in counted.values() for trial in trials]
    first, size = min(blocks), -(-(max(blocks) - min(blocks) + 1) // MOST_POINTS)
    points = [
        _point(name, some, 1 + place * size, per_row=per_row)
        for name, trials in counted.items()
        for place, some in _together(trials, first, size).items()
    ]
    title = f"Throughput over the run ({unit}, log scale)"
    if size > 1:
        title += f", each point the median of {size} blocks"
    return figure(_chart(points, list(counted), known, unit), title, _described(points), _table(points, counted, title))


def events(results: Sequence[CandidateResult]) -> list[Event]:
    """Return what happened during counted trials, each once."""
    return _during([trial for result in results for trial in result.trials if not trial.warmup])


def _during(trials: Sequence[Trial]) -> list[Event]:
    return [event for event in _EVENTS if any(trial.counters.get(name) for trial in trials for name in event.counters)]


def _drawable(trial: Trial) -> bool:
    """Return whether a trial was counted, and has a rate."""
    return not trial.warmup and trial.operations > 0 and 0 < trial.duration_s < math.inf


def _together(trials: Sequence[Trial], first: int, size: int) -> dict[int, list[Trial]]:
    """Return the trials that become one point, by the place of the point: those of `size` blocks in a row."""
    found: dict[int, list[Trial]] = {}
    for trial in trials:
        found.setdefault((trial.block - first) // size, []).append(trial)
    return found


def _point(name: str, trials: Sequence[Trial], block: int, *, per_row: bool) -> _Point:
    return _Point(
        candidate=name,
        block=block,
        started_s=trials[0].started_s,
        rate=median((trial.rows if per_row else trial.operations) / trial.duration_s for trial in trials),
        events=tuple(event.name for event in _during(trials)),
    )


def _chart(points: Sequence[_Point], names: Sequence[str], known: Mapping[str, Look], unit: str) -> alt.LayerChart:
    longest_s = max(point.started_s for point in points)
    divisor, time_unit = (60.0, "minutes") if longest_s >= _LONG_S else (1.0, "seconds")
    rows = [
        {
            "candidate": point.candidate,
            "block": point.block,
            "time": point.started_s / divisor,
            "rate": point.rate,
            "events": list(point.events),
        }
        for point in points
    ]
    near = alt.selection_point(fields=["candidate"], on="pointerover", clear="pointerout", name="near")
    base = alt.Chart().encode(
        x=alt.X("time:Q", title=f"{time_unit} since the experiment began", scale=alt.Scale(nice=False, zero=False)),
        y=alt.Y("rate:Q", title=unit, scale=alt.Scale(type="log", nice=False), axis=alt.Axis(format="~s")),
        tooltip=[
            alt.Tooltip("candidate:N"),
            alt.Tooltip("block:Q"),
            alt.Tooltip("rate:Q", title=unit, format=_RATE),
            alt.Tooltip("events:N"),
        ],
    )
    coloured = base.encode(
        color=alt.Color("candidate:N", scale=scale(known, names, "colour"), legend=None),
        opacity=alt.OpacityValue(_FAINT, condition={"param": near.name, "value": 1}),
    )
    dash = alt.StrokeDash("candidate:N", scale=scale(known, names, "dash"), legend=None)
    layers = [
        coloured.mark_line(strokeWidth=1.75).encode(strokeDash=dash),
        coloured.mark_point(filled=True, size=_POINT_PX2).add_params(near),
    ]
    if any(point.events for point in points):
        layers.append(_marked(base))
    chart: alt.LayerChart = alt.LayerChart(layer=layers, data=data(rows), height=_HEIGHT_PX).resolve_scale(
        color="independent"
    )
    return chart


def _marked(base: alt.Chart) -> alt.Chart:
    """Return the layer of what happened on the server."""
    names, shapes, colours = zip(*((event.name, event.shape, event.colour) for event in _EVENTS), strict=True)
    shape = alt.Shape("events:N", scale=alt.Scale(domain=names, range=shapes), legend=None)
    colour = alt.Color("events:N", scale=alt.Scale(domain=names, range=colours), legend=None)
    marks = base.mark_point(filled=True, size=_MARK_PX2, opacity=1).encode(shape=shape, color=colour)
    one_each: alt.Chart = marks.transform_flatten(["events"]).transform_filter("datum.events")
    return one_each


def _described(points: Sequence[_Point]) -> str:
    """Return in words how far the points of each candidate lie apart, and how many events there were."""
    rates: dict[str, list[float]] = {}
    for point in points:
        rates.setdefault(point.candidate, []).append(point.rate)
    spread = "; ".join(f"{name} {format_count(min(some))} to {format_count(max(some))}" for name, some in rates.items())
    marked = "; ".join(
        f"{event.name}s at {figures.plural(sum(event.name in point.events for point in points), 'point')}"
        for event in _EVENTS
    )
    return f"A line for each candidate, from its slowest block to its fastest: {spread}. Marks: {marked}."


def _table(points: Sequence[_Point], names: Mapping[str, object], title: str) -> Markup:
    """Return a row for each block and a column for each candidate, events named beside the figure."""
    found = {(point.block, point.candidate): point for point in points}
    began = {point.block: point.started_s for point in reversed(points)}
    columns = [
        Column(heading="block", number=True),
        Column(heading="began after", number=True),
        *(Column(heading=name, number=True) for name in names),
    ]
    rows = [
        (
            block,
            Cell(text=figures.time(began[block] * NANOSECONDS), sort=began[block]),
            *(_cell(found.get((block, name))) for name in names),
        )
        for block in sorted(began)
    ]
    return table(columns, rows, title)


def _cell(point: _Point | None) -> Cell:
    if point is None:
        return Cell(text=figures.DASH)
    return Cell(text=" ".join([format_count(point.rate), *point.events]), sort=point.rate)
