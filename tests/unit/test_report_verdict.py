"""Verdicts: one sentence for every outcome, never saying more than the standings do."""

from dataclasses import replace

import pytest
from drawn import markdown
from fixed_run import BASELINE, RUN, USAGE, estimate, judged, ranked, standing, unranked

from schemabench import report
from schemabench.records import (
    WORKER_LOST,
    EquivalenceCheck,
    Estimate,
    Experiment,
    Notice,
    Retirement,
    Standing,
)
from schemabench.report import document, facts, figures, page, verdict
from schemabench.report.text import plain


def experiment(*standings: Standing, **changes: object) -> Experiment:
    return replace(USAGE, candidates=tuple(ranked(one, "") for one in standings), **changes)


def sentence(*standings: Standing, **changes: object) -> str:
    return said(experiment(*standings, **changes))


def said(experiment: Experiment) -> str:
    """Return the verdict, without the marks of names."""
    return plain(verdict.sentence(experiment))


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
    assert found.endswith("; noisy ties with both the lead and the baseline.")


def test_a_tie_is_told_with_the_interval_of_the_candidate_and_not_with_that_of_the_control() -> None:
    """The control's is 2.6 % wide: it says nothing of a candidate that may well be 2.3 times as fast."""
    ratio = Estimate(value=1.37, low=0.81, high=2.31)
    found = sentence(standing("other", 1, ratio, ("baseline",)), standing("baseline", 1, BASELINE, ("other",)))
    assert found == "No candidate can be told apart from the baseline: other has 1.37x [0.81, 2.31] its throughput."


def test_several_ties_are_told_with_the_ends_of_all_their_intervals() -> None:
    """A fivefold difference is never called chance."""
    low, high = Estimate(value=0.9, low=0.52, high=1.1), Estimate(value=2.1, low=0.8, high=5.3)
    baseline = standing("baseline", 1, BASELINE, ("high", "low", "narrow"))
    narrow = standing("narrow", 1, estimate(1.0, 0.1), ("baseline",))
    ends = [standing("low", 1, low, ("baseline",)), standing("high", 1, high, ("baseline",))]
    told = "No candidate can be told apart from the baseline: their ratios to it may lie anywhere from "

    assert sentence(*ends, narrow, baseline) == f"{told}0.52x (low) to 5.30x (high)."
    assert sentence(ends[1], replace(narrow, to_baseline=estimate(1.0)), baseline) == f"{told}0.80x to 5.30x (high)."


def test_candidates_that_tie_with_the_baseline_may_be_told_apart_from_each_other() -> None:
    fast = standing("fast", 1, estimate(1.1, 0.2), ("baseline", "same"))
    same = standing("same", 1, estimate(1.0, 0.1), ("baseline", "fast", "slow"))
    slow = standing("slow", 2, estimate(0.9, 0.2), ("baseline", "same"))
    baseline = standing("baseline", 1, BASELINE, ("fast", "same", "slow"))
    slowest = standing("slowest", 5, estimate(0.3))

    assert sentence(fast, same, slow, baseline).endswith(". But fast is faster than slow.")
    assert sentence(fast, same, slow, baseline, slowest) == (
        "No candidate beats the baseline: fast, same and slow tie with it, slowest is slower. "
        "But fast is faster than slow."
    )


def test_no_upper_end_is_told_of_ties_that_the_client_limited() -> None:
    limited = replace(standing("limited", 1, estimate(1.2, 0.5), ("baseline",)), at_least=True)
    other = standing("other", 1, estimate(1.0, 0.2), ("baseline",))
    baseline = standing("baseline", 1, BASELINE, ("limited", "other"))

    assert sentence(limited, other, baseline).endswith(
        "may lie anywhere from 0.60x (limited) up, as the load generator was the bottleneck of limited."
    )
    assert sentence(limited, baseline).endswith(": limited has at least 0.60x its throughput.")


def _leaving(found: Experiment, **slower: Estimate) -> Experiment:
    """Return an experiment that some candidates left after three trials, so many times slower."""
    left = [
        replace(ranked(standing(who, 9, estimate(0.5)), ""), retired=Retirement(trials=3, slower=one))
        for who, one in slower.items()
    ]
    return replace(found, candidates=(*found.candidates, *left))


PROVED, UNPROVED = Estimate(value=20.0, low=11.0, high=40.0), Estimate(value=9.0, low=0.8, high=99.0)
UNTOLD = "No verdict on new: it looked 9.0x slower than the baseline in 3 trials, which vary too much to prove it."
LEFT = "old left early: at least 11x slower, in 3 trials."


def test_baseline_is_not_said_to_lead_whoever_left_without_proof() -> None:
    alone = experiment(standing("baseline", 1, BASELINE))

    assert said(_leaving(alone, new=UNPROVED)) == UNTOLD
    assert said(_leaving(alone, old=PROVED)) == f"The baseline leads: all others are far slower. {LEFT}"
    assert said(_leaving(alone, old=PROVED, new=UNPROVED)) == f"old is slower than the baseline. {LEFT} {UNTOLD}"


def test_ties_beside_whoever_left_early_are_told_as_those_of_the_others() -> None:
    ties = experiment(standing("same", 1, estimate(1.0), ("baseline",)), standing("baseline", 1, BASELINE, ("same",)))
    rest = "No other candidate can be told apart from the baseline: same has 1.00x [0.96, 1.04] its throughput."

    assert said(_leaving(ties, old=PROVED)) == f"{LEFT} {rest}"
    assert said(_leaving(ties, new=UNPROVED)) == f"{UNTOLD} {rest}"


