"""Intervals in charts of the page: one of a lower bound has no upper end, but an arrow."""

from typing import Any

import pytest
from fixed_run import estimate

from schemabench.report.drawings import Drawing, Forest, OverRuns, Pareto, Point, Scale, Traded
from schemabench.report.page.charts import chart
from schemabench.report.page.charts.looks import looks

RATIO = Scale(kind="ratio", title="ratio")
SHARE = Scale(kind="share", title="share")
OTHER = Point(name="bound", figure=estimate(0.3), text="")


def drawings(point: Point) -> dict[str, Drawing]:
    """Return a point in every kind of chart with intervals that may be bounds."""
    return {
        "forest": Forest(scale=RATIO, points=(point,)),
        "runs": OverRuns(scale=RATIO, runs=("15",), points=(("15", point),)),
        "pareto": Pareto(first=RATIO, second=SHARE, points=(Traded(first=point, second=OTHER, on_front=True),)),
        "pareto upright": Pareto(first=SHARE, second=RATIO, points=(Traded(first=OTHER, second=point, on_front=True),)),
    }


def drawn(kind: str, *, at_least: bool) -> tuple[dict[str, Any], set[str]]:
    """Return the data of a chart's only point, and the arrows in it."""
    point = Point(name="bound", figure=estimate(2.0), text="", at_least=at_least)
    specification = chart(drawings(point)[kind], looks(("baseline", "bound"))).to_dict()
    rows = [row for some in specification["datasets"].values() for row in some if "candidate" in row]
    marks = [layer["mark"] for layer in specification["layer"]]
    return rows[0], {mark["text"] for mark in marks if "text" in mark}


@pytest.mark.parametrize(
    ("kind", "prefix", "arrow"),
    [("forest", "", "→"), ("runs", "", "→"), ("pareto", "first_", "→"), ("pareto upright", "second_", "↑")],
)
def test_lower_bound_has_an_arrow_and_no_upper_end_in_every_chart(kind: str, prefix: str, arrow: str) -> None:
    bound, arrows = drawn(kind, at_least=True)
    free, none = drawn(kind, at_least=False)

    assert (bound[f"{prefix}low"], bound[f"{prefix}high"]) == (1.92, bound[f"{prefix}value"])
    assert (free[f"{prefix}low"], free[f"{prefix}high"]) == (1.92, 2.08)
    assert (arrows, none) == ({arrow}, set())
