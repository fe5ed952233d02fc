"""The shares of several databases in their common buffer cache.

Owns the sizes of the cache and the databases, and their resident parts. Must not run during a measurement: reading all
buffers takes the lock of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from schemabench.monitor import queries

_EXTENSION = "pg_buffercache"
_SIZE = "SELECT pg_size_bytes(current_setting('shared_buffers'))"


@dataclass(frozen=True, kw_only=True)
class Cache:
    """The cache at one moment."""

    size_bytes: int
    """The size of shared_buffers."""
    relations_bytes: Mapping[str, int] = field(default_factory=dict)
    """Entrant -> the size of its tables and indexes."""
    cached_bytes: Mapping[str, int] = field(default_factory=dict)
    """Entrant -> their part in the cache; empty if the server does not report it."""

    def share(self, name: str) -> float | None:
        """Return the share of an entrant's tables and indexes that is in the cache; None if that is not known."""
        total, cached = self.relations_bytes.get(name), self.cached_bytes.get(name)
        return min(1.0, cached / total) if total and cached is not None else None


def size_bytes(connection: psycopg.Connection[TupleRow]) -> int:
    """Return the size of shared_buffers.

    Raises:
        psycopg.Error: The server failed.
    """
    return int(_row(connection, _SIZE)[0])


def relations_bytes(connection: psycopg.Connection[TupleRow]) -> int:
    """Return the size of all tables, materialized views and indexes of users in the connection's database.

    Raises:
        psycopg.Error: The server failed.
    """
    return sum(map(int, _row(connection, queries.text("sizes"))))


def may_tell(connection: psycopg.Connection[TupleRow]) -> bool:
    """Return whether the server has the extension `pg_buffercache`; the role may still lack the right to create it.

    Raises:
        psycopg.Error: The server failed.
    """
    query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = %s)"
    row = connection.execute(query, [_EXTENSION]).fetchone()
    return row is not None and bool(row[0])


def make(connection: psycopg.Connection[TupleRow]) -> bool:
    """Create the extension `pg_buffercache` in a database; return whether that was permitted.

    Raises:
        psycopg.OperationalError: The server failed.
    """
    try:
        connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(_EXTENSION)))
    except (psycopg.ProgrammingError, psycopg.NotSupportedError):
        return False
    return True


def cached_bytes(connection: psycopg.Connection[TupleRow]) -> dict[str, int]:
    """Return the cached size of each database's tables and indexes by name; databases without any are omitted.

    Args:
        connection: A connection to the database in which `make` created the extension.

    Raises:
        psycopg.Error: The server failed.
    """
    return dict(connection.execute(queries.text("cached")).fetchall())


def _row(connection: psycopg.Connection[TupleRow], query: str) -> TupleRow:
    row = connection.execute(query).fetchone()
    assert row is not None, "there is always one"
    return row
