"""What a JUnit file says of each candidate."""

from dataclasses import replace

import pytest
from fixed_run import PAGEVIEWS, USAGE, estimate, judged, standing

from schemabench import report
from schemabench.records import Estimate, Experiment, Retirement


def said(experiment: Experiment, name: str) -> dict[str, str]:
    result = next(one for one in experiment.candidates if one.name == name)
    return {key.removeprefix("schemabench_"): value for key, value in report.properties(experiment, result)}


def test_ranked_candidate_has_its_place_by_every_criterion() -> None:
    assert said(USAGE, "hash_partitioned") == {
        "workload": "usage",
        "cardinality": "typical",
        "candidate": "hash_partitioned",
        "status": "ranked",
        "verdict": "faster than the baseline",
        "rank": "1=",
        "ratio": "1.31x",
        "interval": "[1.26, 1.36]",
        "rank_by_lock_waits": "1=",
        "lock_waits": "3.1 %",
        "lock_waits_interval": "[2.7, 3.5]",
    }


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("baseline", "the baseline"),
        ("fillfactor", "cannot be told apart from the baseline"),
        ("secondary_index", "slower than the baseline"),
        ("unlogged_landing", "disqualified"),
        ("brin", "skipped"),
    ],
)
def test_verdict_says_no_more_than_the_standing(name: str, verdict: str) -> None:
    assert said(USAGE, name)["verdict"] == verdict


def test_candidate_without_a_rank_has_no_figures() -> None:
    assert said(USAGE, "narrow_keys").keys() == {"workload", "cardinality", "candidate", "status", "verdict"}


def test_doubt_and_too_few_blocks_are_told() -> None:
    control = standing("baseline (control)", 1, estimate(1.2), ())
    doubtful = judged(USAGE, "throughput", control=control)

    assert said(doubtful, "hash_partitioned")["verdict"] == "doubtful: the baseline differs from itself"
    assert said(replace(PAGEVIEWS, blocks_needed=6), "flat")["verdict"] == "no verdict: too few blocks"


def test_candidate_that_left_early_says_so() -> None:
    slower = Estimate(value=20.0, low=11.0, high=40.0)
    results = tuple(
        replace(one, retired=Retirement(trials=3, slower=slower)) if one.name == "secondary_index" else one
        for one in USAGE.candidates
    )

    found = said(replace(USAGE, candidates=results), "secondary_index")
    assert found["verdict"] == "left early: at least 11x slower, in 3 trials"
