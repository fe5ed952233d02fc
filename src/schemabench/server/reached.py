"""A server that another process of the same run serves.

Owns how a worker that follows reaches it, and finds out what became of it, and what is said where a connection breaks.
Must not make or drop anything there.
"""

from typing import Protocol

import psycopg

from schemabench.errors import ServerError
from schemabench.server.dsn import Conninfo, connect, full, with_words

_GONE = ("08", "57P")
"""SQLSTATEs of a connection that broke, and of one that the server or its administrator ended. Without one, nobody
answered. All else, as deadlocks, cancelled statements and limits, refuses a statement, and leaves the connection."""


class Host(Protocol):
    """What a load generator needs of a server."""

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


def gone(cause: psycopg.Error) -> bool:
    """Return whether an error means that the connection is no more."""
    return isinstance(cause, psycopg.OperationalError) and (cause.sqlstate is None or cause.sqlstate.startswith(_GONE))


def lost(server: Host, cause: Exception | str) -> ServerError:
    """Return the error for a connection that broke or was refused, or for a refusal of what looks after a run."""
    said = str(cause).strip()
    if refusal := full(said):
        return refusal
    if isinstance(cause, psycopg.Error) and not gone(cause):
        return ServerError(
            f"The server refused a query of schemabench itself: {said}",
            sqlstate=cause.sqlstate,
            remedies=["raise the limit it names, for the role of this run", "check the server's log"],
        )
    reason = server.failure()
    return ServerError(
        f"The connection to the server was lost: {said}",
        checked=[f"the server: {reason}" if reason else "the server is still there"],
        remedies=["run again", "check the server's log"] if reason is None else ["run again"],
    )
