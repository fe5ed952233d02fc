"""Percentile curves of one operation: a line for every candidate, on a log scale."""

from collections.abc import Mapping

import altair as alt

from schemabench.report.drawings import Curves
from schemabench.report.page.charts.embedding import PERCENT, data
from schemabench.report.page.charts.looks import Look, scale
from schemabench.units import NANOSECONDS

_HEIGHT_PX = 190
FAINT = 0.15
"""The opacity of the other lines while the pointer is on one."""
_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999)
"""The levels with labels on the axis."""
_SLOWER = "1 / (1 - datum.level)"
"""The values on the axis: one call in this many is slower, which gives each further nine the same width."""
_TIME = (
    "{0} >= 1 ? format({0}, '.3~g') + ' s' : "
    "{0} >= 1e-3 ? format(1e3 * {0}, '.3~g') + ' ms' : format(1e6 * {0}, '.3~g') + ' us'"
)
"""A service time as text, from the axis's values in seconds."""


def chart(drawing: Curves, looks: Mapping[str, Look]) -> alt.LayerChart:
    """Return the curves, with a point at each known percentile."""
    names = [curve.name for curve in drawing.curves]
    rows = [
        {"candidate": curve.name, "level": level, "seconds": time_ns / NANOSECONDS}
        for curve in drawing.curves
        for level, time_ns in curve.points
    ]
    near = alt.selection_point(fields=["candidate"], on="pointerover", clear="pointerout", name="near")
    base = alt.Chart().encode(
        x=alt.X(
            "slower:Q",
            title="percentile of calls",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(
                values=[1 / (1 - level) for level in _LEVELS], labelExpr=PERCENT.format("(1 - 1 / datum.value)")
            ),
        ),
        y=alt.Y(
            "seconds:Q",
            title="service time",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(labelExpr=_TIME.format("datum.value"), tickCount=4),
        ),
        color=alt.Color("candidate:N", scale=scale(looks, names, "colour"), legend=None),
        opacity=alt.OpacityValue(FAINT, condition={"param": near.name, "value": 1}),
        tooltip=[alt.Tooltip("candidate:N"), alt.Tooltip("percentile:N"), alt.Tooltip("time:N")],
    )
    dash = alt.StrokeDash("candidate:N", scale=scale(looks, names, "dash"), legend=None)
    shape = alt.Shape("candidate:N", scale=scale(looks, names, "shape"), legend=None)
    found: alt.LayerChart = alt.LayerChart(
        layer=[
            base.mark_line(strokeWidth=1.75).encode(strokeDash=dash),
            base.mark_point(filled=True, size=22).encode(shape=shape).add_params(near),
        ],
        data=data(rows),
        height=_HEIGHT_PX,
        transform=[  # written as in Vega-Lite: `transform_calculate` would copy the chart for each
            {"as": "slower", "calculate": _SLOWER},
            {"as": "percentile", "calculate": PERCENT.format("datum.level")},
            {"as": "time", "calculate": _TIME.format("datum.seconds")},
        ],
    )
    return found
