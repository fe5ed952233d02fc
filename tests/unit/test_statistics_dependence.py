"""What copies and neighbouring blocks add to the variance of a mean, against hand-derived figures and simulation."""

import math

import numpy as np
import pytest
import scipy

from schemabench.statistics.dependence import dependence, inflation, ranks


def test_first_order_process_makes_the_mean_vary_as_published() -> None:
    # Three blocks of correlation 1/2: Var(sum) = 3 + 2 (2 * 1/2 + 1/4) = 5.5, over 3 of independent ones.
    assert inflation(np.array([0.5, 0.0]), 3) == pytest.approx([5.5 / 3, 1])
    # Many of them: (1 + r) / (1 - r).
    assert inflation(np.array([0.5]), 10_000) == pytest.approx([3], rel=0.001)


def test_ranks_are_shared_by_equal_values() -> None:
    values = np.array([[3.0, 1], [1, 1], [3, 2], [0, 0]])
    assert ranks(values).tolist() == scipy.stats.rankdata(values, axis=0).tolist()


def test_independent_blocks_count_in_full_three_times_of_four() -> None:
    random = np.random.default_rng(1)
    found = [
        dependence(random.normal(size=(60, 1)), copies=(), independent=1, family=1).widening[0] for _ in range(400)
    ]
    # Standard error of the share: sqrt(0.75 * 0.25 / 400) = 2.2 %.
    assert np.mean(np.array(found) == 1) == pytest.approx(0.75, abs=0.06)
    assert np.mean(found) < 1.1


def test_effective_blocks_of_a_first_order_process_are_those_of_its_theory() -> None:
    random = np.random.default_rng(2)
    values = random.normal(size=(4000, 1))
    for block in range(1, len(values)):
        values[block] += 0.5 * values[block - 1]
    found = dependence(values, copies=(), independent=1, family=1)
    assert found.correlation[0] == pytest.approx(0.5, abs=0.05)
    assert found.effective[0] == pytest.approx(4000 / 3, rel=0.15)
    assert found.widening[0] == pytest.approx(math.sqrt(3), rel=0.1)
    assert found.certain[0]


def test_correlation_of_short_copies_is_not_taken_for_less_than_it_is() -> None:
    # In 10 blocks about their own mean the raw correlation of independent ones is -1/10.
    random = np.random.default_rng(3)
    copies = np.repeat(np.arange(400), 10).tolist()
    values = random.normal(size=(4000, 1))
    for block in range(1, len(values)):
        values[block] = values[block] + 0.4 * values[block - 1] * (block % 10 > 0)
    found = dependence(values, copies=copies, independent=1, family=1)
    assert found.correlation[0] == pytest.approx(0.4, abs=0.07)


def test_share_between_copies_is_the_analysis_of_variances() -> None:
    # Two copies of six blocks with means -1 and 1, deviations of 1 either way: between 12 / 1 = 12, within
    # 12 / 10 = 1.2, hence (12 - 1.2) / 6 = 1.8 between copies, of 3.0 in all.
    values = np.tile([1.0, -1.0, -1.0, 1.0, 1.0, -1.0], 2) + np.repeat([-1.0, 1.0], 6)
    found = dependence(values[:, None], copies=[3] * 6 + [5] * 6, independent=1, family=1)
    assert found.copies_share == pytest.approx(0.6)
    # The mean varies by 12 / 12 where independence has 24 / 11 / 12.
    assert found.effective[0] == pytest.approx(12 * (24 / 11) / 12)


@pytest.mark.parametrize("copies", [[], [0] * 12, list(range(12))])
def test_copies_that_cannot_be_compared_have_no_share(copies: list[int]) -> None:
    values = np.random.default_rng(1).normal(size=(12, 2))
    assert dependence(values, copies=copies, independent=2, family=1).copies_share is None


@pytest.mark.parametrize("fitted", [1, 2, 3])
def test_on_one_copy_dependence_widens_by_the_variance_of_a_first_order_process_whatever_was_fitted(
    fitted: int,
) -> None:
    values = np.random.default_rng(4).normal(size=(20, 1))
    for block in range(1, len(values)):
        values[block] += 0.9 * values[block - 1]
    rounds = np.vander(np.arange(20.0), fitted)
    left = values - rounds @ np.linalg.lstsq(rounds, values, rcond=None)[0]
    found = dependence(left, copies=(), independent=1, family=1, fitted=fitted)

    assert found.correlation[0] > 0.3
    assert found.effective == pytest.approx(20 / inflation(found.correlation, 20))


def test_constant_series_do_not_depend_on_anything() -> None:
    found = dependence(np.full((20, 2), 7.3), copies=[0] * 10 + [1] * 10, independent=2, family=1)
    assert found.widening.tolist() == [1, 1]
    assert found.effective.tolist() == [20, 20]


@pytest.mark.parametrize("shape", [(5, 2), (12, 0)])
def test_too_few_blocks_or_no_series_say_nothing(shape: tuple[int, int]) -> None:
    found = dependence(np.ones(shape), copies=(), independent=1, family=1)
    assert found.widening.tolist() == [1] * shape[1]
    assert found.copies_share is None


@pytest.mark.parametrize(("correlation", "share"), [(0.5, 0.0), (0.0, 0.3)])
def test_mean_is_told_from_zero_in_about_one_run_of_twenty_where_independence_would_in_five(
    correlation: float, share: float
) -> None:
    random = np.random.default_rng(9)
    copies, runs, naive, known = np.repeat(np.arange(5), 12), 400, 0, 0
    for _ in range(runs):
        values = random.normal(size=(60, 3))
        for block in range(1, 60):
            values[block] = correlation * values[block - 1] + math.sqrt(1 - correlation**2) * values[block]
        values = math.sqrt(1 - share) * values + math.sqrt(share) * random.normal(size=(5, 3))[copies]
        half = scipy.stats.t.ppf(0.975, 59) * values.std(axis=0, ddof=1) / math.sqrt(60)
        found = dependence(values, copies=copies.tolist(), independent=3, family=1)
        away = np.abs(values.mean(axis=0))
        naive, known = naive + (away > half).sum(), known + (away > half * found.widening).sum()
    assert naive / runs / 3 > 0.2
    # Three series a run, pooled: standard error about 0.8 %.
    assert known / runs / 3 < 0.05 + 2 * 0.008
