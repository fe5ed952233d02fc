"""What befalls runs, and when: each fault is a function that does it to a run of two experiments.

Owns the list of faults. Must not know what is expected of a run that meets one.
"""

import json
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import psutil
import psycopg
from programs import Program
from shop import Shop, wait_for
from stands import Stand

from schemabench.server.dsn import with_words

Stage = Literal["build", "blocks", "report"]
End = Literal["interrupted", "failed", "goes on", "killed"]
REPORTS = ("--report", "reports/run.json", "--report", "reports/run.md")
_TITLES = {"build": "orders_typical", "blocks": "returns_typical_without_index"}
"""What a session's title holds in the stage."""
_SETTLED_S = 0.5
_AGAIN_S = 0.1
"""Until a second Ctrl-C: the run is about to end by then, and has not ended."""
_SPEAKING = """
import os
from pathlib import Path
import pytest

@pytest.fixture(autouse=True)
def pid():
    Path(f"{os.environ.get('PYTEST_XDIST_WORKER')}.pid").write_text(str(os.getpid()))
"""
_ENDS_ITSELF = "\n-- name: customer_total\nSELECT pg_terminate_backend(pg_backend_pid()), :customer::text;\n"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A run that something befalls."""

    shop: Shop
    stand: Stand
    run: Program

    def signal(self, number: signal.Signals) -> None:
        """Send the run a signal."""
        self.run.send_signal(number)

    def worker(self, name: str) -> psutil.Process:
        """Return one of the run's workers."""
        return psutil.Process(int(self.shop.read(f"{name}.pid")))


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What befalls a run."""

    name: str
    act: Callable[[Scene], None]
    stage: Stage = "blocks"
    """`build`: in the first experiment; `blocks`: in the second; `report`: once both are done."""
    end: End = "failed"
    kinds: tuple[str, ...] = ()
    """The kinds of servers where it can happen; none for all."""
    workers: int = 0
    prepare: Callable[[Shop], object] = lambda _: None


def start(fault: Fault, shop: Shop, stand: Stand) -> Program:
    """Start a run, and return when the fault's stage is reached."""
    shop.add_long("returns")
    shop.write("conftest.py", _SPEAKING)
    (shop.path / "reports").mkdir()
    fault.prepare(shop)
    workers = ("-n", str(fault.workers)) if fault.workers else ()
    run = shop.start(*REPORTS, "--burst", "24", *workers)
    if fault.stage == "report":
        wait_for(run, lambda: finished(shop) == ["orders", "returns"])
    else:
        wait_for(run, lambda: stand.backends(_TITLES[fault.stage]))
        time.sleep(_SETTLED_S)
    return run


def finished(shop: Shop) -> list[str]:
    """Return the finished experiments of the run file."""
    path = shop.path / "reports" / "run.json"
    if not path.exists():
        return []
    run = json.loads(path.read_text(encoding="utf-8"))["schemabench"]
    return [one["workload"] for one in run["experiments"] if one["stopped"] not in {"interrupted", ""}]


def _kill_server(scene: Scene) -> None:
    postmaster = scene.stand.postmaster()
    for process in (postmaster, *postmaster.children()):
        process.kill()


def _stop_server(scene: Scene) -> None:
    scene.stand.postmaster().send_signal(signal.SIGINT)  # a fast shutdown


def _backend(scene: Scene) -> psutil.Process:
    return scene.stand.backends("returns_typical_without_index")[0]


def _terminate(scene: Scene) -> None:
    server = scene.stand.theirs
    assert server
    with psycopg.connect(with_words(server.conninfo), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [_backend(scene).pid])


def _twice(scene: Scene) -> None:
    scene.signal(signal.SIGINT)
    time.sleep(_AGAIN_S)
    if scene.run.poll() is None:
        scene.signal(signal.SIGINT)


def _no_folder(scene: Scene) -> None:
    shutil.rmtree(scene.shop.path / "reports")


def _sends(number: signal.Signals) -> Callable[[Scene], None]:
    return lambda scene: scene.signal(number)


def _ends_itself(shop: Shop) -> object:
    return shop.candidate("ends_itself", _ENDS_ITSELF, "returns")


def _nothing(_: Scene) -> None:
    """It is the candidate that does it."""


OWN, SHARED = ("wheel", "local"), ("superuser", "createdb")
FAULTS = (
    Fault(name="server killed (-9)", act=_kill_server),
    Fault(name="server stopped", act=_stop_server),
    Fault(name="session killed (-9), server restarts", act=lambda scene: _backend(scene).kill()),
    Fault(name="session terminated", act=_terminate, kinds=SHARED),
    Fault(name="candidate ends its own session", act=_nothing, end="goes on", prepare=_ends_itself),
    *(
        Fault(name=f"{number.name} at {stage}", act=_sends(number), stage=stage, end="interrupted")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for stage in ("build", "blocks")
    ),
    Fault(name="SIGINT at report", act=_sends(signal.SIGINT), stage="report", end="goes on"),
    Fault(name="SIGINT twice", act=_twice, end="interrupted"),
    Fault(name="run killed (-9)", act=_sends(signal.SIGKILL), end="killed"),
    Fault(name="worker killed (-9)", act=lambda scene: scene.worker("gw1").kill(), end="interrupted", workers=2),
    Fault(name="worker stopped", act=lambda scene: scene.worker("gw1").suspend(), end="interrupted", workers=2),
    Fault(name="leader killed (-9)", act=lambda scene: scene.worker("gw0").kill(), end="interrupted", workers=2),
    Fault(name="leader stopped", act=lambda scene: scene.worker("gw0").suspend(), end="interrupted", workers=2),
    Fault(name="folder of reports gone", act=_no_folder, end="goes on"),
)
