"""Contention in words and rows: no more than the samples say, and nothing where there are none."""

from dataclasses import replace

import pytest
from fixed_run import BASELINE, PAGEVIEWS, USAGE, contention, estimate, judged, lock_standing, ranked, standing
from sections import rows, tables

from schemabench.records import CandidateResult, Estimate, Experiment, Standing
from schemabench.report import contention as told
from schemabench.report import figures
from schemabench.report.text import plain


def waiting(place: Standing, locks: float) -> CandidateResult:
    return replace(
        ranked(place, ""),
        contention=contention(locks),
        standings={"throughput": place, "lock_waits": lock_standing(place.name, locks, rank=1, tied_with=())},
    )


def experiment(*results: CandidateResult) -> Experiment:
    return replace(USAGE, candidates=results)


def why(*results: CandidateResult) -> str:
    return plain(told.why(experiment(*results)))


def test_slowest_is_told_with_its_lock_and_its_pair_beside_the_baseline() -> None:
    found = why(waiting(standing("baseline", 1, BASELINE), 0.1), waiting(standing("slow", 2, estimate(0.5)), 0.714))
    assert found == (
        "slowest: slow; 71 % of its writers' time goes to waiting for locks (baseline: 10 %), mostly transactionid on "
        "media_storage, upsert_bytes_stored waiting for upsert_media_count"
    )


def test_share_is_that_of_the_ranks_where_the_samples_of_an_older_run_say_otherwise() -> None:
    base, slow = waiting(standing("baseline", 1, BASELINE), 0.1), waiting(standing("slow", 2, estimate(0.5)), 0.3)
    found = why(base, replace(slow, contention=contention(0.6)))
    assert found.startswith(
        "slowest: slow; 30 % of its writers' time goes to waiting for locks (baseline: 10 %), mostly"
    )


def pausing(result: CandidateResult, paused: float) -> CandidateResult:
    assert result.contention is not None
    return replace(
        result, contention=replace(result.contention, classes={**result.contention.classes, "pause": paused})
    )


def test_pauses_before_retries_are_told_as_a_part_of_the_waiting() -> None:
    base, slow = waiting(standing("baseline", 1, BASELINE), 0.1), waiting(standing("slow", 2, estimate(0.5)), 0.714)
    found = experiment(base, pausing(slow, 0.052))
    assert why(base, pausing(slow, 0.052)).startswith(
        "slowest: slow; 71 % of its writers' time goes to waiting for locks (baseline: 10 %): 5.2 points to pauses "
        "before retries and 66 points to queueing for locks, mostly transactionid"
    )
    assert plain(told.pauses(found)) == "5.2 points of slow's 71 % are pauses before retries"


def test_writers_that_hardly_queue_are_not_told_to_wait_mostly_for_a_lock() -> None:
    base, slow = waiting(standing("baseline", 1, BASELINE), 0.1), waiting(standing("slow", 2, estimate(0.5)), 0.22)
    aborting = pausing(replace(slow, contention=contention(0.02)), 0.2)

    assert why(base, aborting).startswith(
        "slowest: slow; 22 % of its writers' time goes to waiting for locks (baseline: 10 %): 20 points to pauses "
        "before retries and 2.0 points to queueing for locks, mostly transactionid"
    )
    assert aborting.contention is not None
    idle = replace(aborting.contention, classes={**aborting.contention.classes, "Lock": 0.0}, locks=(), pairs=())
    assert why(base, replace(aborting, contention=idle)) == (
        "slowest: slow; 22 % of its writers' time goes to waiting for locks (baseline: 10 %), all of it to pauses "
        "before retries"
    )


def test_nothing_is_told_of_pauses_where_there_were_none_or_an_older_run_does_not_know() -> None:
    base = waiting(standing("baseline", 1, BASELINE), 0.1)
    assert base.contention is not None
    unknown = {name: share for name, share in base.contention.classes.items() if name != "pause"}
    assert told.pauses(experiment(pausing(base, 0.0))) == ""
    assert told.pauses(experiment(replace(base, contention=replace(base.contention, classes=unknown)))) == ""


def test_slowest_may_be_the_baseline_which_is_not_compared_with_itself() -> None:
    found = why(waiting(standing("fast", 1, estimate(2.0)), 0.1), waiting(standing("baseline", 2, BASELINE), 0.5))
    assert found.startswith("slowest: baseline; 50 % of its writers' time goes to waiting for locks, mostly")


def test_last_of_several_that_tie_is_only_among_the_slowest() -> None:
    found = why(
        waiting(standing("fast", 1, estimate(2.0)), 0.1),
        waiting(standing("baseline", 2, BASELINE, ("slow",)), 0.2),
        waiting(standing("slow", 2, estimate(0.99), ("baseline",)), 0.3),
    )
    assert found.startswith("among the slowest: slow; 30 %")


