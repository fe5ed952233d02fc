"""Charts of the page: each with a title, words for who cannot see it, and the table behind it.

Owns how a chart reaches the page: its specification as JSON that no text in it can break out of. Must not know what a
chart shows, nor draw it: the page's script does, when the page is read.
"""

import json
import math
from collections.abc import Iterable, Mapping

import altair as alt
from markupsafe import Markup

from schemabench.report.page.templates import render

_SIZE = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
"""Of every chart: as wide as the page lets it be, on a phone and on paper, too."""
_DIGITS = 5
"""Of a figure in a chart, which is some thousand pixels wide at most."""
_UNSAFE = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"})
"""What could end a script element, open a comment in it, or end a line of JavaScript; JSON reads the escapes alike."""


def figure(chart: alt.Chart | alt.LayerChart, title: str, description: str, table: Markup) -> Markup:
    """Return a chart as a figure, the table behind it folded away.

    Args:
        chart: Of Altair: a single or a layered one, with a height, as wide as there is room.
        title: What it shows, and in which unit.
        description: What there is to see in it, for who cannot: read aloud in place of the chart.
        table: The figures that are drawn.
    """
    specification = chart.to_dict(validate=False) | _SIZE  # the tests validate all charts; it would take seconds here
    text = json.dumps(specification, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return render("figure.html.j2", title=title, description=description, table=table, specification=embedded(text))


def data(rows: Iterable[Mapping[str, object]]) -> alt.InlineData:
    """Return the rows of a chart, their figures cut to what can be seen; those that are not finite are left out."""
    return alt.InlineData(values=[{key: _drawable(value) for key, value in row.items()} for row in rows])


def _drawable(value: object) -> object:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def embedded(text: str) -> Markup:
    """Return JSON as it can stand in a script element, whatever the names and messages in it hold."""
    return Markup(text.translate(_UNSAFE))  # noqa: S704 (escaped right here)
