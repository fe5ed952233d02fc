"""Standings by lock waits, and the Pareto front."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from often import keeps_level

from schemabench.records import Estimate, Standing
from schemabench.statistics import Ranking, pareto, rank, rank_locks

CONTROL = "baseline (control)"
OBSERVATIONS = 80
"""Ten looks at eight sessions."""
CLIENTS = 8
MANY = 1e6
"""Observations: so many that chance among them is nothing beside that between blocks."""


Seen = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Observations of sessions that wait, and of all that are at work, of shape (blocks, candidates)."""


def sampled(random: np.random.Generator, blocks: int, waiting: Sequence[float], share: float = 0.1) -> Seen:
    """Return what looks see: each candidate waits in this share of its trials, for a tenth of the time."""
    shape = (blocks, len(waiting))
    waits = np.where(random.random(shape) < waiting, random.binomial(OBSERVATIONS, share, shape), 0.0)
    return waits, np.full(shape, float(OBSERVATIONS))


def few(random: np.random.Generator, blocks: int, share: Sequence[float], looks: Sequence[float]) -> Seen:
    """Return what few looks see of sessions that queue together: often all or nobody waits, often there is no look.

    Args:
        random: Where chance comes from.
        blocks: How many there are.
        share: Of each candidate's time that is spent waiting.
        looks: How many fall into its trials, on average.
    """
    most = math.ceil(max(looks)) + 1
    shape = (most, blocks, len(share))
    taken = np.arange(most)[:, None, None] < np.floor(looks + random.random(shape[1:]))
    work = random.binomial(CLIENTS, 0.8, shape) * taken
    queueing = random.beta(np.array(share), 1 - np.array(share), shape)
    return random.binomial(work, queueing).sum(axis=0).astype(np.float64), work.sum(axis=0).astype(np.float64)


def as_shares(shares: NDArray[np.float64]) -> Seen:
    """Return what as many looks as need be would see of shares of the time."""
    return shares * MANY, np.full(shares.shape, MANY)


def ranked(
    seen: Seen, names: Sequence[str], control: str | None = None, pauses: NDArray[np.float64] | None = None
) -> Ranking:
    waits, work = seen
    paused = np.zeros_like(waits) if pauses is None else pauses
    return rank_locks(waits, paused, work, names, baseline="baseline", control=control, seed=1)


def named(ranking: Ranking) -> dict[str, Standing]:
    return {standing.name: standing for standing in ranking.standings}


def ranks(ranking: Ranking) -> dict[str, int]:
    return {standing.name: standing.rank for standing in ranking.standings}


def test_less_waiting_is_better_and_shares_subtract_to_the_difference() -> None:
    shares = np.array([[0.4, 0.1], [0.5, 0.1], [0.6, 0.3], [0.4, 0.1], [0.5, 0.1], [0.6, 0.2]])
    found = ranked(as_shares(shares), ["baseline", "calm"])
    calm, baseline = found.standings
    assert (calm.name, calm.rank, baseline.name, baseline.rank) == ("calm", 1, "baseline", 2)
    assert (baseline.figure.value, calm.figure.value) == pytest.approx((0.5, 0.15))
    assert calm.to_baseline.value == pytest.approx(-0.35)
    assert calm.to_baseline.high < 0
    assert baseline.to_baseline == Estimate(value=0, low=0, high=0)
    assert found.better == {("calm", "baseline")}
    assert (found.control, found.notices) == (None, ())


def test_lock_that_is_waited_for_in_two_blocks_of_five_is_told_from_none_and_does_not_read_zero() -> None:
    random = np.random.default_rng(1)
    found = [ranked(sampled(random, 30, [0.4, 0]), ["baseline", "never"]) for _ in range(20)]
    assert sum(ranks(ranking) == {"never": 1, "baseline": 2} for ranking in found) >= 18
    assert sum(named(ranking)["baseline"].figure.low > 0 for ranking in found) >= 18


def test_nobody_waiting_is_a_tie_of_all() -> None:
    found = ranked(as_shares(np.zeros((20, 3))), ["baseline", "a", "b"])
    assert ranks(found) == {"baseline": 1, "a": 1, "b": 1}
    assert named(found)["a"].figure == Estimate(value=0, low=0, high=pytest.approx(0.0, abs=1e-6))


