"""Maps of ratios over two fields of a cardinality: a coloured square for each pair of sizes."""

from collections.abc import Mapping

import altair as alt

from schemabench.report.drawings import Heat
from schemabench.report.page.charts.embedding import data
from schemabench.report.page.charts.looks import Look

_ROW_PX = 44
_SLOWER, _EQUAL, _FASTER = "#d55e00", "#f7f7f7", "#0072b2"
"""Vermillion and blue of the Okabe-Ito palette, distinct for every kind of colour vision, with a neutral middle."""
_TEXT = "#1a1a1a"
"""The colour of text on cells, which are light near a ratio of 1, in the dark theme, too."""
_UNMEASURED = "#bdbdbd"
"""Darker than the neutral middle, lighter than any text on it."""
_WIDEST = 4.0
"""The ratio with the strongest colour; larger ones need no finer shades."""


def chart(drawing: Heat, looks: Mapping[str, Look]) -> alt.LayerChart:
    """Return the map: the first field runs down, the second to the right."""
    _ = looks  # colours show ratios
    rows = [
        {
            "first": square.first,
            "second": square.second,
            "ratio": None if square.ratio is None else min(max(square.ratio, 1 / _WIDEST), _WIDEST),
            "label": square.label,
            "told": square.told,
        }
        for square in drawing.squares
    ]
    down, across = (
        list(dict.fromkeys(getattr(square, field) for square in drawing.squares)) for field in ("first", "second")
    )
    base = alt.Chart().encode(
        x=alt.X("second:O", sort=across, title=drawing.second, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("first:O", sort=down, title=drawing.first),
    )
    colour = alt.Scale(
        type="log", domain=[1 / _WIDEST, 1, _WIDEST], range=[_SLOWER, _EQUAL, _FASTER], interpolate="lab"
    )
    tooltip = [
        alt.Tooltip("first:N", title=drawing.first),
        alt.Tooltip("second:N", title=drawing.second),
        alt.Tooltip("told:N", title="over the baseline's"),
    ]
    return alt.LayerChart(
        layer=[
            base.mark_rect(color=_UNMEASURED).transform_filter("datum.ratio === null").encode(tooltip=tooltip),
            base.mark_rect()
            .transform_filter("datum.ratio !== null")
            .encode(color=alt.Color("ratio:Q", scale=colour, legend=None), tooltip=tooltip),
            base.mark_text(color=_TEXT).encode(text=alt.Text("label:N")),
        ],
        data=data(rows),
        height=_ROW_PX * len(down),
    )
