"""When the answer changes, on the page: the searches' sentences and tables, and the maps as charts."""

from dataclasses import replace

import altair as alt
import page_reader
import pytest
from fixed_run import RUN
from test_report_crossovers import MAP, SEARCH

from schemabench.records import Notice, Run
from schemabench.report import crossovers, document, page
from schemabench.report.tree import Document

pytestmark = pytest.mark.usefixtures("short_script")
HOSTILE = "<img src=x onerror=alert(1)></script>"


def test_a_search_says_whether_the_ranking_flips_and_where_it_was_measured() -> None:
    drawn = page.html(document(replace(RUN, crossovers=(SEARCH,))))

    assert "When the answer changes" in drawn
    assert "The ranking flips: <code>hash_by_site</code> leads at <code>typical</code>" in drawn
    assert "worst-found" in drawn


def test_a_map_is_a_chart_with_the_figures_behind_it() -> None:
    found = of_sections(replace(RUN, maps=(MAP,)))

    (specification,) = page_reader.read(found).specifications()
    alt.LayerChart.from_dict(specification)  # validated
    assert "better than the baseline in 1, worse in 1, and cannot be told apart in 1; 1 were not measured" in found
    assert "Not measured: hash_by_site is failed." in found
    assert "1.01x [0.90, 1.20] =" in found
    assert "0.50x" in found, "the chart's own label, or the table's"


def test_a_cell_that_was_not_measured_is_drawn_as_a_dash_with_the_reason() -> None:
    (specification,) = page_reader.read(of_sections(replace(RUN, maps=(MAP,)))).specifications()

    (cells,) = specification["datasets"].values()
    assert [(cell["ratio"], cell["label"]) for cell in cells[2:]] == [(2.0, "2.00x"), (None, "-")]
    assert cells[3]["told"] == "hash_by_site is failed"


def of_sections(run: Run) -> str:
    """Return what the page shows of searches and maps alone."""
    return page.html(Document(title="", sections=tuple(crossovers.sections(run))))


def test_a_page_of_a_map_alone_has_no_verdict_to_show() -> None:
    assert "No experiment was run" not in page.html(document(replace(RUN, experiments=(), maps=(MAP,))))
    assert "No experiment was run" in page.html(document(replace(RUN, experiments=())))


def test_notices_of_a_run_stand_on_its_page_once_however_many_experiments_it_has() -> None:
    noted = replace(RUN, notices=(Notice(code="machine-noisy", text="The machine was noisy"),), maps=(MAP,))

    assert page.html(document(replace(noted, experiments=()))).count("The machine was noisy") == 1
    assert page.html(document(noted)).count("The machine was noisy") == 1, "with the verdicts, which all lead there"


def test_a_map_without_any_figure_is_a_table_alone() -> None:
    empty = replace(MAP, cells=tuple(replace(cell, ratio=None, side=None, reason="failed") for cell in MAP.cells))

    found = of_sections(replace(RUN, maps=(empty,)))

    assert "<figure" not in found
    assert "<table" in found


def test_a_run_without_searches_says_nothing_of_them() -> None:
    assert crossovers.sections(RUN) == []
    assert "When the answer changes" not in page.html(document(RUN))


def test_hostile_names_do_nothing() -> None:
    run = replace(
        RUN,
        crossovers=(replace(SEARCH, candidate=HOSTILE, workload=HOSTILE),),
        maps=(replace(MAP, candidate=HOSTILE, first=HOSTILE, second=HOSTILE),),
    )

    assert "<img src=x" not in page.html(document(run))
