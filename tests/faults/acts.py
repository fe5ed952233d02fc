"""What befalls runs, and when: each fault is a function that does it to a run of two experiments.

Owns how a fault comes about. Must not know what is expected of a run that meets one.
"""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import groups
import programs
import psutil
import psycopg
import pytest
from programs import Program
from shop import PATIENCE_S, QUICK, Shop
from stands import Stand
from watching import Watched

from schemabench.server.dsn import with_words

Stage = Literal["build", "blocks", "report"]
REPORTS = ("--report", "reports/run.json", "--report", "reports/run.md")
TITLES = {"build": "orders_typical", "blocks": "returns_typical_without_index"}
"""What a session's title holds in the stage."""
SESSIONS = {"build": 1, "blocks": 2}
"""How many sessions have it then: what is built has one, and a trial one for each client."""
SETTLED_S = 0.5
_POLL_S = 0.05
_AGAIN_S = 0.1
"""Until a second signal: the run is about to end by then, and has not ended."""
_LITTLE = str(16 << 20)
"""Bytes of memory that no server can do with."""
_FILLING_BYTES = 1 << 20
_SPEAKING = """
import os
from pathlib import Path
import pytest

@pytest.fixture(autouse=True)
def pid():
    Path(f"{os.environ.get('PYTEST_XDIST_WORKER')}.pid").write_text(str(os.getpid()))
"""
_ENDS_ITSELF = "\n-- name: customer_total\nSELECT pg_terminate_backend(pg_backend_pid()), :customer::text;\n"
_CLOCKS = [Path(f"/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1") for machine in ("x86_64", "aarch64")]
"""Of Debian's package libfaketime."""
_CLOCK = "clock/by"
"""The file that says by how much the run's clock is wrong."""
_SLEEPING = """
import ctypes
import select
import time


class Library(ctypes.CDLL):
    def __init__(self, name, *given, **named):
        super().__init__(name or "libc.so.6", *given, **named)


ctypes.CDLL = Library
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""
"""libfaketime refuses the call by which Python sleeps, clock_nanosleep(2) until a monotonic time. It moves timers of
the monotonic clock, too, which the kernel does not: pauses would be busy waits."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A run that something befalls."""

    shop: Shop
    stand: Stand
    run: Program
    disk: Path | None
    """The disk of the run's server or reports, where the fault wants one with little room."""
    stack: ExitStack
    """What is undone once the run has ended."""
    others: list[Program] = field(default_factory=list)
    """Further runs that the fault has started."""

    def signal(self, number: signal.Signals) -> None:
        """Send the run a signal."""
        self.run.send_signal(number)

    def worker(self, name: str) -> psutil.Process:
        """Return one of the run's workers."""
        return psutil.Process(int(self.shop.read(f"{name}.pid")))


Starts = Callable[[Shop, Sequence[str]], Program]
"""How a run with these arguments is started."""


def plainly(shop: Shop, arguments: Sequence[str]) -> Program:
    """Start a run whose output is read as it comes."""
    return shop.start(*arguments, PYTHONUNBUFFERED="1")


def enter(stage: Stage, shop: Shop, stand: Stand, watched: Watched) -> None:
    """Return when a run has reached a stage."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not _reached(stage, shop, stand):
        assert watched.program.poll() is None, watched.output
        assert time.monotonic() < deadline_s, watched.output
        time.sleep(_POLL_S)
    if stage != "report":
        time.sleep(SETTLED_S)


def _reached(stage: Stage, shop: Shop, stand: Stand) -> bool:
    if stage == "report":
        return finished(shop) == ["orders", "returns"]
    return len(stand.backends(TITLES[stage])) >= SESSIONS[stage]


def finished(shop: Shop) -> list[str]:
    """Return the finished experiments of the run file."""
    path = shop.path / "reports" / "run.json"
    if not path.exists():
        return []
    run = json.loads(path.read_text(encoding="utf-8"))["schemabench"]
    return [one["workload"] for one in run["experiments"] if one["stopped"] not in {"interrupted", ""}]


def lasted_s(shop: Shop) -> list[float]:
    """Return how long each experiment of the run file took, as it says."""
    run = json.loads(shop.read("reports/run.json"))["schemabench"]
    return [float(one["elapsed_s"]) for one in run["experiments"]]


def nothing(_: object) -> None:
    """Do nothing: it is the candidate that does it."""


def prepare(shop: Shop, disk: Path | None) -> None:
    """Give a project two experiments and a folder for reports, on a disk if there is one.

    The run's processes say which they are.
    """
    shop.add_long("returns")
    shop.write("conftest.py", _SPEAKING)
    reports = shop.path / "reports"
    if disk:
        (disk / "reports").mkdir()
        reports.symlink_to(disk / "reports")
    else:
        reports.mkdir()


def sends(number: signal.Signals, *, twice: bool = False) -> Callable[[Scene], None]:
    """Return what sends a run a signal, or two."""

    def act(scene: Scene) -> None:
        scene.signal(number)
        if twice:
            time.sleep(_AGAIN_S)
            if scene.run.poll() is None:
                scene.signal(number)

    return act


def kill_server(scene: Scene) -> None:
    """Kill all processes of the server."""
    postmaster = scene.stand.postmaster()
    for process in (postmaster, *postmaster.children()):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def stop_server(scene: Scene) -> None:
    """Shut the server down without waiting for its clients."""
    scene.stand.postmaster().send_signal(signal.SIGINT)


def restart_server(scene: Scene) -> None:
    """Shut somebody else's server down, and start it anew."""
    stop_server(scene)
    scene.stand.restart()


