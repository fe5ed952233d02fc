"""The terminal report: what it looks like, and that it fits whatever the names are.

Its golden file is replaced by `UPDATE_GOLDEN=1 pytest tests/unit/test_report_terminal.py`.
"""

import re
import unicodedata
from dataclasses import replace

import golden_file
from fixed_run import PAGEVIEWS, RUN, USAGE
from hypothesis import given, settings
from hypothesis import strategies as st

from schemabench import report
from schemabench.records import Estimate, Experiment, Latency, Notice, RolledBack, Run, from_builtins, to_builtins
from schemabench.report.characters import columns
from schemabench.report.layout import block, shorten, wrap

ANY_NAME = st.text(max_size=120) | st.text("漢字かな한글e\u0301\u200d👩\ufe0f🇨🇭ab _", min_size=20, max_size=120)
WIDTHS = range(40, 121, 3)
"""Of terminals; properties draw others."""
CLOSED = {"status", "source", "stopped", "unit", "per", "origin", "better", "compared"}
"""Fields that take one of a few words."""


def width_at_most(line: str) -> int:
    """Return the columns of a line, counted without the code under test; nothing in it may move the cursor."""
    assert all(character.isprintable() or character in "\u200c\u200d" for character in line), repr(line)
    wide = sum(unicodedata.east_asian_width(character) in {"W", "F"} for character in line)
    return len(line) + wide - sum(unicodedata.category(character) in {"Mn", "Me", "Cf"} for character in line)


