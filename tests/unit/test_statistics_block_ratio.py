"""Ratios of sums over blocks, and their paired differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemabench.records import Estimate
from schemabench.statistics import block_mean, block_ratio
from schemabench.statistics.sign_flips import Span


def sums(random: np.random.Generator, blocks: int, share: float, whole: float) -> NDArray[np.float64]:
    """Return one series of counts, of shape (blocks, 1, 2): some blocks have none, others many."""
    wholes = random.poisson(whole, (blocks, 1))
    return np.stack([random.binomial(wholes, share), wholes], axis=-1).astype(np.float64)


def span_of(first: NDArray[np.float64], second: NDArray[np.float64]) -> Span:
    (span,) = block_ratio.spans_sharing(first, second, family=1, seed=1)
    return span


def test_with_wholes_that_are_alike_a_ratio_is_the_mean_of_the_blocks_shares_with_its_interval() -> None:
    shares = np.random.default_rng(1).random((12, 1))
    (span,) = block_ratio.spans_apart(np.stack([7 * shares, np.full_like(shares, 7)], axis=-1), copies=())
    (mean,) = block_mean.spans_apart(shares)  # of blocks that do not depend on each other
    assert (span.centre, span.low, span.high) == pytest.approx((mean.centre, mean.low, mean.high))


def test_a_ratio_is_that_of_the_sums_and_blocks_without_a_whole_leave_its_interval_as_it_is() -> None:
    series = np.array([[[3.0, 4.0]], [[0.0, 1.0]], [[2.0, 15.0]], [[1.0, 5.0]]])
    (span,) = block_ratio.spans_apart(series, copies=())
    (more,) = block_ratio.spans_apart(np.concatenate([series, np.zeros((9, 1, 2))]), copies=())
    assert span.centre == pytest.approx(6 / 25)
    assert (more.low, more.high) == pytest.approx((span.low, span.high))


def test_copies_that_differ_widen_the_interval_of_a_ratio() -> None:
    random, copies = np.random.default_rng(5), np.repeat(np.arange(5), 6)
    own = 0.3 + 0.1 * random.normal(size=5)[copies] + 0.02 * random.normal(size=30)
    series = np.stack([80 * own, np.full(30, 80.0)], axis=-1)[:, None]
    (known,) = block_ratio.spans_apart(series, copies=copies.tolist())
    (unknown,) = block_ratio.spans_apart(series[np.argsort(random.random(30))], copies=())
    assert known.high - known.low > 2 * (unknown.high - unknown.low)


@given(seed=st.integers(0, 1000))
def test_differences_have_the_mean_of_the_difference_of_both_ratios(seed: int) -> None:
    random = np.random.default_rng(seed)
    first, second = sums(random, 20, 0.3, 3), sums(random, 20, 0.1, 1.5)
    expected = block_ratio.ratios(first) - block_ratio.ratios(second)
    assert block_ratio.differences(first, second).mean(axis=0) == pytest.approx(expected)
    assert span_of(second, first).centre == pytest.approx(-expected[0])


def test_a_block_in_which_neither_was_seen_carries_no_sign() -> None:
    random = np.random.default_rng(2)
    first, second = sums(random, 20, 0.5, 4), sums(random, 20, 0.1, 4)
    first[3:9] = second[3:9] = 0
    assert (block_ratio.differences(first, second)[3:9] == 0).all()


def test_a_ratio_of_sums_weighs_blocks_by_their_calls() -> None:
    found = block_ratio.ratio_of_sums(np.array([100.0, 300.0, 200.0]), np.array([1.0, 3.0, 2.0]))
    assert found == Estimate(value=100.0, low=100.0, high=100.0)
    assert block_ratio.ratio_of_sums(np.zeros(3), np.zeros(3)) is None


def test_as_often_as_both_are_observed_pairing_takes_out_what_blocks_have_in_common() -> None:
    common = np.random.default_rng(3).random((20, 1))
    both = np.stack([80 * common, np.full_like(common, 80)], axis=-1)
    assert span_of(both, both) == Span(centre=0, low=0, high=0, bounded=True)


def test_who_is_observed_less_and_does_not_scatter_is_as_uncertain_as_the_other_says() -> None:
    often = sums(np.random.default_rng(4), 20, 0.1, 60)
    seldom = np.zeros_like(often)
    seldom[:10, 0, 1] = 1
    span = span_of(often, seldom)
    # Ten observations at 10 %: a standard error of sqrt(0.1 * 0.9 / 10) = 9 %.
    assert (span.high - span.low) / 2 > 2 * 0.08
    assert not span.apart