def test_slowest_that_does_not_wait_for_locks_is_told_with_what_it_does() -> None:
    found = why(waiting(standing("baseline", 1, BASELINE), 0.3), waiting(standing("slow", 2, estimate(0.5)), 0.004))
    shares = "running 54 % (baseline: 38 %), IO 25 % (baseline: 18 %)"
    assert found == f"slowest: slow; its writers hardly wait for locks (0.4 %): {shares}"


def test_where_throughput_ties_whoever_waits_most_is_told() -> None:
    base, other = standing("baseline", 1, BASELINE, ("other",)), standing("other", 1, estimate(1.01), ("baseline",))
    assert why(waiting(other, 0.1), waiting(base, 0.4)).startswith("most lock waits: baseline; 40 %")
    assert why(waiting(other, 0.4), waiting(base, 0.1)).startswith("most lock waits: other; 40 % of its writers'")


def test_where_throughput_ties_and_hardly_anyone_waits_nothing_is_told() -> None:
    base, other = standing("baseline", 1, BASELINE, ("other",)), standing("other", 1, estimate(1.01), ("baseline",))
    assert why(waiting(base, 0.04), waiting(other, 0.01)) == ""


def test_lock_that_takes_less_than_half_of_the_waiting_is_not_called_most_of_it() -> None:
    slow = waiting(standing("slow", 2, estimate(0.5)), 0.5)
    assert slow.contention is not None
    locks = (replace(slow.contention.locks[0], share=0.2, relation=""), *slow.contention.locks[1:])
    slow = replace(slow, contention=replace(slow.contention, locks=locks, pairs=()))
    assert why(waiting(standing("baseline", 1, BASELINE), 0.1), slow).endswith(", 20 points of that for transactionid")


def test_nothing_is_told_where_nothing_was_sampled_or_seen() -> None:
    unseen = replace(contention(0.5), observations=0, classes={}, events=(), locks=(), pairs=())
    blind = tuple(replace(one, contention=unseen) for one in PAGEVIEWS.candidates)
    assert told.why(PAGEVIEWS) == ""
    assert told.why(replace(PAGEVIEWS, candidates=blind)) == ""
    assert tables(told.section, PAGEVIEWS) == tables(told.section, replace(PAGEVIEWS, candidates=blind)) == []


def test_no_other_is_called_the_slowest_where_the_slowest_was_not_sampled() -> None:
    slow = ranked(standing("slow", 2, estimate(0.5)), "")
    assert why(waiting(standing("baseline", 1, BASELINE), 0.3), slow).startswith("most lock waits: baseline; 30 %")


def test_control_of_lock_waits_is_told_with_its_verdict() -> None:
    control = USAGE.criteria[1].control
    assert control is not None
    differs = judged(USAGE, "lock_waits", control=replace(control, tied_with=()))
    assert told.control(USAGE) == "+0.2 points [-0.9, +1.3]: consistent with chance"
    assert told.control(differs).endswith(": the baseline differs from itself; do not trust differences of this size")
    assert told.control(PAGEVIEWS) == ""


def test_tables_hold_the_largest_locks_and_pairs_of_each_candidate() -> None:
    result = waiting(standing("baseline", 1, BASELINE), 0.5)
    assert result.contention is not None
    many = replace(result.contention, locks=result.contention.locks * 3, pairs=result.contention.pairs * 3)
    _, locks, pairs, _ = tables(told.section, experiment(replace(result, contention=many)))
    assert len(locks.rows) == len(pairs.rows) == told.MOST_ROWS
    assert rows(locks)[0][1:] == ("transactionid", "ShareLock", "media_storage", "-", "36 %", "118 ms")


def test_wait_that_had_only_begun_has_no_length() -> None:
    result = waiting(standing("baseline", 1, BASELINE), 0.5)
    assert result.contention is not None
    begun = replace(result.contention, longest_wait_s=0.0)
    *_, samples = tables(told.section, experiment(replace(result, contention=begun)))
    assert rows(samples)[0][1:] == ("3", "-", "2,980", "14", "6", "21,300")


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, "0 %"),
        (0.0004, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.0313, "3.1 %"),
        (0.0996, "10 %"),
        (0.7149, "71 %"),
        (1.0, "100 %"),
        (-0.0001, "0.0 %"),
        (float("nan"), "-"),
    ],
)
def test_share_has_the_digits_that_samples_support(share: float, expected: str) -> None:
    assert figures.share(share) == expected


def test_interval_of_a_share_names_the_unit_once() -> None:
    assert figures.share_with_interval(Estimate(value=0.031, low=0.027, high=0.104)) == "3.1 % [2.7, 10]"
