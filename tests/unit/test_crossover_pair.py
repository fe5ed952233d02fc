"""What an experiment says about one candidate and the baseline, as a search sees it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from fixed_run import USAGE

from schemabench.crossover import pair
from schemabench.records import CandidateResult, Estimate, Experiment, Standing, Trial

TRIAL = Trial(
    block=2,
    position=0,
    warmup=False,
    started_s=1.0,
    duration_s=0.1,
    operations=10,
    rows=10,
    retries=0,
    busy_share=0.1,
    writers_s={},
)


def result(name: str, ratio: float, tied_with: tuple[str, ...] = (), **counters: float) -> CandidateResult:
    """Return what was found of a candidate, with as much counted in each of two trials."""
    interval = Estimate(value=ratio, low=ratio, high=ratio)
    warmup = replace(TRIAL, block=0, warmup=True, counters=dict.fromkeys(counters, 1e9))
    return CandidateResult(
        name=name,
        summary="",
        expects="",
        path="",
        sql="",
        status="ranked",
        standings={
            "throughput": Standing(name=name, figure=interval, to_baseline=interval, rank=1, tied_with=tied_with)
        },
        trials=(warmup, replace(TRIAL, counters=counters), replace(TRIAL, block=3, counters=counters)),
    )


def _experiment(candidate: CandidateResult, **baseline: float) -> Experiment:
    return replace(USAGE, candidates=(candidate, result("baseline", 1.0, **baseline)))


@pytest.mark.parametrize(
    ("ratio", "tied_with", "side"),
    [(1.5, (), "better"), (0.5, (), "worse"), (1.5, ("baseline",), "tied"), (0.5, ("other",), "worse")],
)
def test_side_follows_the_ranking_not_the_ratio_alone(ratio: float, tied_with: tuple[str, ...], side: str) -> None:
    assert pair.side(_experiment(result("indexed", ratio, tied_with)), "indexed") == side


@pytest.mark.parametrize(
    ("own", "baseline", "cost"),
    [
        ({"wal_bytes": 999_999, "blocks_hit": 400, "blocks_read": 99.5}, {"wal_bytes": 999_999}, 1.0),
        (
            {"wal_bytes": 399.5, "blocks_hit": 90, "blocks_read": 9.5},
            {"wal_bytes": 99.5, "blocks_hit": 90, "blocks_read": 9.5},
            2.0,
        ),
        (
            {"wal_bytes": 399.5, "blocks_hit": 90, "blocks_read": 9.5},
            {"wal_bytes": 99.5, "blocks_hit": 390, "blocks_read": 9.5},
            1.0,
        ),
        ({"wal_bytes": 0.0}, {"wal_bytes": 0.0}, 1.0),
        ({"cpu_s": 1.0}, {"cpu_s": 2.0}, None),
    ],
)
def test_cost_is_the_mean_ratio_of_what_is_written_and_touched(
    own: Mapping[str, float], baseline: Mapping[str, float], cost: float | None
) -> None:
    found = pair.cost(_experiment(result("indexed", 1.0, **own), **baseline), "indexed")

    assert found == (None if cost is None else pytest.approx(cost, rel=0.01))


def test_candidate_that_failed_has_no_cost_and_a_reason() -> None:
    failed = replace(result("indexed", 1.0), status="failed", reason="no such table", standings={}, trials=())

    experiment = _experiment(failed, wal_bytes=1.0)

    assert pair.cost(experiment, "indexed") is None
    assert pair.failure(experiment, "indexed") == "indexed is failed: no such table"


def test_cost_of_a_candidate_that_left_early_is_over_the_blocks_in_which_it_took_part() -> None:
    glances = [replace(TRIAL, block=block, counters={"wal_bytes": 1e6}) for block in range(1, 4)]
    later = [replace(TRIAL, block=block, operations=40, counters={"wal_bytes": 4e6}) for block in range(4, 24)]
    left = replace(result("indexed", 0.1), trials=tuple(glances))
    whole = replace(result("baseline", 1.0), trials=(*(replace(one, warmup=True) for one in glances), *later))
    dearer = replace(left, trials=tuple(replace(one, counters={"wal_bytes": 3e6}) for one in glances))

    same, triple = (pair.cost(replace(USAGE, candidates=(one, whole)), "indexed") for one in (left, dearer))

    assert same == 1.0, "its bursts were as small as the baseline's then"
    assert triple == pytest.approx(3.0)
