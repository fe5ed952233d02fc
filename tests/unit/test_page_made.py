"""How a run was made: what repeats it, where each value came from, and no server where none was used."""

import re
from dataclasses import replace
from html import unescape

import page_reader
from fixed_run import PAGEVIEWS, RUN, USAGE

from schemabench.records import Run
from schemabench.report import facts, page, settings
from schemabench.report.tree import Document
from schemabench.report.view import View


def of_run(run: Run) -> str:
    return page.html(Document(title="", sections=(facts.of_run(run),)))


def text(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<.*?>", " ", html)))


def test_run_shows_the_command_the_server_and_where_values_came_from() -> None:
    found = text(of_run(RUN))
    assert "To repeat this run: pytest tests/evaluation --postgres 'postgresql://bench:***@db.example" in found
    assert "server PostgreSQL 18.6" in found
    assert "--budget 60s ini file" in found


def test_run_without_a_server_says_so() -> None:
    assert "server none was used" in text(of_run(replace(RUN, server=None)))


def test_experiment_shows_seed_digest_blocks_and_the_share_of_stolen_time() -> None:
    section = page_reader.drawn(View(USAGE, RUN), facts.section)
    found = text(section)
    for fact in (
        "seed 1 ",
        "digest of the cardinality sha256:5f0c6d1e",
        "blocks 42 counted, after 2 warm-up blocks",
        "processor time stolen 0.4 % of this machine's",
        "load loop at work 83 %",
        "input usage daily_per_base.csv.gz",
    ):
        assert fact in found


def test_experiment_shows_the_settings_of_its_sessions_and_those_of_a_candidate() -> None:
    found = text(page_reader.drawn(View(USAGE, RUN), settings.section))
    assert "Settings of the baseline's writers" in found
    assert "jit off --postgres-setting" in found
    assert "work_mem 64MB (media_library), 4MB (dashboard) an operation, role" in found
    candidates = text(page_reader.drawn(View(USAGE, RUN), facts.section))
    assert (
        "at fillfactor 70 fewer lock waits between the two event streams "
        'jit on instead of off ; search_path app, "$user" instead of default' in candidates
    )


def test_older_run_file_shows_the_settings_of_its_server_for_what_they_are() -> None:
    section = page_reader.drawn(View(PAGEVIEWS, RUN), settings.section)
    found = text(section)
    assert "the writers' sessions may have had others" in found
    assert "shared_buffers 8GB configuration file" in found
    assert settings.section(View(PAGEVIEWS, replace(RUN, server=None))) is None


def test_experiment_leads_to_what_limits_its_figures() -> None:
    section = page_reader.drawn(View(USAGE, RUN), facts.section)
    assert all(f'-note-{number}"' in section for number in range(1, 5))


def test_experiment_shows_every_candidate_with_its_status() -> None:
    section = page_reader.drawn(View(USAGE, RUN), facts.section)
    found = text(section)
    assert all(re.search(rf"{one.name} {re.escape(one.status)}", found) for one in USAGE.candidates)


def test_measured_round_trip_is_shown_beside_what_was_added() -> None:
    measured = replace(USAGE, exchange_s=0.000_031, exchange_p99_s=0.000_055)
    told = "31.0 us measured before the blocks (median; 99 % within 55.0 us)"

    assert "round trip" not in dict(facts.of_experiment(USAGE))
    assert dict(facts.of_experiment(measured))["round trip"] == told
    added = dict(facts.of_experiment(replace(measured, round_trip_s=0.001)))["round trip"]
    assert added == f"{told}; 1.00 ms added to each exchange"


def test_what_the_first_of_several_workers_measured_is_told_as_its_own() -> None:
    shared = replace(USAGE, exchange_s=31e-6, exchange_p99_s=55e-6, workers={"gw0": 0.2, "gw1": 0.3})
    found = dict(facts.of_experiment(shared))

    assert found["round trip"] == "31.0 us measured by gw0 before the blocks (median; 99 % within 55.0 us)"
    assert found["processor time stolen"] == "0.4 % of that of gw0's machine"
