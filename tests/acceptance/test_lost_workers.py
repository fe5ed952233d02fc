"""Workers that die, stop, or cannot take part: a message that names worker and trial, and nothing is left behind."""

import json
import signal
import time
from pathlib import Path

import psutil
import pytest
import told
from programs import Program
from shared_server import PASSWORD, Shared
from shop import STUCK, Shop, assert_clear, said, wait_for

ENDS_S = 120
"""A run ends by itself within so many seconds of what befalls it: in 2 to 12, or 70 where a leader is stopped between
blocks; a machine that stalls takes longer."""
REPORTS = ("--report", "run.json", "--report", "run.md")
DIVIDES = """
-- name: customer_total
SELECT count(*), 1 / (count(*) - count(*)) FROM orders WHERE customer = :customer::text;
"""
MISSING_TABLE = "\n-- name: customer_total\nSELECT total FROM totals WHERE customer = :customer::text;\n"
SPEAKING = """
import os
from pathlib import Path
import pytest

@pytest.fixture(autouse=True)
def pid():
    Path(f"{os.environ.get('PYTEST_XDIST_WORKER')}.pid").write_text(str(os.getpid()))
"""

GIVING_UP = """
import os
from itertools import count
from schemabench.errors import ServerError
from schemabench.workers import follower

execute, executed = follower.execute, count()

def until(*args):
    if next(executed) == 18:  # six blocks
        raise ServerError("no disk")
    return execute(*args)

follower.execute = until
"""


def _second(shop: Shop, shared: Shared, *arguments: str) -> Program:
    """Start two experiments with two workers, and return when trials of the second are under way."""
    shop.add_long("returns")
    shop.write("conftest.py", SPEAKING)
    run = shop.start("-n", "2", *REPORTS, *arguments)
    wait_for(run, lambda: shared.executes("returns_typical_without_index"))
    return run


def _finish(shop: Shop, run: Program) -> tuple[pytest.RunResult, float]:
    since_s = time.monotonic()
    result = shop.finish(run)
    return result, time.monotonic() - since_s


def _worker(shop: Shop, name: str) -> psutil.Process:
    return psutil.Process(int(shop.read(f"{name}.pid")))


def _reported(shop: Shop) -> list[str]:
    return [one["workload"] for one in json.loads(shop.read("run.json"))["schemabench"]["experiments"]]


@pytest.fixture(autouse=True)
def no_workers_left(tmp_path: Path) -> object:
    """See that no worker outlives its run."""
    yield
    left = [int(path.read_text(encoding="utf-8")) for path in tmp_path.rglob("gw*.pid")]
    assert [pid for pid in left if psutil.pid_exists(pid)] == []


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.thorough)])
def test_a_worker_that_is_gone_ends_the_run_with_its_name_and_the_trial(
    shop: Shop, shared: Shared, how: signal.Signals
) -> None:
    run = _second(shop, shared)
    _worker(shop, "gw1").send_signal(how)

    result, took_s = _finish(shop, run)

    assert took_s < ENDS_S
    assert_clear(
        result, "The worker gw1", "was lost" if how == signal.SIGKILL else "was stopped", "the trial of", "block"
    )
    assert _reported(shop)[:1] == ["orders"], "the other is there, too, if a block of it was finished"
    assert "orders at typical" in said(result)


def test_the_blocks_before_a_worker_was_lost_are_ranked_with_its_name_and_the_run_fails(
    shop: Shop, shared: Shared
) -> None:
    shop.candidate("slow", STUCK.replace("120", "3"))
    shop.write("conftest.py", SPEAKING)
    run = shop.start("-n", "2", *REPORTS, "--burst", "24", "--budget", "60s", "--call-timeout", "1min")
    wait_for(run, shared.sleeps)
    _worker(shop, "gw1").kill()

    result, took_s = _finish(shop, run)

    assert took_s < ENDS_S
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=3)
    lost = "The worker gw1 was lost while executing the trial of"
    assert_clear(result, lost, "orders at typical", "until it lost a worker", "Service times are left out")
    assert "interrupted" not in said(result).lower()
    assert f"orders typical was cut short: {lost}" in " ".join(shop.read("run.md").split())
    assert "the loss of a worker" in shop.read("run.md")
    experiment = told.experiment(shop)
    assert experiment["stopped"] == "interrupted"
    assert experiment["blocks"] >= 1
    assert [(one["status"], one["latencies"]) for one in experiment["candidates"]] == [("ranked", [])] * 3


