"""Runs that end before their time: what is finished is reported, and nothing is left behind."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import places
import psutil
import pytest
from programs import Program
from shared_server import Shared
from shop import STUCK, Shop, assert_clear, said, wait_for

ENDS_S = 60
"""A run that is interrupted ends within so many seconds: in 2, where nothing stalls."""
PRESSING = """\
import os
import signal

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish():
    os.kill(os.getpid(), signal.SIGINT)
"""
"""A plugin that presses Ctrl-C once the server is stopped, before reports are shown."""
REPORTS = ("--report", "run.json", "--report", "run.md")


def _started_second(shop: Shop, shared: Shared) -> Program:
    """Start two experiments, and return in the middle of the second."""
    shop.add_long("returns")
    run = shop.start(*REPORTS)
    wait_for(run, lambda: shared.executes("returns_typical_without_index"))
    return run


def _kill_server(place: Path) -> None:
    """Kill the server that a run started for itself, all its processes."""
    (pid_file,) = (place / "schemabench").glob("servers/*/data/postmaster.pid")
    postmaster = psutil.Process(int(pid_file.read_text(encoding="utf-8").splitlines()[0]))
    for process in (postmaster, *postmaster.children()):
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)])
def test_an_interrupted_run_reports_what_is_finished(shop: Shop, shared: Shared, number: signal.Signals) -> None:
    run = _started_second(shop, shared)
    run.send_signal(number)
    sent_s = time.monotonic()
    result = shop.finish(run)

    assert time.monotonic() - sent_s < ENDS_S
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert_clear(result, "orders at typical")
    saved = json.loads(shop.read("run.json"))["schemabench"]
    first, *others = saved["experiments"]
    assert (first["workload"], first["stopped"]) == ("orders", "budget")
    assert [(one["workload"], one["stopped"]) for one in others] in ([], [("returns", "interrupted")])
    notices = " ".join(one["text"] for one in [*saved["notices"], *(one for each in others for one in each["notices"])])
    assert "returns typical was interrupted" in notices
    assert "returns typical was interrupted" in shop.read("run.md")


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.thorough), signal.SIGTERM])
def test_a_run_that_is_interrupted_in_a_long_trial_reports_the_blocks_before_it(
    shop: Shop, shared: Shared, number: signal.Signals
) -> None:
    shop.candidate("stuck", STUCK)
    run = shop.start(*REPORTS, "--burst", "24", "--budget", "60s", "--call-timeout", "3min")
    wait_for(run, shared.sleeps)
    run.send_signal(number)
    result = shop.finish(run)
    (experiment,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert_clear(result, "orders typical was interrupted in block", "until it was interrupted", "of 24 calls")
    assert re.search(r"interrupted in block \d+: stuck, \d", said(result))
    assert experiment["stopped"] == "interrupted"
    assert experiment["blocks"] >= 1
    assert {one["status"] for one in experiment["candidates"]} == {"ranked"}
    assert {len(one["trials"]) for one in experiment["candidates"]} == {len(experiment["candidates"][0]["trials"])}
    assert "States and invariants were not checked" in shop.read("run.md")


@pytest.mark.parametrize(
    ("calls", "block"), [(0, 1), pytest.param(24, 2, marks=pytest.mark.thorough)], ids=["the first block", "the second"]
)
def test_a_run_that_is_interrupted_in_warm_up_says_that_nothing_was_measured_and_where_it_was(
    shop: Shop, shared: Shared, calls: int, block: int
) -> None:
    shop.candidate("stuck", STUCK.replace("> 100", f"> {calls}"))
    run = shop.start("--burst", "24", "--call-timeout", "3min", "--report", "run.json")
    wait_for(run, shared.sleeps)
    run.send_signal(signal.SIGINT)

    result = shop.finish(run)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert_clear(
        result,
        f"orders typical was interrupted in warm-up block {block}: stuck",
        "Nothing was measured, as no block that counts was over",
    )
    assert "orders at typical" not in said(result), "there is no report"
    assert not (shop.path / "run.json").exists()


@pytest.mark.thorough  # it takes half a minute, whichever signal it is
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_map_reports_the_cells_that_were_measured(shop: Shop, number: signal.Signals) -> None:
    run = shop.start_schemabench("crossover", "orders", "--map", "3x3", "--budget", "3min", *REPORTS)
    wait_for(run, (shop.path / "run.json").exists)  # the first cell is over
    run.send_signal(number)
    result = shop.finish(run)

    assert result.ret == 130
    assert_clear(result, "The map was interrupted after", "of its 9 cells measured", "orders, customers by")
    (drawn,) = json.loads(shop.read("run.json"))["schemabench"]["maps"]
    reasons = [cell["reason"] for cell in drawn["cells"] if cell["ratio"] is None]
    assert 0 < len(reasons) < 9
    assert set(reasons) == {"the map was interrupted"}
    assert "the map was interrupted." in shop.read("run.md")


@pytest.mark.thorough
def test_a_map_whose_server_is_killed_reports_the_cells_that_were_measured(shop: Shop, place: Path) -> None:
    run = shop.start_schemabench(
        *("crossover", "orders", "--map", "3x3", "--budget", "3min", *REPORTS),
        *("--postgres", "embedded", "--postgres-setting", "fsync=off"),
    )
    wait_for(run, (shop.path / "run.json").exists)
    _kill_server(place)
    result = shop.finish(run)

    assert result.ret == 2
    assert_clear(result, "SIGKILL", "orders, customers by")
    (drawn,) = json.loads(shop.read("run.json"))["schemabench"]["maps"]
    assert any(cell["ratio"] for cell in drawn["cells"])
    for reason in (cell["reason"] for cell in drawn["cells"] if not cell["ratio"]):
        assert re.search("SIGKILL|connection to the server was lost", reason), "whichever is seen first"


def test_an_interrupted_search_reports_its_start_and_can_be_resumed(shop: Shop) -> None:
    state = shop.path / "workloads/orders/crossover-state.json"
    run = shop.start_schemabench("crossover", "orders", "--budget", "30s", *REPORTS)
    wait_for(run, state.exists)
    run.send_signal(signal.SIGINT)
    result = shop.finish(run)

    assert result.ret == 130
    assert_clear(result, "The search was interrupted after", "measured in full: typical", "--resume")
    saved = json.loads(shop.read("run.json"))["schemabench"]
    assert [one["cardinality"] for one in saved["experiments"]] == ["typical"]
    assert [one["ended"] for one in saved["crossovers"]] == ["it was interrupted"]
    assert "The search ended early" in shop.read("run.md")
    assert state.exists()


@pytest.mark.parametrize("tests", ["passed", "failed"])
def test_a_run_that_is_interrupted_while_it_is_closed_has_the_status_of_an_interrupted_one(
    shop: Shop, tests: str
) -> None:
    shop.write("pressing.py", PRESSING)
    if tests == "failed":
        shop.write("tests/test_other.py", "def test_other():\n    assert False\n")
    result = shop.run("-p", "pressing", *REPORTS, PYTHONPATH=f"{shop.path}:{os.environ.get('PYTHONPATH', '')}")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "Interrupted. All was done when the interrupt came: nothing is missing" in said(result)
    assert f"1 {tests}" in said(result) or f"2 {tests}" in said(result)
    assert "orders at typical" in said(result)
    (experiment,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]
    assert experiment["stopped"] == "budget"


def test_an_interrupted_run_on_a_server_of_its_own_leaves_no_server(shop: Shop, place: Path) -> None:
    run = shop.start("--postgres", "embedded", "--budget", "60s")
    wait_for(run, lambda: any((place / "schemabench").glob("servers/*/data/postmaster.pid")))
    run.send_signal(signal.SIGINT)

    result = shop.finish(run)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert_clear(result)


def test_a_server_that_is_killed_fails_the_run_and_what_is_finished_is_reported(shop: Shop, place: Path) -> None:
    shop.add_long("returns")
    run = shop.start(*REPORTS, "--postgres", "embedded", "--postgres-setting", "fsync=off")
    wait_for(run, (shop.path / "run.json").exists)  # the first experiment is over
    _kill_server(place)

    result = shop.finish(run)

    assert result.ret == 1
    assert_clear(result, "SIGKILL", "orders at typical", "returns typical has no result")
    assert [one["workload"] for one in json.loads(shop.read("run.json"))["schemabench"]["experiments"]] == ["orders"]


@pytest.mark.thorough
def test_a_run_that_is_killed_leaves_nothing_that_the_next_does_not_clean_up(shop: Shop, shared: Shared) -> None:
    run = _started_second(shop, shared)
    run.kill()
    run.communicate()
    assert shared.databases()

    result = shop.run("-k", "orders")

    assert result.ret == 0
    assert shared.databases() == set()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Return a folder on a disk of its own with little room."""
    with places.small_disk("200m") as path:
        yield path


def test_a_full_disk_is_a_clear_error(shop: Shop, small_disk: Path) -> None:
    shop.candidate(
        "ballast", "CREATE UNLOGGED TABLE ballast AS SELECT repeat(n::text, 200) FROM generate_series(1, 10000000) n;\n"
    )

    result = shop.run("--postgres", "embedded", SCHEMABENCH_FOLDER=str(small_disk))

    assert result.ret == 1
    assert_clear(result, "No space left on device")
    assert list((small_disk / "schemabench" / "servers").iterdir()) == []