def test_a_few_observations_without_a_wait_do_not_exclude_one() -> None:
    work = np.ones((6, 3))
    found = rank_locks(
        np.zeros((6, 3)), np.zeros((6, 3)), work, ["baseline", "a", "b"], baseline="baseline", control=None, seed=1
    )
    most, jointly = (1 - (0.025 / among) ** (1 / 6) for among in (1, 3))

    assert named(found)["a"].figure == Estimate(value=0, low=0, high=pytest.approx(most))
    own = named(found)["a"].to_baseline
    assert own == Estimate(value=0, low=pytest.approx(-jointly), high=pytest.approx(jointly)), "of three pairs"
    assert ranks(found) == {"baseline": 1, "a": 1, "b": 1}


def test_equal_columns_tie_exactly() -> None:
    column = np.random.default_rng(1).random((30, 1))
    found = ranked(as_shares(np.hstack([column, column, column / 2])), ["baseline", "same", "half"])
    assert ranks(found) == {"half": 1, "baseline": 2, "same": 2}
    assert named(found)["same"].tied_with == ("baseline",)
    assert named(found)["same"].to_baseline == Estimate(value=0, low=0, high=0)


def test_constant_shares_are_ranked() -> None:
    found = ranked(as_shares(np.tile([0.3, 0.1, 0.2], (8, 1))), ["baseline", "a", "b"])
    assert ranks(found) == {"a": 1, "b": 2, "baseline": 3}


def test_control_is_checked_but_not_ranked_and_widens_nothing() -> None:
    waits, work = sampled(np.random.default_rng(2), 40, [0.4, 0, 0.4])
    found = ranked((waits, work), ["baseline", "never", CONTROL], CONTROL)
    assert ranks(found) == {"never": 1, "baseline": 2}
    assert found.control is not None
    assert (found.control.rank, found.control.tied_with) == (1, ("baseline",))
    assert found.standings == ranked((waits[:, :2], work[:, :2]), ["baseline", "never"]).standings


def test_control_that_differs_is_a_notice() -> None:
    seen = sampled(np.random.default_rng(2), 40, [0.9, 0, 0.1])
    (notice,) = ranked(seen, ["baseline", "never", CONTROL], CONTROL).notices
    assert notice.code == "control-differs"
    assert "in lock waits" in notice.text


def test_blocks_in_which_one_was_not_seen_count_for_the_others() -> None:
    waits, work = sampled(np.random.default_rng(2), 25, [1, 0, 0], share=0.3)
    work[np.arange(25) % 4 < 3, 2] = 0  # too few are left to tell three candidates apart
    found = ranked((waits, work), ["baseline", "calm", "fast"])
    assert ("calm", "baseline") in found.better
    assert named(found)["baseline"].figure.value == pytest.approx(waits[:, 0].sum() / work[:, 0].sum())
    assert [notice.code for notice in found.notices] == ["blocks-unobserved"]


def test_a_share_is_that_of_all_observations_however_many_fall_into_a_block() -> None:
    waits, work = np.array([[9.0], [0], [0], [1]]), np.array([[10.0], [0], [30], [10]])
    (standing,) = ranked((waits, work), ["baseline"]).standings
    assert standing.figure.value == pytest.approx(10 / 50)


def test_blocks_without_any_observation_change_nothing() -> None:
    waits, work = few(np.random.default_rng(3), 30, [0.3, 0.1], [1.5, 1.5])
    found = ranked((waits, work), ["baseline", "a"])
    blank = np.zeros((30, 2))
    more = ranked((np.vstack([waits, blank]), np.vstack([work, blank])), ["baseline", "a"])
    assert more.better == found.better
    for one, other in zip(found.standings, more.standings, strict=True):
        assert other.figure.value == one.figure.value
        # Who is observed in the first half of a run alone seems to depend on when: intervals grow a little.
        assert other.to_baseline.low == pytest.approx(one.to_baseline.low, abs=0.05)
        assert other.figure.high == pytest.approx(one.figure.high, abs=0.05)


def test_who_aborts_and_sleeps_is_not_better_than_who_queues() -> None:
    random = np.random.default_rng(4)
    waits, work = sampled(random, 30, [1, 1, 0], share=0.3)
    work[:, 1] -= waits[:, 1]  # who sleeps is in no transaction
    sleeps = np.column_stack([np.zeros(30), waits[:, 1], np.zeros(30)])
    waits[:, 1] = 0
    found = ranked((waits, work), ["baseline", "aborts", "free"], pauses=sleeps)
    assert ranks(found) == {"free": 1, "baseline": 2, "aborts": 2}
    assert named(found)["aborts"].figure.value == pytest.approx(0.3, abs=0.02)


