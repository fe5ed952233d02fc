"""The chart of a matrix: ratios over runs, a line for each candidate.

Owns how it is drawn and described. Must not know the page around it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import altair as alt
from markupsafe import Markup

from schemabench.records import Estimate
from schemabench.report.matrix import wording
from schemabench.report.matrix.criteria import THROUGHPUT
from schemabench.report.matrix.model import Cell, Column, Matrix
from schemabench.report.page import charts, forest, looks, tables
from schemabench.report.page.looks import Look
from schemabench.report.page.templates import render
from schemabench.report.page.wording import code
from schemabench.report.verdict import BASELINE

_TITLE = "Throughput, as a ratio to the baseline's of the same run"
_LINE_PX = 13
"""Of one candidate in one run: a point and its interval, apart from the next."""
_POINT_PX2 = 60


@dataclass(frozen=True, kw_only=True)
class _Point:
    """One candidate in one run."""

    candidate: str
    run: str
    ratio: Estimate
    shown: str
    """The ratio with its interval."""


def chart(matrix: Matrix) -> Markup:
    """Return the ratios, runs from top to bottom, with a key to the candidates; nothing where none can be drawn."""
    points = list(_points(matrix))
    if not points:
        return Markup()
    names = [row.candidate for row in matrix.rows if row.candidate != BASELINE]
    known = _looks(matrix)
    drawn = alt.LayerChart(
        layer=_layers([column.label for column in matrix.columns], names, known),
        data=charts.data(_rows(points)),
        height=_LINE_PX * (len(names) + 1) * len(matrix.columns),
    )
    said = "; ".join(f"{point.candidate} {point.shown} ({point.run})" for point in points)
    described = f"A point and a 95 % interval for each candidate in each run, runs from top to bottom: {said}."
    key = render("matrix_key.html.j2", looks=[(candidate, known[candidate]) for candidate in names])
    return key + charts.figure(drawn, _TITLE, described, _table(points))


def _points(matrix: Matrix) -> Iterator[_Point]:
    """Yield what a log scale can hold, run by run."""
    for place, column in enumerate(matrix.columns):
        for row in matrix.rows:
            cell = row.cells[place]
            ratio = cell.places[THROUGHPUT].figure
            if ratio and forest.on_log_scale(ratio):
                yield _Point(candidate=row.candidate, run=column.label, ratio=ratio, shown=_shown(cell, column))


def _shown(cell: Cell, column: Column) -> str:
    return " ".join(wording.figure(cell, column, THROUGHPUT))


def _looks(matrix: Matrix) -> Mapping[str, Look]:
    """Return how each candidate is drawn: as on the page of one run that has them all."""
    sources = [column.source for column in matrix.columns]
    every = replace(sources[0].run, experiments=tuple(source.experiment for source in sources))
    return looks.looks(every, matrix.workload)


def _rows(points: Sequence[_Point]) -> list[Mapping[str, object]]:
    return [
        {
            "place": place,
            "run": point.run,
            "candidate": point.candidate,
            "value": point.ratio.value,
            "low": point.ratio.low,
            "high": point.ratio.high,
            "ratio": point.shown,
        }
        for place, point in enumerate(points)
    ]


def _layers(runs: Sequence[str], names: Sequence[str], known: Mapping[str, Look]) -> list[alt.Chart]:
    """Return the baseline's line, intervals, lines from run to run, and points, from back to front."""
    base = alt.Chart().encode(
        y=alt.Y("run:N", sort=runs, title=None),
        yOffset=alt.YOffset("candidate:N", sort=names),
        color=alt.Color("candidate:N", scale=looks.scale(known, names, "colour"), legend=None),
        tooltip=[alt.Tooltip("run:N"), alt.Tooltip("candidate:N"), alt.Tooltip("ratio:N")],
    )
    baseline = alt.Chart(charts.data([{"value": 1.0}]))
    shape = alt.Shape("candidate:N", scale=looks.scale(known, names, "shape"), legend=None)
    return [
        baseline.mark_rule(color="var(--baseline)", strokeDash=[3, 3]).encode(x=forest.ratio_axis("value")),
        base.mark_rule(strokeWidth=2).encode(x=forest.ratio_axis("low"), x2=alt.X2("high:Q")),
        base.mark_line(strokeWidth=1, opacity=0.5).encode(x=forest.ratio_axis("value"), order=alt.Order("place:Q")),
        base.mark_point(filled=True, size=_POINT_PX2, opacity=1).encode(x=forest.ratio_axis("value"), shape=shape),
    ]


def _table(points: Sequence[_Point]) -> Markup:
    columns = [
        tables.Column(heading="run"),
        tables.Column(heading="candidate"),
        tables.Column(heading="ratio [95 % interval]", number=True),
    ]
    rows = [
        (point.run, code(point.candidate), tables.Cell(text=point.shown, sort=point.ratio.value)) for point in points
    ]
    return tables.table(columns, rows, _TITLE)
