"""Embedding of a chart in the page: its specification as JSON that cannot be escaped from by any text in it.

Must not know the content of a chart, nor draw it: the page's script draws it in the browser.
"""

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager

import altair as alt
from altair.utils.schemapi import debug_mode
from markupsafe import Markup

_SIZE = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
"""The size of every chart: the full width of the page, on a phone and on paper, too."""
_DIGITS = 5
"""Significant digits of a figure in a chart, which is at most a few thousand pixels wide."""
PERCENT = "format(100 * {0}, '.6~g') + ' %'"
"""A share as text, with as many decimals as it has: those of an axis have as many as tell its ticks apart."""
_UNSAFE = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"})
"""Characters that could end a script element, open a comment in it, or end a line of JavaScript, with their JSON
escapes."""


def specification(chart: alt.Chart | alt.LayerChart) -> Markup:
    """Return a chart, which has a height, as Vega-Lite JSON with the full width of the page."""
    found = chart.to_dict(validate=False) | _SIZE  # the tests validate all charts; it would take seconds here
    return embedded(json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def data(rows: Iterable[Mapping[str, object]]) -> alt.InlineData:
    """Return the rows of a chart with figures rounded to visible precision; figures that are not finite become null."""
    return alt.InlineData(values=[{key: _drawable(value) for key, value in row.items()} for row in rows])


def embedded(text: str) -> Markup:
    """Return JSON that is safe in a script element, whatever names and messages it holds."""
    return Markup(text.translate(_UNSAFE))  # noqa: S704 (escaped right here)


def unchecked() -> AbstractContextManager[None]:
    """Return a context in which Altair skips the schema checks of each part of a chart, which take seconds."""
    without_checks: AbstractContextManager[None] = debug_mode(False)  # noqa: FBT003 (Altair's own switch)
    return without_checks


def _drawable(value: object) -> object:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
