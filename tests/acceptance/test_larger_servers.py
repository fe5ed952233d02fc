"""A server on another machine, under load from several, over a network with a round trip of its own."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import networks
import programs
import psutil
import pytest
import told
from networks import Machine
from shop import Shop

ROUND_TRIP_S = 0.001
CLIENTS = 4
NETWORK = """\
import networks, psutil
with networks.network(["db", "load1"], one_way_ms=0.5):
    print(*(child.pid for child in psutil.Process().children()), flush=True)
    input()
"""
PROGRAMS = 3
"""Of a network of two machines: what holds each, and the relay."""


@pytest.fixture
def machines() -> Iterator[list[Machine]]:
    """Return machines a millisecond apart: the server's, the leader's, and one for another worker."""
    with networks.network(["db", "load1", "load2"], one_way_ms=ROUND_TRIP_S / 2 * 1e3) as found:
        yield found


@pytest.mark.thorough
def test_machines_load_a_server_over_a_network(
    machines: list[Machine], tmp_path: Path, environment: dict[str, str]
) -> None:
    db, near, far = machines
    here = Shop.open(tmp_path / "shop", environment)
    options = ["--clients", str(CLIENTS), "--budget", "500ms", "--report=run.json"]
    here.run(*options).assert_outcomes(passed=2)
    local = told.experiment(here)
    shutil.copytree(here.path, elsewhere := tmp_path / "elsewhere")
    worker = f"popen//python={shlex.join([*far.enter, sys.executable])}//chdir={elsewhere}"

    with networks.serving(db) as dsn:
        workers = ["--dist", "load", "--rsyncignore=*", "--tx", "popen", "--tx", worker]
        result = here.run_within(near.enter, *options, "--postgres", dsn, *workers)
    found = told.experiment(here)
    shares = [trial["busy_shares"] for trial in told.trials(found)]

    assert result.ret == 0
    result.assert_outcomes(passed=2)
    assert told.without_clocks(found) == told.without_clocks(local)
    assert local["exchange_s"] < ROUND_TRIP_S <= found["exchange_s"]
    assert list(found["workers"]) == ["gw0", "gw1"]
    assert all(len(share) == len(machines) - 1 and min(share) > 0 for share in shares)
    assert all(latency["p50_ns"] >= ROUND_TRIP_S * 1e9 for one in found["candidates"] for latency in one["latencies"])


def test_nothing_is_left_of_a_network_whose_test_is_killed() -> None:
    networks.require()
    environment = {**os.environ, "PYTHONPATH": str(Path(networks.__file__).parent)}
    command = [sys.executable, "-c", NETWORK]
    with programs.start(command, env=environment, stdin=PIPE, stdout=PIPE, text=True) as test:
        assert test.stdout is not None, "a pipe was asked for"
        started = [psutil.Process(int(pid)) for pid in test.stdout.readline().split()]
        test.kill()
    _, alive = psutil.wait_procs(started, timeout=programs.DEATH_S)

    assert len(started) == PROGRAMS
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
