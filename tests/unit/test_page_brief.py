"""A run in a few lines, for pages of others: verdict, ranks, notices, all of it escaped."""

import re
from dataclasses import replace
from html import unescape

from fixed_run import RETRIES, RUN, USAGE

from schemabench.report import brief, verdict
from schemabench.report.page.rendering import drawn
from schemabench.report.text import plain


def test_brief_shows_verdict_ranks_and_notices() -> None:
    html = unescape(brief(RUN))
    assert unescape(drawn(verdict.sentence(USAGE))) in html
    assert re.search("<td>1=</td>(<td>[a-z]*</td>)?<td><code>hash_partitioned</code></td>", html)
    assert "Not ranked: <code>brin</code>, skipped" in html
    assert all(notice.text in html for notice in (*RUN.notices, *USAGE.notices))


def test_brief_numbers_its_notes_and_marks_what_they_limit() -> None:
    html = unescape(brief(RUN))
    (number,) = re.findall(rf"<li><sup>(\d+)</sup> {re.escape(RETRIES.text)}</li>", html)

    assert re.search(rf"<td><code>split_events</code><sup>([\d,]+,)?{number}</sup></td>", html)
    assert re.search(r"</strong><sup>[\d,]+</sup></p>", html)


def test_brief_explains_its_columns_and_says_how_they_were_measured() -> None:
    html = unescape(brief(RUN)).replace("\u00a0", " ")

    assert plain(verdict.setting(USAGE)) in html
    assert "<caption>Candidates in order of rank; = after a rank: others share it</caption>" in html
    assert "Group: candidates that share a letter cannot be told apart. " in html


def test_brief_escapes_what_it_shows() -> None:
    html = brief(replace(RUN, experiments=(replace(USAGE, workload="<img src=x onerror=alert(1)>"),)))
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_brief_is_empty_where_no_experiment_was_run() -> None:
    assert brief(replace(RUN, experiments=())) == ""
