"""The Markdown report: what it looks like, and that no text can break out of its place.

Its golden file is replaced by `UPDATE_GOLDEN=1 pytest tests/unit/test_report_markdown.py`.
"""

import re
from dataclasses import replace

import golden_file
import pytest
from drawn import markdown
from fixed_run import PAGEVIEWS, RUN, USAGE
from hypothesis import given
from hypothesis import strategies as st

from schemabench import report
from schemabench.records import CandidateResult, Notice, OptionValue
from schemabench.report import escape

HOSTILE = "</details><img src=x>\n# x | `y"
ACTIVE = st.text("ab \\|`*_[]()<>!#-+=~&$1.\n\t", max_size=60)


def test_markdown_report_looks_like_its_golden_file() -> None:
    golden_file.check("report.md", markdown(RUN))


def test_verdicts_come_first() -> None:
    lines = markdown(RUN).splitlines()
    assert lines[2].startswith("- `usage` at `typical`: `hash_partitioned` and `split_events` lead, tied")


def test_lists_in_a_row_are_not_one() -> None:
    blocks = markdown(RUN).split("\n\n")
    lists = [place for place, block in enumerate(blocks) if block.startswith("- ")]

    assert "<!-- -->" in blocks
    assert not {place + 1 for place in lists} & set(lists)


def test_legends_explain_columns_by_the_headings_that_markdown_has() -> None:
    text = markdown(RUN).replace("\\", "")

    assert "group: candidates that share a letter" in text
    assert re.search(r"lock waits \[95 % interval\]: share of the writers' time", text)
    assert not re.search(r"(^|; )(=|locks): ", text, re.MULTILINE)


def test_password_that_was_redacted_stays_so() -> None:
    assert re.findall(r"postgresql://\S*@", markdown(RUN).replace("\\", "")) == ["postgresql://bench:***@"] * 4
    assert "postgresql://" not in report.terminal(RUN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", "a&#124;b"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("snake_case_name _emphasis_", r"snake_case_name \_emphasis\_"),
        ("two\nlines", "two lines"),
        ("[a](b) *c* `d` ~e~", r"\[a\](b) \*c\* \`d\` \~e\~"),
        ("# no heading", r"\# no heading"),
        ("1. no list", r"1\. no list"),
        ("- no list", r"\- no list"),
        ("---", r"\---"),
        ("1.72 ms", "1.72 ms"),
        ("--flag", "--flag"),
    ],
)
def test_prose_is_shown_as_it_is(text: str, expected: str) -> None:
    assert escape.prose(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hash_partitioned", "`hash_partitioned`"),
        ("a|b", "<code>a&#124;b</code>"),
        ("`tick`", r"<code>\`tick\`</code>"),
        ("", ""),
    ],
)
def test_code_is_shown_as_it_is(text: str, expected: str) -> None:
    assert escape.code(text) == expected


@given(ACTIVE)
def test_no_text_begins_markup(text: str) -> None:
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", escape.prose(text))
    assert not re.search(r"[<>|`*\[\]~\n]", bare)
    assert not re.match(r"#{1,6}(\s|$)|[-+](\s|$)|\d+[.)](\s|$)|[-=]+$", escape.prose(text))


@given(ACTIVE)
def test_code_span_is_plain_or_spelt_out(text: str) -> None:
    drawn = escape.code(text)
    assert re.fullmatch(r"(`[^`|\\\n]+`)?", drawn) or drawn == f"<code>{escape.prose('x ' + text)[2:]}</code>"


@given(st.lists(st.tuples(ACTIVE, ACTIVE, ACTIVE), min_size=1, max_size=5))
def test_table_has_as_many_cells_in_each_row_as_headings(rows: list[tuple[str, str, str]]) -> None:
    drawn = escape.table([(escape.code(a), escape.line(b), escape.line(c)) for a, b, c in rows], ["x", "y", "z"], "llr")
    lines = drawn.splitlines()
    assert len(lines) == len(rows) + 2
    assert {line.count("|") for line in lines} == {4}


@given(st.text("`~ab\n </details>", max_size=80))
def test_code_block_ends_only_where_it_should(text: str) -> None:
    first, *inside, last = escape.fence(text, "sql").splitlines()
    assert first == last + "sql"
    assert all(last not in line for line in inside)


