"""The right of sessions to report their counts to the server's statistics at once.

Owns which counters are wrong without it, and what is said then. Must not flush anything.
"""

import psycopg
from psycopg.rows import TupleRow

MAY_FLUSH = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = 'pg_stat_force_next_flush'
      AND pg_catalog.has_function_privilege(oid, 'EXECUTE'))
"""
"""A query of one row: whether the session that asks may. PostgreSQL 14 has no such function."""
OF_SESSIONS = frozenset(
    {
        *("wal_bytes", "wal_records", "wal_fpi", "blocks_hit", "blocks_read", "temp_bytes", "deadlocks"),
        *("rows_updated", "rows_hot_updated", "rows_dead", "seq_scans", "parallel_workers"),
        *("blocks_written", "blocks_extended"),
    }
)
"""Counters to which sessions add: late, unless they flush, and so to another trial."""
UNFLUSHED = (
    "sessions report it up to ten seconds late, and this role may not have them report at once: as a superuser, GRANT "
    "EXECUTE ON FUNCTION pg_stat_force_next_flush() TO PUBLIC in template0"
)
"""Why they are missing then."""


def may_flush(connection: psycopg.Connection[TupleRow]) -> bool:
    """Return whether a session may report its counts at once.

    Raises:
        psycopg.Error: The server failed.
    """
    return connection.execute(MAY_FLUSH).fetchone() == (True,)
