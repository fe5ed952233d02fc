"""A run in a few lines, for pages of others: verdict, ranks, notices, all of it escaped."""

from dataclasses import replace
from html import unescape

from fixed_run import RUN, USAGE
from schemabench.report.page.brief import brief

from schemabench.report import verdict


def test_brief_shows_verdict_ranks_and_notices() -> None:
    html = unescape(brief(RUN))
    assert verdict.sentence(USAGE, lambda name: f"<code>{name}</code>") in html
    assert "<td>1=</td><td><code>hash_partitioned</code></td>" in html
    assert "<code>brin</code> (skipped)" in html
    assert all(notice.text in html for notice in (*RUN.notices, *USAGE.notices))


def test_brief_escapes_what_it_shows() -> None:
    html = brief(replace(RUN, experiments=(replace(USAGE, workload="<img src=x onerror=alert(1)>"),)))
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_brief_is_empty_where_no_experiment_was_run() -> None:
    assert brief(replace(RUN, experiments=())) == ""
