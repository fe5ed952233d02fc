"""The folders that our own servers live in, and those where workers meet: locked for as long as their run lives.

Owns where they are, and the rule by which a killed run is told from a live one: a folder whose lock can be had belongs
to nobody. Must not know what is inside a folder.
"""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from schemabench.errors import ServerError

VARIABLE = "SCHEMABENCH_FOLDER"
"""The environment variable that moves all folders of ours, say to a larger disk."""
REMOVAL_LIMIT_S = 5.0
"""How long a folder may refuse to go, because a dying process still writes into it."""
REMEDY = f"set {VARIABLE} to a folder on a disk with room for the tables and several GB of WAL"

_LOCK = "lock"
_SERVERS = "servers"


def base() -> Path:
    """Return the folder of all our folders on this machine, for this user, made where it was missing.

    Root's is one that an unprivileged server can reach: /root itself is closed to it.

    Raises:
        ServerError: No place that was tried can be used.
    """
    checked = []
    for place in _places():
        reason = _make(place)
        if reason is None:
            return place.resolve()
        checked.append(f"{place}: {reason}")
    raise ServerError("No folder is available for the server's data", checked=checked, remedies=[REMEDY])


@contextmanager
def hold(run_id: str) -> Iterator[Path]:
    """Make a folder for one server of a run, hold its lock for the life of the block, and remove it."""
    top = base()
    with _gate(top):
        home = Path(tempfile.mkdtemp(prefix=f"{run_id}-", dir=top / _SERVERS))
        lock = FileLock(home / _LOCK, thread_local=False)
        lock.acquire()
    try:
        home.chmod(_mode())
        yield home
    finally:
        _remove(home, lock)


@contextmanager
def hold_meeting(place: Path) -> Iterator[None]:
    """Make a folder for this user alone among those for temporary files, and hold its lock for the life of the block.

    Raises:
        OSError: It cannot be made, or is there.
    """
    draft = place.with_name(f".{place.name}")
    draft.mkdir(mode=0o700)
    lock = FileLock(draft / _LOCK, thread_local=False)
    lock.acquire()
    try:
        draft.rename(place)  # locked before anybody looks at it
        yield
    finally:
        _remove_meeting(place, lock)


def sweep(end: Callable[[Path], bool]) -> tuple[str, ...]:
    """Remove the folders of dead runs and return their names.

    `end` is called for each: it stops what still runs there and says whether the folder may go. Folders of live runs
    are never touched: their lock is held.
    """
    _sweep_meetings()
    top = base()
    with _gate(top):  # a run makes its folder and takes its lock behind this gate: no folder is seen in between
        dead = [(home, lock) for home in sorted((top / _SERVERS).iterdir()) if (lock := _orphan(home)) is not None]
    swept = []
    for home, lock in dead:
        try:
            may_go = end(home)
        except BaseException:
            lock.release()
            raise
        if may_go:
            _remove(home, lock)
            swept.append(home.name)
        else:
            lock.release()
    return tuple(swept)


def _sweep_meetings() -> None:
    """Remove the folders in which workers of dead runs met: they hold the password of a server."""
    with suppress(OSError):
        for place in Path(tempfile.gettempdir()).glob("schemabench-*"):
            is_one = not place.is_symlink() and place.lstat().st_uid == os.geteuid() and (place / _LOCK).is_file()
            if is_one and (lock := _orphan(place)):
                _remove_meeting(place, lock)


def _remove_meeting(place: Path, lock: FileLock) -> None:
    lock.release()
    shutil.rmtree(place, ignore_errors=True)


def _places() -> list[Path]:
    if (override := os.environ.get(VARIABLE)) is not None:
        return [Path(override).absolute() / "schemabench"]
    cache = platformdirs.site_cache_path if os.geteuid() == 0 else platformdirs.user_cache_path
    places = []
    with suppress(RuntimeError):  # nobody can tell where an unknown user's home is
        places.append(cache("schemabench", appauthor=False))
    with suppress(FileNotFoundError):  # no folder for temporary files can be written to
        places.append(Path(tempfile.gettempdir()) / f"schemabench-{os.geteuid()}")
    return [place for place in places if place.is_absolute()]  # a user without a home has `~` for one


def _mode() -> int:
    """Root's folders let the server's user pass through; nobody else's do."""
    return 0o711 if os.geteuid() == 0 else 0o700


def _make(place: Path) -> str | None:
    """Make the folder; return why it cannot be used, or None.

    What stands there is ours, and no link: whoever else may write beside it could have made one that leads to a folder
    of the user's, in which we would take away what is not ours.
    """
    try:
        for folder in [folder for folder in reversed(place.parents) if not folder.exists()]:
            folder.mkdir(exist_ok=True)
            folder.chmod(_mode())  # whatever the umask is
        for folder in (place, place / _SERVERS):
            with suppress(FileExistsError):
                folder.mkdir(mode=_mode())
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode):
                return f"{folder.name} is a link, or no folder"
            if found.st_uid != os.geteuid():
                return f"{folder.name} belongs to another user"
            folder.chmod(_mode())
    except OSError as error:
        return error.strerror or str(error)
    if os.geteuid() == 0:
        closed = [folder for folder in place.resolve().parents if not folder.stat().st_mode & 0o001]
        if closed:
            return f"{closed[0]} is closed to the unprivileged user that runs the server"
    return None


def _gate(top: Path) -> FileLock:
    return FileLock(top / "gate", thread_local=False)


def _orphan(home: Path) -> FileLock | None:
    """Return the lock of a folder, held, or None where its run lives."""
    if home.is_symlink() or not home.is_dir():
        return None
    lock = FileLock(home / _LOCK, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):
        return None
    return lock


def _remove(home: Path, lock: FileLock) -> None:
    """Remove a folder whose lock we hold: the lock last, so that nobody takes half a folder for a dead run's."""
    deadline = time.monotonic() + REMOVAL_LIMIT_S
    while rest := [path for path in home.iterdir() if path.name != _LOCK]:
        for path in rest:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if time.monotonic() > deadline:
            break  # the next run tries again
        if any(path.exists() for path in rest):
            time.sleep(0.05)
    with _gate(home.parent.parent):
        lock.release()
        with suppress(OSError):
            (home / _LOCK).unlink(missing_ok=True)
            home.rmdir()
