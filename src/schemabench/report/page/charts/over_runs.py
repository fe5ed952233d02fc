"""Ratios over several runs: a line for each candidate, runs from top to bottom."""

from collections.abc import Mapping
from functools import partial

import altair as alt

from schemabench.report.drawings import OverRuns
from schemabench.report.page.charts import intervals
from schemabench.report.page.charts.embedding import data
from schemabench.report.page.charts.forest import axis
from schemabench.report.page.charts.looks import Look, scale

_LINE_PX = 13
"""The height of one candidate's row in one run: a point, its interval, and some space."""
_POINT_PX2 = 60


def chart(drawing: OverRuns, looks: Mapping[str, Look]) -> alt.LayerChart:
    """Return the baseline's line, intervals, lines from run to run, and points, from back to front."""
    names = list(dict.fromkeys(point.name for _, point in drawing.points))
    across = partial(axis, alt.X, drawing.scale)
    rows = [
        {
            "place": place,
            "run": run,
            "candidate": point.name,
            "ratio": point.text,
            **intervals.fields(point),
        }
        for place, (run, point) in enumerate(drawing.points)
    ]
    base = alt.Chart().encode(
        y=alt.Y("run:N", sort=list(drawing.runs), title=None),
        yOffset=alt.YOffset("candidate:N", sort=names),
        color=alt.Color("candidate:N", scale=scale(looks, names, "colour"), legend=None),
        tooltip=[alt.Tooltip("run:N"), alt.Tooltip("candidate:N"), alt.Tooltip("ratio:N")],
    )
    baseline = alt.Chart(data([{"value": 1.0}]))
    shape = alt.Shape("candidate:N", scale=scale(looks, names, "shape"), legend=None)
    return alt.LayerChart(
        layer=[
            baseline.mark_rule(color="var(--baseline)", strokeDash=[3, 3]).encode(x=across("value")),
            base.mark_rule(strokeWidth=2).encode(x=across("low"), x2=alt.X2("high:Q")),
            base.mark_line(strokeWidth=1, opacity=0.5).encode(x=across("value"), order=alt.Order("place:Q")),
            base.mark_point(filled=True, size=_POINT_PX2, opacity=1).encode(x=across("value"), shape=shape),
            *intervals.arrows(base.encode(x=across("value")), (point for _, point in drawing.points), "right"),
        ],
        data=data(rows),
        height=_LINE_PX * (len(names) + 1) * len(drawing.runs),
    )
