"""The bound at few trials: how wide it is, and how often it is wrong."""

import numpy as np
import pytest

from schemabench import statistics

RUNS = 400
BLOCKS = 8


def test_a_bound_of_three_trials_keeps_far_from_what_was_seen() -> None:
    logs, noise = np.log([20.0, 22.0, 18.0]), np.array([0.1, -0.1, 0.05])
    span = statistics.lag(logs, noise, family=3)

    assert span.bounded
    assert np.exp(span.centre) == pytest.approx(20, rel=0.02)
    assert 8 < np.exp(span.low) < 18


def test_noise_of_the_control_widens_a_bound_whose_own_trials_agree_by_chance() -> None:
    logs = np.log([20.0, 20.0, 20.1])
    quiet, loud = (statistics.lag(logs, size * np.array([1.0, -1.0, 0.5]), family=1) for size in (0.01, 0.5))

    assert loud.high - loud.low > 20 * (quiet.high - quiet.low)


def test_a_bound_grows_narrower_with_trials_and_wider_with_candidates() -> None:
    random = np.random.default_rng(1)
    logs, noise = 3 + 0.1 * random.normal(size=12), 0.1 * random.normal(size=12)
    few, many = (statistics.lag(logs[:count], noise[:count], family=1) for count in (4, 12))
    shared = statistics.lag(logs, noise, family=8)

    assert many.high - many.low < few.high - few.low
    assert shared.high - shared.low > many.high - many.low


@pytest.mark.parametrize("scale", [1, 3], ids=["as noisy as the control", "three times as noisy"])
def test_bounds_that_are_asked_for_after_every_block_seldom_leave_the_truth_out(scale: int) -> None:
    random = np.random.default_rng(2)
    wrong = 0
    for _ in range(RUNS):
        baseline, control, own = random.normal(size=(3, BLOCKS))
        logs, noise = scale * own - baseline, control - baseline
        spans = [statistics.lag(logs[:done], noise[:done], family=1) for done in range(3, BLOCKS + 1)]
        wrong += any(span.low > 0 or span.high < 0 for span in spans)

    assert wrong <= 0.06 * RUNS


def test_with_fewer_than_three_trials_there_is_no_bound() -> None:
    with pytest.raises(AssertionError, match="a bound needs 3 trials, found 2"):
        statistics.lag(np.zeros(2), np.zeros(2), family=1)
