"""The Pareto plot: throughput against lock waits, which shows the trade-off between the two."""

from collections.abc import Mapping
from functools import partial

import altair as alt

from schemabench.report.drawings import Pareto
from schemabench.report.page.charts.embedding import data
from schemabench.report.page.charts.forest import ratio_axis, share_axis
from schemabench.report.page.charts.looks import Look, scale

_HEIGHT_PX = 320
_POINT_PX2 = 90
_RING_PX2 = 330
"""Rings around the candidates on the front."""
_STEPS, _STEP_PX = 3, 13
"""Names of neighbours are staggered: ties on the front lie close together, and their names would overlap."""


def chart(drawing: Pareto, looks: Mapping[str, Look]) -> alt.LayerChart:
    """Return the plot, with rings and names for the candidates on the front."""
    names = [one.throughput.name for one in drawing.points]
    rows = [
        {
            "candidate": one.throughput.name,
            "front": one.on_front,
            "ratio": one.throughput.figure.value,
            "ratio_low": one.throughput.figure.low,
            "ratio_high": one.throughput.figure.high,
            "share": one.lock_waits.figure.value,
            "share_low": one.lock_waits.figure.low,
            "share_high": one.lock_waits.figure.high,
            "throughput": f"{one.throughput.text} the baseline's",
            "lock waits": one.lock_waits.text,
        }
        for one in drawing.points
    ]
    x, y = ratio_axis, partial(share_axis, alt.Y)
    base = alt.Chart().encode(
        color=alt.Color("candidate:N", scale=scale(looks, names, "colour"), legend=None),
        tooltip=[alt.Tooltip("candidate:N"), alt.Tooltip("throughput:N"), alt.Tooltip("lock waits:N")],
    )
    front = base.transform_filter("datum.front")
    named = sorted((one for one in drawing.points if one.on_front), key=lambda one: one.throughput.figure.value)
    return alt.LayerChart(
        layer=[
            base.mark_rule(opacity=0.5).encode(x=x("ratio_low"), x2=alt.X2("ratio_high:Q"), y=y("share")),
            base.mark_rule(opacity=0.5).encode(x=x("ratio"), y=y("share_low"), y2=alt.Y2("share_high:Q")),
            base.mark_point(filled=True, size=_POINT_PX2, opacity=1).encode(
                x=x("ratio"),
                y=y("share"),
                shape=alt.Shape("candidate:N", scale=scale(looks, names, "shape"), legend=None),
            ),
            front.mark_point(shape="circle", size=_RING_PX2, strokeWidth=1.5, opacity=1).encode(
                x=x("ratio"), y=y("share")
            ),
            *(
                base.transform_filter(alt.FieldEqualPredicate(field="candidate", equal=one.throughput.name))
                .mark_text(align="right", dx=-13, dy=-9 - _STEP_PX * (number % _STEPS), fontWeight="bold")
                .encode(x=x("ratio"), y=y("share"), text=alt.Text("candidate:N"), color=alt.value("currentColor"))
                for number, one in enumerate(named)
            ),
        ],
        data=data(rows),
        height=_HEIGHT_PX,
    )
