"""Verdicts: one sentence for every outcome, never saying more than the standings do."""

from dataclasses import replace

import pytest
from fixed_run import BASELINE, RUN, USAGE, estimate, ranked, standing, unranked

from schemabench.records import EquivalenceCheck, Estimate, Experiment, Retirement, Standing
from schemabench.report import document, figures, page, screen, verdict


def experiment(*standings: Standing, **changes: object) -> Experiment:
    return replace(USAGE, candidates=tuple(ranked(one, "") for one in standings), **changes)


def sentence(*standings: Standing, **changes: object) -> str:
    return verdict.sentence(experiment(*standings, **changes), str)


def test_single_leader_is_named_with_its_ratio() -> None:
    found = sentence(standing("fast", 1, estimate(1.5)), standing("baseline", 2, BASELINE))
    assert found == "fast leads: 1.50x [1.44, 1.56] the baseline's throughput."


def test_tied_leaders_are_named_together() -> None:
    found = sentence(
        standing("fast", 1, estimate(1.5), ("quick",)),
        standing("quick", 1, estimate(1.4), ("fast",)),
        standing("baseline", 3, BASELINE),
    )
    assert found == ("fast and quick lead, tied: 1.50x [1.44, 1.56] and 1.40x [1.34, 1.46] the baseline's throughput.")


def test_leader_that_ties_with_the_baseline_is_not_called_better() -> None:
    found = sentence(
        standing("fast", 1, estimate(1.5), ("noisy",)),
        standing("noisy", 1, estimate(1.4, 0.5), ("baseline", "fast")),
        standing("baseline", 2, BASELINE, ("noisy",)),
    )
    assert found.endswith("; noisy ties with the lead, but with the baseline, too.")


def test_all_ties_say_what_could_not_be_seen() -> None:
    found = sentence(standing("other", 1, estimate(1.01), ("baseline",)), standing("baseline", 1, BASELINE, ("other",)))
    assert found == "No candidate can be told apart from the baseline; differences under 2.6 % cannot be seen."


def few(*standings: Standing, **changes: object) -> str:
    seen = {"blocks": 3, "needed_blocks": 9, "needed_budget_s": 38.2, "smallest_difference": None}
    return sentence(*standings, **seen | changes)


def seen(name: str, ratio: float, faster_blocks: int | None) -> Standing:
    return replace(standing(name, 1, estimate(ratio), ("baseline",)), rank=None, faster_blocks=faster_blocks)


NO_RANK = replace(standing("baseline", 1, BASELINE), rank=None)


def test_too_few_blocks_name_what_was_seen_and_what_is_missing_for_a_verdict() -> None:
    assert few(NO_RANK, seen("thousand", 0.037, 0), needed_blocks=6) == (
        "thousand was 27x slower in 3 of 3 blocks; 3 more blocks, or --budget 39s, are needed for a verdict."
    )
    assert few(seen("hash", 1.4, 3), NO_RANK, seen("a", 0.98, 1), seen("thousand", 0.037, 0), seen("b", 1.01, 2)) == (
        "thousand was 27x slower in 3 of 3 blocks, hash was 1.40x faster in 3 of 3 blocks, a was 1.02x slower in 2 of "
        "3 blocks, 1 other candidate differed less; 6 more blocks, or --budget 39s, are needed for a verdict."
    )


@pytest.mark.parametrize(("needed_s", "said"), [(7.01, "8s"), (40.0, "40s"), (104.2, "110s"), (1999.0, "2000s")])
def test_the_budget_that_is_missing_is_one_that_the_option_takes_and_never_too_small(
    needed_s: float, said: str
) -> None:
    assert f"or --budget {said}, are needed" in few(NO_RANK, seen("a", 0.5, 0), needed_budget_s=needed_s)


def test_few_blocks_of_an_older_version_are_no_evidence_of_equality_either() -> None:
    found = sentence(
        standing("other", 1, estimate(1.4), ("baseline",)),
        standing("baseline", 1, BASELINE, ("other",)),
        smallest_difference=None,
    )
    assert found == "other was 1.40x faster; more blocks are needed for a verdict."


def retired(name: str, ratio: float, rank: int = 3) -> Standing:
    known = Retirement(slower=0.8 / ratio, times=4, trials=5)
    return replace(standing(name, rank, estimate(ratio, 0.25)), retired=known)


