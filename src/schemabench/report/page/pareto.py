"""The Pareto plot: throughput against lock waits, so that a reader sees what is given up for what.

Owns this one chart. Must not decide who is on the front: the records say so.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import altair as alt
from markupsafe import Markup

from schemabench.records import CandidateResult, LockStanding, Standing
from schemabench.report import figures
from schemabench.report.page.charts import data, figure
from schemabench.report.page.forest import on_log_scale, ratio_axis, share_axis
from schemabench.report.page.looks import Look, scale
from schemabench.report.page.tables import Cell, Column, table

_HEIGHT_PX = 320
_POINT_PX2 = 90
_RING_PX2 = 330
"""Around those on the front."""
_STEPS, _STEP_PX = 3, 13
"""Names of neighbours stand on steps: ties on the front lie close together, and their names would cover each other."""
_PLACES = 2
"""Decimals of ratios, as of those whose interval is not shown."""
_TITLE = "Throughput against lock waits: best at the lower right"

Placed = tuple[CandidateResult, Standing, LockStanding]
"""A candidate with both of its standings."""


def pareto(placed: Sequence[Placed], known: Mapping[str, Look]) -> Markup:
    """Return the plot, those on the front ringed and named; nothing without any candidate that can be drawn."""
    shown = [one for one in placed if on_log_scale(one[1].ratio)]
    if not shown:
        return Markup()
    names = [result.name for result, _, _ in shown]
    rows = [
        {
            "candidate": result.name,
            "front": result.on_front,
            "ratio": standing.ratio.value,
            "ratio_low": standing.ratio.low,
            "ratio_high": standing.ratio.high,
            "share": lock.share.value,
            "share_low": lock.share.low,
            "share_high": lock.share.high,
            "throughput": f"{_ratio(standing)} the baseline's",
            "lock waits": figures.share_with_interval(lock.share),
        }
        for result, standing, lock in shown
    ]
    x, y = ratio_axis, partial(share_axis, alt.Y)
    base = alt.Chart().encode(
        color=alt.Color("candidate:N", scale=scale(known, names, "colour"), legend=None),
        tooltip=[alt.Tooltip("candidate:N"), alt.Tooltip("throughput:N"), alt.Tooltip("lock waits:N")],
    )
    front = base.transform_filter("datum.front")
    named = sorted((one for one in shown if one[0].on_front), key=lambda one: one[1].ratio.value)
    chart = alt.LayerChart(
        layer=[
            base.mark_rule(opacity=0.5).encode(x=x("ratio_low"), x2=alt.X2("ratio_high:Q"), y=y("share")),
            base.mark_rule(opacity=0.5).encode(x=x("ratio"), y=y("share_low"), y2=alt.Y2("share_high:Q")),
            base.mark_point(filled=True, size=_POINT_PX2, opacity=1).encode(
                x=x("ratio"),
                y=y("share"),
                shape=alt.Shape("candidate:N", scale=scale(known, names, "shape"), legend=None),
            ),
            front.mark_point(shape="circle", size=_RING_PX2, strokeWidth=1.5, opacity=1).encode(
                x=x("ratio"), y=y("share")
            ),
            *(
                base.transform_filter(alt.FieldEqualPredicate(field="candidate", equal=result.name))
                .mark_text(align="right", dx=-13, dy=-9 - _STEP_PX * (number % _STEPS), fontWeight="bold")
                .encode(x=x("ratio"), y=y("share"), text=alt.Text("candidate:N"), color=alt.value("currentColor"))
                for number, (result, _, _) in enumerate(named)
            ),
        ],
        data=data(rows),
        height=_HEIGHT_PX,
    )
    return figure(chart, _TITLE, _described(shown), _table(shown))


def _described(shown: Sequence[Placed]) -> str:
    """Return the plot in words."""
    front = [result.name for result, _, _ in shown if result.on_front]
    beaten = [result.name for result, _, _ in shown if not result.on_front]
    return (
        f"On the Pareto front, ringed: {figures.listed(front, len(front)) or 'none'}. "
        f"Beaten in both by another: {figures.listed(beaten, len(beaten)) or 'none'}."
    )


def _table(shown: Sequence[Placed]) -> Markup:
    columns = [
        Column(heading="candidate"),
        Column(heading="throughput over the baseline's", number=True),
        Column(heading="lock waits [95 % interval]", number=True),
        Column(heading="on the front"),
    ]
    rows = [
        (
            result.name,
            Cell(text=_ratio(standing), sort=standing.ratio.value),
            Cell(text=figures.share_with_interval(lock.share), sort=lock.share.value),
            "yes" if result.on_front else "no",
        )
        for result, standing, lock in shown
    ]
    return table(columns, rows, _TITLE)


def _ratio(standing: Standing) -> str:
    if standing.at_least:
        return figures.ratio_at_least(standing.ratio, _PLACES)
    return figures.multiple(standing.ratio.value)
