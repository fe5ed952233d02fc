"""Charts of the page: from the figures of a drawing to a specification in Vega-Lite.

Owns the drawing function and the keys of each kind. Must not choose the content.
"""

from collections.abc import Callable, Mapping
from typing import Any

import altair as alt

from schemabench.report import drawings
from schemabench.report.drawings import Drawing
from schemabench.report.page.charts import bars, curves, forest, growing, heat, over_runs, over_time, pareto
from schemabench.report.page.charts.looks import Look
from schemabench.report.page.charts.signs import Sign

_DRAWN: Mapping[type[Drawing], Callable[[Any, Mapping[str, Look]], alt.Chart | alt.LayerChart]] = {
    drawings.Forest: forest.chart,
    drawings.Pareto: pareto.chart,
    drawings.Curves: curves.chart,
    drawings.Bars: bars.chart,
    drawings.OverTime: over_time.chart,
    drawings.Heat: heat.chart,
    drawings.OverRuns: over_runs.chart,
    drawings.Growing: growing.chart,
}


def chart(drawing: Drawing, looks: Mapping[str, Look]) -> alt.Chart | alt.LayerChart:
    """Return a chart of a drawing, each name in its own look."""
    return _DRAWN[type(drawing)](drawing, looks)


def names(drawing: Drawing) -> tuple[str, ...]:
    """Return the names that a key must explain; none if the chart labels them itself."""
    match drawing:
        case drawings.Pareto():
            return tuple(one.first.name for one in drawing.points)
        case drawings.Curves():
            return tuple(one.name for one in drawing.curves)
        case drawings.OverTime():
            return tuple(dict.fromkeys(one.name for one in drawing.moments))
        case drawings.OverRuns():
            return tuple(dict.fromkeys(point.name for _, point in drawing.points))
        case drawings.Growing():
            return tuple(dict.fromkeys(point.name for point in drawing.points))
        case _:
            return ()


def signs(drawing: Drawing) -> tuple[Sign, ...]:
    """Return the signs that a key must explain."""
    match drawing:
        case drawings.Bars():
            return bars.signs(drawing)
        case drawings.OverTime():
            return over_time.signs(drawing)
        case _:
            return ()
