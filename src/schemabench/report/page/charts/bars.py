"""Stacked bars: the use of the writers' time under each candidate, by wait class."""

from collections.abc import Mapping

import altair as alt

from schemabench.report.drawings import Bars
from schemabench.report.page.charts.embedding import PERCENT, data
from schemabench.report.page.charts.looks import Look
from schemabench.report.page.charts.signs import Sign

_BOX = "M-1,-1H1V1H-1Z"
_ROW_PX = 26


def chart(drawing: Bars, looks: Mapping[str, Look]) -> alt.Chart:
    """Return a bar for each candidate, its parts in the order of the kinds."""
    _ = looks  # colours show kinds
    names = [name for name, _ in drawing.bars]
    rows = [
        {"candidate": name, "class": kind, "place": place, "share": share, "of the time": said}
        for name, parts in drawing.bars
        for place, (kind, (share, said)) in enumerate(zip(drawing.kinds, parts, strict=True))
    ]
    colours = alt.Scale(domain=list(drawing.kinds), range=[_colour(kind) for kind in drawing.kinds])
    found: alt.Chart = (
        alt.Chart(data(rows))
        .mark_bar(stroke="var(--paper)", strokeWidth=1)
        .encode(
            y=alt.Y("candidate:N", sort=names, title=None),
            x=alt.X(
                "share:Q",
                stack="zero",
                title="share of the writers' time",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(labelExpr=PERCENT.format("datum.value")),
            ),
            color=alt.Color("class:N", scale=colours, legend=None),
            order=alt.Order("place:O"),
            tooltip=[alt.Tooltip("candidate:N"), alt.Tooltip("class:N"), alt.Tooltip("of the time:N")],
        )
        .properties(height=_ROW_PX * len(names))
    )
    return found


def signs(drawing: Bars) -> tuple[Sign, ...]:
    """Return the meaning of each colour."""
    return tuple(Sign(name=kind, colour=_colour(kind), shape=_BOX) for kind in drawing.kinds)


def _colour(kind: str) -> str:
    """Return the colour of a kind, as defined in the style sheet."""
    return f"var(--wait-{kind.lower()})"
