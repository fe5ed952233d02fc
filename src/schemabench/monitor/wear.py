"""What use leaves in a candidate's databases: dead rows, growth, pending lists and age, and autovacuum's work on them.

Owns the readings between two turns of a candidate, for its own databases and for the whole server. Must not know turns,
nor compare candidates.

Pending lists of GIN indexes are told by the extension pgstattuple alone, which is created in databases with such
indexes, if the role may.
"""

from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from schemabench.monitor import queries
from schemabench.monitor.counters import SIZES, Counters, Reading, increase

PENDING = "pending_bytes"
"""In the pending lists of GIN indexes."""
XID_AGE = "xid_age"
"""The transactions, of the whole server, since the oldest that any table may have a row of that is not frozen."""
_TIMED_SINCE = 18
"""The first major version that tells how long autovacuum took for a table."""
_OF_AUTOVACUUM = ("vacuums", "analyzes", "vacuum_s")
_OF_THE_SERVER = ("wal_bytes", "wal_fpi", "checkpoints")
_HAS_PENDING_LISTS = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class INNER JOIN pg_catalog.pg_am ON pg_am.oid = relam
    WHERE relkind IN ('i', 'I') AND amname = 'gin'
)
"""
_CREATED = "CREATE EXTENSION IF NOT EXISTS pgstattuple"
_SCHEMA = """
SELECT nspname FROM pg_catalog.pg_extension INNER JOIN pg_catalog.pg_namespace ON pg_namespace.oid = extnamespace
WHERE extname = 'pgstattuple'
"""
_PENDING = """
SELECT coalesce(sum(({}.pgstatginindex(indexrelid)).pending_pages), 0)
    * pg_catalog.current_setting('block_size')::int
FROM pg_catalog.pg_index
INNER JOIN pg_catalog.pg_class ON pg_class.oid = indexrelid
INNER JOIN pg_catalog.pg_am ON pg_am.oid = relam
WHERE relkind = 'i' AND amname = 'gin' AND indisvalid AND relpersistence <> 't'
"""
"""It reads one page of each index."""


class Wear:
    """Reads the wear of one candidate's databases, added up.

    Args:
        conninfos: The conninfo of each database.
        pids: The process ids of the writers' sessions.
        local: Whether these processes are on this machine.

    Attributes:
        unread: Why the length of pending lists is not known; empty if it is, or there are none.

    Raises:
        psycopg.Error: The server cannot be reached, refused a connection or failed.
    """

    def __init__(self, conninfos: Sequence[str], pids: Sequence[int], *, local: bool) -> None:
        self._counters = Counters.open(conninfos, pids=pids, local=local)
        self._before: Reading = {}
        self._looked_after: Reading = {}
        self._pending: list[tuple[psycopg.Connection[TupleRow], sql.Composed]] = []
        self.unread = ""
        try:
            for connection in self._counters.connections:
                self._find_pending_lists(connection)
        except psycopg.Error:
            self._counters.close()
            raise

    def begin(self) -> None:
        """Read before a turn.

        Raises:
            psycopg.Error: The server failed; likewise below.
        """
        self._before = self._counters.read()
        if not self._looked_after:
            self._looked_after = self._read()

    def end(self) -> tuple[Reading, Reading, Reading]:
        """Return the state after a turn, what the server did in it, and what autovacuum did since the last turn.

        All sessions have flushed their statistics by now.
        """
        meanwhile = increase(self._before, self._counters.read())
        now = self._read()
        done = increase(self._looked_after, now)
        self._looked_after = now
        counted = () if "rows_dead" in self._counters.missing else ("dead_rows",)
        state = _only({**self._counters.sizes(), **now}, (*SIZES, *counted, XID_AGE, PENDING))
        return state, _only(meanwhile, _OF_THE_SERVER), _only(done, _OF_AUTOVACUUM)

    def close(self) -> None:
        """Close the connections."""
        self._counters.close()

    def _find_pending_lists(self, connection: psycopg.Connection[TupleRow]) -> None:
        """Note how to read the pending lists of a database, if it has any, or why they cannot be read."""
        if connection.execute(_HAS_PENDING_LISTS).fetchone() != (True,):
            return
        try:
            connection.execute(_CREATED)
            schema = connection.execute(_SCHEMA).fetchone()
            assert schema is not None, "the extension was just created, or was there"
            query = sql.SQL(_PENDING).format(sql.Identifier(*schema))
            connection.execute(query)
        except psycopg.Error as error:
            if connection.closed:
                raise
            self.unread = error.diag.message_primary or str(error)
        else:
            self._pending.append((connection, query))

    def _read(self) -> Reading:
        found: dict[str, float] = {}
        for connection in self._counters.connections:
            for name, value in _row(connection).items():
                found[name] = max(found.get(name, 0.0), value) if name == XID_AGE else found.get(name, 0.0) + value
        if self._pending and not self.unread:
            found[PENDING] = sum(
                _number(connection.execute(query, prepare=True)) for connection, query in self._pending
            )
        return found


def _only(reading: Reading, names: Sequence[str]) -> dict[str, float]:
    return {name: reading[name] for name in names if name in reading}


def _number(cursor: psycopg.Cursor[TupleRow]) -> float:
    row = cursor.fetchone()
    assert row is not None, "a sum is one row"
    return float(row[0])


def _row(connection: psycopg.Connection[TupleRow]) -> Mapping[str, float]:
    cursor = connection.execute(queries.text_for(connection, "wear", (0, _TIMED_SINCE)), prepare=True)
    row = cursor.fetchone()
    assert row is not None, "sums are one row"
    return {column.name: float(value) for column, value in zip(cursor.description or (), row, strict=True)}
