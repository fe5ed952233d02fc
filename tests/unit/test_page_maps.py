"""When the answer changes, on the page: the searches' sentences and tables, and the maps as charts."""

from dataclasses import replace

import altair as alt
import pytest
from fixed_run import RUN
from test_report_crossovers import MAP, SEARCH

from schemabench.records import Notice
from schemabench.report import page
from schemabench.report.page import charts, crossovers, vega

HOSTILE = "<img src=x onerror=alert(1)></script>"


@pytest.fixture(autouse=True)
def _short_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the library of the charts, a megabyte that is not what is tested here."""
    monkeypatch.setattr(vega, "script", lambda: "/* vegaEmbed */")


def test_a_search_says_whether_the_ranking_flips_and_where_it_was_measured() -> None:
    drawn = page.html(replace(RUN, crossovers=(SEARCH,)))

    assert "When the answer changes" in drawn
    assert "The ranking flips: <code>hash_by_site</code> leads at <code>typical</code>" in drawn
    assert "worst-found" in drawn


def test_a_map_is_a_chart_with_the_figures_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[alt.LayerChart] = []
    figure = charts.figure
    monkeypatch.setattr(crossovers, "figure", lambda chart, *rest: drawn.append(chart) or figure(chart, *rest))

    found = crossovers.of_run(replace(RUN, maps=(MAP,)))

    (chart,) = drawn
    chart.to_dict()  # validated
    assert found is not None
    assert "better than the baseline in 1, worse in 1, and cannot be told apart in 1; 1 were not measured" in found.html
    assert "Not measured: hash_by_site is failed." in found.html
    assert "1.01x [0.90, 1.20] =" in found.html
    assert "0.50x" in found.html, "the chart's own label, or the table's"


def test_a_cell_that_was_not_measured_is_drawn_as_a_dash_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[alt.LayerChart] = []
    monkeypatch.setattr(crossovers, "figure", lambda chart, *_: drawn.append(chart) or "")

    crossovers.of_run(replace(RUN, maps=(MAP,)))

    (chart,) = drawn
    (cells,) = chart.to_dict()["datasets"].values()
    assert [(cell["ratio"], cell["label"]) for cell in cells[2:]] == [(2.0, "2.00x"), (None, "-")]
    assert cells[3]["told"] == "hash_by_site is failed"


def test_a_page_of_a_map_alone_has_no_verdict_to_show() -> None:
    assert "No experiment was run" not in page.html(replace(RUN, experiments=(), maps=(MAP,)))
    assert "No experiment was run" in page.html(replace(RUN, experiments=()))


def test_notices_of_a_run_stand_on_its_page_once_for_each_place_that_they_are_about() -> None:
    noted = replace(RUN, notices=(Notice(code="machine-noisy", text="The machine was noisy"),), maps=(MAP,))

    assert page.html(replace(noted, experiments=())).count("The machine was noisy") == 1
    assert page.html(noted).count("The machine was noisy") == len(RUN.experiments)


def test_a_map_without_any_figure_is_a_table_alone() -> None:
    empty = replace(MAP, cells=tuple(replace(cell, ratio=None, side=None, reason="failed") for cell in MAP.cells))

    found = crossovers.of_run(replace(RUN, maps=(empty,)))

    assert found is not None
    assert "<figure" not in found.html
    assert "<table" in found.html


def test_a_run_without_searches_says_nothing_of_them() -> None:
    assert crossovers.of_run(RUN) is None
    assert "When the answer changes" not in page.html(RUN)


def test_hostile_names_do_nothing() -> None:
    run = replace(
        RUN,
        crossovers=(replace(SEARCH, candidate=HOSTILE, workload=HOSTILE),),
        maps=(replace(MAP, candidate=HOSTILE, first=HOSTILE, second=HOSTILE),),
    )

    assert "<img src=x" not in page.html(run)
