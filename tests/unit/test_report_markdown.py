"""The Markdown report: what it looks like, and that no text can break out of its place.

Its golden file is replaced by `UPDATE_GOLDEN=1 pytest tests/unit/test_report_markdown.py`.
"""

import re
from dataclasses import replace

import golden_file
import pytest
from fixed_run import PAGEVIEWS, RUN, USAGE
from hypothesis import given
from hypothesis import strategies as st

from schemabench import report
from schemabench.records import Notice, OptionValue
from schemabench.report import escape

ACTIVE = st.text("ab \\|`*_[]()<>!#-+=~&$1.\n\t", max_size=60)


def test_markdown_report_looks_like_its_golden_file() -> None:
    golden_file.check("report.md", report.markdown(RUN))


def test_verdicts_come_first() -> None:
    lines = report.markdown(RUN).splitlines()
    assert lines[2].startswith("- `usage` at `typical`: `hash_partitioned` and `split_events` lead, tied")


def test_password_that_was_redacted_stays_so() -> None:
    assert re.findall(r"postgresql://\S*@", report.markdown(RUN).replace("\\", "")) == ["postgresql://bench:***@"] * 3
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
    drawn = escape.table([(escape.code(a), b, c) for a, b, c in rows], ["x", "y", "z"], "llr")
    lines = drawn.splitlines()
    assert len(lines) == len(rows) + 2
    assert {line.count("|") for line in lines} == {4}


@given(st.text("`~ab\n </details>", max_size=80))
def test_code_block_ends_only_where_it_should(text: str) -> None:
    first, *inside, last = escape.fence(text, "sql").splitlines()
    assert first == last + "sql"
    assert all(last not in line for line in inside)


def test_hostile_names_leave_the_page_as_it_was() -> None:
    hostile = "</details><img src=x>\n# x | `y"
    candidates = tuple(replace(one, summary=hostile, reason=one.reason and hostile) for one in USAGE.candidates)
    usage = replace(USAGE, summary=hostile, candidates=candidates, notices=(Notice(code="x", text=hostile),))
    options = (OptionValue(name="--x", value=hostile, source="default"),)
    page = report.markdown(replace(RUN, experiments=(usage, PAGEVIEWS), options=options))
    outside = re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)
    assert "<img" not in outside
    assert page.count("\n#") == report.markdown(RUN).count("\n#") + sum(bool(one.reason) for one in candidates)


def test_run_without_experiments_or_server_is_a_page_that_says_so() -> None:
    page = report.markdown(replace(RUN, experiments=(), server=None, notices=()))
    assert "No experiment was run." in page
    assert "No server was used." in page