def test_slower_candidates_are_not_told_as_all_beside_one_that_left_without_proof() -> None:
    slow, slower, baseline = (
        standing("slow", 2, estimate(0.9)),
        standing("slower", 3, estimate(0.5)),
        standing("baseline", 1, BASELINE),
    )
    same, tied = standing("same", 1, estimate(1.0), ("baseline",)), replace(baseline, tied_with=("same",))
    rest = "The baseline leads the others: each is slower, slow the least, at 0.90x [0.86, 0.94] its throughput."

    assert said(_leaving(experiment(baseline, slow, slower), new=UNPROVED)) == f"{UNTOLD} {rest}"
    assert said(_leaving(experiment(tied, same, slow), new=UNPROVED)) == (
        f"{UNTOLD} No other candidate beats the baseline: same ties with it, slow is slower."
    )
    assert said(_leaving(experiment(baseline, slow), old=PROVED)) == (
        f"The baseline leads: slow is slower, at 0.90x [0.86, 0.94] its throughput. {LEFT}"
    )


def test_a_leader_is_told_before_whoever_left_early() -> None:
    leads = experiment(standing("fast", 1, estimate(1.5)), standing("baseline", 2, BASELINE))

    assert said(_leaving(leads, old=PROVED, new=UNPROVED)) == (
        f"fast leads: 1.50x [1.44, 1.56] the baseline's throughput. {LEFT} {UNTOLD}"
    )


def test_the_control_speaks_of_equal_schemas_alone() -> None:
    found = experiment(standing("fast", 1, estimate(1.5)), standing("baseline", 2, BASELINE))

    assert verdict.control(found) == "1.00x [0.98, 1.03]: equal schemas may differ by up to 2.6 % here by chance"


def test_too_few_blocks_are_no_evidence_of_equality() -> None:
    found = sentence(
        standing("other", 1, estimate(1.4), ("baseline",)),
        standing("baseline", 1, BASELINE, ("other",)),
        smallest_difference=None,
    )
    assert found == ("No candidate can be told apart from the baseline: there are too few blocks.")


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
    assert verdict.sentence(replace(USAGE, candidates=left, stopped="never started")) == (
        "Nothing was ranked: the experiment never started (2 failed; 1 skipped)."
    )


def test_nothing_ranked_for_the_clients_sake_says_so() -> None:
    left = (unranked("a", "invalid", "x"), unranked("b", "failed", "y"))
    assert said(replace(USAGE, candidates=left)) == (
        "Nothing was ranked: the load generator was the bottleneck (1 failed; 1 invalid)."
    )


def test_nothing_ranked_for_a_baseline_that_breaks_its_own_invariant_says_so() -> None:
    left = (unranked("baseline", "disqualified", "x"), unranked("a", "invalid", "y"))
    assert said(replace(USAGE, candidates=left)) == (
        "Nothing was ranked: the baseline itself is disqualified (1 disqualified; 1 invalid)."
    )


def test_candidates_left_out_are_told_together_only_for_one_status_and_one_reason() -> None:
    left = [("a", "failed", "x"), ("b", "skipped", "y"), ("c", "failed", "x"), ("d", "failed", "y")]
    groups = verdict.left_out(replace(USAGE, candidates=tuple(unranked(*one) for one in left)))
    assert [[one.name for one in some] for some in groups] == [["a", "c"], ["b"], ["d"]]


def test_control_that_differs_makes_the_verdict_doubtful() -> None:
    control = standing("baseline (control)", 1, Estimate(value=1.1, low=1.05, high=1.15), ())
    found = judged(
        experiment(standing("fast", 1, estimate(1.5)), standing("baseline", 2, BASELINE)), "throughput", control=control
    )
    assert said(found).endswith(" Doubtful: the baseline differs from itself (see control).")
    assert verdict.control(found).endswith("the baseline differs from itself; do not trust differences of this size")


def test_ties_across_ranks_are_told_once_for_each_pair() -> None:
    assert plain(verdict.ties_across_ranks(USAGE)) == "split_events with rollup_kept_by_trigger_as_rows_arrive"


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
    only = replace(USAGE, candidates=(ranked(standing("one", 1, ratio), ""),), criteria=())
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
        "2 of 3 candidates agree with the workload's model; rows compared after each of at least 450 calls"
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

    assert plain(verdict.drift(told)) == (
        f"fast {words} slow gains 0.20 % [0.10, 0.30] of its throughput per 1,000,000 rows written, "
        "the machine's own drift included"
    )
    assert verdict.drift(experiment(standing("baseline", 1, BASELINE))) == ""
    assert f"drift: fast {words}" in report.terminal(run, 120)
    assert f"- drift: `fast` {words}" in markdown(run)
    assert "<dt>drift</dt>" in page.html(document(run))


@pytest.mark.parametrize(
    ("codes", "until", "fact", "undecided"),
    [
        ((), "until it was interrupted", "interrupted", "The run was interrupted."),
        ((WORKER_LOST,), "until it lost a worker", "the loss of a worker", "The run lost a worker."),
    ],
    ids=["interrupted", "worker lost"],
)
def test_what_cut_an_experiment_short_is_told_and_a_lost_worker_is_no_interrupt(
    codes: tuple[str, ...], until: str, fact: str, undecided: str
) -> None:
    notices = tuple(Notice(code=code, text="usage typical was cut short") for code in codes)
    cut = replace(USAGE, stopped="interrupted", notices=notices)
    few = experiment(
        standing("fast", 1, estimate(1.5)),
        standing("baseline", 1, BASELINE),
        stopped="interrupted",
        notices=notices,
        blocks_needed=100,
    )

    assert f", {until};" in verdict.setting(cut)
    assert dict(facts.of_experiment(cut))["stopped by"].startswith(f"{fact}, after ")
    assert said(few).endswith(undecided)
