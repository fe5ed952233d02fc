"""Production's pace in words: who keeps up, who does not and by how much, and how long responses take."""

from dataclasses import replace

from fixed_run import BASELINE, USAGE, adequacy, estimate, ranked, standing

from schemabench.records import Adequacy, Experiment
from schemabench.report.adequacy import by_operation, fared, sentence

FAST = adequacy("fast", 2.0)
SLOW = adequacy("baseline", 1.0)
BEHIND = replace(SLOW, keeps_up=False, waiting={"dashboard": 1, "media_library": 310}, elapsed_s=SLOW.duration_s + 2.4)


def _experiment(**known: Adequacy | None) -> Experiment:
    results = [
        replace(ranked(standing(name, place, BASELINE if name == "baseline" else estimate(1.5)), ""), adequacy=one)
        for place, (name, one) in enumerate(known.items(), start=1)
    ]
    return replace(USAGE, candidates=tuple(results))


def test_who_was_not_asked_is_not_spoken_of() -> None:
    assert sentence(_experiment(fast=None, baseline=None), str) == ""


def test_all_that_keep_up_are_told_with_the_quickest_and_the_slowest() -> None:
    assert sentence(_experiment(fast=FAST, baseline=SLOW), str) == (
        "at production's pace for 9.00 s (1,240 calls) every candidate keeps up; "
        "99 % of responses within 2.05 ms (fast) to 4.10 ms (baseline) of when they were due"
    )


def test_one_alone_is_told_by_its_name() -> None:
    assert sentence(_experiment(baseline=SLOW), str) == (
        "at production's pace for 9.00 s (1,240 calls) baseline keeps up; "
        "99 % of responses within 4.10 ms of when they were due"
    )


def test_those_that_fall_behind_are_named_with_how_far() -> None:
    assert (
        "not all keep up: baseline (310 calls of media_library waiting at the end, done 2.40 s late); 99 %"
    ) in sentence(_experiment(fast=FAST, baseline=BEHIND), str)


def test_it_is_said_when_nobody_keeps_up() -> None:
    assert "none keeps up: fast (310 calls" in sentence(_experiment(fast=BEHIND, baseline=BEHIND), str)


def test_with_too_few_calls_for_a_percentile_the_slowest_is_told() -> None:
    few = replace(FAST, p99_ns=None)

    assert "; all responses within 126 ms (fast) to 252 ms (baseline)" in sentence(
        _experiment(fast=few, baseline=SLOW), str
    )


def test_times_of_an_operation_stand_together_in_the_order_of_candidates() -> None:
    tables = by_operation(fared(_experiment(fast=FAST, baseline=SLOW).candidates))

    assert list(tables) == ["upsert_media_count", "compact_cdn"]
    assert [name for name, _, _ in tables["compact_cdn"]] == ["fast", "baseline"]
    assert all(response.max_ns > service.max_ns for _, response, service in tables["compact_cdn"])
