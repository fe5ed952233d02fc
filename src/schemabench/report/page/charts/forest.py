"""Forest plots: a point and its interval for each candidate, stacked vertically, with the control's band."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import altair as alt

from schemabench.report.drawings import Forest, Scale
from schemabench.report.page.charts import intervals
from schemabench.report.page.charts.embedding import PERCENT, data
from schemabench.report.page.charts.looks import Look, scale

_ROW_PX = 26
"""The height of one candidate's row: a line of text and some space."""
_POINT_PX2 = 70
_RATIO_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, *(tenth / 10 for tenth in range(8, 16)), 1.75)
_LARGE_RATIO_TICKS = (2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0, 50.0, 100.0)
"""Ticks of a log scale, densest around common ratios; labels that would overlap are omitted."""
_PADDING_PX = 8
"""Keeps marks from being clipped at the edge."""

Axis = TypeVar("Axis", alt.X, alt.Y)


def chart(drawing: Forest, looks: Mapping[str, Look]) -> alt.LayerChart:
    """Return a plot on the drawing's scale."""
    across: Callable[[str], alt.X] = partial(axis, alt.X, drawing.scale)
    names = [point.name for point in drawing.points]
    rows = [
        {
            "candidate": point.name,
            "interval": point.text,
            **intervals.fields(point),
        }
        for point in drawing.points
    ]
    line = alt.Chart().encode(
        y=alt.Y("candidate:N", sort=names, title=None),
        color=alt.Color("candidate:N", scale=scale(looks, names, "colour"), legend=None),
        tooltip=[alt.Tooltip("candidate:N"), alt.Tooltip("interval:N")],
    )
    layers = [
        *_background(drawing, across),
        line.mark_rule(strokeWidth=2).encode(x=across("low"), x2=alt.X2("high:Q")),
        line.mark_point(filled=True, size=_POINT_PX2, opacity=1).encode(
            x=across("value"), shape=alt.Shape("candidate:N", scale=scale(looks, names, "shape"), legend=None)
        ),
        *intervals.arrows(line.encode(x=across("value")), drawing.points, "right"),
    ]
    return alt.LayerChart(layer=layers, data=data(rows), height=_ROW_PX * len(rows))


def axis(channel: type[Axis], drawn: Scale, field: str) -> Axis:
    """Return the axis of a scale, horizontal or vertical."""
    if drawn.kind == "ratio":
        return channel(
            f"{field}:Q",
            title=drawn.title,
            scale=alt.Scale(type="log", nice=False, padding=_PADDING_PX),
            axis=alt.Axis(values=[*_RATIO_TICKS, *_LARGE_RATIO_TICKS], format="~g"),
        )
    return channel(
        f"{field}:Q",
        title=drawn.title,
        scale=alt.Scale(nice=False, zero=True, padding=_PADDING_PX),
        axis=alt.Axis(labelExpr=PERCENT.format("datum.value")) if drawn.kind == "share" else alt.Axis(format="~s"),
    )


def _background(drawing: Forest, across: Callable[[str], alt.X]) -> list[alt.Chart]:
    """Return the band of chance and the line of the baseline, behind everything else."""
    layers = []
    if drawing.band is not None:
        band = alt.Chart(data([{"low": drawing.band.low, "high": drawing.band.high}]))
        layers.append(band.mark_rect(color="var(--band)").encode(x=across("low"), x2=alt.X2("high:Q")))
    if drawing.line is not None:
        line = alt.Chart(data([{"value": drawing.line}]))
        layers.append(line.mark_rule(color="var(--baseline)", strokeDash=[3, 3]).encode(x=across("value")))
    return layers
