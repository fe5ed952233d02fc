"""Folders of our own servers, and folders where workers meet: locked while their run is alive.

Owns their location, and the rule that tells a killed run from a live one: a folder whose lock is free is abandoned.
Must not know the content of a folder.
"""

import os
import re
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
"""The environment variable that moves all our folders, for example to a larger disk."""
REMOVAL_LIMIT_S = 5.0
"""Time limit for removing a folder into which a dying process still writes."""
REMEDY = f"set {VARIABLE} to a folder on a disk with room for the tables and several GB of WAL"

_LOCK = "lock"
_SERVERS = "servers"
_MEETING = re.compile(r"\.?schemabench-[0-9a-f]{8}-[0-9a-f]{16}")
"""The name of a folder where workers meet; with a dot before it until it is locked."""
_DRAFT_S = 60.0
"""How long a folder may have its first name, which it has for a moment: until then, it may be about to be locked."""


def base() -> Path:
    """Return the folder that holds all our folders for this user on this machine; create it if it is missing.

    For root, an unprivileged server must be able to reach it: /root itself is closed to it.

    Raises:
        ServerError: None of the tried places can be used.
    """
    checked = []
    for place in _places():
        reason = _make(place)
        if reason is None:
            return place.resolve()
        checked.append(f"{place}: {reason}")
    raise ServerError("No folder is available for the server's data", checked=checked, remedies=[REMEDY])


@contextmanager
def hold(run_id: str, may_go: Callable[[Path], bool] = lambda _: True) -> Iterator[Path]:
    """Create a folder for one server of a run, hold its lock during the block, and remove it afterwards.

    If `may_go` then says that it may not go yet, it is left for the next run's sweep.
    """
    top = base()
    with _gate(top):
        home = Path(tempfile.mkdtemp(prefix=f"{run_id}-", dir=top / _SERVERS))
        lock = FileLock(home / _LOCK, thread_local=False)
        lock.acquire()
    try:
        home.chmod(_mode())
        yield home
    finally:
        if may_go(home):
            _remove(home, lock)
        else:
            lock.release()


@contextmanager
def hold_meeting(place: Path) -> Iterator[None]:
    """Create a temporary folder for this user alone, hold its lock during the block, and remove it afterwards.

    Raises:
        OSError: It cannot be created, or it already exists.
    """
    draft = place.with_name(f".{place.name}")
    draft.mkdir(mode=0o700)
    lock = FileLock(draft / _LOCK, thread_local=False)
    lock.acquire()
    try:
        draft.rename(place)  # locked before it appears under its name
        yield
    finally:
        _remove_meeting(place, lock)


def sweep(end: Callable[[Path], bool]) -> tuple[str, ...]:
    """Remove the folders of dead runs and return their names.

    `end` is called for each: it stops processes that still run there and returns whether the folder may be removed.
    Folders of live runs are never touched: their lock is held.
    """
    _sweep_meetings()
    top = base()
    with _gate(top):  # a run creates and locks its folder under this gate: no folder is seen unlocked in between
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
    """Remove the meeting folders of dead runs' workers: they hold the password of a server."""
    with suppress(OSError):
        named = [one for one in Path(tempfile.gettempdir()).iterdir() if _MEETING.fullmatch(one.name)]
        for place in named:
            with suppress(OSError):  # another run may be faster
                if _is_meeting(place) and (lock := _orphan(place)):
                    _remove_meeting(place, lock)


def _is_meeting(place: Path) -> bool:
    """Return whether a folder with the name of a meeting is one, of this user, that is not being made right now."""
    found = place.lstat()
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and (place / _LOCK).is_file()
    return is_ours and not (place.name.startswith(".") and time.time() - found.st_mtime < _DRAFT_S)


def _remove_meeting(place: Path, lock: FileLock) -> None:
    lock.release()
    shutil.rmtree(place, ignore_errors=True)


def _places() -> list[Path]:
    if (override := os.environ.get(VARIABLE)) is not None:
        return [Path(override).absolute() / "schemabench"]
    cache = platformdirs.site_cache_path if os.geteuid() == 0 else platformdirs.user_cache_path
    places = []
    with suppress(RuntimeError):  # an unknown user has no home
        places.append(cache("schemabench", appauthor=False))
    with suppress(FileNotFoundError):  # no temporary folder is writable
        places.append(Path(tempfile.gettempdir()) / f"schemabench-{os.geteuid()}")
    return [place for place in places if place.is_absolute()]  # the path of a user without a home begins with `~`


def _mode() -> int:
    """Return the mode of folders: root's let the server's user pass through; other users' do not."""
    return 0o711 if os.geteuid() == 0 else 0o700


def _make(place: Path) -> str | None:
    """Create the folder; return why it cannot be used, or None.

    An existing folder must be ours, and not a link: another user who may write next to it could have made a link to one
    of this user's folders, from which we would then remove files that are not ours.
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
                return f"{folder.name} is a link, or not a folder"
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
    """Return the lock of a folder, acquired, or None if its run is alive."""
    if home.is_symlink() or not home.is_dir():
        return None
    lock = FileLock(home / _LOCK, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):
        return None
    return lock


def _remove(home: Path, lock: FileLock) -> None:
    """Remove a folder whose lock we hold, the lock last: a half-removed folder must not look abandoned."""
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
