"""How a chart reaches the page: its specification as JSON that no text in it can break out of.

Must not know what a chart shows, nor draw it: the page's script does, when the page is read.
"""

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager

import altair as alt
from altair.utils.schemapi import debug_mode
from markupsafe import Markup

_SIZE = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
"""Of every chart: as wide as the page lets it be, on a phone and on paper, too."""
_DIGITS = 5
"""Of a figure in a chart, which is some thousand pixels wide at most."""
_UNSAFE = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"})
"""What could end a script element, open a comment in it, or end a line of JavaScript; JSON reads the escapes alike."""


def specification(chart: alt.Chart | alt.LayerChart) -> Markup:
    """Return a chart, which has a height, as JSON of Vega-Lite that is as wide as there is room."""
    found = chart.to_dict(validate=False) | _SIZE  # the tests validate all charts; it would take seconds here
    return embedded(json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def data(rows: Iterable[Mapping[str, object]]) -> alt.InlineData:
    """Return the rows of a chart, their figures cut to what can be seen; those that are not finite are left out."""
    return alt.InlineData(values=[{key: _drawable(value) for key, value in row.items()} for row in rows])


def embedded(text: str) -> Markup:
    """Return JSON as it can stand in a script element, whatever the names and messages in it hold."""
    return Markup(text.translate(_UNSAFE))  # noqa: S704 (escaped right here)


def unchecked() -> AbstractContextManager[None]:
    """Return a context in which Altair does not check each part of a chart against its schema, which takes seconds."""
    without_checks: AbstractContextManager[None] = debug_mode(False)  # noqa: FBT003 (Altair's own switch)
    return without_checks


def _drawable(value: object) -> object:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
