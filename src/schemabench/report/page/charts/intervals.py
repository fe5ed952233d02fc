"""Intervals of points: a rule from end to end, or for a lower bound one that ends in an arrow.

Owns the fields of a point in a chart's data, and the arrow. Must not choose axes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import altair as alt

from schemabench.report.drawings import Point

_ARROWS: Mapping[str, Mapping[str, Any]] = {
    "right": {"text": "\u2192", "align": "left", "dx": 5},
    "up": {"text": "\u2191", "baseline": "bottom", "dy": -5},
}
"""The arrow begins beside the point, whose mark has a radius of about 5 px."""
_ARROW_PX = 16


def fields(point: Point, prefix: str = "") -> dict[str, object]:
    """Return a point as fields of a chart's data: `value`, `low`, `high`, and `bound` for a lower bound.

    A lower bound has no upper end: its rule leads from the lower end to the point, where its arrow begins.

    Args:
        point: What is drawn.
        prefix: Stands before the name of each field.
    """
    figure = point.figure
    high = figure.value if point.at_least else figure.high
    found = {"value": figure.value, "low": figure.low, "high": high, "bound": point.at_least}
    return {f"{prefix}{field}": value for field, value in found.items()}


def arrows(
    base: alt.Chart, points: Iterable[Point], towards: Literal["right", "up"], prefix: str = ""
) -> list[alt.Chart]:
    """Return the arrows of lower bounds, whose true figure may lie further on; none where no point is one.

    Args:
        base: What places them: at the points themselves.
        points: All points of the chart.
        towards: Where larger figures lie.
        prefix: As for `fields`.
    """
    if not any(point.at_least for point in points):
        return []
    return [base.transform_filter(f"datum.{prefix}bound").mark_text(fontSize=_ARROW_PX, **_ARROWS[towards])]
