"""The cost section: a tint and a sign where figures were told apart, a dash where there is none."""

import re
from dataclasses import replace
from typing import Any

import page_reader
import pytest
from fixed_run import BASELINE, PAGEVIEWS, RETRIES, RUN, USAGE, estimate, ranked, standing

from schemabench.records import Cost
from schemabench.report import costs, footnotes
from schemabench.report.view import View


def cost(**changes: Any) -> Cost:  # noqa: ANN401 (any field)
    return Cost(**{"name": "wal_bytes", "title": "WAL", "unit": "bytes", "per": "row", "value": 400.0} | changes)


def differing(ratio: float, **changes: Any) -> Cost:  # noqa: ANN401 (any field)
    return cost(ratio=estimate(ratio), differs=True, **changes)


def cell(own: Cost, baseline: Cost | None = None) -> tuple[str, str]:
    """Return the classes and the text of the only cell of a candidate's row."""
    candidates = (
        replace(ranked(standing("other", 1, estimate(1.1)), ""), costs=(own,)),
        replace(ranked(standing("baseline", 2, BASELINE), ""), costs=(baseline or cost(),)),
    )
    experiment = replace(USAGE, candidates=candidates)
    html = page_reader.drawn(View(experiment, replace(RUN, experiments=(experiment,))), costs.section)
    found = re.search(r'<code>other</code>\s*</th>\s*<td class="(?P<kind>.*?)".*?>(?P<text>.*?)</td>', html, re.DOTALL)
    assert found is not None
    return found["kind"].strip(), re.sub(r"<.*?>|\s+", " ", found["text"]).replace("  ", " ").strip()


@pytest.mark.parametrize(
    ("ratio", "tint"),
    [
        (1.1, "more-0"),
        (1.3, "more-1"),
        (2.5, "more-2"),
        (6.0, "more-3"),
        (0.9, "less-0"),
        (0.7, "less-1"),
        (0.4, "less-2"),
        (0.1, "less-3"),
    ],
)
def test_tint_deepens_with_the_distance_either_way(ratio: float, tint: str) -> None:
    kind, _ = cell(differing(ratio))
    assert kind == f"number {tint}"


def test_difference_is_told_by_a_sign_too_with_its_interval() -> None:
    _, text = cell(differing(2.0))
    assert text == "▲ 400 B 2.00x [1.92, 2.08]"


def test_figure_that_was_not_told_apart_has_neither_tint_nor_sign() -> None:
    assert cell(cost(ratio=estimate(1.5))) == ("number", "400 B 1.50x [1.44, 1.56]")


def test_share_is_compared_with_the_baselines() -> None:
    hot = {"name": "hot_share", "title": "HOT updates", "unit": "share", "per": "update"}
    assert cell(cost(**hot, value=0.1, differs=True), cost(**hot, value=0.95)) == ("number less-3", "▼ 10 %")


def test_what_was_zero_under_the_baseline_is_more() -> None:
    assert cell(cost(value=3.0, differs=True), cost(value=0.0)) == ("number more-3", "▲ 3.0 B")


def test_figure_that_the_server_does_not_offer_is_a_dash() -> None:
    assert cell(cost(value=None)) == ("number", "-")


def test_column_is_sorted_by_the_figure_and_names_its_divisor() -> None:
    html = page_reader.drawn(View(USAGE, RUN), costs.section)
    assert "WAL per row" in html
    assert 'data-sort="412.3"' in html


def test_notices_stand_with_what_they_limit() -> None:
    html = page_reader.drawn(View(USAGE, RUN), costs.section)
    explanation, _, tables = html.partition("</p>")
    in_memory, retries = (footnotes.numbers(RUN)[notice] for notice in (RUN.notices[0], RETRIES))
    assert f"note-{in_memory}" in explanation
    assert re.search(rf"<code>split_events</code> *<sup><a href=\"#.*?note-{retries}\"", tables)


def test_there_is_no_section_where_nothing_was_counted() -> None:
    assert costs.section(View(PAGEVIEWS, RUN)) is None
