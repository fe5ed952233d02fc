"""Databases of an experiment: connecting apart from the measured sessions, and dropping.

Must not know entrants.
"""

from typing import Any

import psycopg

from schemabench.server import Database, Host, Server, lost, opened


def connect(server: Host, database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to a database, apart from the measured sessions.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    try:
        return opened(server.conninfo_for(database.name))
    except psycopg.OperationalError as cause:
        raise lost(server, cause) from cause


def drop(server: Server, database: Database) -> None:
    """Drop a database, unless its server is gone: nothing can be done then."""
    if server.alive():
        server.drop(database)
