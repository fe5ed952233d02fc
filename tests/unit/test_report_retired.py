"""A candidate that left the blocks early: in every format with its rank, its ratio, its verdict and its notice."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from fixed_run import RUN, USAGE, estimate, standing
from several_runs import candidate, compared, experiment, places
from several_runs import run as run_on

from schemabench import entries, report
from schemabench.records import CandidateResult, Notice, Retirement, Run, from_builtins, to_builtins
from schemabench.report import matrix, page, trials

NOTICE = Notice(code="retired", text="thousand left after 4 of 30 blocks: at least 21x slower than the baseline")


def thousand() -> CandidateResult:
    """Return a candidate of rank 4 that left."""
    place = standing("thousand", 4, estimate(0.037, 0.25))
    known = replace(place, retired=Retirement(slower=21.6, times=4, trials=4))
    one = replace(candidate(place), standing=known, lock_standing=None, on_front=False, notices=(NOTICE,))
    return replace(one, trials=one.trials[:4], contention=USAGE.candidates[0].contention)


def run() -> Run:
    """Return a run of three candidates, and the one that left."""
    others = [candidate(place) for place in places(("hash_by_site",), ("baseline",), ("index",))]
    return replace(RUN, experiments=(replace(USAGE, candidates=(*others, thousand())),))


def test_the_terminal_ranks_it_last_with_its_ratio_and_says_how_much_slower_it_is_at_least() -> None:
    drawn = report.terminal(run(), 100)
    assert "thousand is at least 21x slower, in 4 of 4 trials." in " ".join(drawn.split())
    (row,) = [line for line in drawn.splitlines() if line.split()[:2] == ["4", "thousand"]]
    assert "0.037" in row
    assert "[0.028, 0.046]" in row
    assert "left after 4 of 30 blocks" in " ".join(drawn.split())


def test_markdown_and_page_rank_it_and_show_its_plans_costs_and_waits() -> None:
    for drawn in (report.markdown(run()), page.html(run())):
        assert "is at least 21x slower, in 4 of 4 trials." in drawn
        assert "0.037x [0.028, 0.046]" in drawn
        assert "left after 4 of 30 blocks" in drawn
        assert drawn.count("thousand") > 8


def test_the_slowest_is_explained_by_its_waits_though_it_has_no_rank_by_them() -> None:
    assert "slowest: thousand; " in " ".join(report.terminal(run(), 100).split())


def test_the_table_of_trials_says_which_are_of_one_that_left() -> None:
    table = trials.frame(run())
    assert set(table[table["retired"]]["candidate"]) == {"thousand"}
    assert set(table[~table["retired"]]["candidate"]) == {"hash_by_site", "baseline", "index"}


def test_a_run_file_holds_it_and_an_older_one_without_it_is_read() -> None:
    written = to_builtins(run())
    assert from_builtins(written) == run()
    for one in written["experiments"][0]["candidates"]:
        for name in ("retired", "faster_blocks"):
            del one["standing"][name]
    assert from_builtins(written).experiments[0].candidates[3].standing == replace(
        thousand().standing,  # type: ignore[type-var]
        retired=None,
    )


def test_an_entry_of_pytest_benchmark_has_its_trials_and_its_verdict() -> None:
    benchmark = SimpleNamespace(name="test_usage", fullname="test_usage[thousand]", param="thousand", params={})
    entry = entries.described(benchmark, "usage", thousand())
    assert entry["extra_info"]["rank"] == 4
    assert entry["extra_info"]["at_least_slower"] == pytest.approx(21.6)
    assert entry["extra_info"]["in_trials"] == [4, 4]
    assert len(entry["durations_s"]) == 2


def test_a_matrix_of_runs_has_its_rank_and_its_notice() -> None:
    ranked = experiment(("hash_by_site",), ("baseline",), ("index",))
    one = replace(ranked, candidates=(*ranked.candidates, thousand()))
    found = compared(run_on("15.1", one), run_on("18.1", one))
    for drawn in (matrix.terminal(found, 100), matrix.markdown(found), matrix.html(found)):
        assert "0.037x" in drawn
        assert "left after 4 of 30 blocks" in " ".join(drawn.split())