def test_who_left_early_is_told_after_those_that_lead() -> None:
    found = sentence(standing("fast", 1, estimate(1.5)), standing("baseline", 2, BASELINE), retired("thousand", 0.037))
    lead, early = found.split(". ")
    assert lead == "fast leads: 1.50x [1.44, 1.56] the baseline's throughput"
    assert early == "thousand is at least 21x slower, in 4 of 5 trials."


def test_who_left_early_does_not_tie_with_the_others() -> None:
    found = sentence(
        standing("same", 1, estimate(1.0), ("baseline",)),
        standing("baseline", 1, BASELINE, ("same",)),
        retired("thousand", 0.037),
    )
    assert found.startswith("No other candidate can be told apart from the baseline;")
    assert found.endswith("thousand is at least 21x slower, in 4 of 5 trials.")


def test_where_everyone_left_early_the_baseline_leads() -> None:
    both = retired("thousand", 0.037), retired("unindexed", 0.05)
    assert sentence(standing("baseline", 1, BASELINE), *both, stopped="precision", needed_blocks=0) == (
        "The baseline leads: thousand is at least 21x slower, in 4 of 5 trials and unindexed is at least 16x slower, "
        "in 4 of 5 trials."
    )
    alone = experiment(standing("baseline", 1, BASELINE), *both, stopped="precision")
    assert ", until nobody was left to compare; bursts" in verdict.setting(alone)


def test_who_left_early_is_told_also_where_blocks_are_few_for_the_others() -> None:
    found = few(NO_RANK, seen("a", 0.98, 1), retired("thousand", 0.037))
    assert found.startswith("a was 1.02x slower in 2 of 3 blocks; 6 more blocks")
    assert found.endswith("verdict. thousand is at least 21x slower, in 4 of 5 trials.")


def test_a_rank_below_the_fewest_blocks_is_a_dash() -> None:
    standings = [NO_RANK, seen("a", 0.98, 1), retired("thousand", 0.037)]
    assert [verdict.place(one, standings) for one in standings] == ["-", "-", "3"]


def test_shortened_bursts_say_so_and_why() -> None:
    shortened = experiment(standing("baseline", 1, BASELINE), calibrated_operations=5000, fitting_blocks=18)
    assert verdict.setting(shortened).endswith(", shortened from 5,000, so that 18 blocks fit the budget")
    assert verdict.shortened(replace(shortened, calibrated_operations=shortened.operations)) == ""


def test_baseline_leads_alone() -> None:
    slow, slower = standing("slow", 2, estimate(0.9)), standing("slower", 3, estimate(0.5))
    baseline = standing("baseline", 1, BASELINE)
    assert sentence(baseline, slow) == ("The baseline leads: slow is slower, at 0.90x [0.86, 0.94] its throughput.")
    assert sentence(baseline, slow, slower) == (
        "The baseline leads: every candidate is slower, slow the least, at 0.90x [0.86, 0.94] its throughput."
    )


def test_ties_with_a_leading_baseline_are_told_from_slower_candidates() -> None:
    found = sentence(
        standing("baseline", 1, BASELINE, ("same",)),
        standing("same", 1, estimate(0.99), ("baseline",)),
        standing("slow", 3, estimate(0.5)),
    )
    assert found == "No candidate beats the baseline: same ties with it, slow is slower."


def test_baseline_alone_has_nothing_to_be_compared_with() -> None:
    assert sentence(standing("baseline", 1, BASELINE)) == (
        "Only the baseline was ranked: there is nothing to compare it with."
    )


def test_nothing_ranked_says_what_became_of_the_candidates() -> None:
    left = (unranked("a", "failed", "x"), unranked("b", "failed", "x"), unranked("c", "skipped", "x"))
    assert verdict.sentence(replace(USAGE, candidates=left, stopped="never started"), str) == (
        "Nothing was ranked: the experiment never started (2 failed; 1 skipped)."
    )


def test_nothing_ranked_for_the_clients_sake_says_so() -> None:
    left = (unranked("a", "invalid", "x"), unranked("b", "failed", "y"))
    assert verdict.sentence(replace(USAGE, candidates=left), str) == (
        "Nothing was ranked: the client was what limited the figures (1 failed; 1 invalid)."
    )


