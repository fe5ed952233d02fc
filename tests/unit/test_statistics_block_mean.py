"""Centre, interval and test by means over blocks, against hand-derived and published figures."""

import math

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from schemabench.statistics import block_mean, signed_rank
from schemabench.statistics.sign_flips import Span

differences = st.lists(st.floats(-10, 10).map(lambda value: round(value, 3)), min_size=6, max_size=12)


def span_of(values: list[float]) -> Span:
    (span,) = block_mean.spans_sharing(np.array(values)[:, None], family=1, seed=1)
    return span


@pytest.mark.parametrize(("positive", "apart"), [(5, False), (6, True)])
def test_six_values_of_one_sign_are_told_apart_however_many_zeros(positive: int, apart: bool) -> None:  # noqa: FBT001 (a parameter)
    # Of 2^5 patterns of five signs 2 are all alike: 6.3 % > 5 %. Of 2^6, 2: 3.1 %.
    assert span_of([0.1] * positive + [0.0] * 8).apart == apart


def test_lock_that_is_waited_for_in_two_blocks_of_five_is_found_where_ranks_find_none() -> None:
    values = np.array([0.2, 0, 0, 0.1, 0] * 8)[:, None]
    (by_ranks,) = signed_rank.spans_sharing(values, family=1, seed=1)
    (by_mean,) = block_mean.spans_sharing(values, family=1, seed=1)
    assert (by_ranks.low, by_ranks.apart) == (0, False)
    assert (by_mean.centre, by_mean.apart) == (pytest.approx(0.06), True)


def test_published_randomization_test_is_reproduced() -> None:
    # Fisher, "The Design of Experiments", section 21: Darwin's fifteen pairs of maize, differences in eighths of an
    # inch. 1,726 of 2^15 flips reach the sum of 314: 5.27 %, just not significant, where Student's t finds 4.97 %.
    darwin = [49.0, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert scipy.stats.ttest_1samp(darwin, 0).pvalue == pytest.approx(0.0497, abs=5e-5)
    codes = np.arange(2**15)[:, None] >> np.arange(15) & 1
    assert int((np.abs((1 - 2 * codes) @ darwin) >= 314).sum()) == 1726
    span = span_of(darwin)
    assert span.centre == pytest.approx(314 / 15)
    assert span.low == pytest.approx(0, abs=0.5)


@given(st.lists(st.integers(-9, 9), min_size=6, max_size=10))
def test_interval_that_excludes_zero_has_the_randomization_tests_leave(values: list[int]) -> None:
    codes = np.arange(2 ** len(values))[:, None] >> np.arange(len(values)) & 1
    reached = np.mean(np.abs((1 - 2 * codes) @ np.array(values)) >= abs(sum(values)))
    assert reached <= 0.05 or not span_of([float(value) for value in values]).apart


@given(differences)
def test_turning_the_sign_turns_the_span(values: list[float]) -> None:
    span, turned = span_of(values), span_of([-value for value in values])
    assert (turned.low, turned.centre, turned.high) == pytest.approx((-span.high, -span.centre, -span.low))


@given(differences, st.sampled_from([1e-3, 0.5, 1e3]))
def test_unit_does_not_matter(values: list[float], unit: float) -> None:
    assert span_of([value * unit for value in values]).apart == span_of(values).apart


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert span_of([0.1] * 8) == Span(centre=0.1, low=0.1, high=0.1, bounded=True)
    assert span_of([0.1] * 8).apart
    assert span_of([0.0] * 8) == Span(centre=0, low=0, high=0, bounded=True)


def test_five_values_are_never_told_apart_from_zero() -> None:
    assert span_of([0.5, 0.6, 0.7, 0.8, 0.9]) == Span(centre=pytest.approx(0.7), low=0.5, high=0.9, bounded=False)


def test_a_single_value_leaves_the_mean_as_uncertain_as_students_t_says() -> None:
    values = [0.3] + [0.0] * 19
    alone = scipy.stats.t.interval(0.95, 19, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert (span_of(values).low, span_of(values).high) == pytest.approx(alone)


def test_several_series_share_a_stricter_critical_value() -> None:
    values = np.random.default_rng(3).normal(size=(60, 6))
    (alone, *_) = block_mean.spans_sharing(values, family=1, seed=1)
    (together, *_) = block_mean.spans_sharing(values, family=6, seed=1)
    # Six independent series: each may reject at 1 - 0.95^(1/6) = 0.85 %, with 59 degrees of freedom t = 2.72, not 2.00.
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(2.72 / 2.00, rel=0.03)


def test_series_of_zeros_cost_nothing() -> None:
    values = np.random.default_rng(3).normal(size=(30, 1))
    (alone,) = block_mean.spans_sharing(values, family=1, seed=1)
    (first, second) = block_mean.spans_sharing(np.hstack([values, np.zeros((30, 1))]), family=2, seed=1)
    assert first == alone
    assert second == Span(centre=0, low=0, high=0, bounded=True)


def test_mean_alone_has_students_interval_and_a_single_block_none() -> None:
    values = np.array([[0.1], [0.3], [0.2], [0.6]])
    low, high = scipy.stats.t.interval(0.95, 3, loc=0.3, scale=scipy.stats.sem(values[:, 0]))
    (span,) = block_mean.spans_apart(values)
    assert (span.centre, span.low, span.high) == pytest.approx((0.3, low, high))
    assert block_mean.spans_apart(values[:1]) == (Span(centre=0.1, low=0.1, high=0.1, bounded=False),)


@pytest.mark.parametrize("values", [np.empty((0, 1)), np.array([[math.nan]])])
def test_series_without_a_mean_are_refused(values: np.ndarray) -> None:
    with pytest.raises(AssertionError, match="statistics need"):
        block_mean.spans_sharing(values, family=1, seed=1)
    with pytest.raises(AssertionError, match="statistics need"):
        block_mean.spans_apart(values)
