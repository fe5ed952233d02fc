"""Production's pace in words: who keeps up, who does not and by how much, and how long responses take."""

from dataclasses import replace

from fixed_run import BASELINE, RUN, USAGE, adequacy, estimate, latency, pacing, ranked, standing, unranked

from schemabench.records import Adequacy, Experiment, Retirement
from schemabench.report import adequacy as told
from schemabench.report import figures
from schemabench.report.text import plain
from schemabench.report.tree import Fold, Table
from schemabench.report.view import View

FAST = adequacy("fast", 2.0)
SLOW = adequacy("baseline", 1.0)
OLD = replace(
    SLOW,
    keeps_up=False,
    waiting={"dashboard": 1, "media_library": 310},
    elapsed_s=SLOW.duration_s + 2.4,
    writers=(),
)
BEHIND = replace(OLD, writers=(pacing("dashboard", 2, 0.3), pacing("media_library", 4, 1.27)))
UNSURE = replace(
    SLOW,
    keeps_up=None,
    writers=(replace(pacing("nightly", 1, 0.5), utilisation=estimate(0.5, 1.2), keeps_up=None),),
)


def _experiment(**known: Adequacy | None) -> Experiment:
    results = [
        replace(ranked(standing(name, place, BASELINE if name == "baseline" else estimate(1.5)), ""), adequacy=one)
        for place, (name, one) in enumerate(known.items(), start=1)
    ]
    return replace(USAGE, candidates=tuple(results))


def sentence(experiment: Experiment) -> str:
    """Return what is said, without the marks of names."""
    return plain(told.sentence(experiment))


def headroom(experiment: Experiment) -> str:
    """Return what is said of the headroom, likewise."""
    return plain(told.headroom(experiment))


def test_who_was_not_asked_is_not_spoken_of() -> None:
    assert sentence(_experiment(fast=None, baseline=None)) == ""


def test_who_left_early_is_named_as_one_that_was_not_asked() -> None:
    experiment = _experiment(fast=FAST, baseline=SLOW, late=None, later=None)
    left = [
        replace(one, retired=Retirement(trials=4, slower=estimate(20.0))) if one.name.startswith("late") else one
        for one in experiment.candidates
    ]
    said = sentence(replace(experiment, candidates=tuple(left)))
    assert "all judged candidates keep up; not judged: late and later (left the blocks early); slowest" in said
    assert "every candidate" not in said


UNRANKED = {"broken": "failed", "crashed": "failed", "wrong": "disqualified", "brin": "skipped"}
UNJUDGED = "not judged: broken and crashed (failed), wrong (disqualified), brin (skipped)"


def _beside_unranked(**known: Adequacy | None) -> Experiment:
    experiment = _experiment(**known)
    return replace(
        experiment, candidates=(*experiment.candidates, *(unranked(who, why, "") for who, why in UNRANKED.items()))
    )


def test_who_has_no_rank_is_not_among_those_that_keep_up() -> None:
    assert f"all judged candidates keep up; {UNJUDGED}; slowest" in sentence(_beside_unranked(fast=FAST, baseline=SLOW))
    assert f"baseline keeps up; {UNJUDGED}; slowest" in sentence(_beside_unranked(baseline=SLOW))
    nobody = sentence(_beside_unranked(fast=BEHIND, baseline=BEHIND))
    assert "calls): none of those judged keeps up: fast (" in nobody
    assert f"; {UNJUDGED}; slowest" in nobody


def test_who_has_no_rank_has_no_headroom() -> None:
    assert headroom(_experiment(fast=None, baseline=None)).endswith("the production load: every candidate keeps up")
    assert headroom(_beside_unranked(fast=None, baseline=None)).endswith(
        f"(fast) the production load: all judged candidates keep up; {UNJUDGED}"
    )


def test_one_headroom_alone_is_told_with_whose_it_is_unless_there_are_no_others() -> None:
    assert headroom(_experiment(baseline=None)).endswith("] the production load: it keeps up")
    assert headroom(_beside_unranked(baseline=None)).endswith(
        f"] (baseline) the production load: it keeps up; {UNJUDGED}"
    )


def test_headroom_that_is_not_shown_to_suffice_is_told_by_name() -> None:
    experiment = _beside_unranked(fast=None, baseline=None)
    fast, *others = experiment.candidates
    found = headroom(replace(experiment, candidates=(replace(fast, headroom=estimate(1.0, 0.2)), *others)))

    assert found.endswith(f"(baseline) the production load; not shown to keep up: fast; {UNJUDGED}")


def test_all_that_keep_up_are_told_with_the_slowest_operation_of_the_quickest_and_of_the_slowest() -> None:
    assert sentence(_experiment(fast=FAST, baseline=SLOW)) == (
        "production load for 9.00 s (1,240 calls): every candidate keeps up; slowest operation: compact_cdn, "
        "all 41 calls answered within 126 ms (fast) to 252 ms (baseline) of when they were due"
    )


