"""Runs of several workers that are interrupted: what is finished is reported as of one process, and nothing is left."""

import json
import signal
import time
from typing import Any

import psutil
import pytest
import told
from programs import Program
from shared_server import Shared
from shop import STUCK, Shop, assert_clear, said, wait_for

ENDS_S = 60
"""A run that is interrupted ends within so many seconds: in 3, where nothing stalls."""
SPEAKING = """
import os
from pathlib import Path
import pytest

@pytest.fixture(autouse=True)
def pid():
    Path(f"{os.environ.get('PYTEST_XDIST_WORKER')}.pid").write_text(str(os.getpid()))
"""


def _stuck(shop: Shop, shared: Shared) -> Program:
    """Start a run of two workers, and return in a long trial, when some blocks are finished."""
    shop.candidate("stuck", STUCK)
    shop.write("conftest.py", SPEAKING)
    limits = ("--burst", "24", "--budget", "60s", "--call-timeout", "3min")
    run = shop.start("-n", "2", "--report", "run.json", "--report", "run.md", *limits)
    wait_for(run, shared.sleeps)
    return run


def _interrupt(run: Program, *, everybody: bool) -> None:
    """Send Ctrl-C, to everybody as a terminal does."""
    others = psutil.Process(run.pid).children(recursive=True) if everybody else []
    for process in (run, *others):
        process.send_signal(signal.SIGINT)


def _ended(shop: Shop, run: Program) -> pytest.RunResult:
    """See that an interrupted run ends soon, and leaves no worker."""
    since_s = time.monotonic()
    result = shop.finish(run)

    assert time.monotonic() - since_s < ENDS_S
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert [path for path in shop.path.glob("gw*.pid") if psutil.pid_exists(int(path.read_text("utf-8")))] == []
    return result


def _finished(shop: Shop) -> dict[str, Any]:
    """Return the record of the interrupted experiment, whose finished blocks are ranked."""
    experiment = told.experiment(shop)

    assert experiment["stopped"] == "interrupted"
    assert experiment["blocks"] >= 1
    assert {one["status"] for one in experiment["candidates"]} == {"ranked"}
    assert {len(trial["busy_shares"]) for trial in told.trials(experiment)} == {2}
    assert "States and invariants were not checked" in shop.read("run.md")
    return experiment


def _assert_of_all_calls(experiment: dict[str, Any]) -> None:
    """Check that service times are those of both workers, as retries and throughput are."""
    for one in experiment["candidates"]:
        calls = sum(trial["operations"] for trial in one["trials"] if not trial["warmup"])
        assert sum(latency["count"] for latency in one["latencies"]) == calls


@pytest.mark.parametrize(
    ("everybody", "times"),
    [(True, 1), pytest.param(True, 3, marks=pytest.mark.thorough), pytest.param(False, 1, marks=pytest.mark.thorough)],
    ids=["terminal", "terminal, three times", "controller alone"],
)
def test_workers_that_are_interrupted_report_the_blocks_that_they_have_finished(
    shop: Shop, shared: Shared, *, everybody: bool, times: int
) -> None:
    run = _stuck(shop, shared)
    for _ in range(times):
        _interrupt(run, everybody=everybody)
        time.sleep(0.2)

    result = _ended(shop, run)

    assert_clear(result, "orders typical was interrupted in block", "orders at typical")
    _assert_of_all_calls(_finished(shop))
    assert "Service times are left out" not in said(result)
    assert "schemabench" in json.loads(shop.read("run.json"))


@pytest.mark.thorough
def test_sigterm_ends_a_controller_and_its_workers_as_ctrl_c_does(shop: Shop, shared: Shared) -> None:
    run = _stuck(shop, shared)
    run.send_signal(signal.SIGTERM)

    assert_clear(_ended(shop, run), "orders at typical")
    _assert_of_all_calls(_finished(shop))


@pytest.mark.thorough
def test_service_times_are_left_out_if_a_worker_does_not_hand_its_own_over(shop: Shop, shared: Shared) -> None:
    run = _stuck(shop, shared)
    psutil.Process(int(shop.read("gw1.pid"))).suspend()
    _interrupt(run, everybody=True)

    assert_clear(_ended(shop, run), "orders at typical", "Service times are left out")
    assert [one["latencies"] for one in _finished(shop)["candidates"]] == [[], [], []]