def kill_session(scene: Scene) -> None:
    """Kill one of the run's sessions, for which the server ends all, and recovers."""
    scene.stand.backends(TITLES["blocks"])[0].kill()


def terminate_session(scene: Scene) -> None:
    """End one of the run's sessions, as the server's operator may."""
    assert scene.stand.theirs
    with psycopg.connect(with_words(scene.stand.theirs.conninfo), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [scene.stand.backends(TITLES["blocks"])[0].pid])


def reset_connections(scene: Scene) -> None:
    """Reset all connections to somebody else's server."""
    assert scene.stand.relay
    scene.stand.relay.reset()


def ends_itself(shop: Shop) -> None:
    """Add a candidate that ends its own sessions."""
    shop.candidate("ends_itself", _ENDS_ITSELF, "returns")


def remove_reports(scene: Scene) -> None:
    """Remove the folder of reports."""
    shutil.rmtree(scene.shop.path / "reports")


def block_reports(scene: Scene) -> None:
    """Put a file where the folder of reports was, which is kept elsewhere."""
    reports = scene.shop.path / "reports"
    reports.rename(scene.shop.path / "kept")
    reports.touch()
    scene.stack.callback(lambda: (reports.unlink(), (scene.shop.path / "kept").rename(reports)))


def fill_disk(scene: Scene) -> None:
    """Leave no room on the disk."""
    assert scene.disk
    filler = scene.disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * _FILLING_BYTES):
            pass
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while file.write(b"x"):
            pass
    scene.stack.callback(filler.unlink)


def take_memory(scene: Scene) -> None:
    """Let the server's processes have hardly any more memory."""
    group = scene.stack.enter_context(groups.control_group("memory", memory_max=_LITTLE, memory_limit_in_bytes=_LITTLE))
    postmaster = scene.stand.postmaster()
    groups.enter(group, postmaster.pid, *(one.pid for one in postmaster.children()))


def start_beside(scene: Scene) -> None:
    """Start another run, on the same server and in the same folder."""
    scene.others.append(plainly(scene.shop, REPORTS))


def start_elsewhere(scene: Scene) -> None:
    """Start another run, on the same server and in a folder of its own."""
    other = Shop.open(scene.shop.path.with_name("other"), scene.stand.environment)
    scene.others.append(plainly(other, ()))


def by_wrong_clock(shop: Shop, arguments: Sequence[str]) -> Program:
    """Start a run whose clock can jump; its monotonic clock goes on, as that of the kernel does."""
    library = next((path for path in _CLOCKS if path.exists()), None)
    if library is None:
        pytest.skip("no libfaketime here: apt-get install libfaketime")
    clock = {
        "PYTHONPATH": str(shop.write("clock/sitecustomize.py", _SLEEPING).parent),
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(shop.write(_CLOCK, "+0\n")),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return shop.start(*arguments, PYTHONUNBUFFERED="1", **clock)


def jumps(by: str) -> Callable[[Scene], None]:
    """Return what sets a run's clock, as in `+1h`."""

    def act(scene: Scene) -> None:
        draft = scene.shop.write(f"{_CLOCK}.new", f"{by}\n")
        draft.rename(scene.shop.path / _CLOCK)

    return act


_ours: list[int] = []
"""Our end of a run's terminal, or of the pipe that it writes into."""


def into_pipe(shop: Shop, arguments: Sequence[str]) -> Program:
    """Start a run whose output goes into a pipe."""
    ours, theirs = os.pipe()
    _ours.append(ours)
    try:
        return programs.start(
            [sys.executable, "-m", "pytest", *QUICK, *arguments],
            cwd=shop.path,
            env=shop.environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(theirs)


def on_terminal(shop: Shop, arguments: Sequence[str]) -> Program:
    """Start a run by a shell on a terminal of its own."""
    ours, theirs = pty.openpty()
    _ours.append(ours)
    command = [sys.executable, "-m", "pytest", *QUICK, *arguments]
    try:
        return programs.start(
            ["setsid", "--ctty", "bash", "-c", '"$@"; exit', "bash", *command],
            cwd=shop.path,
            env=shop.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
    finally:
        os.close(theirs)


def close(_: Scene) -> None:
    """Close our end: who writes into the pipe gets EPIPE; a terminal's shell and all that runs there get SIGHUP."""
    os.close(_ours.pop())
