"""With too few blocks for an interval nothing is called one, and nobody is told to be as good as others."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from fixed_run import RUN, USAGE

from schemabench import report
from schemabench.records import LOCK_WAITS, THROUGHPUT, Experiment, Run
from schemabench.report import brackets, flavored, page
from schemabench.report.tree import Document

NEEDED = 11
"""Blocks that tell the candidates of the made-up experiment apart."""
_FORMATS: dict[str, Callable[[Document], str]] = {
    "terminal": report.shown,
    "Markdown": flavored.markdown,
    "page": page.html,
}
_INTERVAL = re.compile(r"95\W%")


def _interrupted(blocks: int) -> Experiment:
    """Return an experiment of several writers that was interrupted after so many blocks."""
    criteria = tuple(replace(one, decides=blocks >= NEEDED) for one in USAGE.criteria if one.name == THROUGHPUT.name)
    smallest = USAGE.smallest_difference if blocks >= NEEDED else None
    ended = replace(USAGE, stopped="interrupted", smallest_difference=smallest, criteria=criteria)
    return replace(ended, blocks=blocks, blocks_needed=NEEDED)


def _run(*experiments: Experiment) -> Run:
    return replace(RUN, experiments=experiments, crossovers=(), maps=(), growths=())


def _text(drawn: str) -> str:
    """Return a report without its scripts."""
    return re.sub(r"<script.*?</script>", "", drawn, flags=re.DOTALL)


@pytest.mark.parametrize("form", _FORMATS)
def test_a_run_that_is_interrupted_after_a_few_blocks_has_ranges_where_others_have_intervals(form: str) -> None:
    few, enough = (_text(_FORMATS[form](report.document(_run(_interrupted(blocks))))) for blocks in (3, NEEDED))

    assert "observed range" in few
    assert not _INTERVAL.search(few)
    assert _INTERVAL.search(enough)
    assert "observed range" not in enough


@pytest.mark.parametrize("form", _FORMATS)
def test_with_too_few_blocks_nobody_is_on_the_front_and_no_band_is_of_chance(form: str) -> None:
    some = _text(_FORMATS[form](report.document(_run(_interrupted(3)))))

    assert "Pareto" not in some
    assert "by chance" not in some
    assert "consistent with chance" not in some


@pytest.mark.parametrize("form", _FORMATS)
def test_a_check_and_a_comparison_of_runs_say_what_is_in_brackets(form: str) -> None:
    few, enough = _run(_interrupted(3)), _run(USAGE)
    check = _text(_FORMATS[form](report.checked(report.check(few, report.Asked(regressions={"": 0.05})))))
    mixed, short = (
        _text(_FORMATS[form](report.compared(report.compare([("a.json", few), ("b.json", other)]))))
        for other in (replace(enough, run_id="other"), replace(few, run_id="other"))
    )

    assert not _INTERVAL.search(check)
    assert _INTERVAL.search(mixed)
    assert "observed range" in mixed
    assert not _INTERVAL.search(short)


def test_each_kind_of_figure_needs_its_own_number_of_blocks() -> None:
    many = replace(USAGE, blocks_needed=NEEDED)

    def beside(blocks: int) -> list[bool]:
        one = replace(many, blocks=blocks)
        found = (brackets.of_pairs(one), brackets.of_costs(one), brackets.of_rates(one), brackets.of(LOCK_WAITS, one))
        return [each == brackets.INTERVAL for each in found]

    assert beside(1) == [False, False, False, False]
    assert beside(2) == [False, False, False, True]
    assert beside(6) == [False, False, True, True]
    assert beside(10) == [False, True, True, True]
    assert beside(NEEDED) == [True, True, True, True]
