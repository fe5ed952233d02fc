"""How a run was made: what repeats it, where each value came from, and no server where none was used."""

import re
from dataclasses import replace
from html import unescape

from fixed_run import PAGEVIEWS, RUN, USAGE

from schemabench.report.page import made


def text(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<.*?>", " ", html)))


def test_run_shows_the_command_the_server_and_where_values_came_from() -> None:
    found = text(made.of_run(RUN).html)
    assert "This repeats it: pytest tests/evaluation --postgres 'postgresql://bench:***@db.example" in found
    assert "server PostgreSQL 18.6" in found
    assert "--budget 60s ini file" in found


def test_run_without_a_server_says_so() -> None:
    assert "server none was used" in text(made.of_run(replace(RUN, server=None)).html)


def test_experiment_shows_seed_digest_blocks_and_the_share_of_stolen_time() -> None:
    section = made.section(USAGE, RUN)
    assert section is not None
    found = text(section.html)
    for fact in (
        "seed 1 ",
        "digest of the cardinality sha256:5f0c6d1e",
        "blocks 42 counted, after 2 to warm up",
        "processor time stolen 0.4 % of this machine's",
        "load loop at work 83 %",
        "input usage daily_per_base.csv.gz",
    ):
        assert fact in found


def test_experiment_shows_the_settings_of_its_sessions_and_those_of_a_candidate() -> None:
    section = made.section(USAGE, RUN)
    assert section is not None
    found = text(section.html)
    assert "Settings of the baseline's writers" in found
    assert "jit off --postgres-setting" in found
    assert "work_mem 64MB (media_library), 4MB (dashboard) an operation, role" in found
    assert 'at fillfactor 70 jit on instead of off ; search_path app, "$user" instead of default' in found


def test_older_run_file_shows_the_settings_of_its_server_for_what_they_are() -> None:
    section = made.section(PAGEVIEWS, RUN)
    assert section is not None
    found = text(section.html)
    assert "read beside the writers' sessions, which may have had others" in found
    assert "shared_buffers 8GB configuration file" in found
    without = made.section(PAGEVIEWS, replace(RUN, server=None))
    assert without is not None
    assert "ettings" not in text(without.html)


def test_experiment_leads_to_what_limits_its_figures() -> None:
    section = made.section(USAGE, RUN)
    assert section is not None
    assert all(f'-note-{number}"' in section.html for number in range(1, 5))


def test_experiment_shows_every_candidate_with_its_status() -> None:
    section = made.section(USAGE, RUN)
    assert section is not None
    found = text(section.html)
    assert all(re.search(rf"{one.name} {re.escape(one.status)}", found) for one in USAGE.candidates)
