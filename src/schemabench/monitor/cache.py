"""What of several databases is in the one cache that they share.

Owns how large the cache and the databases are, and what is resident. Must not run while anything is measured: whoever
looks at all buffers takes the lock of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

_EXTENSION = "pg_buffercache"
_SIZE = b"SELECT pg_size_bytes(current_setting('shared_buffers'))"


@dataclass(frozen=True, kw_only=True)
class Cache:
    """The cache at one moment."""

    size_bytes: int
    """Of shared_buffers."""
    relations_bytes: Mapping[str, int] = field(default_factory=dict)
    """By entrant: its tables and indexes."""
    cached_bytes: Mapping[str, int] = field(default_factory=dict)
    """By entrant: what of them is in the cache; empty where the server does not tell."""

    def share(self, name: str) -> float | None:
        """Return the share of an entrant's tables and indexes that is in the cache; None where that is not known."""
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
    return sum(map(int, _row(connection, _query("sizes"))))


def may_tell(connection: psycopg.Connection[TupleRow]) -> bool:
    """Return whether the server has what tells of its cache; the role may still not be allowed to make it.

    Raises:
        psycopg.Error: The server failed.
    """
    query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = %s)"
    row = connection.execute(query, [_EXTENSION]).fetchone()
    return row is not None and bool(row[0])


def make(connection: psycopg.Connection[TupleRow]) -> bool:
    """Make what tells of the cache, the extension `pg_buffercache`, in a database; return whether that was allowed.

    Raises:
        psycopg.OperationalError: The server failed.
    """
    try:
        connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(_EXTENSION)))
    except (psycopg.ProgrammingError, psycopg.NotSupportedError):
        return False
    return True


def cached_bytes(connection: psycopg.Connection[TupleRow]) -> dict[str, int]:
    """Return how much of the tables and indexes of each database is in the cache, by its name; nothing is no entry.

    Args:
        connection: To the database where `make` was at work.

    Raises:
        psycopg.Error: The server failed.
    """
    return dict(connection.execute(_query("cached")).fetchall())


def _row(connection: psycopg.Connection[TupleRow], query: bytes) -> TupleRow:
    row = connection.execute(query).fetchone()
    assert row is not None, "there is always one"
    return row


def _query(name: str) -> bytes:
    return resources.files(__package__).joinpath(f"queries/{name}.sql").read_bytes()
