"""Figures over an axis of growth: a line for each candidate, dashed where it is projected, and marks on the axis."""

from collections.abc import Mapping
from math import log1p
from typing import Any

import altair as alt

from schemabench.report.drawings import Growing
from schemabench.report.page.charts.embedding import data
from schemabench.report.page.charts.looks import Look, scale

_HEIGHT_PX = 220
_POINT_PX2 = 40
_PADDING_PX = 8
_THOUSAND = 1000
"""From here on, ticks have prefixes, as in 10k; smaller ones would have them, too, as in 400m."""
_BELOW = 0.5
"""How far below all other figures the axis begins where an interval reaches zero, which is not on it."""
_BEYOND_AXIS = 1e-3
"""Where such an interval is drawn to, as a multiple of the axis's beginning: it is cut off at the axis."""
_BESIDE_PX = 3
"""Between a mark and its text."""
_ALONG: Mapping[str, Any] = {"angle": 270, "align": "right", "dx": -4, "y": 0, "color": "var(--soft)"}
"""A text that is read upwards and ends at the top of the chart."""
_PROJECTED_DASH = (3, 3)
_MEASURED, _BEYOND = "!datum.projected", "datum.projected || datum.last"


def chart(drawing: Growing, looks: Mapping[str, Look]) -> alt.LayerChart:
    """Return marks, intervals, lines and points, from back to front."""
    names = list(dict.fromkeys(point.name for point in drawing.points))
    ends = [end for point in drawing.points for end in (point.figure.low, point.figure.value)]
    reaches_zero = min(ends) <= 0
    floor = _BELOW * min(end for end in ends if end > 0)
    lasts = {point.name: point.value for point in drawing.points if not point.projected}
    rows = [
        {
            "candidate": point.name,
            "at": point.value,
            "value": point.figure.value,
            "low": point.figure.low if point.figure.low > 0 else _BEYOND_AXIS * floor,
            "high": point.figure.high,
            "figure": point.text,
            "projected": point.projected,
            "last": lasts.get(point.name) == point.value,
        }
        for point in drawing.points
    ]
    reached = [*drawing.ends, *(one.value for one in drawing.points), *(value for _, value in drawing.marks)]
    domain = min(reached), max(reached)
    across = alt.Scale(type="log" if domain[0] > 0 else "symlog", domain=list(domain), nice=False)
    base = alt.Chart().encode(
        x=alt.X("at:Q", title=drawing.over, scale=across, axis=alt.Axis(format="~s", tickCount=6)),
        color=alt.Color("candidate:N", scale=scale(looks, names, "colour"), legend=None),
        tooltip=[alt.Tooltip("candidate:N"), alt.Tooltip("at:Q", title=drawing.over), alt.Tooltip("figure:N")],
    )
    bottom = floor if reaches_zero else alt.Undefined
    up = alt.Scale(type="log", nice=False, padding=_PADDING_PX, domainMin=bottom)
    form = "~s" if max(one.figure.high for one in drawing.points) >= _THOUSAND else "~g"
    value = alt.Y("value:Q", title=drawing.title, scale=up, axis=alt.Axis(format=form, tickCount=4))
    low = alt.Y("low:Q", title=drawing.title, scale=up)
    measured, beyond = base.transform_filter(_MEASURED), base.transform_filter(_BEYOND)
    dash = alt.StrokeDash("candidate:N", scale=scale(looks, names, "dash"), legend=None)
    shape = alt.Shape("candidate:N", scale=scale(looks, names, "shape"), legend=None)
    return alt.LayerChart(
        layer=[
            *_marks(drawing, domain),
            beyond.mark_area(opacity=0.12, clip=reaches_zero).encode(y=low, y2=alt.Y2("high:Q"), detail="candidate:N"),
            beyond.mark_line(strokeWidth=1.5, strokeDash=list(_PROJECTED_DASH)).encode(y=value),
            measured.mark_rule(strokeWidth=2, clip=reaches_zero).encode(y=low, y2=alt.Y2("high:Q")),
            measured.mark_line(strokeWidth=1.5).encode(y=value, strokeDash=dash),
            measured.mark_point(filled=True, size=_POINT_PX2, opacity=1).encode(y=value, shape=shape),
        ],
        data=data(rows),
        height=_HEIGHT_PX,
    )


def _marks(drawing: Growing, domain: tuple[float, float]) -> list[alt.Chart]:
    """Return the lines across the axis, each with its text along it, on the side of the chart's middle."""
    middle = sum(map(_position, domain)) / 2
    rows = [{"at": at, "mark": title, "early": _position(at) < middle} for title, at in drawing.marks]
    if not rows:
        return []
    marks = alt.Chart(data(rows)).encode(x="at:Q")
    right = marks.transform_filter("datum.early").mark_text(baseline="top", dy=_BESIDE_PX, **_ALONG)
    left = marks.transform_filter("!datum.early").mark_text(baseline="bottom", dy=-_BESIDE_PX, **_ALONG)
    return [
        marks.mark_rule(color="var(--baseline)", strokeDash=[4, 4]),
        *(one.encode(text="mark:N") for one in (right, left)),
    ]


def _position(value: float) -> float:
    """Return where a value is on the axis, as near as its middle needs."""
    return log1p(value)
