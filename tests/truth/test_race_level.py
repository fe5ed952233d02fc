"""Equal candidates seem to differ in no more than one race of twenty, and races find more than plain blocks.

Simulated, with fixed seeds: blocks are independent, correlate with their neighbours, or drift so that the lead passes
on. A run is wrong if any two candidates are told apart, by the race or by the ranking of those that stayed. The lower
limit of the interval of its share (Clopper & Pearson) must not be above 5 %, and where nothing drifts that of the share
of runs in which anybody leaves not above the race's own part of that.
"""

import numpy as np
import pytest
import races
import scipy

from schemabench.statistics.always_valid import RACE_LEVEL

LEVEL = 0.05
RUNS = {4: 300, 14: 100}
"""Candidates -> simulated races; each of fourteen takes longer."""
BEST = ("c1", "c2", "c3", "c4")
SPEEDS = [0.7, *(0.95**place for place in range(4)), 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.3, 0.7]
"""Of the baseline, the best four, the others, and the control."""


def at_least(happened: list[bool]) -> float:
    """Return the lower limit of a share."""
    return float(scipy.stats.binomtest(sum(happened), len(happened)).proportion_ci().low)


@pytest.mark.long
@pytest.mark.parametrize("candidates", [4, 14])
@pytest.mark.parametrize(
    ("correlation", "drift"),
    [(0.0, 0.0), (0.3, 0.0), (0.5, 0.0), (0.0, 1.0), (0.0, 2.0)],
    ids=["independent", "correlation 0.3", "correlation 0.5", "the lead passes on", "it passes on by two spreads"],
)
def test_equal_candidates_are_told_apart_in_no_more_than_a_twentieth_of_races(
    candidates: int, correlation: float, drift: float
) -> None:
    random, names = np.random.default_rng(1), races.entrants(candidates)
    ended = [
        races.race(races.equals(random, len(names), correlation, drift), names, seed, places=1)
        for seed in range(RUNS[candidates])
    ]

    assert at_least([bool(one.better) for one in ended]) <= LEVEL
    assert drift or at_least([bool(one.left) for one in ended]) <= RACE_LEVEL


@pytest.mark.parametrize("runs", [3, pytest.param(60, marks=pytest.mark.long)])
def test_a_race_finds_more_of_the_differences_among_the_best_four_than_plain_blocks(runs: int) -> None:
    random, names = np.random.default_rng(2), races.entrants(14)
    found = {"race": 0, "plain": 0}
    for seed in range(runs):
        logs = races.equals(random, len(names)) + np.log(SPEEDS)
        raced, plain = races.race(logs, names, seed), races.plain(logs[: races.BLOCKS], names, seed)
        found["race"] += sum(set(pair) <= set(BEST) for pair in raced.better)
        found["plain"] += sum(set(pair) <= set(BEST) for pair in plain)
        assert raced.blocks > 1.5 * races.BLOCKS

    assert found["race"] > 1.2 * found["plain"]
