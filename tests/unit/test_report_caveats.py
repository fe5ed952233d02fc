"""Footnotes where the figures are that they limit: at findings, and at a ratio to a baseline that has some."""

from dataclasses import replace
from pathlib import Path

import pytest
from drawn import markdown
from fixed_run import PAGEVIEWS, RUN, USAGE

import schemabench
from schemabench import report
from schemabench.records import Experiment, Notice
from schemabench.report import caveats
from schemabench.report.tree import Part, Terms

SOURCE = Path(schemabench.__file__).parent


def part(experiment: Experiment) -> Part:
    """Return what is told of an experiment of a run without notices of its own."""
    (found,) = report.document(replace(RUN, experiments=(experiment,), notices=())).parts
    return found


def marked(experiment: Experiment, code: str) -> set[str]:
    """Return the findings that have the mark of an experiment's only notice."""
    bare = tuple(replace(one, notices=()) for one in experiment.candidates)
    shown = part(replace(experiment, candidates=bare, notices=(Notice(code=code, text="so it is"),)))
    (terms,) = (one for one in shown.findings if isinstance(one, Terms))
    assert shown.verdict[0].notes == (1,), "everything limits the verdict"
    return {term for term, _ in terms.items if terms.notes.get(term)}


@pytest.mark.parametrize(
    ("experiment", "code", "findings"),
    [
        (USAGE, "schedule-lag", {"adequacy"}),
        (PAGEVIEWS, "soak-own-time", {"soak"}),
        (USAGE, "replayed", {"sizes"}),
        (USAGE, "not-steady", {"headroom", "control"}),
        (USAGE, "one-writer", {"headroom"}),
        (USAGE, "blocks-related", set()),
        (USAGE, "blocks-unobserved", {"control, locks"}),
        (USAGE, "setting-overruled", {"settings"}),
        (USAGE, "untested-version", set()),
    ],
)
def test_a_notice_is_marked_at_the_findings_that_it_limits(
    experiment: Experiment, code: str, findings: set[str]
) -> None:
    assert marked(experiment, code) == findings


def test_marks_of_findings_are_in_every_report() -> None:
    late = Notice(code="schedule-lag", text="calls began late")
    run = replace(RUN, experiments=(replace(USAGE, notices=(late,), candidates=USAGE.candidates),), notices=())
    lines = {
        "terminal": next(one for one in report.terminal(run, 1000).splitlines() if one.startswith("adequacy: ")),
        "markdown": next(one for one in markdown(run).splitlines() if one.startswith("- adequacy: ")),
        "brief": next(one for one in report.brief(run).splitlines() if one.startswith("<li>adequacy: ")),
    }

    assert lines["terminal"].endswith(" (1)")
    assert lines["markdown"].endswith(" <sup>1</sup>")
    assert lines["brief"].endswith("<sup>1</sup></li>")


def test_every_code_that_limits_a_finding_is_that_of_some_notice() -> None:
    written = "".join(one.read_text(encoding="utf-8") for one in SOURCE.rglob("*.py") if one.name != "caveats.py")
    codes = {code.removesuffix("*") for some in caveats.LIMITS.values() for code in some}

    assert {code for code in codes if f'"{code}' not in written} == set()


def test_notices_on_the_baseline_are_marked_at_a_verdict_on_ratios_to_it() -> None:
    told = Notice(code="unlogged-tables", text="baseline loses committed rows")
    candidates = tuple(replace(one, notices=(told,) if one.name == "baseline" else ()) for one in USAGE.candidates)

    assert part(replace(USAGE, candidates=candidates, notices=())).verdict[0].notes == (1,)