def test_one_alone_is_told_by_its_name() -> None:
    assert sentence(_experiment(baseline=SLOW)) == (
        "production load for 9.00 s (1,240 calls): baseline keeps up; slowest operation: compact_cdn, all 41 "
        "calls answered within 252 ms of when they were due"
    )


def test_the_slowest_operation_is_told_by_its_own_percentile_and_not_by_that_of_all_calls() -> None:
    rare = replace(SLOW, responses=(latency("count", 5000, 1.0), latency("report", 400, 900.0)), p99_ns=2e6)

    report = rare.responses[1]
    assert report.p99_ns is not None
    assert f"slowest operation: report, 99 % of calls answered within {figures.time(report.p99_ns)} of" in sentence(
        _experiment(baseline=rare)
    )


def test_candidates_may_have_other_slowest_operations() -> None:
    other = replace(SLOW, responses=(latency("refresh", 1, 900.0),))
    said = sentence(_experiment(fast=FAST, baseline=other))

    assert (
        "slowest operation: compact_cdn, all 41 calls answered within 126 ms (fast) to refresh, its one call within "
        "18.9 s (baseline) of when they were due"
    ) in said


def test_few_calls_are_told_by_their_number() -> None:
    one, both = (replace(SLOW, responses=(latency("refresh", calls, 900.0),)) for calls in (1, 2))

    assert sentence(_experiment(baseline=one)).endswith("its one call answered within 18.9 s of when it was due")
    assert sentence(_experiment(baseline=both)).endswith("both calls answered within 18.9 s of when they were due")


def test_those_that_fall_behind_are_named_with_the_writer_and_how_far() -> None:
    assert (
        "not all keep up: baseline (calls of media_library take 127 % [121, 133] of its connections' time, "
        "finished 2.40 s late); slowest"
    ) in sentence(_experiment(fast=FAST, baseline=BEHIND))


def test_it_is_said_when_one_connection_of_a_writer_is_what_falls_behind() -> None:
    hot = replace(pacing("shop", 4, 0.4), busiest=estimate(1.4, 0.1), keeps_up=False)

    assert "baseline (calls over one connection of shop take 140 % [126, 154] of its time, finished" in sentence(
        _experiment(baseline=replace(BEHIND, writers=(hot,)))
    )


def test_a_burst_that_was_cut_short_is_told_as_such() -> None:
    said = sentence(_experiment(baseline=replace(BEHIND, cut=True)))

    assert "of its connections' time, cut short after 11.4 s)" in said
    assert "within 252 ms or more of" in said


def test_an_older_run_file_tells_the_calls_that_waited() -> None:
    assert "baseline (310 calls of media_library queued at the end, finished 2.40 s late)" in sentence(
        _experiment(baseline=OLD)
    )


def test_it_is_said_when_nobody_keeps_up() -> None:
    assert "none keeps up: fast (calls of media_library" in sentence(_experiment(fast=BEHIND, baseline=BEHIND))


def test_it_is_said_of_whom_it_cannot_be_told_and_why() -> None:
    why = "calls of nightly take 50 % [-10, 110] of its connections' time"
    assert (
        f"the others keep up; it is unclear whether baseline ({why}) keeps up: try a longer --adequacy; "
    ) in sentence(_experiment(fast=FAST, baseline=UNSURE))
    assert f"calls): it is unclear whether baseline ({why}) keeps up: try" in sentence(_experiment(baseline=UNSURE))


def test_a_backlog_that_takes_long_is_told_with_how_long() -> None:
    (writer,) = UNSURE.writers
    long = replace(writer, utilisation=estimate(0.5, 0.1), drain_s=40.0)

    assert "baseline (the backlog of nightly at the end takes 40.0 s to drain) keeps up" in sentence(
        _experiment(baseline=replace(UNSURE, writers=(long,)))
    )


def test_a_response_longer_than_all_were_due_in_is_told() -> None:
    (writer,) = UNSURE.writers
    slow = replace(writer, utilisation=estimate(0.5, 0.1), drain_s=4.0, slowest_s=15.0)

    assert "baseline (a response to nightly took 15.0 s, longer than the whole replay)" in sentence(
        _experiment(baseline=replace(UNSURE, writers=(slow,)))
    )


def test_times_of_an_operation_stand_together_in_the_order_of_candidates() -> None:
    section = told.section(View(_experiment(fast=FAST, baseline=SLOW), RUN))
    assert section is not None
    (fold,) = [node for node in section.nodes if isinstance(node, Fold)]
    tables = {plain(node.caption).split()[0]: node for node in fold.nodes if isinstance(node, Table)}

    assert list(tables) == ["upsert_media_count", "compact_cdn"]
    assert [plain(row[0].text) for row in tables["compact_cdn"].rows] == ["fast", "baseline"]
    names = [column.heading for column in tables["upsert_media_count"].columns]
    response, service = names.index("p99"), names.index("service p99")
    assert all((row[response].sort or 0) > (row[service].sort or 0) for row in tables["upsert_media_count"].rows)
