"""A server that another process of the same run serves.

Owns how a worker that follows reaches it, and finds out what became of it. Must not make or drop anything there.
"""

from typing import Protocol

from schemabench.errors import ServerError
from schemabench.server.dsn import Conninfo, connect, with_words


class Host(Protocol):
    """What whoever executes operations needs of a server."""

    def conninfo_for(self, database: str) -> str:
        """Return libpq's words for one of the server's databases."""

    def failure(self) -> str | None:
        """Return how the server died, or crashed and recovered; None if it did neither, as far as can be told."""


class Reached:
    """A server by its address.

    Args:
        conninfo: libpq's words for any database of it; may hold a password.
    """

    def __init__(self, conninfo: Conninfo) -> None:
        self._conninfo = conninfo

    def conninfo_for(self, database: str) -> str:
        """Return libpq's words for one of the server's databases."""
        return with_words(self._conninfo, dbname=database)

    def failure(self) -> str | None:
        """Return why the server does not answer; None if it does."""
        try:
            connect(self._conninfo).close()
        except ServerError as error:
            return error.what
        return None
