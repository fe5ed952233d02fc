"""When the answer changes: searches over cardinalities, and maps over two of their fields.

Owns what of them the page shows; their wording is that of the other formats. Must not say more than the intervals do.
"""

import math

import altair as alt
from markupsafe import Markup

from schemabench.records import Crossover, MapCell, RatioMap, Run
from schemabench.report import crossovers, figures
from schemabench.report.page import footnotes, wording
from schemabench.report.page.charts import data, figure
from schemabench.report.page.section import Section
from schemabench.report.page.tables import Cell, Column, table
from schemabench.report.page.templates import render
from schemabench.report.sizes import size, sizes

_ID = "crossover"
_ROW_PX = 44
_SLOWER, _EQUAL, _FASTER = "#d55e00", "#f7f7f7", "#0072b2"
"""Vermillion and blue of the Okabe-Ito palette, apart for every kind of colour vision, by way of no colour."""
_TEXT = "#1a1a1a"
"""On the cells, which are light wherever two ratios are close, in the dark theme too."""
_UNMEASURED = "#bdbdbd"
"""Darker than no difference, lighter than any text on it."""
_WIDEST = 4.0
"""The ratio at which the colour is at its strongest: what is beyond needs no finer shade."""


def of_run(run: Run) -> Section | None:
    """Return the section on searches and maps; None where there was none."""
    parts = [*map(_search, run.crossovers), *map(_map, run.maps)]
    if not parts:
        return None
    parts.append(footnotes.notes_alone(_ID, run))
    return Section(id=_ID, title="When the answer changes", html=Markup().join(parts))


def _search(one: Crossover) -> Markup:
    rows = [
        (
            spot.cardinality,
            Cell(text=crossovers.ratio(spot.ratio, at_least=spot.at_least), sort=spot.ratio.value),
            spot.side,
            ", ".join(sizes(spot.values)),
        )
        for spot in (one.start, *one.found)
    ]
    columns = [
        Column(heading="cardinality"),
        Column(heading="throughput over the baseline's [95 % interval]", number=True),
        Column(heading="than the baseline"),
        Column(heading="sizes", prose=True),
    ]
    return render(
        "crossover.html.j2",
        workload=one.workload,
        sentence=wording.sentence(crossovers.sentence(one, wording.name)),
        table=table(columns, rows, "Measured in full"),
        looked=wording.sentence(crossovers.looked(one)),
    )


def _map(drawn: RatioMap) -> Markup:
    about = wording.sentence(crossovers.about(drawn, wording.name))
    any_drawn = any(_shade(cell) is not None for cell in drawn.cells)
    shown = figure(_chart(drawn), _title(drawn), _described(drawn), _table(drawn)) if any_drawn else _table(drawn)
    return render(
        "map.html.j2", workload=drawn.workload, about=about, map=shown, unmeasured=crossovers.unmeasured(drawn)
    )


def _title(drawn: RatioMap) -> str:
    return f"Throughput of {drawn.candidate} over the baseline's (ratio), by {drawn.first} and {drawn.second}"


def _described(drawn: RatioMap) -> str:
    """Return the map in words."""
    sides = [cell.side for cell in drawn.cells]
    lacking = f"; {sides.count(None)} were not measured" if None in sides else ""
    return (
        f"Of {len(sides)} cells, {drawn.candidate} is better than the baseline in {sides.count('better')}, worse in "
        f"{sides.count('worse')}, and cannot be told apart in {sides.count('tied')}{lacking}."
    )


def _shade(cell: MapCell) -> float | None:
    """Return the ratio that a cell's colour stands for; None where there is none to draw."""
    if cell.ratio is None or not 0 < cell.ratio.value < math.inf:
        return None
    return min(max(cell.ratio.value, 1 / _WIDEST), _WIDEST)


def _label(cell: MapCell) -> str:
    """Return what stands on a cell: the ratio without its interval, or a dash."""
    if cell.ratio is None:
        return figures.DASH
    shown = f">={figures.multiple(cell.ratio.low)}" if cell.at_least else figures.multiple(cell.ratio.value)
    return shown + (f" {crossovers.TIED}" if cell.side == "tied" else "")


def _chart(drawn: RatioMap) -> alt.LayerChart:
    rows = [
        {
            "first": size(cell.first),
            "second": size(cell.second),
            "ratio": _shade(cell),
            "label": _label(cell),
            "told": crossovers.figure(cell) if cell.ratio else cell.reason,
        }
        for cell in drawn.cells
    ]
    down = list(dict.fromkeys(size(cell.first) for cell in drawn.cells))
    across = list(dict.fromkeys(size(cell.second) for cell in drawn.cells))
    base = alt.Chart().encode(
        x=alt.X("second:O", sort=across, title=drawn.second, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("first:O", sort=down, title=drawn.first),
    )
    colour = alt.Scale(
        type="log", domain=[1 / _WIDEST, 1, _WIDEST], range=[_SLOWER, _EQUAL, _FASTER], interpolate="lab"
    )
    tooltip = [
        alt.Tooltip("first:N", title=drawn.first),
        alt.Tooltip("second:N", title=drawn.second),
        alt.Tooltip("told:N", title="over the baseline's"),
    ]
    return alt.LayerChart(
        layer=[
            base.mark_rect(color=_UNMEASURED).transform_filter("datum.ratio === null").encode(tooltip=tooltip),
            base.mark_rect()
            .transform_filter("datum.ratio !== null")
            .encode(color=alt.Color("ratio:Q", scale=colour, legend=None), tooltip=tooltip),
            base.mark_text(color=_TEXT).encode(text=alt.Text("label:N")),
        ],
        data=data(rows),
        height=_ROW_PX * len(down),
    )


def _table(drawn: RatioMap) -> Markup:
    headings, rows = crossovers.grid(drawn)
    first, *others = headings
    columns = [Column(heading=first), *(Column(heading=heading, number=True) for heading in others)]
    return table(columns, [tuple(row) for row in rows], f"{_title(drawn)}. {crossovers.LEGEND}")
