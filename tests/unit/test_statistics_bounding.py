"""Bounds from a few trials: what they are, and how often they are beyond the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemabench.statistics import DOUBTS, bounds_of_few, ratio_of_few

RUNS = 4000
logs = st.lists(st.floats(-5, 5), min_size=4, max_size=4).map(np.array)


def test_bounds_are_what_was_seen_and_the_most_that_the_control_differed_on_either_side() -> None:
    found = bounds_of_few(np.array([3.0, 3.5, 3.2, 3.1]), np.array([0.1, -0.4, 0.2, 0.0]))
    assert found == pytest.approx((2.6, 3.9))


def test_a_ratio_is_the_median_between_the_bounds() -> None:
    found = ratio_of_few(np.log([0.03, 0.04, 0.05, 0.06]), np.log([1.0, 1.0, 1.25, 0.8]))
    assert (found.low, found.high) == pytest.approx((0.024, 0.075))
    assert found.value == pytest.approx(math.sqrt(0.04 * 0.05))


def test_of_three_trials_what_the_control_differed_counts_twice() -> None:
    found = bounds_of_few(np.array([3.0, 3.5, 3.2]), np.array([0.1, -0.4, 0.2]))
    assert found == pytest.approx((2.2, 4.3))


@pytest.mark.parametrize("trials", [1, 2, 5])
def test_other_numbers_of_trials_have_no_bounds(trials: int) -> None:
    with pytest.raises(AssertionError, match=f"{trials} blocks, where bounds are known for 3 and 4"):
        bounds_of_few(np.ones(trials), np.ones(trials))


@given(logs, logs)
def test_bounds_of_the_other_way_round_are_the_same_with_the_other_sign(
    differences: NDArray[np.float64], chance: NDArray[np.float64]
) -> None:
    low, high = bounds_of_few(differences, chance)
    assert bounds_of_few(-differences, -chance) == (-high, -low)


@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("trials", DOUBTS)
def test_the_bound_is_hardly_ever_beyond_the_truth_however_much_the_slower_one_scatters(
    trials: int, spread: float
) -> None:
    random = np.random.default_rng(1)
    baseline, control, own = random.standard_t(3, size=(3, RUNS, trials))
    lows = [bounds_of_few(*pair)[0] for pair in zip(spread * own - baseline, control - baseline, strict=True)]
    assert np.mean(np.array(lows) > 0) <= 0.01