def test_candidates_left_out_are_told_together_only_for_one_status_and_one_reason() -> None:
    left = [("a", "failed", "x"), ("b", "skipped", "y"), ("c", "failed", "x"), ("d", "failed", "y")]
    groups = verdict.left_out(replace(USAGE, candidates=tuple(unranked(*one) for one in left)))
    assert [[one.name for one in some] for some in groups] == [["a", "c"], ["b"], ["d"]]


def test_control_that_differs_makes_the_verdict_doubtful() -> None:
    control = standing("baseline (control)", 1, Estimate(value=1.1, low=1.05, high=1.15), ())
    found = experiment(standing("fast", 1, estimate(1.5)), standing("baseline", 2, BASELINE), control=control)
    assert verdict.sentence(found, str).endswith(" Doubtful: the baseline differs from itself (see control).")
    assert verdict.control(found).endswith("the baseline differs from itself; trust no difference of this size")


def test_ties_across_ranks_are_told_once_for_each_pair() -> None:
    assert verdict.ties_across_ranks(USAGE, str) == "split_events with rollup_kept_by_trigger_as_rows_arrive"


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (Estimate(value=1.312, low=1.264, high=1.361), "1.31x [1.26, 1.36]"),
        (Estimate(value=1.012, low=1.002, high=1.031), "1.012x [1.002, 1.031]"),
        (Estimate(value=1.1, low=1.096, high=1.104), "1.100x [1.096, 1.104]"),
        (Estimate(value=123.4, low=99.7, high=140.2), "123x [99.7, 140]"),
        (Estimate(value=float("nan"), low=1.2, high=1.4), "-"),
    ],
    ids=["two decimals", "an end too close to 1", "a narrow interval", "a large ratio", "no ratio"],
)
def test_digits_of_a_ratio_show_its_width_and_its_side_of_1(ratio: Estimate, expected: str) -> None:
    only = replace(USAGE, candidates=(ranked(standing("one", 1, ratio), ""),), control=None)
    assert figures.ratio_with_interval(ratio, figures.decimals(only)) == expected


@pytest.mark.parametrize(
    ("items", "expected"),
    [("", ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcde", "a, b and 3 more")],
)
def test_lists_read_as_sentences_do(items: str, expected: str) -> None:
    assert figures.listed(items) == expected


def _checked(calls: int, *, agrees: bool) -> EquivalenceCheck:
    return EquivalenceCheck(agrees=agrees, sequences=30, calls=calls, complete=True, elapsed_s=2.0)


def test_who_agrees_with_the_model_is_counted_with_the_fewest_calls() -> None:
    checks = [_checked(700, agrees=True), _checked(450, agrees=True), _checked(90, agrees=False)]
    one = unranked("a", "failed", "")
    found = replace(USAGE, candidates=tuple(replace(one, equivalence=check) for check in [*checks, None]))

    assert verdict.equivalence(found) == (
        "2 of 3 candidates agree with the workload's model, by their rows after each of at least 450 calls"
    )


def test_nothing_is_said_of_a_model_where_there_is_none() -> None:
    assert verdict.equivalence(replace(USAGE, candidates=(unranked("a", "failed", ""),))) == ""


def test_drift_is_told_of_whoever_drifts_beyond_chance_and_on_one_line_in_every_format() -> None:
    results = (
        replace(ranked(standing("fast", 1, estimate(1.5)), ""), drift=Estimate(value=-0.04, low=-0.061, high=-0.02)),
        replace(ranked(standing("slow", 2, estimate(1.2)), ""), drift=Estimate(value=0.002, low=0.001, high=0.003)),
        ranked(standing("baseline", 3, BASELINE), ""),
    )
    told = replace(USAGE, candidates=results)
    words = "loses 4.0 % [2.0, 6.1] and"
    run = replace(RUN, experiments=(told,))

    assert verdict.drift(told, str) == (
        f"fast {words} slow gains 0.20 % [0.10, 0.30] of its throughput per 1,000,000 rows written"
    )
    assert verdict.drift(experiment(standing("baseline", 1, BASELINE)), str) == ""
    assert f"drift: fast {words}" in screen.terminal(run, 120)
    assert f"Drift: `fast` {words}" in document.markdown(run)
    assert "<dt>drift</dt>" in page.html(run)
