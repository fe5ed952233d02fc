"""Databases of an experiment, beside the sessions that are measured: connecting, dropping, and a connection's loss.

Owns the words for a lost connection. Must not know who is in a database.
"""

from typing import Any

import psycopg

from schemabench.errors import ServerError
from schemabench.server import Database, Host, Server, opened


def connect(server: Host, database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to a database beside the sessions that are measured.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    try:
        return opened(server.conninfo_for(database.name))
    except psycopg.OperationalError as cause:
        raise lost(server, str(cause)) from cause


def drop(server: Server, database: Database) -> None:
    """Drop a database, unless its server is gone: then there is nothing that we could do about it."""
    if server.alive():
        server.drop(database)


def lost(server: Host, message: str) -> ServerError:
    """Return the error for a connection that broke or was refused."""
    reason = server.failure()
    return ServerError(
        f"The connection to the server was lost: {message.strip()}",
        checked=[f"the server: {reason}" if reason else "the server is still there"],
        remedies=["run again", "look at the server's log"] if reason is None else ["run again"],
    )