def distorted(run: Run, suffix: str, factor: float) -> Run:
    """Return a run with something after every text of its own, `baseline` excepted, and all its figures scaled."""

    def changed(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            kept = {"name": value["name"]} if "better" in value else {}  # of a criterion: standings are found by it
            return {inner: changed(one, inner) for inner, one in value.items()} | kept
        if isinstance(value, list | tuple):
            return [changed(one, key) for one in value]
        if isinstance(value, str) and key not in CLOSED and value != "baseline":
            return value + suffix
        return value * factor if isinstance(value, float) else value

    return from_builtins(changed(to_builtins(run)))


def shown(experiment: Experiment, width: int = 80) -> str:
    return report.terminal(replace(RUN, experiments=(experiment,)), width)


def test_terminal_report_looks_like_its_golden_file() -> None:
    golden_file.check("terminal.txt", report.terminal(RUN) + "\n")


def test_footnotes_stand_in_the_order_of_their_numbers_whichever_experiment_had_them_first() -> None:
    early, late = (Notice(code="x", text=text) for text in ("what both have", "what the second has"))
    experiments = (replace(PAGEVIEWS, notices=(early,)), replace(USAGE, notices=(late, early)))
    drawn = report.terminal(replace(RUN, notices=(), experiments=experiments))
    _, second = drawn.split("usage at ", maxsplit=1)
    numbers = [int(number) for number in re.findall(r"^\((\d+)\) ", second, re.MULTILINE)]

    assert numbers == sorted(numbers)
    assert len(numbers) >= 2


@settings(max_examples=40)
@given(ANY_NAME, st.floats(min_value=1e-9, max_value=1e9), st.integers(40, 120))
def test_no_line_is_wider_than_the_terminal_whatever_texts_and_figures_are(
    suffix: str, factor: float, width: int
) -> None:
    drawn = report.terminal(distorted(RUN, suffix, factor), width)
    assert max(map(width_at_most, drawn.split("\n"))) <= width


def test_no_line_is_wider_than_the_terminal_at_any_width() -> None:
    assert not [width for width in WIDTHS if max(map(width_at_most, report.terminal(RUN, width).split("\n"))) > width]


def test_narrow_terminal_keeps_rank_name_ratio_and_locks() -> None:
    drawn = report.terminal(RUN, width=40)
    assert re.search(r"\*  1= +hash_partitioned +1\.31x +3\.1 %", drawn)
    assert "rows/s" not in drawn


def test_legend_explains_no_column_that_was_left_out() -> None:
    assert not re.search("p95|rows/s|share a letter", shown(USAGE, width=40))
    assert re.search("^p95: .*", shown(USAGE, width=80), re.MULTILINE)
    assert re.search("^=: .* share a letter", shown(USAGE, width=80), re.MULTILINE)


def test_legend_names_each_slowest_operation_once_with_all_whose_it_is() -> None:
    slow, *_ = [one for one in USAGE.candidates[0].latencies if one.p95_ns is not None]
    others = {"fillfactor": "read_day", "baseline": "read_day", "split_events": "refresh"}

    def one_latency(name: str) -> tuple[Latency, ...]:
        return (replace(slow, operation=others.get(name, "compact")),)

    candidates = tuple(replace(one, latencies=one_latency(one.name)) for one in USAGE.candidates)
    drawn = " ".join(shown(replace(USAGE, candidates=candidates)).split())
    assert (
        "p95: of the slowest operation, compact; refresh in split_events; read_day in baseline and fillfactor " in drawn
    )


def test_lock_waits_stand_beside_throughput_with_a_rank_of_their_own() -> None:
    (row,) = re.findall(r".* fillfactor  .*", shown(USAGE))
    assert row.split() == ["4=", "c", "fillfactor", "1.01x", "[0.99,", "1.04]", "11.9k", "18", "%", "4=", "28.8", "ms"]


def test_front_is_marked_before_the_rank() -> None:
    marked = re.findall(r"^\* +\d+=? +\w+ +(\S+)", shown(USAGE), re.MULTILINE)
    assert marked == ["hash_partitioned", "split_events"]


def test_columns_and_lines_of_locks_vanish_where_nothing_was_sampled() -> None:
    drawn = shown(PAGEVIEWS)
    assert "  rank" not in drawn
    assert not re.search(r"^locks:|, locks:|^\*|^What differs|^Slowest:", drawn, re.MULTILINE)


def test_candidate_without_samples_has_dashes_beside_those_with_some() -> None:
    first, *others = USAGE.candidates
    unsampled = replace(first, standings={"throughput": first.standings["throughput"]}, on_front=False)
    drawn = shown(
        replace(
            USAGE,
            candidates=(
                unsampled,
                *others,
            ),
        )
    )
    assert re.search(r"1= +a +hash_partitioned +1\.31x .*  - +- +22\.2 ms", drawn)


def test_lock_waits_of_a_handful_of_samples_are_a_dash_with_its_reason() -> None:
    first, *others = USAGE.candidates
    unseen = replace(first.standings["lock_waits"], figure=Estimate(value=0.0, low=0.0, high=0.84))
    few = replace(first, standings={**first.standings, "lock_waits": unseen})
    drawn = shown(replace(USAGE, candidates=(few, *others)))

    assert re.search(r"1= +a +hash_partitioned +1\.31x .*  - +1= +22\.2 ms", drawn)
    assert "-: too few samples to tell" in " ".join(drawn.split())
    undecided = tuple(replace(one, decides=one.name == "throughput") for one in USAGE.criteria)
    drawn = shown(replace(USAGE, criteria=undecided))
    assert re.search(r"1= +a +hash_partitioned .* 3\.1 % +- +22\.2 ms", drawn)


def test_retries_are_told_for_each_call_where_there_is_room() -> None:
    retries = (
        RolledBack(operation="upsert", reason="deadlock", count=30, calls=100),
        RolledBack(operation="upsert", reason="lock timeout", count=12, calls=100),
        RolledBack(operation="refresh", reason="deadlock", count=1, calls=10),
    )
    first, *others = USAGE.candidates
    experiment = replace(USAGE, candidates=(replace(first, retries=retries), *others))
    wide, narrow = shown(experiment, 120), shown(experiment, 80)
    assert re.search(r"1= +a +hash_partitioned .* ms +0\.42$", wide, re.MULTILINE)
    assert re.search(r"fillfactor .* ms +0$", wide, re.MULTILINE)
    assert "retries: per call, for the most retried operation" in wide
    assert not re.search(r"^retries:|p95 +retries", narrow, re.MULTILINE)


def test_retries_of_a_run_file_that_does_not_know_the_calls_are_not_told_for_each() -> None:
    first, *others = USAGE.candidates
    retries = (RolledBack(operation="upsert", reason="deadlock", count=30),)
    unknown = [replace(one, retries=()) for one in others]
    assert "retries" not in shown(replace(USAGE, candidates=(replace(first, retries=retries), *unknown)), 120).split()


def test_of_many_candidates_the_differences_of_the_first_and_the_last_are_told() -> None:
    baseline = next(one for one in USAGE.candidates if one.name == "baseline")
    tied = next(one for one in USAGE.candidates if one.name == "fillfactor")
    many = tuple(replace(tied, name=f"fillfactor_{number}") for number in range(5))
    drawn = shown(replace(USAGE, candidates=(*many, baseline)))
    differing, _, _ = drawn.partition("rank  candidate")
    assert re.findall(r"^  (fillfactor_\d|\.\.\.)", differing, re.MULTILINE) == [
        *(f"fillfactor_{number}" for number in range(3)),
        "...",
        "fillfactor_4",
    ]


def test_no_line_is_broken_before_a_percent_sign() -> None:
    assert not [line for width in WIDTHS for line in shown(USAGE, width).splitlines() if line.strip()[:1] == "%"]


def test_name_is_cut_in_the_middle_because_names_differ_at_their_ends() -> None:
    assert shorten("rollup_kept_by_trigger", 15) == "rollup...rigger"
    assert shorten("short", 15) == "short"


@given(ANY_NAME, st.integers(0, 30))
def test_shortened_name_fits_and_begins_and_ends_as_the_name_does(name: str, width: int) -> None:
    short = shorten(name, width)
    assert columns(short) <= width
    assert short == shorten(short, width)


@given(st.integers(14, 40))
def test_an_interval_stays_on_one_line_with_its_unit(width: int) -> None:
    lines = wrap("first 1.21x [1.13, 1.29] before and 37.8 ms [9.61, 212] or 8 % of [3 ms, 1.4 s]", width)

    assert all(
        any(whole in line for line in lines) for whole in ("[1.13, 1.29]", "[9.61, 212]", "[3 ms, 1.4 s]", "8 %")
    )


@given(st.text("ab% 漢\u0301", max_size=200), st.integers(2, 30))
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


@given(st.text("abcdefgh(,;) ", min_size=1, max_size=300), st.data(), st.integers(20, 100))
def test_caret_stays_below_its_character_in_a_line_that_is_cut(source: str, data: st.DataObject, width: int) -> None:
    index = data.draw(st.integers(0, len(source) - 1))
    source = f"{source[:index]}X{source[index:]}."
    above, caret = block(f"{source}\n{' ' * index}^", width, indent="  ", most=9)
    assert max(len(above), len(caret)) <= width
    assert caret.index("^") == above.index("X")


def test_line_is_cut_on_both_sides_of_its_caret() -> None:
    source = "SELECT " + ", ".join(f"column_{number}" for number in range(20))
    at = source.index("column_9")
    assert block(f"{source}\n{' ' * at}^", 42, indent="  ", most=9) == [
        "  ...umn_7, column_8, column_9, column_...",
        "                      ^",
    ]


def test_line_whose_caret_is_near_its_end_is_cut_on_the_left_alone() -> None:
    source = "0123456789" * 5 + ");"
    assert block(f"{source}\n{' ' * 50}^", 20, indent="", most=9) == ["...567890123456789);", " " * 18 + "^"]


def test_caret_stands_below_wide_characters_and_after_the_end_of_a_line() -> None:
    assert block("漢字 x\n   ^", 40, indent="", most=9) == ["漢字 x", "     ^"]
    assert block("select\n      ^", 40, indent="", most=9) == ["select", "      ^"]


def test_candidates_that_share_a_reason_are_told_together() -> None:
    drawn = shown(USAGE)
    assert "Not ranked: one_table and one_view, invalid\n  the load loop was busy 97 %" in drawn
    assert drawn.count("the load loop was busy") == 1


def test_isolation_is_told_where_it_is_not_the_usual_one() -> None:
    assert "8 clients, serializable; 42 blocks" in shown(replace(USAGE, isolation="serializable"))
    assert "committed" not in shown(USAGE)


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
    candidates = tuple(
        replace(result, latencies=() if result.name == "flat" else result.latencies) for result in PAGEVIEWS.candidates
    )
    (row,) = re.findall(
        r"flat  +1.*", report.terminal(replace(RUN, experiments=(replace(PAGEVIEWS, candidates=candidates),)))
    )
    assert row.split()[-1] == "-"


def test_run_without_experiments_says_so() -> None:
    assert report.terminal(replace(RUN, experiments=(), notices=())) == "No experiment was run."