def test_an_experiment_that_a_worker_cut_short_passes_no_test_of_it(shop: Shop) -> None:
    shop.write("conftest.py", GIVING_UP)

    result = shop.run("-n", "2", *REPORTS, "--burst", "24", "--budget", "60s")

    result.assert_outcomes(failed=2)
    assert_clear(result, "The worker gw1 gave up while", "no disk", "orders typical was cut short", "orders at typical")
    assert told.experiment(shop)["blocks"] >= 1


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.thorough)])
def test_a_leader_that_is_gone_ends_the_run_and_its_databases_go(
    shop: Shop, shared: Shared, how: signal.Signals
) -> None:
    run = _second(shop, shared)
    _worker(shop, "gw0").send_signal(how)

    result, took_s = _finish(shop, run)

    assert took_s < ENDS_S
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=2)
    befell = "was lost" if how == signal.SIGKILL else "was stopped"
    lost = f"returns typical has no result: The leading worker gw0 {befell}"
    assert_clear(result, lost, "then run again", "(see above)")
    assert lost in " ".join(shop.read("run.md").split())
    assert _reported(shop) == ["orders"]
    assert shared.databases() == set()


def test_a_leader_that_is_killed_leaves_no_server_and_says_what_is_lost_and_which_report_is_old(
    shop: Shop, place: Path
) -> None:
    shop.write("conftest.py", SPEAKING)
    shop.write("run.md", "of yesterday")
    run = shop.start("-n", "2", "--budget", "60s", "--postgres", "embedded", *REPORTS)
    wait_for(run, lambda: any((place / "schemabench").glob("servers/*/data/postmaster.pid")))
    wait_for(run, (shop.path / "gw0.pid").exists)
    _worker(shop, "gw0").kill()

    result, took_s = _finish(shop, run)

    assert took_s < ENDS_S
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=2)
    assert_clear(result, "orders typical has no result: The leading worker gw0 was lost", "then run again")
    assert "run.md is of an earlier run: this one has no result" in said(result)
    assert "run.json is of" not in said(result)
    assert shop.read("run.md") == "of yesterday"
    assert list((place / "schemabench" / "servers").iterdir()) == []


@pytest.mark.thorough
def test_an_interrupted_run_ends_soon_and_reports_what_is_finished(shop: Shop, shared: Shared) -> None:
    run = _second(shop, shared)
    run.send_signal(signal.SIGINT)

    result, took_s = _finish(shop, run)

    assert took_s < ENDS_S
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert_clear(result, "KeyboardInterrupt", "orders at typical")
    assert _reported(shop)[:1] == ["orders"], "the other is there, too, if a block of it was finished"
    assert shared.databases() == set()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (DIVIDES, ["'customer_total' failed under the candidate 'wrong': division by zero", "SELECT count(*), 1 /"]),
        (MISSING_TABLE, ["'customer_total' failed under the candidate 'wrong'", 'relation "totals" does not exist']),
    ],
    ids=["executing", "preparing"],
)
def test_a_candidate_that_fails_in_another_worker_leaves_and_the_others_are_ranked(
    shop: Shop, more: str, words: list[str]
) -> None:
    path = shop.candidate("wrong", more)

    result = shop.run("-n", "2", "--budget", "1s", *REPORTS)

    result.assert_outcomes(passed=2, failed=1)
    assert_clear(result, *words, f"{path}:", "refused on the worker gw1")
    (experiment,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]
    assert {one["name"]: one["status"] for one in experiment["candidates"]} == {
        "baseline": "ranked",
        "without_index": "ranked",
        "wrong": "failed",
    }


@pytest.mark.thorough
def test_a_baseline_that_fails_in_another_worker_is_said_once(shop: Shop) -> None:
    shop.write("schemas/orders/baseline.sql", shop.read("schemas/orders/baseline.sql") + MISSING_TABLE)

    result = shop.run("-n", "2")

    result.assert_outcomes(failed=2)
    assert_clear(result, 'relation "totals" does not exist', "orders typical has no result")


