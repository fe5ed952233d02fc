"""The terminal report: what it looks like, and that it fits whatever the names are.

Its golden file is replaced by `UPDATE_GOLDEN=1 pytest tests/unit/test_report_terminal.py`.
"""

import re
import unicodedata
from dataclasses import replace

import golden_file
from fixed_run import PAGEVIEWS, RUN, USAGE
from hypothesis import given
from hypothesis import strategies as st

from schemabench import report
from schemabench.records import CandidateResult, Estimate, Notice, Run
from schemabench.report.characters import columns
from schemabench.report.layout import shorten, wrap

ANY_NAME = st.text(max_size=120) | st.text("漢字かな한글e\u0301\u200d👩\ufe0f🇨🇭ab _", min_size=20, max_size=120)
FIGURE = st.floats(min_value=1e-9, max_value=1e15)


def width_at_most(line: str) -> int:
    """Return the columns of a line, counted without the code under test; nothing in it may move the cursor."""
    assert all(character.isprintable() or character in "\u200c\u200d" for character in line), repr(line)
    wide = sum(unicodedata.east_asian_width(character) in {"W", "F"} for character in line)
    return len(line) + wide - sum(unicodedata.category(character) in {"Mn", "Me", "Cf"} for character in line)


def renamed(run: Run, names: dict[str, str], estimate: Estimate) -> Run:
    """Return a run of one experiment with other names, a figure of any size, and the names in all texts."""

    def candidate(result: CandidateResult) -> CandidateResult:
        name = names.get(result.name, result.name)
        standing = result.standing and replace(
            result.standing,
            name=name,
            ratio=result.standing.ratio if result.name == "baseline" else estimate,
            tied_with=tuple(names.get(other, other) for other in result.standing.tied_with),
        )
        return replace(
            result,
            name=name,
            standing=standing,
            reason=result.reason and f"{result.reason}\n{name}\n\t{name}",
            rows_per_s=result.rows_per_s and estimate,
            latencies=tuple(replace(one, operation=name, max_ns=estimate.value) for one in result.latencies),
            notices=(Notice(code="name", text=name),),
        )

    experiment = replace(
        run.experiments[0],
        workload=names["brin"],
        candidates=tuple(candidate(result) for result in run.experiments[0].candidates),
    )
    return replace(run, experiments=(experiment,))


def test_terminal_report_looks_like_its_golden_file() -> None:
    golden_file.check("terminal.txt", report.terminal(RUN) + "\n")


@given(
    st.fixed_dictionaries(
        {result.name: ANY_NAME for result in USAGE.candidates if result.name != "baseline"},
    ),
    st.tuples(FIGURE, FIGURE, FIGURE),
    st.integers(40, 120),
)
def test_no_line_is_wider_than_the_terminal_whatever_names_and_figures_are(
    names: dict[str, str], figures: tuple[float, float, float], width: int
) -> None:
    low, value, high = sorted(figures)
    drawn = report.terminal(renamed(RUN, names, Estimate(value=value, low=low, high=high)), width)
    assert max(map(width_at_most, drawn.split("\n"))) <= width


def test_narrow_terminal_keeps_rank_name_and_ratio() -> None:
    drawn = report.terminal(RUN, width=40)
    assert re.search(r"1=  hash_partitioned +1\.31", drawn)
    assert "rows/s" not in drawn


def test_name_is_cut_in_the_middle_because_names_differ_at_their_ends() -> None:
    assert shorten("rollup_kept_by_trigger", 15) == "rollup...rigger"
    assert shorten("short", 15) == "short"


@given(ANY_NAME, st.integers(0, 30))
def test_shortened_name_fits_and_begins_and_ends_as_the_name_does(name: str, width: int) -> None:
    short = shorten(name, width)
    assert columns(short) <= width
    assert short == shorten(short, width)


@given(st.text("ab 漢\u0301", max_size=200), st.integers(2, 30))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(columns(line) <= width for line in lines)


def test_characters_that_move_the_cursor_are_shown_as_escapes() -> None:
    hostile = replace(RUN, notices=(Notice(code="x", text="red \x1b[31m, bell \a, backwards \u202e"),))
    assert r"red \x1b[31m, bell \x07, backwards \u202e" in report.terminal(hostile)


def test_caret_stays_below_what_it_points_at() -> None:
    lines = report.terminal(RUN).splitlines()
    at = next(number for number, line in enumerate(lines) if "ON site_key (site);" in line)
    assert lines[at + 1].index("^") == lines[at].index("site);")


def test_long_reason_is_cut_and_says_so() -> None:
    failed = replace(USAGE.candidates[-1], reason="\n".join(f"line {number}" for number in range(100)))
    drawn = report.terminal(replace(RUN, experiments=(replace(USAGE, candidates=(failed,)),)))
    assert "(89 more lines)" in drawn
    assert "line 11" not in drawn


def test_reads_are_shown_as_operations_per_second_where_no_rows_are_written() -> None:
    candidates = tuple(replace(result, rows_per_s=None) for result in PAGEVIEWS.candidates)
    drawn = report.terminal(replace(RUN, experiments=(replace(PAGEVIEWS, candidates=candidates),)))
    assert "ops/s" in drawn
    assert "rows/s" not in drawn


def test_figure_without_support_is_a_dash() -> None:
    candidates = tuple(replace(result, latencies=()) for result in PAGEVIEWS.candidates)
    (row,) = re.findall(
        r"flat .*", report.terminal(replace(RUN, experiments=(replace(PAGEVIEWS, candidates=candidates),)))
    )
    assert row.split()[-1] == "-"


def test_run_without_experiments_says_so() -> None:
    assert report.terminal(replace(RUN, experiments=(), notices=())) == "No experiment was run."
