"""The folder of a session of tests, for its servers and their like: in memory where there is room, else on the disk.

It goes with the session, which holds its lock for as long as its first process lives; a session that begins removes
what dead ones left: servers, what these shared, mounted disks, folders. A pytest plugin, and the one place where tests
get folders that an unprivileged server can reach; pytest's own `tmp_path` is closed to it. A server makes 300 files for
each database: on a disk that may take a fifth of a second of processor time, in memory a hundredth.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import bounded
import programs
import psutil
import pytest

from schemabench.server import local

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

MEMORY = Path("/dev/shm")  # noqa: S108 (a file system, not a file whose name could be guessed)
ROOM_BYTES = 3 << 30
"""The servers of three processes of tests take a GB together."""
PREFIX = "schemabench-test-"
REMOVAL_LIMIT_S = 10.0
"""How long a folder may refuse to go, because a dying process still writes into it."""
_LOCK = "session.lock"
_TURN = "much_memory.lock"
_MOUNTS = Path("/proc/self/mounts")

_session: list[Path] = []
_lock: list[int] = []


def pytest_configure(config: pytest.Config) -> None:
    """Make the session's folder; a worker uses that of its controller, and ends with it."""
    if hasattr(config, "workerinput"):
        bounded.end_with(os.getppid())
        _session.append(Path(config.workerinput["session_folder"]))
    else:
        sweep()
        _session.append(_made())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the session's folder, and whatever still runs there."""
    path = _session.pop()
    if not hasattr(config, "workerinput"):
        _remove(path)
        os.close(_lock.pop())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: "WorkerController") -> None:
    """Tell a worker where the session keeps its files."""
    node.workerinput["session_folder"] = str(session())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """End the programs that a test started and left."""
    with programs.ended():
        return (yield)


def session() -> Path:
    """Return the session's folder."""
    (path,) = _session
    return path


@contextmanager
def place() -> Iterator[Path]:
    """Make a folder that an unprivileged user can reach, and remove it at the end of the block."""
    with tempfile.TemporaryDirectory(dir=session(), prefix="") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@contextmanager
def much_memory() -> Iterator[None]:
    """Wait until no other process of the session takes much memory, and take it until the end of the block."""
    turn = os.open(session() / _TURN, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
    finally:
        os.close(turn)


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """Mount a disk of that size, as in `60m`, until the end of the block; skip the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    with place() as path:
        disk = path / "small"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", disk]
        done = programs.run(mount, stderr=subprocess.PIPE, text=True)
        if "permission denied" in done.stderr:
            pytest.skip("this container may not mount anything")
        assert done.returncode == 0, done.stderr
        try:
            yield disk
        finally:
            programs.run(["umount", disk], check=True)


def sweep() -> None:
    """Remove the folders of sessions that were killed, after what still runs there."""
    for parent in _parents():
        for path in parent.glob(f"{PREFIX}*"):
            with suppress(FileNotFoundError, PermissionError):  # gone meanwhile, another user's
                lock = os.open(path / _LOCK, os.O_RDWR)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(path)
                except BlockingIOError:  # it lives
                    pass
                finally:
                    os.close(lock)
    for lock_file in Path(tempfile.gettempdir()).glob("pytest-of-*/pytest-*/.lock"):
        with suppress(OSError, ValueError):  # gone meanwhile, another user's, half written
            if not psutil.pid_exists(int(lock_file.read_text())):
                lock_file.unlink()  # so that pytest removes the folder: it would wait for three days


def _parents() -> list[Path]:
    """Return where sessions' folders may be; in memory only where programs may be run from it."""
    disk = Path(tempfile.gettempdir())
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return [disk]
    return [MEMORY, disk]


def _made() -> Path:
    """Make the session's folder and take its lock, for the life of this process, before others can see the folder."""
    room = [parent for parent in _parents() if parent != MEMORY or _free() >= ROOM_BYTES]
    path = Path(tempfile.mkdtemp(dir=room[0], prefix=f".{PREFIX}"))
    path.chmod(0o755)
    _lock.append(os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600))
    fcntl.flock(_lock[0], fcntl.LOCK_EX)
    return path.rename(path.with_name(path.name.removeprefix(".")))


def _free() -> int:
    """Return how many bytes there is room for in memory."""
    return min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)


def _remove(path: Path) -> None:
    """Remove the folder of a session that is over: what runs there first, then its disks, its lock last."""
    for home in path.rglob("schemabench/servers/*"):
        local.end_leftovers(home)
    mounted = [line.split()[1] for line in _MOUNTS.read_text(encoding="utf-8").splitlines()]
    for disk in sorted((one for one in mounted if one.startswith(f"{path}/")), reverse=True):
        programs.run(["umount", disk])
    deadline_s = time.monotonic() + REMOVAL_LIMIT_S
    while parts := [part for part in path.iterdir() if part.name != _LOCK]:
        for part in parts:
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)
        if time.monotonic() > deadline_s:
            return  # the next session tries again
    shutil.rmtree(path, ignore_errors=True)
