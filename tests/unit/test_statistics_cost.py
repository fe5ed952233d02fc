"""Costs against the baseline."""

import itertools
import math

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from often import keeps_level

from schemabench.records import Criterion, Estimate
from schemabench.statistics import CostComparison, compare_costs, rank_costs

CONTROL = "baseline (control)"
WAL = Criterion(name="wal", title="WAL per row", unit="bytes", per="row", better="less", compared="difference")
UNKNOWN = CostComparison(amount=None, ratio=None, differs=False)


def test_constant_amounts_have_a_ratio_of_no_width() -> None:
    found = compare_costs(np.tile([200.0, 118, 200], (12, 1)), ["baseline", "a", "b"], baseline="baseline", seed=1)
    assert found["a"].ratio is not None
    assert (found["a"].ratio.value, found["a"].ratio.low, found["a"].ratio.high) == pytest.approx((0.59, 0.59, 0.59))
    assert found["a"].differs
    assert found["b"] == CostComparison(amount=200, ratio=Estimate(value=1, low=1, high=1), differs=False)
    assert found["baseline"] == CostComparison(amount=200, ratio=None, differs=False)


def test_whoever_differs_differs_by_more_than_the_control() -> None:
    names = ["baseline", CONTROL, "as little", "more"]
    amounts = np.tile([200.0, 202, 199, 210], (12, 1))
    found = compare_costs(amounts, names, baseline="baseline", seed=1, control=CONTROL)

    assert [found[name].differs for name in names] == [False, True, False, True]


def test_amounts_are_paired_by_block() -> None:
    baseline = np.random.default_rng(1).lognormal(0, 1, 20)
    amounts = np.column_stack([baseline, baseline * 1.001])
    found = compare_costs(amounts, ["baseline", "a"], baseline="baseline", seed=1)
    assert found["a"].differs
    assert found["a"].ratio is not None
    assert found["a"].ratio.low == pytest.approx(1.001)


def test_ratio_is_that_of_the_amounts_and_lies_on_their_side_of_one() -> None:
    # A checkpoint in three trials of 40: most blocks say 0.99, the sums say 1.5; one estimator speaks for all.
    amounts = np.random.default_rng(1).normal(100, 0.1, (40, 2))
    amounts[:, 1] *= 0.99
    amounts[[3, 9, 30], 1] *= 8
    found = compare_costs(amounts, ["baseline", "a"], baseline="baseline", seed=1)
    ratio, own, base = found["a"].ratio, found["a"].amount, found["baseline"].amount
    assert None not in {ratio, own, base}
    assert ratio.value == pytest.approx(own / base) == pytest.approx(0.99 * (1 + 7 * 3 / 40), rel=0.001)
    assert ratio.low < 1 < ratio.high
    assert not found["a"].differs


def test_fiellers_interval_holds_each_ratio_that_the_test_of_its_difference_does_not_reject() -> None:
    amounts = np.random.default_rng(7).lognormal(0, 0.3, (20, 2)) * [1.0, 1.4]
    found = compare_costs(amounts, ["baseline", "a"], baseline="baseline", seed=1)["a"].ratio
    assert found is not None
    for end in (found.low, found.high):
        differences = amounts[:, 1] - end * amounts[:, 0]
        assert abs(scipy.stats.ttest_1samp(differences, 0).statistic) == pytest.approx(
            scipy.stats.t.ppf(0.975, 19), rel=0.06
        )


def test_baseline_that_is_no_more_than_chance_bounds_no_ratio() -> None:
    baseline, own = np.zeros(20), np.full(20, 3.0)
    baseline[[4, 11]] = 1.0
    found = compare_costs(np.column_stack([baseline, own]), ["baseline", "a"], baseline="baseline", seed=1)
    assert found["a"] == CostComparison(amount=3, ratio=None, differs=True)


