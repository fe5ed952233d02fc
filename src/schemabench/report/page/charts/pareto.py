"""The Pareto plot: one criterion against another, so that a reader sees what is given up for what."""

from collections.abc import Mapping
from functools import partial

import altair as alt

from schemabench.report.drawings import Pareto
from schemabench.report.page.charts import intervals
from schemabench.report.page.charts.embedding import data
from schemabench.report.page.charts.forest import axis
from schemabench.report.page.charts.looks import Look, scale

_HEIGHT_PX = 320
_POINT_PX2 = 90
_RING_PX2 = 330
"""Rings around the candidates on the front."""
_STEPS, _STEP_PX = 3, 13
"""Names of neighbours are staggered: ties on the front lie close together, and their names would overlap."""


def chart(drawing: Pareto, looks: Mapping[str, Look]) -> alt.LayerChart:
    """Return the plot, those on the front ringed and named."""
    names = [one.first.name for one in drawing.points]
    horizontal, vertical = drawing.first.title, drawing.second.title
    rows = [
        {
            "candidate": one.first.name,
            "front": one.on_front,
            "first_text": one.first.text,
            "second_text": one.second.text,
            **intervals.fields(one.first, "first_"),
            **intervals.fields(one.second, "second_"),
        }
        for one in drawing.points
    ]
    x, y = partial(axis, alt.X, drawing.first), partial(axis, alt.Y, drawing.second)
    base = alt.Chart().encode(
        color=alt.Color("candidate:N", scale=scale(looks, names, "colour"), legend=None),
        tooltip=[
            alt.Tooltip("candidate:N"),
            alt.Tooltip("first_text:N", title=horizontal),
            alt.Tooltip("second_text:N", title=vertical),
        ],
    )
    front = base.transform_filter("datum.front")
    at_points = base.encode(x=x("first_value"), y=y("second_value"))
    named = sorted((one for one in drawing.points if one.on_front), key=lambda one: one.first.figure.value)
    return alt.LayerChart(
        layer=[
            base.mark_rule(opacity=0.5).encode(x=x("first_low"), x2=alt.X2("first_high:Q"), y=y("second_value")),
            base.mark_rule(opacity=0.5).encode(x=x("first_value"), y=y("second_low"), y2=alt.Y2("second_high:Q")),
            base.mark_point(filled=True, size=_POINT_PX2, opacity=1).encode(
                x=x("first_value"),
                y=y("second_value"),
                shape=alt.Shape("candidate:N", scale=scale(looks, names, "shape"), legend=None),
            ),
            front.mark_point(shape="circle", size=_RING_PX2, strokeWidth=1.5, opacity=1).encode(
                x=x("first_value"), y=y("second_value")
            ),
            *intervals.arrows(at_points, (one.first for one in drawing.points), "right", "first_"),
            *intervals.arrows(at_points, (one.second for one in drawing.points), "up", "second_"),
            *(
                base.transform_filter(alt.FieldEqualPredicate(field="candidate", equal=one.first.name))
                .mark_text(align="right", dx=-13, dy=-9 - _STEP_PX * (number % _STEPS), fontWeight="bold")
                .encode(
                    x=x("first_value"),
                    y=y("second_value"),
                    text=alt.Text("candidate:N"),
                    color=alt.value("currentColor"),
                )
                for number, one in enumerate(named)
            ),
        ],
        data=data(rows),
        height=_HEIGHT_PX,
    )
