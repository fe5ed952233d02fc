"""Files that are written where a user says: whole or not at all, and through no link that another user made.

Owns the way to a file: it is opened folder by folder, and what was opened is what is looked at and written in, so that
nobody who may write beside it can lead it elsewhere in between. Must not know what is in a file, nor word an error.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR, ELOOP, EMLINK, ENXIO
from pathlib import Path

_MOST_LINKS = 40
"""As the kernel has it."""
if hasattr(os, "O_PATH"):
    _ENTRY = os.O_PATH | os.O_NOFOLLOW
    _NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    _FURTHER = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK


def check(path: Path) -> None:
    """Refuse a path that could not be written to.

    Raises:
        OSError: With what is in the way.
    """
    with _entered(path, make=False) as (folder, _):
        draft = _draft()
        os.close(os.open(draft, _NEW, 0o600, dir_fd=folder))
        os.unlink(draft, dir_fd=folder)


def replace(path: Path, content: bytes) -> None:
    """Write a file in place of what is there, whole or not at all: a reader, or a crash, never meets half of it.

    Raises:
        OSError: It cannot be written.
    """
    if not hasattr(os, "O_PATH"):  # only Linux has it, where alone there is something to measure
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return
    with _entered(path, make=True) as (folder, name):
        mode, draft = (
            _mode(folder, name),
            _draft(),
        )  # in a shared folder, a name to foresee could be a link of another's
        try:
            with os.fdopen(os.open(draft, _NEW, 0o600, dir_fd=folder), "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
            os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)
            raise


@contextmanager
def appending(path: Path) -> Iterator[int]:
    """Open a file for what is to be added to it; yield its descriptor.

    Raises:
        OSError: It cannot be opened, or is a file by another name, too.
    """
    with _entered(path, make=True) as (folder, name):
        descriptor = os.open(name, _FURTHER, 0o666, dir_fd=folder)
        try:
            found = os.fstat(descriptor)
            _check_kind(found)
            if found.st_nlink > 1:
                raise OSError(EMLINK, "it is a hard link")
            yield descriptor
        finally:
            os.close(descriptor)


@contextmanager
def _entered(path: Path, *, make: bool) -> Iterator[tuple[int, str]]:
    """Yield a descriptor of the folder in which a file is, or would be, and its name there.

    Args:
        path: The file.
        make: Whether folders that are missing are made. Else it is the first of them that is yielded.

    Raises:
        OSError: There is no such way, a link on it is another user's, or what is there is no file.
    """
    left, links = list(path.absolute().parts), 0
    folder = os.open(left.pop(0), _ENTRY)
    try:
        while left:
            name = left.pop(0)
            try:
                entry = os.open(name, _ENTRY, dir_fd=folder)
            except FileNotFoundError:
                if not left or not make:
                    yield folder, name
                    return
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=folder)
                left.insert(0, name)
                continue
            found = os.fstat(entry)
            if stat.S_ISLNK(found.st_mode):
                links += 1
                left = [*_target(entry, found, links), *left]
                if left[0] == os.sep:
                    os.close(folder)
                    folder = os.open(left.pop(0), _ENTRY)
            elif left:
                os.close(folder)
                folder = entry
            else:
                os.close(entry)
                _check_kind(found)
                yield folder, name
                return
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
    finally:
        os.close(folder)


def _target(link: int, found: os.stat_result, links: int) -> tuple[str, ...]:
    """Return where an opened link leads, which is closed."""
    try:
        if found.st_uid not in {0, os.geteuid()}:
            raise OSError(ELOOP, "it is a link that another user made")
        if links > _MOST_LINKS:
            raise OSError(ELOOP, os.strerror(ELOOP))
        return Path(os.readlink("", dir_fd=link)).parts
    finally:
        os.close(link)


def _check_kind(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(ENXIO, "it is no file, but a pipe, a socket or a device")


def _mode(folder: int, name: str) -> int:
    """Return the permissions of what stands there, or of a new file."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) & 0o777
    os.umask(mask := os.umask(0))
    return 0o666 & ~mask


def _draft() -> str:
    return f".schemabench-{secrets.token_hex(8)}.tmp"
