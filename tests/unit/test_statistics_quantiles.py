"""Quantiles of all calls of a run, with intervals over blocks, and ratios of figures that have intervals."""

import numpy as np
import pytest

from schemabench.records import Estimate
from schemabench.statistics import inverse, quantile, quotient


def test_the_interval_of_a_quantile_holds_the_true_one_in_most_runs_also_if_blocks_differ() -> None:
    random, held, made = np.random.default_rng(1), {0.5: 0, 0.99: 0}, {0.5: 0, 0.99: 0}
    # of exp(block + call), both normal: the logarithm is normal, too
    truth = {0.5: 1.0, 0.99: np.exp(2.326 * np.hypot(0.1, 0.3))}
    for _ in range(200):
        blocks = [
            np.rint(1e6 * np.exp(random.normal(0, 0.1) + random.normal(0, 0.3, 200))).astype(np.int64)
            for _ in range(20)
        ]
        for level, true in truth.items():
            if found := quantile(blocks, level):
                made[level] += 1
                held[level] += found.low <= 1e6 * true <= found.high

    assert made[0.5] == 200
    assert held[0.5] >= 0.92 * made[0.5], "193 of them"
    assert held[0.99] >= 0.88 * made[0.99], "175 of 183"


def test_calls_that_are_independent_have_the_interval_of_order_statistics() -> None:
    random = np.random.default_rng(2)
    blocks = [random.integers(0, 1_000_000, 500) for _ in range(20)]
    found = quantile(blocks, 0.5)

    assert found is not None
    assert found.value == np.quantile(np.concatenate(blocks), 0.5, method="inverted_cdf")
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(10_000) * 1e6, rel=0.5)


def test_too_few_calls_or_blocks_have_no_quantile() -> None:
    empty = np.array([], dtype=np.int64)

    assert quantile([np.arange(1000)] * 5, 0.5) is None
    assert quantile([np.arange(1000)] * 5 + [empty] * 5, 0.5) is None
    assert quantile([empty] * 6, 0.5) is None
    assert quantile([np.arange(40)] * 6, 0.99) is None
    assert quantile([np.arange(200), empty, *[np.arange(200)] * 5], 0.5) is not None


@pytest.mark.parametrize("blocks", [2, 3, 4, 5, 6, 8, 12])
@pytest.mark.parametrize(("level", "spread"), [(0.5, 1.0), (0.99, np.exp(2.326 * 0.3))])
def test_the_interval_of_a_quantile_of_few_blocks_holds_the_true_one_or_is_not_shown(
    blocks: int, level: float, spread: float
) -> None:
    random, found = np.random.default_rng(3), []
    for _ in range(200):
        times = [np.rint(1e6 * random.lognormal(0, 0.3, 400)).astype(np.int64) for _ in range(blocks)]
        found += [one for one in [quantile(times, level)] if one]

    assert bool(found) == (blocks >= 6)
    assert sum(one.low <= 1e6 * spread <= one.high for one in found) >= 0.92 * len(found)


def test_blocks_that_are_alike_by_chance_have_no_narrower_interval_than_their_calls_together() -> None:
    """The level of a quantile of n calls is off by sqrt(level (1 - level) / n), if they are independent."""
    alike = [np.arange(1000)] * 6
    median, high = quantile(alike, 0.5), quantile(alike, 0.99)

    assert median is not None
    assert (median.low, median.high) == pytest.approx((487, 511), abs=1), "1.96 sqrt(0.25 / 6000), or 12.7 of 1000"
    assert high is not None
    assert (high.low, high.high) == pytest.approx((986, 991), abs=1), "1.96 sqrt(0.0099 / 6000), or 2.5 of 1000"
    few = quantile([np.arange(60)] * 6, 0.99)
    assert few is not None
    assert (few.low, few.high) == (58, 59), "of 360 calls, the last one is the upper end"


def test_no_quantile_lies_beyond_the_last_call() -> None:
    slow, fast = np.full(300, 1_000_000), np.full(300, 1_000)

    assert quantile([slow, fast, fast, fast, fast, fast], 0.99) is None


def test_intervals_of_separate_figures_add_in_squares_on_logarithms() -> None:
    figure = Estimate(value=100.0, low=100.0 / 1.1, high=110.0)
    found = quotient(figure, figure)

    assert found.value == 1.0
    assert found.high == pytest.approx(np.exp(np.sqrt(2) * np.log(1.1)))
    assert found.low == pytest.approx(1 / found.high)


def test_the_inverse_of_a_ratio_has_its_ends_exchanged() -> None:
    assert inverse(Estimate(value=2.0, low=1.6, high=4.0)) == Estimate(value=0.5, low=0.25, high=0.625)