def test_zero_leaves_no_ratio_but_a_difference() -> None:
    amounts = np.column_stack([np.ones(20), np.zeros(20), np.full(20, 2.0)])
    found = compare_costs(amounts, ["baseline", "none", "twice"], baseline="baseline", seed=1)
    assert found["none"] == CostComparison(amount=0, ratio=None, differs=True)
    assert found["twice"].differs
    assert found["twice"].ratio is not None
    assert found["twice"].ratio.value == pytest.approx(2)


def test_baseline_of_zeros_is_told_from_what_happens_in_two_blocks_of_five() -> None:
    amounts = np.column_stack([np.zeros(30), np.resize([0, 1.0, 0, 0, 1], 30), np.zeros(30)])
    found = compare_costs(amounts, ["baseline", "sometimes", "never"], baseline="baseline", seed=1)
    assert found["sometimes"] == CostComparison(amount=pytest.approx(0.4), ratio=None, differs=True)
    assert found["never"] == CostComparison(amount=0, ratio=None, differs=False)


def test_what_is_not_offered_is_not_compared_and_takes_nobody_along() -> None:
    amounts = np.tile([2.0, 3.0, math.nan], (12, 1))
    amounts[0, 1] = math.nan
    found = compare_costs(amounts, ["baseline", "a", "b"], baseline="baseline", seed=1)
    assert found["a"].differs
    assert found["b"] == UNKNOWN


@pytest.mark.parametrize("own", [math.nan, 1.0])
def test_baseline_without_figures_or_alone_leaves_nothing_to_compare(own: float) -> None:
    amounts = np.tile([own, 1.0 if math.isnan(own) else math.nan], (12, 1))
    found = compare_costs(amounts, ["baseline", "a"], baseline="baseline", seed=1)
    alone, unknown = ("a", "baseline") if math.isnan(own) else ("baseline", "a")
    assert found == {alone: CostComparison(amount=1, ratio=None, differs=False), unknown: UNKNOWN}


def test_blocks_that_are_never_whole_leave_nothing_to_compare() -> None:
    amounts = np.array([[1.0, math.nan], [math.nan, 1.0]] * 6)
    found = compare_costs(amounts, ["baseline", "a"], baseline="baseline", seed=1)
    assert found == {"baseline": UNKNOWN, "a": UNKNOWN}


def test_too_few_blocks_differ_in_nothing() -> None:
    found = compare_costs(np.tile([1.0, 2.0], (5, 1)), ["baseline", "a"], baseline="baseline", seed=1)
    assert found["a"].ratio is not None
    assert found["a"].ratio.value == pytest.approx(2)
    assert not found["a"].differs


def test_too_few_blocks_have_a_ratio_within_its_range_though_the_baseline_paid_nothing_in_one() -> None:
    amounts = np.array([[0.0, 2.0], [1.0, 2.0]])
    more, less = (
        compare_costs(np.column_stack([amounts[:, 0], own]), ["baseline", "a"], baseline="baseline", seed=1)["a"].ratio
        for own in (amounts[:, 1], np.array([0.0, 2.0]))
    )

    assert more == Estimate(value=4, low=2, high=4), "the first block has no ratio, and is in the value"
    assert less == Estimate(value=2, low=2, high=2)


def test_control_is_compared_and_widens_nothing() -> None:
    amounts = np.random.default_rng(3).lognormal(0, 0.1, (12, 4))
    names = ["baseline", "a", "b", CONTROL]
    found = compare_costs(amounts, names, baseline="baseline", control=CONTROL, seed=1)
    without = compare_costs(amounts[:, :3], names[:3], baseline="baseline", seed=1)
    assert {name: found[name] for name in names[:3]} == without
    assert found[CONTROL].ratio is not None


def test_control_alone_is_compared() -> None:
    found = compare_costs(
        np.tile([1.0, 1.0], (8, 1)), ["baseline", CONTROL], baseline="baseline", control=CONTROL, seed=1
    )
    assert found[CONTROL] == CostComparison(amount=1, ratio=Estimate(value=1, low=1, high=1), differs=False)


