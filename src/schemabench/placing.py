"""Writing files at paths that a user chose: completely or not at all, and through no link that another user made.

Owns the resolution of a path: each folder is opened in turn, and checks and writes use the open folders, so that
another user with write access cannot redirect the path in between. Must not know a file's content, nor word an error
for users.
"""

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR, ELOOP, EMLINK, ENXIO
from pathlib import Path

_MOST_LINKS = 40
"""The kernel's limit."""
if hasattr(os, "O_PATH"):
    _ENTRY = os.O_PATH | os.O_NOFOLLOW
    _NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    _FURTHER = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK


def check(path: Path) -> None:
    """Refuse a path that cannot be written.

    Raises:
        OSError: It cannot be written; holds the reason.
    """
    with _entered(path, make=False) as (folder, _):
        draft = _draft()
        os.close(os.open(draft, _NEW, 0o600, dir_fd=folder))
        os.unlink(draft, dir_fd=folder)


def replace(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Replace or create a file, completely or not at all: neither a reader nor a crash sees half of it.

    Args:
        path: The file.
        content: What it holds, at once or in pieces.

    Raises:
        OSError: It cannot be written.
    """
    if not hasattr(os, "O_PATH"):  # only Linux has it, and only Linux measures
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else b"".join(content))
        return
    with _entered(path, make=True) as (folder, name):
        mode, draft = (
            _mode(folder, name),
            _draft(),
        )  # in a shared folder, a predictable name could be another user's link
        try:
            with os.fdopen(os.open(draft, _NEW, 0o600, dir_fd=folder), "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.writelines([content] if isinstance(content, bytes) else content)
            os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)
            raise


@contextmanager
def appending(path: Path) -> Iterator[int]:
    """Open a file for appending; yield its descriptor.

    Raises:
        OSError: It cannot be opened, or has further hard links.
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
    """Yield a descriptor of a file's folder, whether or not the file exists, and its name there.

    Args:
        path: The file.
        make: Whether to create missing folders; otherwise the first of them is yielded.

    Raises:
        OSError: The path does not exist, contains another user's link, or is not a file.
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
    """Return the target of an open link, and close the link."""
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
        raise OSError(ENXIO, "it is not a file but a pipe, a socket or a device")


def _mode(folder: int, name: str) -> int:
    """Return the permissions of an existing file, or of a new one."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) & 0o777
    os.umask(mask := os.umask(0))
    return 0o666 & ~mask


def _draft() -> str:
    return f".schemabench-{secrets.token_hex(8)}.tmp"
