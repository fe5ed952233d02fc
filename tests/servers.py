"""Servers of the tests' own, each in a place of its own: in memory where there is room, else where temporary files are.

A server makes 300 files for each database: on a disk that may take a fifth of a second of processor time, in memory
a hundredth. Tests of full disks mount their own.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import psutil
import pytest

from schemabench.server import Server, folder, serve

MEMORY = Path("/dev/shm")  # noqa: S108 (a file system, not a file whose name could be guessed)
ROOM_BYTES = 3 << 30
"""The servers of three processes of tests take a GB together."""
WAL = {"max_wal_size": "256MB"}
"""Servers in memory keep no more of what they wrote."""


@contextmanager
def place() -> Iterator[Path]:
    """Make a folder for servers that an unprivileged user can reach, and remove it at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="schemabench-test-", dir=_roomy()) as path:
        Path(path).chmod(0o755)
        yield Path(path)


@contextmanager
def serving(spec: str, *, settings: Mapping[str, str], clients: int, run_id: str) -> Iterator[Server]:
    """Start a server that syncs nothing, in a place of its own, and stop it at the end of the block.

    Other servers that are started meanwhile are where they would be without.
    """
    with place() as path, ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(folder.VARIABLE, str(path))
            settings = {"fsync": "off", **WAL, **settings}
            server = stack.enter_context(serve(spec, settings=settings, clients=clients, run_id=run_id))
        yield server


@cache
def _roomy() -> Path | None:
    """Return the file system in memory where it has room, and programs may be run from it; else nothing."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return None
    free = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
    return MEMORY if free >= ROOM_BYTES else None
