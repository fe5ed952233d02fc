"""A figure over time: a line for each candidate, with marks for the server's events."""

from collections.abc import Mapping

import altair as alt

from schemabench.report.drawings import OverTime
from schemabench.report.page.charts.curves import FAINT
from schemabench.report.page.charts.embedding import data
from schemabench.report.page.charts.looks import Look, scale
from schemabench.report.page.charts.signs import Sign

_HEIGHT_PX = 300
_POINT_PX2, _MARK_PX2 = 18, 130
_RATE = ".3s"
"""Three digits and an SI prefix, in D3's own notation."""
_LONG_S = 300.0
"""From this duration on, time is shown in minutes."""
_EVENTS = (
    Sign(name="checkpoint", colour="var(--checkpoint)", shape="M0,1L1,-1H-1Z"),
    Sign(name="autovacuum", colour="var(--autovacuum)", shape="M-1,-.3H-.3V-1H.3V-.3H1V.3H.3V1H-.3V.3H-1Z"),
)


def chart(drawing: OverTime, looks: Mapping[str, Look]) -> alt.LayerChart:
    """Return the lines over time."""
    names = list(dict.fromkeys(moment.name for moment in drawing.moments))
    longest_s = max(moment.started_s for moment in drawing.moments)
    divisor, time_unit = (60.0, "minutes") if longest_s >= _LONG_S else (1.0, "seconds")
    rows = [
        {
            "candidate": moment.name,
            "block": moment.block,
            "time": moment.started_s / divisor,
            "rate": moment.rate,
            "events": list(moment.events),
        }
        for moment in drawing.moments
    ]
    near = alt.selection_point(fields=["candidate"], on="pointerover", clear="pointerout", name="near")
    base = alt.Chart().encode(
        x=alt.X("time:Q", title=f"{time_unit} {drawing.since}", scale=alt.Scale(nice=False, zero=False)),
        y=alt.Y("rate:Q", title=drawing.unit, scale=alt.Scale(type="log", nice=False), axis=alt.Axis(format="~s")),
        tooltip=[
            alt.Tooltip("candidate:N"),
            alt.Tooltip("block:Q"),
            alt.Tooltip("rate:Q", title=drawing.unit, format=_RATE),
            alt.Tooltip("events:N"),
        ],
    )
    coloured = base.encode(
        color=alt.Color("candidate:N", scale=scale(looks, names, "colour"), legend=None),
        opacity=alt.OpacityValue(FAINT, condition={"param": near.name, "value": 1}),
    )
    dash = alt.StrokeDash("candidate:N", scale=scale(looks, names, "dash"), legend=None)
    layers = [
        coloured.mark_line(strokeWidth=1.75).encode(strokeDash=dash),
        coloured.mark_point(filled=True, size=_POINT_PX2).add_params(near),
    ]
    if signs(drawing):
        layers.append(_marked(base))
    found: alt.LayerChart = alt.LayerChart(layer=layers, data=data(rows), height=_HEIGHT_PX).resolve_scale(
        color="independent"
    )
    return found


def signs(drawing: OverTime) -> tuple[Sign, ...]:
    """Return the meaning of the marks in use."""
    return tuple(one for one in _EVENTS if any(one.name in moment.events for moment in drawing.moments))


def _marked(base: alt.Chart) -> alt.Chart:
    """Return the layer of the server's events."""
    names, shapes, colours = zip(*((one.name, one.shape, one.colour) for one in _EVENTS), strict=True)
    shape = alt.Shape("events:N", scale=alt.Scale(domain=names, range=shapes), legend=None)
    colour = alt.Color("events:N", scale=alt.Scale(domain=names, range=colours), legend=None)
    marks = base.mark_point(filled=True, size=_MARK_PX2, opacity=1).encode(shape=shape, color=colour)
    one_each: alt.Chart = marks.transform_flatten(["events"]).transform_filter("datum.events")
    return one_each
