"""The share of some sessions in what a server uses: WAL, blocks read, processor time.

Owns what is read of them, and of the server as a whole. Must not know whose sessions they are.

A session flushes its counts to the server's statistics up to seconds late, so that shares are those of a whole
experiment, not of a trial.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil
import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

from schemabench.records import PROCESSOR, READS, WAL

_BACKEND_WAL_SINCE = 180000
"""The first version that counts WAL by session."""
_WAL = """
SELECT (SELECT coalesce(sum(own.wal_bytes), 0) FROM unnest(%s::int[]) AS pid, pg_stat_get_backend_wal(pid) AS own),
       wal_bytes
FROM pg_stat_wal
"""
_READS = """
SELECT coalesce(sum(blks_read) FILTER (WHERE datname = %s), 0), coalesce(sum(blks_read), 0)
FROM pg_catalog.pg_stat_database
"""


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What the sessions used so far, and the whole server."""

    used: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Resource -> (theirs, all)."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Resource -> why it is not known."""

    def since(self, before: "Amounts") -> dict[str, float]:
        """Return their shares of what was used since an earlier reading; none of what nobody used."""
        shares = {}
        for name in self.used.keys() & before.used.keys():
            theirs, everyone = (now - then for now, then in zip(self.used[name], before.used[name], strict=True))
            if everyone > 0:
                shares[name] = min(1.0, theirs / everyone)
        return shares


def read(connection: psycopg.Connection[TupleRow], database: str, pids: Sequence[int], *, local: bool) -> Amounts:
    """Return what sessions in a database, and everyone, have used so far.

    Args:
        connection: A session in autocommit mode, in another database.
        database: Theirs, in which all blocks that are read count as theirs.
        pids: Their process ids.
        local: Whether these processes are on this machine.

    Raises:
        psycopg.Error: The server failed.
    """
    used: dict[str, tuple[float, float]] = {}
    missing: dict[str, str] = {}
    if connection.info.server_version < _BACKEND_WAL_SINCE:
        missing[WAL] = "before version 18, PostgreSQL does not count it by session"
    else:
        try:
            used[WAL] = _pair(connection.execute(_WAL, [list(pids)]).fetchone())
        except errors.InsufficientPrivilege as cause:
            missing[WAL] = f"this role may not read it: {cause.diag.message_primary}"
    used[READS] = _pair(connection.execute(_READS, [database]).fetchone())
    try:
        if local:
            used[PROCESSOR] = _processor(pids)
        else:
            missing[PROCESSOR] = "the server is not on this machine"
    except psutil.Error as cause:
        missing[PROCESSOR] = f"the server's processes cannot be read on this machine: {cause}"
    return Amounts(used=used, missing=missing)


def _pair(row: TupleRow | None) -> tuple[float, float]:
    assert row is not None, "it is one row"
    return float(row[0]), float(row[1])


def _processor(pids: Sequence[int]) -> tuple[float, float]:
    """Return the processor time of sessions, and of all processes of the server, in seconds."""
    own = [psutil.Process(pid) for pid in pids]
    theirs = sum(sum(one.cpu_times()[:2]) for one in own)
    postmaster = own[0].parent() if own else None
    if postmaster is None:
        return 0.0, 0.0
    everyone = float(sum(postmaster.cpu_times()[:4]))  # its own, and that of children that ended
    for child in postmaster.children():
        try:
            everyone += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:  # it ended just now
            continue
    return theirs, everyone
