"""Standings by lock waits, and the Pareto front."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemabench.records import Estimate, LockStanding
from schemabench.statistics import LockRanking, pareto, rank, rank_locks

CONTROL = "baseline (control)"
OBSERVATIONS = 80
"""Ten looks at eight sessions."""


def sampled(
    random: np.random.Generator, blocks: int, waiting: Sequence[float], share: float = 0.1
) -> NDArray[np.float64]:
    """Return shares as sampled: each candidate waits in this share of its trials, for a tenth of the time."""
    shape = (blocks, len(waiting))
    return np.where(random.random(shape) < waiting, random.binomial(OBSERVATIONS, share, shape) / OBSERVATIONS, 0)


def ranked(shares: NDArray[np.float64], names: Sequence[str], control: str | None = None) -> LockRanking:
    return rank_locks(shares, names, baseline="baseline", control=control, seed=1)


def named(ranking: LockRanking) -> dict[str, LockStanding]:
    return {standing.name: standing for standing in ranking.standings}


def ranks(ranking: LockRanking) -> dict[str, int]:
    return {standing.name: standing.rank for standing in ranking.standings}


def test_less_waiting_is_better_and_shares_subtract_to_the_difference() -> None:
    shares = np.array([[0.4, 0.1], [0.5, 0.1], [0.6, 0.3], [0.4, 0.1], [0.5, 0.1], [0.6, 0.2]])
    found = ranked(shares, ["baseline", "calm"])
    calm, baseline = found.standings
    assert (calm.name, calm.rank, baseline.name, baseline.rank) == ("calm", 1, "baseline", 2)
    assert (baseline.share.value, calm.share.value) == pytest.approx((0.5, 0.15))
    assert calm.difference.value == pytest.approx(-0.35)
    assert calm.difference.high < 0
    assert baseline.difference == Estimate(value=0, low=0, high=0)
    assert found.better == {("calm", "baseline")}
    assert (found.control, found.notices) == (None, ())


def test_lock_that_is_waited_for_in_two_blocks_of_five_is_told_from_none_and_does_not_read_zero() -> None:
    random = np.random.default_rng(1)
    found = [ranked(sampled(random, 30, [0.4, 0]), ["baseline", "never"]) for _ in range(20)]
    assert sum(ranks(ranking) == {"never": 1, "baseline": 2} for ranking in found) >= 18
    assert all(named(ranking)["baseline"].share.low > 0 for ranking in found)


def test_nobody_waiting_is_a_tie_of_all() -> None:
    found = ranked(np.zeros((20, 3)), ["baseline", "a", "b"])
    assert ranks(found) == {"baseline": 1, "a": 1, "b": 1}
    assert named(found)["a"].share == Estimate(value=0, low=0, high=0)


def test_equal_columns_tie_exactly() -> None:
    column = np.random.default_rng(1).random((30, 1))
    found = ranked(np.hstack([column, column, column / 2]), ["baseline", "same", "half"])
    assert ranks(found) == {"half": 1, "baseline": 2, "same": 2}
    assert named(found)["same"].tied_with == ("baseline",)
    assert named(found)["same"].difference == Estimate(value=0, low=0, high=0)


def test_constant_shares_are_ranked() -> None:
    found = ranked(np.tile([0.3, 0.1, 0.2], (8, 1)), ["baseline", "a", "b"])
    assert ranks(found) == {"a": 1, "b": 2, "baseline": 3}


def test_control_is_checked_but_not_ranked_and_widens_nothing() -> None:
    shares = sampled(np.random.default_rng(2), 40, [0.4, 0, 0.4])
    found = ranked(shares, ["baseline", "never", CONTROL], CONTROL)
    assert ranks(found) == {"never": 1, "baseline": 2}
    assert found.control is not None
    assert (found.control.rank, found.control.tied_with) == (1, ("baseline",))
    assert found.standings == ranked(shares[:, :2], ["baseline", "never"]).standings


def test_control_that_differs_is_a_notice() -> None:
    shares = sampled(np.random.default_rng(2), 40, [0.9, 0, 0.1])
    (notice,) = ranked(shares, ["baseline", "never", CONTROL], CONTROL).notices
    assert notice.code == "control-differs"
    assert "in lock waits" in notice.text


def test_blocks_without_an_observation_of_everyone_are_left_out() -> None:
    shares = sampled(np.random.default_rng(2), 40, [0.4, 0])
    gaps = np.vstack([shares, [[math.nan, 1.0]], [[1.0, math.nan]]])
    assert ranked(gaps, ["baseline", "a"]) == ranked(shares, ["baseline", "a"])


def test_many_blocks_left_out_are_a_notice_that_names_who_was_not_seen() -> None:
    shares = sampled(np.random.default_rng(2), 40, [0.4, 0])
    shares[:10, 1] = math.nan
    (notice,) = ranked(shares, ["baseline", "a"]).notices
    assert notice.code == "blocks-unobserved"
    assert notice.text.startswith("10 of 40 blocks")
    assert "'a', 10 times" in notice.text


def test_too_many_blocks_left_out_tie_all_and_say_so() -> None:
    shares = np.tile([0.9, 0.1], (40, 1))
    shares[5:, 0] = math.nan
    found = ranked(shares, ["baseline", "a"])
    assert ranks(found) == {"baseline": 1, "a": 1}
    assert [notice.code for notice in found.notices] == ["few-blocks"]


def test_too_few_blocks_tie_and_leave_it_to_throughput_to_say_so() -> None:
    found = ranked(np.tile([0.9, 0.1], (5, 1)), ["baseline", "a"])
    assert (ranks(found), found.notices) == ({"baseline": 1, "a": 1}, ())


def test_candidate_that_was_never_seen_leaves_no_standings() -> None:
    found = ranked(np.tile([0.9, math.nan, 0.9], (20, 1)), ["baseline", "a", CONTROL], CONTROL)
    assert (found.standings, found.control, found.better) == ((), None, frozenset())
    assert [notice.code for notice in found.notices] == ["few-blocks"]


@pytest.mark.parametrize("waiting", [0.05, 0.4, 1])
def test_equal_candidates_are_ranked_apart_in_at_most_one_run_of_twenty(waiting: float) -> None:
    random = np.random.default_rng(11)
    runs = 150
    names = ["baseline", "a", "b"]
    wrong = sum(bool(ranked(sampled(random, 14, [waiting] * 3), names).better) for _ in range(runs))
    # Standard error of the share: sqrt(0.05 * 0.95 / 150) = 1.8 %.
    assert wrong / runs <= 0.05 + 2 * 0.018


def test_intervals_of_shares_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(12)
    runs = 300
    found = [named(ranked(sampled(random, 40, [0.4]), ["baseline"]))["baseline"].share for _ in range(runs)]
    held = np.mean([share.low <= 0.04 <= share.high for share in found])
    # Standard error of the share: 1.3 %. A mean of a few sparse values is skewed: a little less than 95 %.
    assert held > 0.91


def test_intervals_of_shares_end_at_zero_and_one() -> None:
    shares = np.column_stack([np.eye(8)[0] * 0.5, 1 - np.eye(8)[0] * 0.5])
    found = named(ranked(shares, ["baseline", "always"]))
    assert found["baseline"].share.low == 0
    assert found["always"].share.high == 1


@given(seed=st.integers(0, 1000), order=st.permutations(range(4)), blocks=st.integers(1, 14))
@settings(max_examples=25)
def test_order_of_candidates_does_not_matter(seed: int, order: list[int], blocks: int) -> None:
    shares = sampled(np.random.default_rng(seed), blocks, [0.4, 0.1, 1, 0.4])
    names = np.array(["baseline", "a", "b", CONTROL])
    assert ranked(shares, list(names), CONTROL) == ranked(shares[:, order], list(names[order]), CONTROL)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_difference_excludes_zero_exactly_where_the_baseline_does_not_tie(seed: int) -> None:
    shares = sampled(np.random.default_rng(seed), 14, [0.5, 0.1, 1, 0.5])
    for standing in ranked(shares, ["baseline", "a", "b", "c"]).standings:
        if standing.name != "baseline":
            low, high = standing.difference.low, standing.difference.high
            assert (low <= 0 <= high) == ("baseline" in standing.tied_with)


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_share_that_is_no_share_is_refused(wrong: float) -> None:
    with pytest.raises(AssertionError, match="between 0 and 1"):
        ranked(np.array([[0.5, wrong]]), ["baseline", "a"])


def test_all_are_on_the_front_where_nothing_is_told_apart() -> None:
    assert pareto("ab", frozenset(), frozenset()) == {"a", "b"}


def test_better_by_one_measure_and_tied_by_the_other_keeps_the_worse_off_the_front() -> None:
    assert pareto("ab", frozenset({("a", "b")}), frozenset()) == {"a"}
    assert pareto("ab", frozenset(), frozenset({("a", "b")})) == {"a"}


def test_better_by_one_measure_and_worse_by_the_other_leaves_both_on_the_front() -> None:
    assert pareto("ab", frozenset({("a", "b")}), frozenset({("b", "a")})) == {"a", "b"}


def test_tie_with_one_that_is_off_the_front_does_not_put_a_candidate_on_it() -> None:
    # b ties with both; only a and c are told apart.
    assert pareto("abc", frozenset({("a", "c")}), frozenset()) == {"a", "b"}


pairs = st.frozensets(st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda pair: pair[0] < pair[1]))


@given(pairs, st.permutations(range(5)))
def test_front_by_one_measure_is_who_ranks_first(better: frozenset[tuple[int, int]], order: list[int]) -> None:
    told = frozenset((str(order[first]), str(order[second])) for first, second in better)
    assert pareto("01234", told) == set("01234") - {worse for _, worse in told}


def test_both_rankings_say_who_is_better_than_whom() -> None:
    rates = np.tile([100.0, 400, 400], (8, 1))
    names = ["baseline", "a", "b"]
    faster = rank(rates, names, baseline="baseline", seed=1).better
    calmer = ranked(np.tile([0.1, 0.3, 0.2], (8, 1)), names).better
    assert faster == {("a", "baseline"), ("b", "baseline")}
    assert calmer == {("baseline", "a"), ("baseline", "b"), ("b", "a")}
    assert pareto(names, faster, calmer) == {"baseline", "b"}
