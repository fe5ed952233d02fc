"""Centre, interval and test by signed ranks, against hand-derived and published figures."""

import math

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from schemabench.statistics import signed_rank

differences = st.lists(st.floats(-10, 10).map(lambda value: round(value, 3)), min_size=6, max_size=12)


def span_of(values: list[float]) -> signed_rank.Span:
    (span,) = signed_rank.spans_apart(np.array(values)[:, None], seed=1)
    return span


def test_centre_is_the_median_of_all_pairwise_means() -> None:
    # Values 1, 2, 6. Means of pairs, each value with itself: 1, 1.5, 3.5, 2, 4, 6; in order 1 1.5 2 3.5 4 6.
    # The median of these six is (2 + 3.5) / 2 = 2.75.
    assert signed_rank.centre(np.array([1.0, 2.0, 6.0])) == 2.75


def test_one_outlier_hardly_moves_the_centre() -> None:
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    spoilt = np.where(values == 10, 1_000, values)
    assert abs(signed_rank.centre(spoilt) - signed_rank.centre(values)) < 1


def test_six_values_give_their_range_as_the_interval() -> None:
    # Of 2^6 = 64 equally likely patterns of signs, 2 have all signs alike: 3.1 % <= 5 %, so |T| = 21 rejects. The next,
    # |T| = 19 (only the smallest rank differs), is reached by 4 of 64: 6.3 % > 5 %. Hence c = 19, and with M = 21
    # averages the interval begins at the first average, (21 - 19) / 2 = 1, and ends at the last.
    # The centre is the 11th of the 21 means of pairs of 1, 2, 3, 4, 5, 6, which lie evenly about 3.5.
    assert span_of([1, 2, 3, 4, 5, 6]) == signed_rank.Span(centre=3.5, low=1, high=6, bounded=True)


def test_single_value_is_its_own_interval() -> None:
    assert span_of([7]) == signed_rank.Span(centre=7, low=7, high=7, bounded=False)


def test_zeros_have_an_interval() -> None:
    assert span_of([0, 0, 0, 0, 0, 0]) == signed_rank.Span(centre=0, low=0, high=0, bounded=True)
    assert span_of([-3, -1, 0, 0, 1, 3]).centre == 0


def test_ten_values_give_the_ninth_average_from_either_end() -> None:
    # Tables of the signed-rank test: n = 10, two-sided 5 %: reject at W <= 8 (4.9 %), so that the interval runs from
    # the 9th smallest to the 9th largest of the 55 averages.
    values = np.array([0.3, 1.1, 2.4, 2.9, 3.7, 5.2, 5.9, 7.7, 8.8, 9.6])
    averages = np.sort([(values[i] + values[j]) / 2 for i in range(10) for j in range(i, 10)])
    span = span_of(list(values))
    assert (span.low, span.high) == (averages[8], averages[-9])


def test_published_example_is_reproduced() -> None:
    # Hollander, Wolfe & Chicken, "Nonparametric Statistical Methods", table 3.1: a depression scale of nine patients at
    # two visits. Their centre is -0.46 and their 96 % interval, from the 6th average, is -0.786 to -0.010.
    first = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    second = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    span = span_of(list(second - first))
    assert (span.centre, span.low, span.high) == pytest.approx((-0.46, -0.786, -0.010))


@given(st.lists(st.integers(1, 1000), min_size=6, max_size=12, unique=True), st.integers(0, 2**12))
def test_interval_excludes_zero_exactly_where_scipys_test_rejects(sizes: list[int], signs: int) -> None:
    values = [float(size) if signs >> place & 1 else -float(size) for place, size in enumerate(sizes)]
    rejected = scipy.stats.wilcoxon(values, method="exact").pvalue <= 0.05
    assert span_of(values).apart == rejected


@given(differences)
def test_interval_holds_its_centre(values: list[float]) -> None:
    span = span_of(values)
    assert span.low <= span.centre <= span.high


@given(differences)
def test_turning_the_sign_turns_the_span(values: list[float]) -> None:
    span, turned = span_of(values), span_of([-value for value in values])
    assert (turned.low, turned.centre, turned.high) == pytest.approx((-span.high, -span.centre, -span.low))


def test_five_values_are_never_told_apart_from_zero() -> None:
    # 2 of 2^5 = 32 patterns have all signs alike: 6.3 % > 5 %.
    span = span_of([101, 102, 103, 104, 105])
    assert span == signed_rank.Span(centre=103, low=101, high=105, bounded=False)
    assert not span.apart


def test_smallest_sample_grows_by_one_for_each_doubling_of_comparisons() -> None:
    # 2^(1-n) <= 0.05 / m: m = 1 -> n = 6 (1/32); m = 2 -> 7 (1/64 <= 1/40); m = 15 -> 10 (1/512 <= 1/300).
    assert [signed_rank.fewest(count) for count in (1, 2, 15)] == [6, 7, 10]


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert span_of([0.5] * 8) == signed_rank.Span(centre=0.5, low=0.5, high=0.5, bounded=True)
    assert span_of([0.5] * 8).apart
    assert not span_of([0.0] * 8).apart


def test_several_series_share_a_stricter_critical_value() -> None:
    values = np.random.default_rng(3).normal(size=(40, 6))
    alone = signed_rank.shared_critical_value(values[:, :1], seed=1)
    together = signed_rank.shared_critical_value(values, seed=1)
    # Six independent series: each may reject at 1 - 0.95^(1/6) = 0.85 %, the normal's 2.63 instead of 1.96.
    assert together / alone == pytest.approx(2.63 / 1.96, rel=0.03)


def test_series_that_repeat_each_other_cost_nothing() -> None:
    values = np.random.default_rng(3).normal(size=(40, 1))
    alone = signed_rank.shared_critical_value(values, seed=1)
    assert signed_rank.shared_critical_value(np.hstack([values, 2 * values, -values]), seed=1) == alone


def test_too_few_blocks_have_an_infinite_critical_value() -> None:
    assert signed_rank.shared_critical_value(np.ones((5, 1)), seed=1) == math.inf


@pytest.mark.parametrize("values", [np.empty((0, 1)), np.array([[math.nan]]), np.array([[math.inf]])])
def test_series_without_a_centre_are_refused(values: np.ndarray) -> None:
    with pytest.raises(AssertionError, match="statistics need"):
        signed_rank.spans_apart(values, seed=1)


@pytest.mark.parametrize("blocks", [8, 30, 100])
def test_intervals_hold_the_truth_as_often_as_they_say_under_heavy_tails(blocks: int) -> None:
    random = np.random.default_rng(20 + blocks)
    runs = 400
    slow = np.where(random.random((blocks, runs)) < 0.1, random.uniform(0.7, 1.6, (blocks, runs)), 0)
    values = 0.1 * random.standard_t(3, (blocks, runs)) + slow * random.choice([-1, 1], (blocks, runs))
    held = np.mean([span.low <= 0 <= span.high for span in signed_rank.spans_apart(values, seed=1)])
    # Standard error of the share: sqrt(0.95 * 0.05 / 400) = 1.1 %.
    assert held > 0.92