def hostile(result: CandidateResult) -> CandidateResult:
    """Return a candidate with a hostile text wherever it has one."""
    found = result.contention
    return replace(
        result,
        summary=HOSTILE,
        reason=result.reason and HOSTILE,
        contention=found
        and replace(
            found,
            events=tuple(replace(one, name=HOSTILE) for one in found.events),
            locks=tuple(replace(one, kind=HOSTILE, mode=HOSTILE, relation=HOSTILE) for one in found.locks),
            pairs=tuple(replace(one, waiting=HOSTILE, blocking=HOSTILE) for one in found.pairs),
        ),
        costs=tuple(replace(one, title=HOSTILE) for one in result.costs),
        retries=tuple(replace(one, operation=HOSTILE, reason=HOSTILE) for one in result.retries),
        plans=tuple(replace(one, operation=HOSTILE, summary=HOSTILE) for one in result.plans),
    )


def test_hostile_names_leave_the_page_as_it_was() -> None:
    candidates = tuple(map(hostile, USAGE.candidates))
    usage = replace(USAGE, summary=HOSTILE, candidates=candidates, notices=(Notice(code="x", text=HOSTILE),))
    options = (OptionValue(name="--x", value=HOSTILE, source="default"),)
    page = markdown(replace(RUN, experiments=(usage, PAGEVIEWS), options=options))
    outside = re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)
    assert "<img" not in outside
    assert outside.count("\n#") == markdown(RUN).count("\n#")
    assert outside.count("<details>") == outside.count("</details>")
    assert {len(set(map(cells, rows))) for rows in tables(outside)} == {1}


def tables(page: str) -> list[list[str]]:
    """Return the lines of each table of a page."""
    return [rows.splitlines() for rows in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)]


def cells(row: str) -> int:
    return row.count("|")


def test_sections_vanish_where_nothing_was_sampled_counted_or_explained() -> None:
    section = re.compile(r"<summary>(Contention|Cost|Retries|Plans):|lock waits", re.IGNORECASE)
    assert len(set(section.findall(markdown(replace(RUN, experiments=(USAGE,)))))) > 1
    assert not set(section.findall(markdown(replace(RUN, experiments=(PAGEVIEWS,))))) - {""}


def test_lock_waits_have_a_rank_of_their_own_and_the_front_is_marked() -> None:
    rows = [re.split(r" *\| *", row) for row in markdown(RUN).splitlines() if row.startswith(r"| \*  ")][:2]
    assert [row[1:4:2] for row in rows] == [[r"\*", "a"], [r"\*", "ab"]]
    assert [row[8:10] for row in rows] == [["3.1 % [2.7, 3.5]", "1="], ["&lt;0.1 % [0.0, 0.0]", "1="]]


def test_candidate_without_samples_has_dashes_beside_those_with_some() -> None:
    first, *others = USAGE.candidates
    unsampled = replace(first, standings={"throughput": first.standings["throughput"]}, on_front=False)
    usage = replace(
        USAGE,
        candidates=(unsampled, *others),
    )
    (row,) = re.findall(r"\n\| +\| 1= +\| a +\| `hash_partitioned`.*", markdown(replace(RUN, experiments=(usage,))))
    assert [cell.strip() for cell in row.split("|")[8:10]] == ["-", "-"]


def test_run_without_retries_says_so_where_attempts_were_counted() -> None:
    candidates = tuple(replace(one, retries=()) for one in USAGE.candidates)
    page = markdown(replace(RUN, experiments=(replace(USAGE, candidates=candidates),)))
    assert "- retries: none; every operation succeeded on its first attempt" in page
    assert "Attempts that the server rolled back" not in page


def test_candidates_that_share_a_reason_are_told_together() -> None:
    page = markdown(RUN)
    assert "\nNot ranked: `one_table` and `one_view`, invalid\n" in page
    assert page.count("the load loop was busy 97 %") == 1


def test_steal_and_busy_shares_are_told_only_where_they_are_known() -> None:
    known, unknown = (markdown(replace(RUN, experiments=(one,))) for one in (USAGE, PAGEVIEWS))
    for fact in ("at work 83 % of the median trial", "0.4 % of this machine's", "50 a second"):
        assert fact in known
    assert not re.search("median trial|processor time stolen|lock-wait samples", unknown)


def test_run_without_experiments_or_server_is_a_page_that_says_so() -> None:
    page = markdown(replace(RUN, experiments=(), server=None, notices=()))
    assert "No experiment was run." in page
    assert "No server was used" in page
