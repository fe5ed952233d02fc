"""The section on companions, and how they are named elsewhere."""

from dataclasses import replace

from fixed_run import RUN
from sections import headings, rows, tables

from schemabench.records import CompanionFigures, CompanionShare, Experiment
from schemabench.report import companions, verdict

HOLDER = CompanionShare(
    name="holder", operation="look", clients=1, every_s=0.0, holds=True, isolation="repeatable read"
)
REPORT = CompanionShare(
    name="report", operation="count_open", clients=2, every_s=0.0, holds=False, isolation="read committed"
)
CHECKPOINT = CompanionShare(
    name="checkpoint", operation="checkpoint", clients=1, every_s=5.0, holds=False, isolation="read committed"
)
FIGURES = (
    CompanionFigures(companion="holder", executions=0, lock_share=0.0),
    CompanionFigures(
        companion="report", executions=1200, cut=3, every_s=0.002, p50_ns=1.5e6, p99_ns=4e6, max_ns=9e6, lock_share=0.25
    ),
    CompanionFigures(companion="checkpoint", executions=1, every_s=5.2, max_ns=2e8),
)


def accompanied() -> Experiment:
    """Return an experiment whose baseline has companions."""
    experiment = RUN.experiments[0]
    candidates = tuple(
        replace(one, companions=FIGURES) if one.name == "baseline" else one for one in experiment.candidates
    )
    return replace(experiment, candidates=candidates, companions=(HOLDER, REPORT, CHECKPOINT))


def test_what_companions_executed_is_shown_in_one_table() -> None:
    (table,) = tables(companions.section, accompanied())

    assert headings(table)[:5] == ["candidate", "companion", "executions", "cancelled", "every"]
    assert rows(table) == [
        ("baseline", "holder", "0", "0", "-", "-", "-", "-", "0 %"),
        ("baseline", "report", "1,200", "3", "2.00 ms", "1.50 ms", "4.00 ms", "9.00 ms", "25 %"),
        ("baseline", "checkpoint", "1", "0", "5.20 s", "-", "-", "200 ms", "-"),
    ]


def test_without_companions_there_is_no_section() -> None:
    assert tables(companions.section, RUN.experiments[0]) == []
    assert companions.fact(RUN.experiments[0]) == ""


def test_what_runs_beside_is_told_with_how_it_was_measured() -> None:
    assert companions.manner(HOLDER) == "holds its transaction open, repeatable read"
    assert companions.manner(REPORT) == "without end, 2 connections"
    assert companions.manner(CHECKPOINT) == "every 5.00 s"
    assert "beside holder, report and checkpoint" in verdict.setting(accompanied())


def test_companions_that_were_left_out_are_named() -> None:
    left_out = replace(RUN.experiments[0], without_companions=("holder",))

    assert "left out (--without-companions): " in companions.fact(left_out)
    assert "without companions" in verdict.setting(left_out)
