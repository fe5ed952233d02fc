"""Standings, ties, the control and the stopping rule."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from often import keeps_level

from schemabench.records import Estimate, Standing
from schemabench.statistics import Ranking, fewest_blocks, rank, running_ratios, throughput, widest_interval
from schemabench.statistics.comparison import compare

CONTROL = "baseline (control)"


def simulate(
    random: np.random.Generator, blocks: int, effects: Sequence[float], spread: float = 0.07
) -> NDArray[np.float64]:
    """Return rates of a drifting machine: candidates differ by log effects; one trial in twelve is 2 to 5 times slower.

    Two trials of spread 0.07 differ by 0.10.
    """
    shape = (blocks, len(effects))
    drift = random.normal(0, 0.25, (blocks, 1))
    slow = np.where(random.random(shape) < 1 / 12, random.uniform(math.log(2), math.log(5), shape), 0)
    return np.exp(drift + np.array(effects) + random.normal(0, spread, shape) - slow)


def named(ranking: Ranking) -> dict[str, Standing]:
    return {standing.name: standing for standing in ranking.standings}


def ranks(ranking: Ranking) -> dict[str, int]:
    return {standing.name: standing.rank for standing in ranking.standings}


def test_ratio_and_rank_of_two_candidates_follow_from_the_blocks() -> None:
    # Ratios by block are 2, 4, ..., 64, out of order: logs to base 2 are 1 ... 6, centre 3.5, interval 1 to 6 (six
    # blocks: the range). It excludes ratio 1, so fast is better. The machine's drift (the baseline's rates) cancels.
    baseline = np.array([3.0, 1, 7, 2, 9, 5])
    found = rank(
        np.column_stack([baseline, baseline * 2.0 ** np.array([3, 6, 1, 5, 2, 4])]),
        ["baseline", "fast"],
        baseline="baseline",
        seed=1,
    )
    fast, slow = found.standings
    assert (fast.name, fast.rank, fast.tied_with) == ("fast", 1, ())
    assert (fast.to_baseline.value, fast.to_baseline.low, fast.to_baseline.high) == pytest.approx((2**3.5, 2, 64))
    assert (slow.name, slow.rank, slow.to_baseline) == ("baseline", 2, Estimate(value=1, low=1, high=1))
    assert found.notices == ()
    assert (found.control, found.smallest_difference) == (None, None)


def test_ties_need_not_be_transitive() -> None:
    # Seven blocks, three candidates; 7 are just enough (2^-6 <= 0.05 / 3): only a pair with all signs alike is apart.
    # a beats c in every block; a and b, b and c change places once by more than their usual distance.
    base = np.full(7, 1000.0)
    a = base * [1.20, 1.21, 1.22, 1.23, 1.24, 1.25, 1.26]
    b = base * [1.10, 1.09, 1.11, 1.12, 1.13, 1.40, 0.90]
    found = rank(np.column_stack([a, b, base]), ["a", "b", "c"], baseline="c", seed=1)
    assert ranks(found) == {"a": 1, "b": 1, "c": 2}
    assert named(found)["b"].tied_with == ("a", "c")


def test_identical_figures_tie() -> None:
    rates = np.tile(np.array([[5.0], [7], [6], [8], [5], [9], [4], [3]]), (1, 3))
    found = rank(rates, ["a", "b", "baseline"], baseline="baseline", seed=1)
    assert ranks(found) == {"a": 1, "b": 1, "baseline": 1}
    assert all(standing.to_baseline == Estimate(value=1, low=1, high=1) for standing in found.standings)


def test_constant_differences_are_ranked() -> None:
    found = rank(np.tile([100.0, 400, 200], (8, 1)), ["baseline", "b", "a"], baseline="baseline", seed=1)
    assert [(standing.name, standing.rank) for standing in found.standings] == [("b", 1), ("a", 2), ("baseline", 3)]
    assert named(found)["b"].to_baseline.low == pytest.approx(4)


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_too_few_blocks_tie_whatever_they_show(blocks: int) -> None:
    rates = np.tile([1.0, 10.0, 1.0], (blocks, 1))
    found = rank(rates, ["baseline", "a", CONTROL], baseline="baseline", control=CONTROL, seed=1)
    assert ranks(found) == {"baseline": 1, "a": 1}
    assert [notice.code for notice in found.notices] == ["few-blocks"]
    assert found.smallest_difference is None
    assert widest_interval(rates, ["baseline", "a", CONTROL], baseline="baseline", control=CONTROL) == math.inf


def test_more_candidates_need_more_blocks() -> None:
    assert [fewest_blocks(candidates) for candidates in (1, 2, 3, 6, 12)] == [6, 6, 7, 10, 12]


def test_control_is_checked_but_not_ranked() -> None:
    rates = simulate(np.random.default_rng(5), 60, [0, 0.3, 0])
    found = rank(rates, ["baseline", "a", CONTROL], baseline="baseline", control=CONTROL, seed=1)
    assert ranks(found) == {"a": 1, "baseline": 2}
    assert found.control is not None
    assert (found.control.name, found.control.tied_with) == (CONTROL, ("baseline",))
    assert found.control.to_baseline.low < 1 < found.control.to_baseline.high
    # One log unit: (high / low)^(1/2) is the factor from the middle to either end.
    assert found.smallest_difference == pytest.approx(
        (found.control.to_baseline.high / found.control.to_baseline.low) ** 0.5 - 1
    )
    assert found.notices == ()


def test_control_does_not_widen_the_candidates_intervals() -> None:
    rates = simulate(np.random.default_rng(5), 60, [0, 0.3, 0])
    with_control = rank(rates, ["baseline", "a", CONTROL], baseline="baseline", control=CONTROL, seed=1)
    without = rank(rates[:, :2], ["baseline", "a"], baseline="baseline", seed=1)
    assert (with_control.effective_blocks, without.effective_blocks) == (60, 60)
    assert with_control.standings == without.standings


def test_control_that_differs_is_a_notice() -> None:
    rates = simulate(np.random.default_rng(5), 60, [0, 0, 0.2])
    found = rank(rates, ["baseline", "a", CONTROL], baseline="baseline", control=CONTROL, seed=1)
    assert [notice.code for notice in found.notices] == ["control-differs"]
    assert "differs from itself" in found.notices[0].text


def test_lone_baseline_still_has_its_control() -> None:
    rates = simulate(np.random.default_rng(5), 60, [0, 0])
    found = rank(rates, ["baseline", CONTROL], baseline="baseline", control=CONTROL, seed=1)
    assert ranks(found) == {"baseline": 1}
    assert found.smallest_difference is not None


def test_ratios_that_wander_are_a_notice_with_the_number_of_independent_blocks() -> None:
    random = np.random.default_rng(5)
    rates = np.exp(0.05 * np.cumsum(random.normal(size=(60, 3)), axis=0))
    found = rank(rates, ["baseline", "a", "b"], baseline="baseline", seed=1)
    (notice,) = found.notices
    assert notice.code == "blocks-related"
    assert notice.text.startswith("The ratios of all candidates to the baseline drifted during the run")
    rest = f"their 60 blocks carry as much information as {found.effective_blocks:.0f} independent one"
    assert f"run: {rest}" in notice.text


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a"], "The ratio of 'a' to the baseline drifted during the run: its"),
        (["a", "b"], "The ratios of 'a' and 'b' to the baseline drifted during the run: their"),
        (["a", "b", "c"], "The ratios of 'a', 'b' and 'c' to the baseline drifted during the run: their"),
        (["a", "b", "c", "d"], "The ratios of all candidates to the baseline drifted during the run: their"),
    ],
)
def test_ratios_that_wander_are_told_by_whose_they_are(names: list[str], said: str) -> None:
    assert throughput._drifted(names, 4) == said


def test_one_candidate_that_wanders_widens_its_own_intervals_most() -> None:
    random = np.random.default_rng(7)
    logs = random.normal(0, 0.02, (150, 5))
    logs[:, 1] += 0.02 * np.cumsum(random.normal(size=150))
    found = compare(logs, ["baseline", "bloats", "c", "d", "e"], twins=None, seed=1)
    assert found.effective["bloats", "baseline"] < 30
    assert found.widening["bloats", "baseline"] > 2 * found.widening["baseline", "c"]


def test_blocks_on_few_copies_count_for_little_where_copies_differ() -> None:
    random = np.random.default_rng(3)
    copies = [number // 12 for number in range(60)]
    rates = np.exp(random.normal(0, 0.05, (60, 3)) + random.normal(0, 0.1, (5, 3))[copies])
    names = ["baseline", "a", CONTROL]
    found = rank(rates, names, baseline="baseline", control=CONTROL, seed=1, copies=copies)
    assert found.copies_share is not None
    assert found.copies_share > 0.5
    assert found.effective_blocks < 15
    assert rank(rates, names, baseline="baseline", control=CONTROL, seed=1).copies_share is None
    wide, narrow = (
        widest_interval(rates[order], names, baseline="baseline", control=CONTROL, copies=copies)
        for order in (slice(None), random.permutation(60))
    )
    assert wide > 1.5 * narrow


def test_copies_that_are_not_one_ascending_number_for_each_block_are_refused() -> None:
    for copies, words in (([0, 1], "2 numbers of copies for 8 blocks"), ([1] * 4 + [0] * 4, "copies must ascend")):
        with pytest.raises(AssertionError, match=words):
            rank(np.ones((8, 2)), ["baseline", "a"], baseline="baseline", seed=1, copies=copies)


@given(seed=st.integers(0, 1000), order=st.permutations(range(4)))
@settings(max_examples=15)
def test_order_of_candidates_does_not_matter_to_what_copies_do(seed: int, order: list[int]) -> None:
    copies = [0] * 7 + [1] * 9 + [4] * 8
    rates = simulate(np.random.default_rng(seed), 24, [0, 0.1, -0.05, 0])
    names = np.array(["baseline", "a", "b", CONTROL])
    first, second = (
        rank(rates[:, some], list(names[some]), baseline="baseline", control=CONTROL, seed=1, copies=copies)
        for some in (list(range(4)), order)
    )
    assert named(first)["a"].to_baseline.low == pytest.approx(named(second)["a"].to_baseline.low)
    assert ranks(first) == ranks(second)


def test_lead_that_is_gone_in_the_last_third_is_not_counted_and_says_so() -> None:
    random = np.random.default_rng(4)
    rates = np.exp(random.normal(0, 0.01, (60, 3)))
    rates[:40, 1] *= np.where(random.random(40) < 0.5, 1.08, 1.1)
    found = rank(rates, ["baseline", "fades", CONTROL], baseline="baseline", control=CONTROL, seed=1)
    fades, text = named(found)["fades"], "\n".join(notice.text for notice in found.notices)
    assert fades.late is not None
    assert fades.late.low < 1 < fades.late.high < fades.to_baseline.value
    assert "baseline" in fades.tied_with
    assert fades.to_baseline.low <= fades.late.low < 1
    assert named(found)["baseline"].late is None
    assert "'fades' has 1.0" in text
    assert "in its last third: the lead does not last, and is not counted." in text


def test_lag_that_is_gone_in_the_last_third_is_not_counted_either() -> None:
    rates = np.exp(np.random.default_rng(4).normal(0, 0.01, (60, 2)))
    rates[:40, 1] *= np.where(np.random.default_rng(5).random(40) < 0.5, 0.9, 0.92)
    found = rank(rates, ["baseline", "recovers"], baseline="baseline", seed=1)
    assert ranks(found) == {"baseline": 1, "recovers": 1}
    assert any("the lag does not last" in notice.text for notice in found.notices)


def test_lead_that_lasts_counts_and_a_short_run_has_no_last_third() -> None:
    rates = np.exp(np.random.default_rng(4).normal(0, 0.01, (60, 2))) * [1, 1.08]
    found = rank(rates, ["baseline", "a"], baseline="baseline", seed=1)
    assert ranks(found) == {"a": 1, "baseline": 2}
    assert found.notices == ()
    short = rank(rates[:17], ["baseline", "a"], baseline="baseline", seed=1)
    assert [standing.late for standing in short.standings] == [None, None]


@given(seed=st.integers(0, 1000), order=st.permutations(range(4)), blocks=st.integers(1, 30))
@settings(max_examples=25)
def test_order_of_candidates_does_not_matter(seed: int, order: list[int], blocks: int) -> None:
    rates = simulate(np.random.default_rng(seed), blocks, [0, 0.1, -0.05, 0])
    names = np.array(["baseline", "a", "b", CONTROL])
    first = rank(rates, list(names), baseline="baseline", control=CONTROL, seed=1)
    second = rank(rates[:, order], list(names[order]), baseline="baseline", control=CONTROL, seed=1)
    assert first == second


@given(seed=st.integers(0, 1000), scale=st.floats(1e-6, 1e6))
@settings(max_examples=25)
def test_unit_of_the_rates_does_not_matter(seed: int, scale: float) -> None:
    rates = simulate(np.random.default_rng(seed), 20, [0, 0.1, -0.05])
    names = ["baseline", "a", "b"]
    first, second = (named(rank(given, names, baseline="baseline", seed=1)) for given in (rates, rates * scale))
    for name in names:
        assert (first[name].rank, first[name].tied_with) == (second[name].rank, second[name].tied_with)
        assert first[name].to_baseline.low == pytest.approx(second[name].to_baseline.low)
        assert first[name].figure.high * scale == pytest.approx(second[name].figure.high)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_ratio_excludes_one_exactly_where_the_baseline_does_not_tie(seed: int) -> None:
    rates = simulate(np.random.default_rng(seed), 25, [0, 0.05, 0.1, -0.1])
    found = rank(rates, ["baseline", "a", "b", "c"], baseline="baseline", seed=1)
    for standing in found.standings:
        if standing.name != "baseline":
            assert (standing.to_baseline.low <= 1 <= standing.to_baseline.high) == ("baseline" in standing.tied_with)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_ties_are_mutual_and_whoever_is_better_ranks_above(seed: int) -> None:
    found = named(
        rank(simulate(np.random.default_rng(seed), 25, [0, 0.1, 0.2, -0.1]), list("xabc"), baseline="x", seed=1)
    )
    for first, second in itertools.combinations(found, 2):
        assert (second in found[first].tied_with) == (first in found[second].tied_with)
        apart = second not in found[first].tied_with
        faster, slower = sorted((found[first], found[second]), key=lambda one: -one.to_baseline.value)
        assert not apart or faster.rank < slower.rank
    best = max(found.values(), key=lambda standing: standing.to_baseline.value)
    assert best.rank == 1


def test_same_seed_gives_the_same_ranking() -> None:
    rates = simulate(np.random.default_rng(5), 40, [0, 0.05, 0.1])
    first, second = (rank(rates, ["baseline", "a", "b"], baseline="baseline", seed=8) for _ in range(2))
    assert first == second


def test_equal_candidates_are_ranked_apart_in_at_most_one_run_of_twenty() -> None:
    random, names = np.random.default_rng(11), ["baseline", "a", "b", "c"]
    rankings = (rank(simulate(random, 12, [0] * 4), names, baseline="baseline", seed=run) for run in itertools.count())
    assert keeps_level(bool(ranking.better) for ranking in rankings)


def test_difference_of_five_percent_is_found_in_a_hundred_blocks() -> None:
    random = np.random.default_rng(12)
    runs = 60
    found = [
        rank(simulate(random, 100, [0, math.log(0.95)]), ["baseline", "slow"], baseline="baseline", seed=run)
        for run in range(runs)
    ]
    assert sum(ranks(ranking) == {"baseline": 1, "slow": 2} for ranking in found) / runs > 0.8


@pytest.mark.parametrize("blocks", [20, 60, 200])
def test_widest_interval_forecasts_the_width_of_the_ranking(blocks: int) -> None:
    names = ["baseline", "a", "b", CONTROL]
    rates = simulate(np.random.default_rng(blocks), blocks, [0, 0.1, 0.2, 0])
    found = rank(rates, names, baseline="baseline", control=CONTROL, seed=1)
    assert found.control is not None
    ratios = [standing.to_baseline for standing in (*found.standings, found.control)]
    widest = max((ratio.high / ratio.low) ** 0.5 - 1 for ratio in ratios)
    assert widest_interval(rates, names, baseline="baseline", control=CONTROL) == pytest.approx(widest, rel=0.25)


def test_widest_interval_ignores_how_far_apart_candidates_are() -> None:
    rates = simulate(np.random.default_rng(1), 30, [0, 0, 0])
    names = ["baseline", "a", "b"]
    assert widest_interval(rates * [1, 3, 9], names, baseline="baseline") == pytest.approx(
        widest_interval(rates, names, baseline="baseline")
    )


def test_widest_interval_of_a_lone_baseline_is_zero() -> None:
    assert widest_interval(np.ones((6, 1)), ["baseline"], baseline="baseline") == 0


@pytest.mark.parametrize("blocks", [1, 5, 80])
def test_running_ratios_are_those_of_the_report_on_the_same_blocks(blocks: int) -> None:
    rates = np.random.default_rng(blocks).lognormal(sigma=0.5, size=(blocks, 3)) * [1, 3, 0.5]
    names = ["baseline", "a", "b"]
    found = running_ratios(rates, names, baseline="baseline")
    reported = rank(rates, names, baseline="baseline", seed=1)

    assert found == pytest.approx({one.name: one.to_baseline.value for one in reported.standings})


def test_running_ratios_over_many_blocks_are_close_to_those_of_the_report() -> None:
    rates = np.random.default_rng(1).lognormal(sigma=0.5, size=(300, 2)) * [1, 3]
    reported = named(rank(rates, ["baseline", "a"], baseline="baseline", seed=1))["a"].to_baseline.value

    assert running_ratios(rates, ["baseline", "a"], baseline="baseline")["a"] == pytest.approx(reported, rel=0.02)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_rate_that_is_no_rate_is_refused_with_its_value(wrong: float) -> None:
    with pytest.raises(AssertionError, match=f"above zero and finite, found {wrong}"):
        rank(np.array([[1.0, wrong]]), ["baseline", "a"], baseline="baseline", seed=1)


def test_columns_must_match_distinct_names() -> None:
    with pytest.raises(AssertionError, match="2 columns of rates for 1 names"):
        rank(np.ones((3, 2)), ["baseline"], baseline="baseline", seed=1)
    with pytest.raises(AssertionError, match="names must differ"):
        rank(np.ones((3, 2)), ["baseline", "baseline"], baseline="baseline", seed=1)
    with pytest.raises(AssertionError, match="no baseline 'x'"):
        rank(np.ones((3, 1)), ["a"], baseline="x", seed=1)


def test_every_pair_has_the_interval_by_which_it_is_ranked() -> None:
    names = ["baseline", "fast", "slow", CONTROL]
    rates = simulate(np.random.default_rng(5), 40, [0.0, 0.3, 0.25, 0.0])
    found = named(rank(rates, names, baseline="baseline", control=CONTROL, seed=1))
    against = named(rank(rates, names, baseline="slow", control=CONTROL, seed=1))

    fast, slow = found["fast"].to_others["slow"], found["slow"].to_others["fast"]
    assert fast == against["fast"].to_baseline
    assert (slow.value, slow.low, slow.high) == pytest.approx((1 / fast.value, 1 / fast.high, 1 / fast.low))
    assert ("slow" in found["fast"].tied_with) == (fast.low <= 1 <= fast.high)
    assert found["fast"].to_others.keys() == {"slow"}
    assert found["baseline"].to_others.keys() == {"fast", "slow"}