@given(st.integers(0, 1000), st.booleans(), st.sampled_from([1e-12, 1e12]))
@settings(max_examples=20)
def test_unit_does_not_matter_and_ratio_excludes_one_where_it_differs(seed: int, zeros: bool, unit: float) -> None:  # noqa: FBT001 (a parameter)
    amounts = np.random.default_rng(seed).lognormal(0, 0.1, (12, 4)) * [1, 1, 1.1, 1.2]
    if zeros:
        amounts[:4, 3] = 0
    names = ["baseline", "a", "b", "c"]
    first, second = (compare_costs(given, names, baseline="baseline", seed=1) for given in (amounts, amounts * unit))
    for name, found in first.items():
        assert found.differs == second[name].differs
        if found.ratio is not None:
            assert found.differs == (not found.ratio.low <= 1 <= found.ratio.high)


def test_equal_candidates_differ_in_at_most_one_run_of_twenty() -> None:
    random, names = np.random.default_rng(5), ["baseline", "a", "b", "c"]
    draws = (random.poisson(0.5, (12, 4)).astype(float) for _ in itertools.count())
    compared = (compare_costs(amounts, names, baseline="baseline", seed=1).values() for amounts in draws)
    assert keeps_level(any(found.differs for found in one) for one in compared)


@pytest.mark.parametrize("wrong", [-1.0, math.inf])
def test_amount_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(AssertionError, match="not below zero"):
        compare_costs(np.array([[1.0, wrong]]), ["baseline", "a"], baseline="baseline", seed=1)


def test_ranking_by_a_cost_ties_what_differs_by_no_more_than_the_control() -> None:
    names = ["baseline", CONTROL, "as little", "more"]
    amounts = np.tile([200.0, 202, 199, 210], (12, 1))
    found = rank_costs(WAL, amounts, names, baseline="baseline", seed=1, control=CONTROL)

    assert {one.name: (one.rank, one.tied_with) for one in found.standings} == {
        "as little": (1, ("baseline",)),
        "baseline": (1, ("as little",)),
        "more": (3, ()),
    }
    assert found.control is not None
    assert found.control.tied_with == ()
    (notice,) = found.notices
    assert notice.text == (
        "The baseline ran a second time as 'baseline (control)' and differs from itself in WAL per row: by +2 bytes "
        "per row, interval +2 to +2. Trust only differences in WAL per row well beyond that."
    )


@settings(deadline=None)
@given(st.floats(min_value=1e-6, max_value=1e6))
def test_ranking_by_a_cost_does_not_depend_on_its_unit(scale: float) -> None:
    amounts = np.random.default_rng(5).lognormal(0, 0.2, (20, 3)) * [1.0, 1.3, 0.9]
    names = ["baseline", "a", "b"]
    first, second = (rank_costs(WAL, given, names, baseline="baseline", seed=1) for given in (amounts, amounts * scale))

    assert first.better == second.better
    assert [one.to_baseline.low * scale for one in first.standings] == pytest.approx(
        [one.to_baseline.low for one in second.standings]
    )


def test_ranking_by_a_cost_tells_equal_candidates_apart_in_one_run_of_twenty_at_most() -> None:
    random, names = np.random.default_rng(11), ["baseline", CONTROL, "a", "b", "c"]
    assert keeps_level(
        bool(
            rank_costs(
                WAL, random.lognormal(0, 0.3, (15, 5)), names, baseline="baseline", seed=run, control=CONTROL
            ).better
        )
        for run in itertools.count()
    )


def test_nobody_is_ranked_by_a_cost_that_the_baseline_was_not_offered() -> None:
    amounts = np.tile([np.nan, 1.0, 2.0], (12, 1))
    assert rank_costs(WAL, amounts, ["baseline", "a", "b"], baseline="baseline", seed=1).standings == ()
