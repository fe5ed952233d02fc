"""The suite is safe to run: programs end with their tests, sessions leave nothing, what takes too much is stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import places
import programs
import psutil
import pytest
import waiting
import watch
from programs import Program

PATIENCE_S = 60
TESTS = Path(places.__file__).parent
SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
SERVES = """
import json, sys, time
from pathlib import Path
import programs
import servers

def test_serves():
    with (
        servers.serving("embedded", settings={}, clients=2, run_id="killed") as server,
        programs.start(["sleep", "60"]) as sleeping,
    ):
        left = {"server": server.pids[0], "data": str(server.data), "program": sleeping.pid}
        Path("left.part").write_text(json.dumps(left))
        Path("left.part").rename("left.json")
        time.sleep(60)
"""
IDLES = "def test_idles(): pass\n"
RESTS = "import time\n\ndef test_rests(): time.sleep(3)\n"
TAKES_TURNS = """
import places

def test_takes_its_turn():
    with places.much_memory():
        open("left.txt", "w").write(str(places.session()))
"""
TAKES_MEMORY = "import time\n\ndef test_takes(): taken = bytes(bytearray(b'x') * (300 << 20)); time.sleep(60)\n"
PROGRAM_TAKES_MEMORY = """
import programs, sys

def test_takes():
    assert programs.run([sys.executable, "-c", "import time; taken = bytearray(b'x') * (300 << 20); time.sleep(60)"])
"""
TAKES_FILES = """
import os, time

def test_takes(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 300 << 20)
        time.sleep(60)
"""
LIMIT_MB = 250
WORKER = ["-n", "1"]


def _works(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _session(folder: Path, test: str, *arguments: str, **environment: str) -> Program:
    """Start a session of one test with what all tests of ours share."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(
        "import places, watch\n\ndef pytest_configure(config):\n    config.pluginmanager.register(places)\n"
        "    if not hasattr(config, 'workerinput'):\n        config.pluginmanager.register(watch.Watch(config))\n"
    )
    (folder / "test_one.py").write_text(test)
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return programs.start(
        [sys.executable, "-m", "pytest", "-p", "xdist", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def ignored() -> Iterator[None]:
    """Ignore interrupts, as the background job of a script does."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ignored")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_program_heeds_signals_that_the_tests_ignore(number: signal.Signals) -> None:
    with programs.start(SLEEPS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        assert program.stdout.readline() == b"up\n"
        program.send_signal(number)
        assert program.wait(PATIENCE_S) == -number


def test_a_program_ends_by_itself_at_its_limit() -> None:
    assert programs.run(["sleep", "60"], limit_s=1).returncode == -signal.SIGALRM


def test_a_program_ends_with_its_block_and_so_does_all_that_it_started() -> None:
    nested = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", nested]
    with programs.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        child = int(program.stdout.readline())

    assert program.returncode == -signal.SIGKILL
    assert not _works(child)


def test_a_program_that_a_test_leaves_ends_with_the_test() -> None:
    with programs.ended():
        program = programs.start(["sleep", "60"])

    assert program.returncode == -signal.SIGKILL


@pytest.mark.parametrize("arguments", [[], WORKER], ids=["alone", "workers"])
def test_what_a_killed_session_left_is_gone_when_the_next_has_begun(tmp_path: Path, arguments: list[str]) -> None:
    with _session(tmp_path, SERVES, *arguments) as killed:
        waiting.until((tmp_path / "left.json").exists)
        left = json.loads((tmp_path / "left.json").read_text())
        data = Path(left["data"])
        shared = {Path(one.path) for one in psutil.Process(left["server"]).memory_maps() if "/PostgreSQL." in one.path}
        workers = [one for one in psutil.Process(killed.pid).children(recursive=True) if one.name().startswith("py")]
        os.kill(killed.pid, signal.SIGKILL)  # nothing else: not what it started
        killed.wait()
    waiting.until(lambda: not _works(left["program"]))
    waiting.until(lambda: not any(_works(worker.pid) for worker in workers))
    assert data.exists()
    assert shared

    with _session(tmp_path, IDLES) as following:
        told, _ = following.communicate()

    assert following.returncode == 0, told
    assert not _works(left["server"])
    assert [path for path in shared if path.exists()] == []
    assert not next(path for path in data.parents if path.name.startswith(places.PREFIX)).exists()


@pytest.mark.parametrize(
    ("test", "what", "arguments"),
    [(TAKES_MEMORY, "memory", []), (PROGRAM_TAKES_MEMORY, "memory", WORKER), (TAKES_FILES, "files", WORKER)],
    ids=["test", "program", "files"],
)
def test_a_session_that_takes_too_much_is_ended_and_fails(
    tmp_path: Path, test: str, what: str, arguments: list[str]
) -> None:
    (tmp_path / "temporary").mkdir()
    environment = {watch.VARIABLE: str(LIMIT_MB), "PYTEST_DEBUG_TEMPROOT": str(tmp_path / "temporary")}
    with _session(tmp_path, test, *arguments, **environment) as session:
        told, _ = session.communicate(timeout=PATIENCE_S)

    assert session.returncode == pytest.ExitCode.TESTS_FAILED, told
    assert f"of {what}, and may take {LIMIT_MB} MB" in told
    assert "while test_one.py::test_takes was executed" in told
    assert f"{watch.VARIABLE} sets another limit" in told
    assert "peak of the suite: " in told
    assert "INTERNALERROR" not in told


def test_a_session_says_what_it_took_at_most_and_leaves_the_folder_of_one_that_lives(tmp_path: Path) -> None:
    with _session(tmp_path, RESTS) as other:
        told, _ = other.communicate()

    (line,) = [line for line in told.splitlines() if line.startswith("peak of the suite: ")]
    assert " MB of memory, " in line
    assert " of files; memory: python" in line
    assert places.session().exists()


@pytest.mark.parametrize("arguments", [[], WORKER], ids=["alone", "workers"])
def test_a_session_whose_tests_took_turns_leaves_no_folder(tmp_path: Path, arguments: list[str]) -> None:
    with _session(tmp_path, TAKES_TURNS, *arguments) as other:
        told, _ = other.communicate()

    assert "1 passed" in told
    assert not Path((tmp_path / "left.txt").read_text()).exists()
