"""Checks of a run: a verdict for every candidate, by the recorded intervals, and never more than these support."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from fixed_run import BASELINE, RUN, USAGE, estimate, judged, ranked, standing, stands, unranked
from hypothesis import given
from hypothesis import strategies as st
from often import keeps_level

from schemabench import report, statistics
from schemabench.errors import UsageError
from schemabench.records import (
    LOCK_WAITS,
    THROUGHPUT,
    WORKER_LOST,
    CandidateResult,
    Criterion,
    Estimate,
    Experiment,
    Notice,
    OptionValue,
    Retirement,
    Standing,
)
from schemabench.report import Asked, Check
from schemabench.report.check import duration
from schemabench.report.check.model import Judgement
from schemabench.report.check.scale import Bound, Gain
from schemabench.report.text import plain

FIVE = Asked(regressions={"": 0.05})
WAL = Criterion(name="wal_bytes", title="WAL per row", unit="bytes", per="row", better="less", compared="difference")
HOT = Criterion(
    name="hot_share", title="HOT updates per update", unit="share", per="update", better="more", compared="difference"
)


def checked(*experiments: Experiment, asked: Asked = FIVE) -> Check:
    return report.check(replace(RUN, experiments=experiments, notices=()), asked)


def judgements(check: Check) -> dict[str, Judgement]:
    """Return the judgement on each candidate of the first experiment."""
    return {one.result.name: one for one in check.experiments[0].judgements}


def experiment(*candidates: CandidateResult, **changes: object) -> Experiment:
    base = ranked(standing("baseline", 1, BASELINE), "")
    usual = {"criteria": (THROUGHPUT,), "notices": ()}
    return replace(USAGE, candidates=(base, *candidates), **{**usual, **changes})  # type: ignore[arg-type]


def one(low: float, high: float, **changes: object) -> CandidateResult:
    """Return a candidate with an interval of its ratio."""
    return stands(ranked(standing("new", 1, Estimate(value=math.sqrt(low * high), low=low, high=high)), ""), **changes)


def by(criterion: Criterion, found: Estimate, baseline: Estimate) -> Experiment:
    """Return an experiment with one candidate, which is ranked by a criterion besides throughput."""
    same = Estimate(value=0.0, low=0.0, high=0.0)
    results = [ranked(standing(name, 1, BASELINE), "") for name in ("baseline", "new")]
    places = [(baseline, same), (estimate(baseline.value + found.value), found)]
    return replace(
        USAGE,
        criteria=(THROUGHPUT, criterion),
        candidates=tuple(
            replace(
                result,
                standings={
                    **result.standings,
                    criterion.name: Standing(
                        name=result.name, figure=figure, to_baseline=compared, rank=1, tied_with=()
                    ),
                },
            )
            for result, (figure, compared) in zip(results, places, strict=True)
        ),
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.95, 1.2, "not worse"),
        (0.949, 1.2, "cannot tell"),
        (0.7, 0.95, "cannot tell"),
        (0.7, 0.949, "worse"),
        (1.1, 1.2, "not worse"),
        (0.5, 3.0, "cannot tell"),
    ],
)
def test_whole_interval_decides(low: float, high: float, verdict: str) -> None:
    assert judgements(checked(experiment(one(low, high))))["new"].verdict == verdict


@pytest.mark.parametrize(
    ("criterion", "low", "high", "baseline", "verdict"),
    [
        (WAL, 21.0, 40.0, estimate(400.0, 0.04), "worse"),  # beyond 5 % of 416 bytes
        (WAL, 20.5, 40.0, estimate(400.0, 0.04), "cannot tell"),  # not beyond 5 % of what the baseline may be
        (WAL, -30.0, 19.2, estimate(400.0, 0.04), "not worse"),  # within 5 % of 384 bytes
        (WAL, -30.0, 19.8, estimate(400.0, 0.04), "cannot tell"),
        (WAL, 0.0, 0.0, Estimate(value=0.0, low=0.0, high=0.0), "not worse"),
        (WAL, 1.0, 2.0, Estimate(value=0.0, low=0.0, high=0.0), "worse"),
        (LOCK_WAITS, 0.051, 0.2, estimate(0.1), "worse"),  # in points, whatever the baseline's share is
        (LOCK_WAITS, -0.2, 0.05, estimate(0.1), "not worse"),
        (LOCK_WAITS, -0.2, 0.06, estimate(0.1), "cannot tell"),
        (HOT, -0.2, -0.051, estimate(0.4), "worse"),
        (HOT, -0.05, 0.3, estimate(0.4), "not worse"),
    ],
)
def test_differences_are_judged_by_the_direction_of_their_criterion(
    criterion: Criterion, low: float, high: float, baseline: Estimate, verdict: str
) -> None:
    found = by(criterion, Estimate(value=(low + high) / 2, low=low, high=high), baseline)
    check = checked(found, asked=replace(FIVE, criteria=(criterion.name,)))

    assert judgements(check)["new"].verdict == verdict


@given(
    value=st.floats(0.2, 3.0),
    below=st.floats(0.3, 1.0),
    above=st.floats(1.0, 3.0),
    shares=st.tuples(st.floats(0.0, 0.99), st.floats(0.0, 0.99)),
)
def test_whoever_may_be_worse_by_more_is_judged_no_harder(
    value: float, below: float, above: float, shares: tuple[float, float]
) -> None:
    ratio = stands(one(1, 1), to_baseline=Estimate(value=value, low=value * below, high=value * above))
    strict, lenient = (
        judgements(checked(experiment(ratio), asked=Asked(regressions={"": share})))["new"].verdict
        for share in sorted(shares)
    )

    order = ["worse", "cannot tell", "not worse"]
    assert order.index(strict) <= order.index(lenient)


def measured(random: np.random.Generator, ratio: float, seed: int) -> Check:
    """Return the check of a simulated run of a machine that drifts, with one candidate of a true ratio."""
    noise = random.normal(0, 0.07, (12, 2)) + random.normal(0, 0.25, (12, 1))
    rates = np.exp(noise + np.log([1.0, ratio]))
    standings = statistics.rank(rates, ["baseline", "new"], baseline="baseline", seed=seed).standings
    candidates = tuple(ranked(one, "") for one in standings)
    return checked(replace(USAGE, candidates=candidates, criteria=(THROUGHPUT,), notices=()))


def test_candidate_that_is_exactly_as_bad_as_allowed_is_judged_in_at_most_one_run_of_twenty() -> None:
    random = np.random.default_rng(21)
    verdicts = (measured(random, 0.95, run).verdict for run in itertools.count())

    assert keeps_level(verdict != "cannot tell" for verdict in verdicts)


def test_candidates_far_from_the_bound_are_judged_rightly() -> None:
    random = np.random.default_rng(22)

    assert {measured(random, 0.7, run).verdict for run in range(50)} == {"worse"}
    assert {measured(random, 1.3, run).verdict for run in range(50)} == {"not worse"}


def test_every_criterion_may_have_a_bound_of_its_own() -> None:
    found = by(WAL, Estimate(value=60.0, low=50.0, high=70.0), estimate(400.0, 0.01))
    lenient = Asked(regressions={"": 0.0, "wal_bytes": 0.2}, criteria=("throughput", "wal_bytes"))

    assert {one.verdict for one in checked(found, asked=lenient).experiments[0].judgements} == {"not worse"}
    assert judgements(checked(found, asked=replace(FIVE, criteria=("wal_bytes",))))["new"].verdict == "worse"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [("disqualified", "worse"), ("failed", "worse"), ("invalid", "no result"), ("skipped", "skipped")],
)
def test_candidate_without_figures_is_judged_by_its_status_with_its_reason(status: str, verdict: str) -> None:
    found = checked(experiment(one(1.1, 1.2), unranked("other", status, "the reason\nin two lines")))

    assert judgements(found)["other"].verdict == verdict
    assert judgements(found)["other"].reason == "the reason\nin two lines"
    for text in (report.headed(report.checked(found)), report.flavored.markdown(report.checked(found))):
        assert "the reason" in text
        assert "in two lines" in text


@pytest.mark.parametrize(
    ("slower", "said"),
    [
        (Estimate(value=20.0, low=11.0, high=40.0), "at least 11x slower, in 3 trials"),
        (Estimate(value=9.0, low=0.8, high=99.0), "9.0x slower, in 3 trials that vary too much to prove it"),
    ],
)
def test_candidate_that_left_early_is_worse_and_it_is_said_whether_that_is_proved(slower: Estimate, said: str) -> None:
    left = replace(one(0.02, 0.09), retired=Retirement(trials=3, slower=slower))
    found = judgements(checked(experiment(left)))["new"]

    assert found.verdict == "worse"
    assert found.reason == f"left the blocks early: {said}"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.7, 0.8, "worse"), (0.9, 0.99, "worse"), (0.9, 1.1, "cannot tell"), (1.1, 1.2, "not worse")],
    ids=["beyond the bound", "proved slower, though the bound is within", "not proved slower", "better than the bound"],
)
def test_candidate_that_left_a_race_is_judged_by_what_it_left_on(low: float, high: float, verdict: str) -> None:
    behind = Estimate(value=0.8, low=0.7, high=0.9)
    left = Retirement(trials=12, slower=estimate(1.2), rule="race", leader="other", behind=behind)
    found = judgements(checked(experiment(replace(one(low, high), retired=left))))["new"]

    assert found.verdict == verdict
    if verdict == "cannot tell":
        assert plain(found.reason) == (
            "new left the race after 12 blocks: 0.80x [0.70, 0.90] the throughput of other. Measure without --race"
        )


def test_candidate_that_left_a_race_is_worse_by_any_criterion_than_whom_it_was_proved_slower_than() -> None:
    left = Retirement(trials=12, slower=estimate(1.2), rule="race", behind=Estimate(value=0.8, low=0.7, high=0.9))
    asked = replace(FIVE, criteria=("lock_waits",))
    behind, ahead = (replace(one(*ends), retired=left) for ends in ((0.7, 0.8), (1.1, 1.2)))
    by_both = (THROUGHPUT, LOCK_WAITS)
    judged = [judgements(checked(experiment(each, criteria=by_both), asked=asked))["new"] for each in (behind, ahead)]

    assert [one.verdict for one in judged] == ["worse", "no result"]


@pytest.mark.parametrize(
    ("low", "high", "allowed", "verdicts"),
    [
        (0.96, 0.99, {"": 0.05}, ["not worse", "no result"]),
        (0.92, 0.99, {"": 0.05}, ["worse", "worse"]),
        (0.92, 0.99, {"": 0.05, "throughput": 0.2}, ["not worse", "no result"]),
    ],
    ids=["better than the bound", "proved slower, with the bound within", "better than the bound of throughput"],
)
def test_candidate_that_left_a_race_is_worse_by_criteria_without_figures_only_if_it_is_so_by_throughput(
    low: float, high: float, allowed: dict[str, float], verdicts: list[str]
) -> None:
    left = Retirement(trials=12, slower=estimate(1.2), rule="race", behind=Estimate(value=0.8, low=0.7, high=0.9))
    run = experiment(replace(one(low, high), retired=left), criteria=(THROUGHPUT, LOCK_WAITS))
    asked = Asked(regressions=allowed, criteria=("throughput", "lock_waits"))
    found = checked(run, asked=asked).experiments[0].judgements

    assert [each.verdict for each in found] == verdicts
    if verdicts[1] == "no result":
        assert plain(found[1].reason) == "new left the blocks early, and so has no figures by lock waits"


FAR = Retirement(trials=3, slower=Estimate(value=9.0, low=8.0, high=10.0))


def beside(new: CandidateResult, old: CandidateResult, *by: str) -> list[Judgement]:
    """Return the judgements on one candidate against another that is not the baseline."""
    asked = replace(FIVE, against="old", candidates=("new",), criteria=by or ("throughput",))
    return list(checked(experiment(new, old, criteria=(THROUGHPUT, LOCK_WAITS)), asked=asked).experiments[0].judgements)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.2, "worse"), (0.8, 0.99, "cannot tell"), (0.8, 1.2, "cannot tell"), (0.96, 1.2, "not worse")],
)
def test_candidate_far_slower_than_the_baseline_is_judged_against_another_by_their_own_ratio(
    low: float, high: float, verdict: str
) -> None:
    ratio = Estimate(value=math.sqrt(low * high), low=low, high=high)
    new = replace(one(0.1, 0.125, to_others={"old": ratio}), retired=FAR)
    by_throughput, by_waits = beside(new, ranked(standing("old", 1, estimate(1.0)), ""), "throughput", "lock_waits")

    assert by_throughput.verdict == verdict
    assert by_waits.verdict == ("worse" if verdict == "worse" else "no result")
    assert "--" not in by_throughput.reason, "no option keeps it in the blocks"


def test_candidate_is_not_worse_than_another_that_is_far_slower() -> None:
    old = replace(ranked(standing("old", 2, estimate(0.01)), ""), retired=FAR)
    new = one(0.9, 1.1, to_others={"old": Estimate(value=100.0, low=60.0, high=160.0)})

    assert [each.verdict for each in beside(new, old)] == ["not worse"]


def test_of_two_candidates_far_slower_than_the_baseline_neither_is_called_worse_than_the_other() -> None:
    old = replace(ranked(standing("old", 2, estimate(0.01)), ""), retired=FAR)
    (found,) = beside(replace(one(0.1, 0.125), retired=FAR), old)

    assert (found.verdict, plain(found.reason)) == ("no result", "new and old left the blocks early")


@pytest.mark.parametrize(
    ("candidates", "status"),
    [
        ([one(0.96, 1.1)], 0),
        ([one(0.96, 1.1), unranked("brin", "skipped", "x")], 0),
        ([one(0.9, 1.1)], 2),
        ([one(0.9, 1.1), unranked("other", "invalid", "x")], 3),
        ([one(0.9, 1.1), unranked("other", "invalid", "x"), unranked("third", "failed", "x")], 1),
    ],
    ids=["not worse", "one is skipped", "cannot tell", "no result comes before that", "worse comes before all"],
)
def test_most_severe_verdict_is_the_exit_status(candidates: list[CandidateResult], status: int) -> None:
    assert checked(experiment(*candidates)).status == status


def test_all_experiments_of_a_run_are_judged() -> None:
    good, bad = experiment(one(1.1, 1.2)), replace(experiment(one(0.7, 0.8)), cardinality="worst")
    found = checked(good, bad)
    text = report.headed(report.checked(found))

    assert found.status == 1
    assert "usage at typical" in text
    assert "usage at worst" in text
    assert "Worse than allowed: new (throughput)." in text


def test_experiment_that_ended_without_a_record_is_no_result() -> None:
    notice = Notice(code="experiment-failed", text="votes typical has no result: the server was stopped")
    found = report.check(replace(RUN, experiments=(experiment(one(1.1, 1.2)),), notices=(notice,)), FIVE)

    assert found.status == 3
    assert "votes typical has no result" in report.headed(report.checked(found))


def test_candidate_that_the_load_generator_limited_is_never_called_worse() -> None:
    below, above = (judgements(checked(experiment(one(low, 0.9, at_least=True))))["new"] for low in (0.8, 0.96))

    assert (below.verdict, above.verdict) == ("cannot tell", "not worse")
    assert below.reason.startswith("the load generator was the bottleneck")


SATURATED = Notice(code="client-saturated", text="Under the baseline the load generator was busy 90 % of the time")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.7, 0.8, "worse"),
        (0.92, 0.94, "cannot tell"),
        (0.97, 1.2, "cannot tell"),
        (0.85, 1.2, "cannot tell"),
        (1.0, 1.2, "not worse"),
    ],
    ids=["slower still", "1.2 times the server's time", "may be slower", "the bound is within", "as fast in any case"],
)
def test_nobody_passes_below_a_ratio_of_one_where_the_load_generator_limited_the_baseline(
    low: float, high: float, verdict: str
) -> None:
    lenient = Asked(regressions={"": 0.1})
    told = judgements(checked(experiment(one(low, high), notices=(SATURATED,)), asked=lenient))["new"]

    assert told.verdict == verdict
    assert told.reason.startswith("the load generator was the bottleneck") is (verdict == "cannot tell")


def test_longer_run_may_tell_that_a_candidate_is_worse_where_the_load_generator_limited_the_baseline() -> None:
    told = judgements(checked(experiment(one(0.8, 0.96), notices=(SATURATED,))))["new"]

    assert told.verdict == "cannot tell"
    assert "--budget" in told.reason


@pytest.mark.parametrize(("busy_share", "verdict"), [(0.81, "cannot tell"), (0.8, "not worse"), (None, "not worse")])
def test_whom_the_load_generator_limited_less_than_the_baseline_is_not_easily_matched_either(
    busy_share: float | None, verdict: str
) -> None:
    old = replace(ranked(standing("old", 1, estimate(0.9)), ""), busy_share=busy_share)
    new = one(0.8, 0.9, to_others={"old": Estimate(value=0.97, low=0.96, high=0.98)})
    asked = replace(FIVE, against="old", candidates=("new",))

    assert judgements(checked(experiment(new, old, notices=(SATURATED,)), asked=asked))["new"].verdict == verdict
    assert judgements(checked(experiment(new, old), asked=asked))["new"].verdict == "not worse"


def test_load_generator_says_nothing_of_other_criteria_than_throughput() -> None:
    found = by(WAL, Estimate(value=0.0, low=-1.0, high=1.0), estimate(400.0))
    run = replace(found, notices=(SATURATED,))

    assert judgements(checked(run, asked=replace(FIVE, criteria=("wal_bytes",))))["new"].verdict == "not worse"


def test_nobody_is_shown_to_match_a_candidate_that_the_load_generator_limited() -> None:
    limited = replace(ranked(standing("old", 1, estimate(2.0)), ""), name="old")
    limited = stands(limited, at_least=True)
    fast, slow = (one(1.0, 1.0, to_others={"old": Estimate(value=ratio, low=ratio, high=ratio)}) for ratio in (3, 0.5))
    against = replace(FIVE, against="old", candidates=("new",))

    assert judgements(checked(experiment(fast, limited), asked=against))["new"].verdict == "cannot tell"
    assert judgements(checked(experiment(slow, limited), asked=against))["new"].verdict == "worse"


def test_doubtful_control_leaves_every_verdict_open() -> None:
    control = standing("baseline (control)", 1, estimate(1.2), ())
    found = judged(experiment(one(0.5, 0.6)), "throughput", control=control)

    told = judgements(checked(found))["new"]
    assert told.verdict == "cannot tell"
    assert "differs from itself" in told.reason


def test_too_few_blocks_for_any_verdict_say_how_many_are_needed() -> None:
    few = judged(experiment(one(0.5, 0.6)), "throughput", decides=False)
    told = judgements(checked(replace(few, blocks=4, warmup_blocks=2, blocks_needed=6, elapsed_s=12.0)))["new"]

    assert told.verdict == "cannot tell"
    assert told.reason == "any verdict needs 6 blocks, and 4 were measured: --budget 20s"


def test_ratio_of_one_block_has_no_interval() -> None:
    text = report.headed(report.checked(checked(experiment(one(0.858, 0.858), blocks=1, blocks_needed=6))))

    assert " 0.86x " in text
    assert "[0.8" not in text


def test_interrupted_run_lets_nobody_pass() -> None:
    good, bad = (
        judgements(checked(experiment(found, stopped="interrupted")))["new"] for found in (one(1.1, 1.2), one(0.5, 0.6))
    )

    assert (good.verdict, bad.verdict) == ("cannot tell", "worse")
    assert "the run was interrupted before" in good.reason

    lost = Notice(code=WORKER_LOST, text="usage typical was cut short")
    left = judgements(checked(experiment(one(1.1, 1.2), stopped="interrupted", notices=(lost,))))["new"]
    assert (left.verdict, left.reason) == (good.verdict, good.reason.replace("was interrupted", "lost a worker"))


@pytest.mark.parametrize("against", ["baseline", "old"])
def test_footnotes_of_what_everything_is_compared_with_are_at_the_caption(against: str) -> None:
    told = Notice(code="unlogged-tables", text=f"{against} loses committed rows")
    run = experiment(one(1.1, 1.2, to_others={"old": estimate(1.1)}), ranked(standing("old", 1, estimate(1.0)), ""))
    results = [replace(each, notices=(told,)) if each.name == against else each for each in run.candidates]
    asked = replace(FIVE, against=against, candidates=("new",))
    text = report.headed(report.checked(checked(replace(run, candidates=tuple(results)), asked=asked)))
    shown = " ".join(text.split())

    assert re.search(r"all candidates by one criterion \(1\) ", shown)
    assert f"(1) {against} loses committed rows" in shown


def test_other_candidates_are_compared_with_by_intervals_of_the_same_family() -> None:
    found = one(0.5, 0.6, to_others={"old": Estimate(value=1.1, low=1.05, high=1.2)})
    against = replace(FIVE, against="old", candidates=("new",))

    told = judgements(checked(experiment(found, ranked(standing("old", 2, estimate(0.5)), "")), asked=against))["new"]
    assert told.verdict == "not worse"
    assert told.found == Estimate(value=1.1, low=1.05, high=1.2)


def test_run_file_of_an_older_version_holds_no_comparison_of_two_candidates() -> None:
    against = replace(FIVE, against="split_events", candidates=("fillfactor",))
    told = judgements(checked(USAGE, asked=against))["fillfactor"]

    assert told.verdict == "no result"
    assert "an older version wrote it" in told.reason


@pytest.mark.parametrize("status", ["disqualified", "failed", "skipped"])
def test_without_a_baseline_there_is_no_result_but_who_failed_is_told(status: str) -> None:
    results = (unranked("baseline", status, "x"), one(1.1, 1.2), unranked("other", "failed", "y"))
    found = judgements(checked(replace(USAGE, candidates=results)))

    assert (found["new"].verdict, found["other"].verdict) == ("no result", "worse")
    assert status in found["new"].reason


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (replace(FIVE, against="fillfacter"), r"no candidate 'fillfacter'; did you mean 'fillfactor'\?"),
        (replace(FIVE, candidates=("nobody",)), r"no candidate 'nobody'(.|\n)*hash_partitioned"),
        (replace(FIVE, candidates=("baseline",)), "'baseline' cannot be judged against itself"),
        (replace(FIVE, criteria=("wal_bytes",)), r"not ranked by 'wal_bytes'(.|\n)*--criteria throughput,.*,wal_bytes"),
        (replace(FIVE, criteria=("lock_wait",)), "did you mean 'lock_waits'"),
        (Asked(regressions={"": 1.0}), "Nothing is worse in throughput by 100 %"),
        (replace(FIVE, candidates=("brin",)), r"no candidate that was measured beside 'baseline'(.|\n)*brin skipped"),
    ],
)
def test_what_a_run_does_not_hold_is_refused(asked: Asked, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        report.check(RUN, asked)


def test_criterion_that_the_server_did_not_count_is_not_to_be_asked_for_again() -> None:
    option = OptionValue(name="--criteria", value="throughput,cpu_s", source="command line")

    with pytest.raises(UsageError, match=r"not ranked by 'cpu_s'(.|\n)*why it was not counted"):
        report.check(replace(RUN, options=(option,)), replace(FIVE, criteria=("cpu_s",)))


def test_run_without_an_experiment_is_refused_with_what_became_of_it() -> None:
    notice = Notice(code="experiment-failed", text="usage typical has no result: no server")

    with pytest.raises(UsageError, match=r"no experiment(.|\n)*no server"):
        report.check(replace(RUN, experiments=(), notices=(notice,)), FIVE)


def test_intervals_are_those_that_the_report_shows() -> None:
    shown = report.headed(report.checked(report.check(RUN, FIVE)))
    for place in ("1.31x [1.26, 1.36]", "0.87x [0.84, 0.91]", "1.01x [0.99, 1.04]"):
        assert place in report.terminal(RUN, 120)
        assert place in shown


def test_report_of_a_check_fits_80_columns_and_names_everybody() -> None:
    asked = replace(FIVE, criteria=("throughput", "lock_waits"))
    text = report.headed(report.checked(report.check(replace(RUN, experiments=(USAGE,)), asked)))

    assert max(map(len, text.splitlines())) <= 80
    for result in USAGE.candidates:
        assert result.name in text or result.name[:4] in text
    assert "allowed: throughput at least 0.95x; lock waits at most 5 points more" in text
    assert "Skipped: brin.\n" in text or "Skipped: brin. (" in text
    assert "\nSkipped: brin\n  it needs PostgreSQL >= 19" in text


def test_experiment_that_was_not_ranked_by_a_criterion_of_another_has_no_result_by_it() -> None:
    asked = replace(FIVE, criteria=("throughput", "lock_waits"), candidates=("flat", "fillfactor"))
    text = report.headed(report.checked(report.check(RUN, asked)))

    assert "No result: flat (lock_waits). Cannot tell: flat (throughput)." in text
    assert "flat, lock_waits: the experiment has no figures by lock_waits" in text
    assert "How many blocks would tell" not in text, "nothing was forecast"


def test_everything_is_said_in_markdown_too() -> None:
    text = report.flavored.markdown(report.checked(report.check(RUN, FIVE)))

    assert text.startswith("# Check against baseline: worse than allowed\n")
    assert re.search(r"\| `secondary_index` +\| throughput +\| +0\.87x \[0\.84, 0\.91\] \| \*\*worse\*\*", text)
    assert "unlogged_landing" in text
    assert 'column "site" does not exist' in text


@given(
    blocks=st.integers(6, 500),
    below=st.floats(0.01, 1.0),
    above=st.floats(0.01, 1.0),
    share=st.floats(0.05, 0.95),
    better=st.booleans(),
)
def test_interval_of_so_many_blocks_would_just_reach_the_bound(
    blocks: int, below: float, above: float, share: float, *, better: bool
) -> None:
    gain = Gain(low=-below, centre=0.0, high=above)
    limit = -below * share if better else above * share
    needed = duration.blocks_to_tell(blocks, gain, Bound(harmless=limit, harmful=limit))
    assert needed is not None

    width = math.sqrt(blocks / needed)
    assert needed > blocks
    if needed > blocks + 1:
        assert (below if better else above) * width <= abs(limit)
        assert (below if better else above) * math.sqrt(blocks / (needed - 1)) >= abs(limit) * (1 - 1e-9)


def test_no_number_of_blocks_tells_a_figure_that_is_exactly_what_is_allowed() -> None:
    gain = Gain(low=-0.2, centre=-0.1, high=0.0)

    assert duration.blocks_to_tell(10, gain, Bound(harmless=-0.1, harmful=-0.1)) is None
    assert "no run within a day" in duration.advice(USAGE, gain, Bound(harmless=-0.1 - 1e-9, harmful=-0.1 - 1e-9))


def test_run_that_is_precise_before_it_can_tell_needs_more_precision_too() -> None:
    close = experiment(one(0.9435, 0.9635), precision=0.05, stopped="precision", blocks=100)
    told = judgements(checked(close))["new"]

    assert told.verdict == "cannot tell"
    assert "--precision" in told.reason
