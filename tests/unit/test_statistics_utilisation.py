"""The interval of how much time calls take: it covers the truth as often as it says, and few calls are told apart."""

import numpy as np
import pytest

from schemabench.statistics import utilisation

RUNS = 2000


@pytest.mark.parametrize("calls", [8, 40, 1000])
@pytest.mark.parametrize("shape", [4.0, 100.0])
def test_the_interval_covers_the_truth_in_95_of_100(calls: int, shape: float) -> None:
    random = np.random.default_rng(1)
    found = [utilisation(random.gamma(shape, 0.7 / shape, calls), float(calls)) for _ in range(RUNS)]
    covered = np.mean([one.low <= 0.7 <= one.high for one in found])

    assert 0.92 < covered < 0.97, "a little less where few calls have a long tail"


def test_the_interval_covers_the_truth_where_calls_depend_on_those_before() -> None:
    random = np.random.default_rng(1)
    covered = []
    for _ in range(RUNS):
        noise = random.normal(size=1000)
        for place in range(1, len(noise)):
            noise[place] += 0.7 * noise[place - 1]
        found = utilisation(0.7 + 0.05 * noise, 1000.0)
        covered.append(found.low <= 0.7 <= found.high)

    assert 0.92 < np.mean(covered) < 0.97


def test_intervals_that_hold_jointly_are_wider() -> None:
    service_s = np.random.default_rng(1).gamma(4.0, 1.0, 50)
    alone, jointly = (utilisation(service_s, 300.0, jointly=count) for count in (1, 8))

    assert jointly.low < alone.low < alone.value < alone.high < jointly.high


def test_the_interval_of_few_calls_is_from_the_shortest_to_the_longest() -> None:
    found = utilisation(np.array([1.0, 2.0, 6.0]), 12.0)

    assert (found.low, found.value, found.high) == pytest.approx((0.25, 0.75, 1.5))


def test_one_call_has_no_interval() -> None:
    found = utilisation(np.array([3.0]), 12.0)

    assert found.low == found.value == found.high == 0.25


def test_no_share_is_below_zero() -> None:
    assert utilisation(np.array([0.0] * 19 + [9.0]), 10.0).low == 0
