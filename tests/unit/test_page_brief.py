"""A run in a few lines, for pages of others: verdict, ranks, notices, all of it escaped."""

import re
from dataclasses import replace
from html import unescape

from fixed_run import RUN, USAGE

from schemabench.report import brief, verdict
from schemabench.report.page.rendering import drawn


def test_brief_shows_verdict_ranks_and_notices() -> None:
    html = unescape(brief(RUN))
    assert unescape(drawn(verdict.sentence(USAGE))) in html
    assert re.search("<td>1=</td>(<td>[a-z]*</td>)?<td><code>hash_partitioned</code></td>", html)
    assert "Not ranked: <code>brin</code>, skipped" in html
    assert all(notice.text in html for notice in (*RUN.notices, *USAGE.notices))


def test_brief_escapes_what_it_shows() -> None:
    html = brief(replace(RUN, experiments=(replace(USAGE, workload="<img src=x onerror=alert(1)>"),)))
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_brief_is_empty_where_no_experiment_was_run() -> None:
    assert brief(replace(RUN, experiments=())) == ""