def test_a_candidate_that_was_hardly_seen_is_named_and_the_others_are_ranked() -> None:
    waits, work = sampled(np.random.default_rng(2), 40, [1, 0, 0], share=0.4)
    work[3:, 2] = 0
    found = ranked((waits, work), ["baseline", "a", "brief"])
    (notice,) = found.notices
    assert notice.code == "blocks-unobserved"
    assert "Of 40 blocks: 'brief' in 3;" in notice.text
    assert ("a", "baseline") in found.better


def test_a_few_observations_that_happen_not_to_wait_prove_nothing() -> None:
    waits, work = sampled(np.random.default_rng(2), 40, [1, 0], share=0.1)
    work[:, 1] = 0
    work[:10, 1] = 1
    assert ranks(ranked((waits, work), ["baseline", "a"])) == {"baseline": 1, "a": 1}


def test_too_few_blocks_in_which_anyone_was_seen_tie_all_and_say_so() -> None:
    waits, work = as_shares(np.tile([0.9, 0.1], (40, 1)))
    waits[5:], work[5:] = 0, 0
    found = ranked((waits, work), ["baseline", "a"])
    assert ranks(found) == {"baseline": 1, "a": 1}
    assert [notice.code for notice in found.notices] == ["few-blocks"]


@given(seed=st.integers(0, 1000), seen=st.tuples(*[st.integers(1, 9)] * 2))
@settings(max_examples=25)
def test_all_are_said_to_tie_only_where_they_do(seed: int, seen: tuple[int, int]) -> None:
    waits, work = sampled(np.random.default_rng(seed), 30, [1, 0, 0], share=0.9)
    for column, blocks in enumerate(seen, start=1):
        work[np.arange(30) % 3 > 0, column] = work[3 * blocks :, column] = 0
    found = ranked((waits, work), ["baseline", "a", "b"])
    said = any("all tie" in notice.text for notice in found.notices)
    assert said is not found.decides
    assert not (said and found.better)


def test_who_was_seen_in_few_blocks_is_told_from_who_was_seen_waiting_in_many_and_no_notice_denies_it() -> None:
    waits, work = sampled(np.random.default_rng(2), 60, [1, 0], share=0.9)
    work[np.arange(60) % 12 > 0, 1] = 0
    found = ranked((waits, work), ["baseline", "fast"])
    (notice,) = found.notices
    assert (ranks(found), found.decides) == ({"fast": 1, "baseline": 2}, True)
    assert (notice.code, "all tie" in notice.text) == ("blocks-unobserved", False)
    assert "Of 60 blocks: 'fast' in 5;" in notice.text


def test_that_nobody_waits_is_not_shown_by_a_handful_of_observations() -> None:
    waits, work = as_shares(np.tile([0, 0], (30, 1)))
    work[2:, 1] = 0
    found = ranked((waits, work), ["baseline", "a"])
    assert [notice.code for notice in found.notices] == ["few-blocks"]
    assert not found.decides


def test_too_few_blocks_tie_and_say_what_throughput_says_of_them() -> None:
    found = ranked(as_shares(np.tile([0.9, 0.1], (5, 1))), ["baseline", "a"])
    assert (ranks(found), found.decides) == ({"baseline": 1, "a": 1}, False)
    assert found.notices == rank(np.ones((5, 2)), ["baseline", "a"], baseline="baseline", seed=1).notices


def test_a_candidate_that_was_never_seen_has_no_standing_and_the_others_have() -> None:
    waits, work = as_shares(np.tile([0.9, 0, 0.1, 0.9], (20, 1)))
    work[:, 1] = 0
    found = ranked((waits, work), ["baseline", "a", "b", CONTROL], CONTROL)
    assert ranks(found) == {"b": 1, "baseline": 2}
    assert found.control is not None
    assert [notice.code for notice in found.notices] == ["blocks-unobserved"]


def test_a_baseline_that_was_never_seen_leaves_no_standings() -> None:
    waits, work = as_shares(np.tile([0, 0.1], (20, 1)))
    work[:, 0] = 0
    found = ranked((waits, work), ["baseline", "a"])
    assert (found.standings, found.control, found.better) == ((), None, frozenset())
    assert [notice.code for notice in found.notices] == ["few-blocks"]