REFUSING = """
import os
import psycopg
from schemabench.workers import meeting

def refuse(*_):
    raise psycopg.OperationalError("FATAL:  password authentication failed")

if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
    meeting.Link = refuse
"""


def test_a_worker_that_the_server_refuses_ends_the_run_with_the_reason(shop: Shop, shared: Shared) -> None:
    shop.write("conftest.py", REFUSING)
    run = shop.start("-n", "2", "--budget", "60s")

    result, took_s = _finish(shop, run)

    assert took_s < ENDS_S
    assert_clear(result, "The worker gw1 cannot meet the others: FATAL: password authentication failed")
    assert shared.databases() == set()


SKIPS, FAILS = "pytest.skip('no disk here')", "raise OSError('no disk here')"


@pytest.mark.parametrize(
    ("worker", "outcome"),
    [
        ("gw0", SKIPS),
        ("gw1", FAILS),
        pytest.param("gw0", FAILS, marks=pytest.mark.thorough),
        pytest.param("gw1", SKIPS, marks=pytest.mark.thorough),
    ],
)
def test_a_worker_that_skips_or_fails_before_it_evaluates_ends_the_item_quickly(
    shop: Shop, worker: str, outcome: str
) -> None:
    shop.write(
        "conftest.py",
        "import os, pytest\n\n@pytest.fixture(autouse=True)\ndef disk(request):\n"
        f"    if os.environ['PYTEST_XDIST_WORKER'] == '{worker}' and 'evaluate' in request.fixturenames:\n"
        f"        {outcome}\n",
    )
    shop.write("tests/test_plain.py", "def test_plain():\n    pass\n")

    result = shop.run("-n", "2")

    assert "Traceback" not in str(result.stdout)
    assert result.parseoutcomes().get("passed") == 1
    if worker == "gw1":
        assert_clear(result, "The worker gw1 gave up", "its test ended before it evaluated anything", "no disk here")
    elif outcome.startswith("raise"):
        assert result.parseoutcomes()["errors"] == 2
    else:
        assert result.parseoutcomes()["skipped"] == 2


@pytest.mark.thorough
def test_fewer_connections_than_workers_are_refused_before_anything_is_started(shop: Shop) -> None:
    result = shop.run("-n", "3", "--clients", "2")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.assert_outcomes()
    assert_clear(result, "--clients 2 is fewer than the 3 workers", "use at least --clients 3", "-n 2")
    assert said(result).count("use at least --clients 3") == 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("local:99", ["PostgreSQL 99 is not installed on this machine"]),
        ("postgresql://maker@127.0.0.1:1/postgres", ["No connection to postgresql://maker@127.0.0.1:1/postgres"]),
    ],
    ids=["version", "unreachable"],
)
@pytest.mark.thorough
def test_a_server_that_cannot_be_had_is_said_once(shop: Shop, spec: str, words: list[str]) -> None:
    result = shop.run("-n", "2", "--postgres", spec)

    result.assert_outcomes(failed=2)
    assert_clear(result, *words, "orders typical has no result")
    assert said(result).count("either:") == 1


@pytest.mark.thorough
def test_a_wrong_password_is_a_clear_error_and_never_shown(shop: Shop, shared: Shared) -> None:
    result = shop.run("-n", "2", "--postgres", shared.dsn(password="mistyped"))  # noqa: S106

    assert_clear(result, "password authentication failed")
    assert "mistyped" not in said(result)


@pytest.mark.thorough
def test_the_password_is_in_no_message_about_a_worker_that_is_gone(shop: Shop, shared: Shared) -> None:
    run = _second(shop, shared)
    _worker(shop, "gw1").kill()

    result, _ = _finish(shop, run)

    assert PASSWORD not in said(result)


@pytest.mark.thorough
def test_kept_databases_outlive_the_run_and_that_of_the_workers_does_not(shop: Shop, shared: Shared) -> None:
    result = shop.run("-n", "2", "--keep-databases")
    kept = shared.databases()

    for name in kept:
        shared.drop(name)

    assert result.ret == 0
    assert {name.split("_", 2)[2] for name in kept} == {
        "orders_typical_baseline",
        "orders_typical_baseline_control",
        "orders_typical_without_index",
    }
