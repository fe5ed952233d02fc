"""What is known only as a lower bound is shown as such in every report, and so is each writer's own ratio."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from fixed_run import RUN, USAGE, WRITERS, estimate, stands
from sections import headings, rows, tables
from several_runs import experiment, run

from schemabench import report
from schemabench.records import CandidateResult, Experiment, Run, WriterRatio
from schemabench.report import adequacy, csv, facts, matrix, writers
from schemabench.report.flavored import markdown
from schemabench.report.page import brief, html
from schemabench.report.screen import terminal
from schemabench.report.text import plain
from schemabench.report.tree import Part

LOW, VALUE = 2.2, 2.345
TITLE = "Speedup of each writer"
Draw = Callable[[Experiment], str]


def _run(experiment: Experiment) -> Run:
    return replace(RUN, experiments=(experiment,))


def _matrix(experiment: Experiment) -> matrix.Comparison:
    other = replace(experiment, clients=16)
    return matrix.compare([("a.json", _run(experiment)), ("b.json", replace(_run(other), run_id="other"))])


def _text(page: str) -> str:
    """Return what a page shows, its tags left out."""
    return " ".join(unescape(re.sub(r"<script.*?</script>|<[^>]*>", " ", page, flags=re.DOTALL)).split())


FORMATS: dict[str, Draw] = {
    "terminal": lambda one: report.terminal(_run(one), 120),
    "markdown": lambda one: markdown(report.document(_run(one))),
    "page": lambda one: _text(html(report.document(_run(one)))),
    "brief": lambda one: _text(brief(report.document(_run(one)))),
    "matrix on a terminal": lambda one: terminal(matrix.document(_matrix(one)), 120),
    "matrix as markdown": lambda one: markdown(matrix.document(_matrix(one))),
    "matrix as a page": lambda one: _text(html(matrix.document(_matrix(one)))),
}


@pytest.fixture(params=FORMATS)
def draw(request: pytest.FixtureRequest) -> Draw:
    """Return a function that draws an experiment as text in one of the formats."""
    return FORMATS[request.param]


def _first(change: Callable[[CandidateResult], CandidateResult]) -> Experiment:
    """Return an experiment whose leader is changed."""
    leader, *others = USAGE.candidates
    return replace(USAGE, candidates=(change(leader), *others))


def _bound(result: CandidateResult) -> CandidateResult:
    """Return a candidate of whose ratio only a lower bound is known."""
    return stands(result, to_baseline=replace(estimate(VALUE), low=LOW), at_least=True)


def test_a_ratio_that_the_client_limited_is_shown_as_what_it_is_at_least(draw: Draw) -> None:
    shown = draw(_first(_bound))

    assert re.search(r"at least\s[^\n]*\n?\s*2\.20x|at least 2\.20x|>=2\.20", shown)
    assert "2.34" not in shown
    assert "2.35" not in shown


def test_a_ratio_that_nothing_limited_is_shown_with_its_interval(draw: Draw) -> None:
    assert not re.search(r"at least \d+\.\d+x|>=\d|lower bound", draw(USAGE))


def test_the_verdict_says_what_a_leaders_ratio_is_at_least() -> None:
    assert "hash_partitioned and split_events lead, tied: at least 2.20x and 1.29x [1.24, 1.34] the baseline's" in (
        " ".join(report.terminal(_run(_first(_bound))).split())
    )


def test_headroom_of_a_candidate_that_the_client_limits_is_a_lower_bound() -> None:
    told = plain(adequacy.headroom(_first(_bound)))

    assert re.search(r"to at least \d+\.\dx \(hash_partitioned\) the production load: all judged", told)
    assert "at least" not in adequacy.headroom(USAGE)


PAGES: dict[str, Draw] = {
    "a run": lambda one: html(report.document(_run(one))),
    "several runs": lambda one: html(matrix.document(_matrix(one))),
}


@pytest.mark.parametrize("kind", PAGES)
def test_a_lower_bound_has_an_arrow_in_the_plot_and_nothing_else_has(kind: str) -> None:
    bound, free = (PAGES[kind](one) for one in (_first(_bound), USAGE))

    assert "\\u2192" in bound or "→" in bound
    assert "\\u2192" not in free
    assert "→" not in free


def test_each_writers_own_ratio_is_shown_with_its_interval_in_every_report_of_the_whole(draw: Draw) -> None:
    own = (WriterRatio(writer="media_library", ratio=estimate(3.07)),)
    shown = " ".join(draw(_first(lambda leader: replace(leader, writers=own))).split())

    if draw is FORMATS["brief"]:
        assert "3.07x" not in shown
        return
    assert "3.07x [2.95, 3.19]" in shown
    assert TITLE in shown


def test_ratios_of_writers_are_bounds_where_that_of_all_is(draw: Draw) -> None:
    shown = draw(
        _first(lambda leader: _bound(replace(leader, writers=(WriterRatio(writer="dashboard", ratio=estimate(1.5)),))))
    )

    assert ("at least 1.44x" in shown) is (draw is not FORMATS["brief"])


def test_one_writer_alone_is_not_shown_beside_all(draw: Draw) -> None:
    alone = tuple(replace(one, writers=()) for one in USAGE.candidates)

    assert TITLE not in draw(replace(USAGE, candidates=alone))


def test_writers_stand_in_their_order_and_candidates_in_order_of_rank() -> None:
    (table,) = tables(writers.section, USAGE)
    names = [row[0] for row in rows(table)]

    assert headings(table)[1:] == list(WRITERS)
    assert names[:2] == ["hash_partitioned", "split_events"]
    assert "baseline" not in names


def _part(*runs: Run) -> Part:
    (part,) = matrix.document(matrix.compare([(f"{number}.json", run) for number, run in enumerate(runs)])).parts
    return part


def test_a_matrix_has_a_dash_where_a_run_lacks_a_candidate() -> None:
    both, alone = (run("15.1", experiment(("a", "b"), ("baseline",))), run("16.1", experiment(("a",), ("baseline",))))
    (section,) = [one for one in _part(both, alone).sections if one.id == "writers"]
    found = {(who, writer): cells for who, writer, *cells in rows(next(csv.within(section.nodes)))}

    assert {who for who, _ in found} == {"a", "b"}
    assert all(cells[0] != "-" for cells in found.values())
    assert {who for (who, _), cells in found.items() if cells[1] == "-"} == {"b"}


def test_how_busy_the_client_was_is_told_from_the_least_to_the_most() -> None:
    shares = dict(zip(("hash_partitioned", "baseline"), (0.91, 0.2), strict=True))
    busy = tuple(replace(one, busy_share=shares.get(one.name)) for one in USAGE.candidates)
    told = dict(facts.of_experiment(replace(USAGE, candidates=busy)))
    old = dict(facts.of_experiment(USAGE))

    assert told["load loop"] == "at work 20 % (baseline) to 91 % (hash_partitioned) of the median trial"
    assert old["load loop"] == "at work 83 % of the median trial"


def test_how_busy_each_of_several_load_loops_was_is_on_the_terminal_in_one_line() -> None:
    shared = replace(USAGE, workers={"gw0": 0.46, "gw1": 0.12, "gw2": 0.3})

    assert "load loops: at work 12 % (gw1) to 46 % (gw0) of the median trial" in report.terminal(_run(shared), 120)
    for alone in (USAGE, replace(USAGE, workers={"gw0": 0.46})):
        assert "load loops" not in report.terminal(_run(alone), 120)
