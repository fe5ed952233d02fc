"""The age of answers in words and as a table."""

from dataclasses import replace
from typing import Any

from fixed_run import BASELINE, RUN, USAGE, estimate, ranked, standing

from schemabench.frames import RunFrames
from schemabench.records import CandidateResult, Experiment, Staleness
from schemabench.report import staleness as told
from schemabench.report.text import plain
from schemabench.report.tree import Table
from schemabench.report.view import View

LIVE = Staleness(operation="read", phase="trials", within_s=60, count=90, p50_s=0, p99_s=None, oldest_s=0, certain_s=0)
CACHED = replace(LIVE, count=200, p50_s=20, p99_s=41, oldest_s=75, certain_s=40)
PACED = replace(CACHED, phase="adequacy", oldest_s=41, certain_s=41)


def _experiment(**known: tuple[Staleness, ...]) -> Experiment:
    results: list[CandidateResult] = [
        replace(ranked(standing(name, place, BASELINE if name == "baseline" else estimate(1.5)), ""), staleness=some)
        for place, (name, some) in enumerate(known.items(), start=1)
    ]
    return replace(USAGE, candidates=tuple(results))


def test_without_old_answers_nothing_is_said() -> None:
    experiment = _experiment(fast=(), baseline=())
    assert told.sentence(experiment) == ""
    assert told.section(View(experiment, RUN)) is None


def test_the_freshest_and_the_stalest_are_named_beside_the_bound() -> None:
    said = plain(told.sentence(_experiment(fast=(CACHED,), baseline=(LIVE,))))
    assert said == (
        "the oldest answers were at most 0 s (baseline) to 1 min 15 s (fast) old in trials, which exaggerate, 40.0 s "
        "for certain; up to 1 min is allowed"
    )


def test_ages_at_the_pace_of_production_take_the_place_of_those_of_trials() -> None:
    said = plain(told.sentence(_experiment(fast=(CACHED, PACED))))
    assert said == "the oldest answers were 41.0 s (fast) old; up to 1 min is allowed"


def test_who_was_not_measured_at_the_pace_of_production_is_told_apart() -> None:
    said = plain(told.sentence(_experiment(fast=(CACHED, PACED), left=(CACHED,), baseline=(LIVE, PACED))))
    assert said == (
        "the oldest answers were 41.0 s (fast) old; up to 1 min is allowed; left: in trials alone, see the table"
    )


def test_the_table_has_both_phases_and_a_dash_for_a_percentile_of_too_few_answers() -> None:
    section = told.section(View(_experiment(fast=(CACHED, PACED), baseline=(LIVE,)), RUN))
    assert section is not None
    (table,) = [node for node in section.nodes if isinstance(node, Table)]
    assert [[plain(cell.text) for cell in row] for row in table.rows] == [
        ["fast", "read", "trials", "20.0 s", "41.0 s", "1 min 15 s", "40.0 s", "1 min", "200"],
        ["fast", "read", "production's pace", "20.0 s", "41.0 s", "41.0 s", "41.0 s", "1 min", "200"],
        ["baseline", "read", "trials", "0 s", "-", "0 s", "0 s", "1 min", "90"],
    ]


def test_the_frame_has_a_row_for_each_phase() -> None:
    frames = RunFrames(replace(RUN, experiments=(_experiment(fast=(CACHED, PACED), baseline=(LIVE,)),)))
    rows: Any = frames.staleness
    assert list(rows["oldest_s"]) == [75, 41, 0]
    assert list(rows["phase"]) == ["trials", "adequacy", "trials"]
