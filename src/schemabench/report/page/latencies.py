"""Service times of each operation: a percentile curve for every candidate, on a log scale, and the table of it.

Owns one chart for each operation. Must not compute a percentile: runs of older versions hold three, and no curve.
"""

from collections.abc import Mapping, Sequence

import altair as alt
from markupsafe import Markup

from schemabench.records import CandidateResult, Latency
from schemabench.report import figures
from schemabench.report.page.charts import data, figure
from schemabench.report.page.looks import Look, scale
from schemabench.report.page.tables import Cell, Column, table
from schemabench.report.page.wording import code
from schemabench.units import NANOSECONDS

_HEIGHT_PX = 190
_FAINT = 0.15
"""Of the other lines while the pointer is on one."""
_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999)
"""Labelled on the axis."""
_SLOWER = "1 / (1 - datum.level)"
"""What the axis holds: of so many calls one is slower, so that each nine takes as much room as the one before."""
_PERCENTILE = "format(100 * {0}, '.6~g') + ' %'"
"""A level in words."""
_TIME = (
    "{0} >= 1 ? format({0}, '.3~g') + ' s' : "
    "{0} >= 1e-3 ? format(1e3 * {0}, '.3~g') + ' ms' : format(1e6 * {0}, '.3~g') + ' us'"
)
"""A service time in words, of what the axis holds: seconds."""

_COLUMNS = (
    Column(heading="candidate"),
    *(Column(heading=heading, number=True) for heading in ("p50", "p95", "p99", "max", "calls", "retries")),
)

Named = tuple[str, Latency]
"""A candidate and the service times of one operation under it."""


def curves(results: Sequence[CandidateResult], known: Mapping[str, Look]) -> list[Markup]:
    """Return a chart for each operation whose calls support a curve, in the order in which they first come."""
    return [_figure(operation, found, known) for operation, found in _by_operation(results).items() if _curved(found)]


def few(results: Sequence[CandidateResult]) -> Markup:
    """Return a table of the operations whose calls support no curve; nothing where there are none."""
    rows = [
        (code(operation), *_cells(name, latency))
        for operation, found in _by_operation(results).items()
        if not _curved(found)
        for name, latency in found
    ]
    caption = "Service times of operations with too few calls for a curve"
    return table([Column(heading="operation"), *_COLUMNS], rows, caption) if rows else Markup()


def _by_operation(results: Sequence[CandidateResult]) -> dict[str, list[Named]]:
    operations: dict[str, list[Named]] = {}
    for result in results:
        for latency in result.latencies:
            operations.setdefault(latency.operation, []).append((result.name, latency))
    return operations


def _curved(found: Sequence[Named]) -> bool:
    """Return whether at least one candidate has two points to draw a line between."""
    return any(len(_points(latency)) > 1 for _, latency in found)


def _figure(operation: str, found: Sequence[Named], known: Mapping[str, Look]) -> Markup:
    title = f"{operation}: service time (log scale)"
    drawn = [(name, latency) for name, latency in found if _points(latency)]
    behind = table(_COLUMNS, [_cells(name, latency) for name, latency in found], title)
    return figure(_chart(drawn, known), title, _described(drawn), behind)


def _points(latency: Latency) -> list[tuple[float, float]]:
    """Return the levels of a curve with their times in nanoseconds: the whole curve, or else what there is of it."""
    known = ((0.5, latency.p50_ns), (0.95, latency.p95_ns), (0.99, latency.p99_ns))
    points = latency.curve or [(level, time_ns) for level, time_ns in known if time_ns is not None]
    return [(level, time_ns) for level, time_ns in points if time_ns > 0]


def _chart(drawn: Sequence[Named], known: Mapping[str, Look]) -> alt.LayerChart:
    names = [name for name, _ in drawn]
    rows = [
        {"candidate": name, "level": level, "seconds": time_ns / NANOSECONDS}
        for name, latency in drawn
        for level, time_ns in _points(latency)
    ]
    near = alt.selection_point(fields=["candidate"], on="pointerover", clear="pointerout", name="near")
    base = alt.Chart().encode(
        x=alt.X(
            "slower:Q",
            title="percentile of calls",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(
                values=[1 / (1 - level) for level in _LEVELS], labelExpr=_PERCENTILE.format("(1 - 1 / datum.value)")
            ),
        ),
        y=alt.Y(
            "seconds:Q",
            title="service time",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(labelExpr=_TIME.format("datum.value"), tickCount=4),
        ),
        color=alt.Color("candidate:N", scale=scale(known, names, "colour"), legend=None),
        opacity=alt.OpacityValue(_FAINT, condition={"param": near.name, "value": 1}),
        tooltip=[alt.Tooltip("candidate:N"), alt.Tooltip("percentile:N"), alt.Tooltip("time:N")],
    )
    dash = alt.StrokeDash("candidate:N", scale=scale(known, names, "dash"), legend=None)
    shape = alt.Shape("candidate:N", scale=scale(known, names, "shape"), legend=None)
    chart: alt.LayerChart = alt.LayerChart(
        layer=[
            base.mark_line(strokeWidth=1.75).encode(strokeDash=dash),
            base.mark_point(filled=True, size=22).encode(shape=shape).add_params(near),
        ],
        data=data(rows),
        height=_HEIGHT_PX,
        transform=[  # as it is in Vega-Lite: `transform_calculate` would make the chart anew for each
            {"as": "slower", "calculate": _SLOWER},
            {"as": "percentile", "calculate": _PERCENTILE.format("datum.level")},
            {"as": "time", "calculate": _TIME.format("datum.seconds")},
        ],
    )
    return chart


def _described(drawn: Sequence[Named]) -> str:
    """Return median and 99th percentile of every candidate in words."""
    said = "; ".join(
        f"{name} median {figures.time(latency.p50_ns)}, 99th percentile {figures.time(latency.p99_ns)}"
        for name, latency in drawn
    )
    return f"A line for each candidate: {said}."


def _cells(name: str, latency: Latency) -> list[object]:
    times = (latency.p50_ns, latency.p95_ns, latency.p99_ns, latency.max_ns)
    return [
        code(name),
        *(Cell(text=figures.time(time_ns), sort=time_ns) for time_ns in times),
        *(Cell(text=f"{count:,}", sort=count) for count in (latency.count, latency.retries)),
    ]