def told_apart(draw: Callable[[], Seen], names: Sequence[str]) -> Iterator[bool]:
    """Yield whether any candidates are told apart, run after run."""
    while True:
        yield bool(ranked(draw(), names).better)


@pytest.mark.parametrize("waiting", [0.05, 0.4, 1])
def test_equal_candidates_are_ranked_apart_in_at_most_one_run_of_twenty(waiting: float) -> None:
    random, names = np.random.default_rng(11), ["baseline", "a", "b"]
    assert keeps_level(told_apart(lambda: sampled(random, 12, [waiting] * 3), names))


def test_intervals_of_shares_hold_the_truth_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(12)
    runs = 300
    found = [named(ranked(sampled(random, 40, [0.4]), ["baseline"]))["baseline"].figure for _ in range(runs)]
    held = np.mean([share.low <= 0.04 <= share.high for share in found])
    # Standard error of the share: 1.3 %. A mean of a few sparse values is skewed: a little less than 95 %.
    assert held > 0.91


def test_intervals_of_shares_end_at_zero_and_one() -> None:
    shares = np.column_stack([np.eye(8)[0] * 0.5, 1 - np.eye(8)[0] * 0.5])
    found = named(ranked(as_shares(shares), ["baseline", "always"]))
    assert found["baseline"].figure.low == 0
    assert found["always"].figure.high == 1


@pytest.mark.parametrize(
    ("share", "looks"), [(0.05, [1.5, 1.5, 1.5]), (0.3, [8, 1, 0.4])], ids=["short trials", "trials of unequal length"]
)
def test_equal_candidates_keep_their_level_by_few_looks(share: float, looks: Sequence[float]) -> None:
    random, names = np.random.default_rng(21), ["baseline", "a", "b"]
    assert keeps_level(told_apart(lambda: few(random, 13, [share] * 3, looks), names))


def test_thirty_percent_of_waiting_are_told_from_none_by_few_looks_in_most_runs() -> None:
    random, runs, names = np.random.default_rng(22), 40, ["baseline", "never"]
    found = [ranks(ranked(few(random, 25, [0.3, 1e-9], [8, 0.5]), names)) for _ in range(runs)]
    assert sum(ranking == {"never": 1, "baseline": 2} for ranking in found) >= 0.9 * runs


@given(seed=st.integers(0, 1000), order=st.permutations(range(4)), blocks=st.integers(1, 14))
@settings(max_examples=25)
def test_order_of_candidates_does_not_matter(seed: int, order: list[int], blocks: int) -> None:
    waits, work = few(np.random.default_rng(seed), blocks, [0.4, 0.1, 0.9, 0.4], [2, 0.5, 1, 2])
    names = np.array(["baseline", "a", "b", CONTROL])
    moved = waits[:, order], work[:, order]
    assert ranked((waits, work), list(names), CONTROL) == ranked(moved, list(names[order]), CONTROL)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_difference_excludes_zero_exactly_where_the_baseline_does_not_tie(seed: int) -> None:
    seen = few(np.random.default_rng(seed), 14, [0.5, 0.1, 0.9, 0.5], [8, 1, 2, 8])
    for standing in ranked(seen, ["baseline", "a", "b", "c"]).standings:
        if standing.name != "baseline":
            low, high = standing.to_baseline.low, standing.to_baseline.high
            assert (low <= 0 <= high) == ("baseline" in standing.tied_with)


@pytest.mark.parametrize(("waits", "pauses"), [(-1, 0), (11, 0), (0, -1)])
def test_counts_that_are_none_are_refused(waits: float, pauses: float) -> None:
    columns = ([[1.0, waits]], [[0.0, pauses]], [[10.0, 10.0]])
    with pytest.raises(AssertionError, match="waiting sessions are busy"):
        rank_locks(*map(np.array, columns), ["baseline", "a"], baseline="baseline", control=None, seed=1)


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
    calmer = ranked(as_shares(np.tile([0.1, 0.3, 0.2], (8, 1))), names).better
    assert faster == {("a", "baseline"), ("b", "baseline")}
    assert calmer == {("baseline", "a"), ("baseline", "b"), ("b", "a")}
    assert pareto(names, faster, calmer) == {"baseline", "b"}
