"""A server that another process of the same run started.

Owns a follower's access to it, the check whether it still answers, and the errors of lost connections. Must not create
or drop anything there.
"""

from typing import Protocol

import psycopg

from schemabench.errors import ServerError
from schemabench.server.dsn import Conninfo, connect, full, with_words

_GONE = ("08", "57P")
"""SQLSTATEs of a broken connection, and of one that the server or its administrator ended. No SQLSTATE means no answer.
Any other error, such as a deadlock, a cancelled statement or a limit, fails a statement and leaves the connection
open."""


class Host(Protocol):
    """A server as the load generator uses it."""

    def conninfo_for(self, database: str) -> str:
        """Return the conninfo of one of the server's databases."""

    def failure(self) -> str | None:
        """Return how the server died, or crashed and recovered; None if it is not known to have done either."""


class Reached:
    """A server known by its address.

    Args:
        conninfo: The conninfo of any of its databases; may hold a password.
    """

    def __init__(self, conninfo: Conninfo) -> None:
        self._conninfo = conninfo

    def conninfo_for(self, database: str) -> str:
        """Return the conninfo of one of the server's databases."""
        return with_words(self._conninfo, dbname=database)

    def failure(self) -> str | None:
        """Return why the server does not answer; None if it does."""
        try:
            connect(self._conninfo).close()
        except ServerError as error:
            return error.what
        return None


def gone(cause: psycopg.Error) -> bool:
    """Return whether an error means that the connection is lost."""
    return isinstance(cause, psycopg.OperationalError) and (cause.sqlstate is None or cause.sqlstate.startswith(_GONE))


def lost(server: Host, cause: Exception | str) -> ServerError:
    """Return the error for a lost or refused connection, or for a refused query of schemabench itself."""
    said = str(cause).strip()
    if refusal := full(said):
        return refusal
    if isinstance(cause, psycopg.Error) and not gone(cause):
        return ServerError(
            f"The server refused a query of schemabench itself: {said}",
            sqlstate=cause.sqlstate,
            remedies=["raise the limit in the message, for the role of this run", "check the server's log"],
        )
    reason = server.failure()
    return ServerError(
        f"The connection to the server was lost: {said}",
        checked=[f"the server: {reason}" if reason else "the server is still there"],
        remedies=["run again", "check the server's log"] if reason is None else ["run again"],
    )
