"""How much more a server's data may take.

Owns the count of what they take. Must not decide what to do without.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg

from schemabench.errors import UsageError
from schemabench.server.dsn import opened
from schemabench.server.reached import lost
from schemabench.units import format_bytes

if TYPE_CHECKING:
    from schemabench.server.serving import Server

_WAL = "pg_wal"
_MOST_WAL = b"SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size'))"
_BLOCK_BYTES = 512
"""Of `st_blocks`, whatever the file system."""


def limit(server: "Server", most_bytes: int) -> None:
    """Limit what the data of a server may take, WAL included.

    Raises:
        UsageError: This process does not see them.
    """
    if server.data is None:
        raise UsageError(
            f"--disk {format_bytes(most_bytes)} is for a server that schemabench starts, whose data it sees",
            checked=[f"the server: {server.record.origin}"],
            remedies=["leave out --disk", "leave out --postgres"],
        )
    server.most_bytes = most_bytes


def free_bytes(server: "Server") -> int | None:
    """Return the bytes that the data of a server may still take; None if this process does not see its disk.

    Within a limit, WAL counts as what it may grow to: `max_wal_size`, unless it is larger already.

    Raises:
        ServerError: The server cannot be reached, or refuses.
    """
    if server.data is None:
        return None
    free: int = psutil.disk_usage(str(server.data)).free
    if server.most_bytes is None:
        return free
    wal = taken_bytes(server.data / _WAL)
    try:
        with opened(server.conninfo) as session:
            row = session.execute(_MOST_WAL).fetchone()
    except psycopg.Error as cause:
        raise lost(server, cause) from cause
    others = taken_bytes(server.data) - wal
    return max(0, min(free, server.most_bytes - others - max(wal, int(row[0]) if row else 0)))


def taken_bytes(path: Path) -> int:
    """Return the bytes of all files in a folder on disk; files may go meanwhile."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(folder) / name).lstat().st_blocks * _BLOCK_BYTES
    return total
