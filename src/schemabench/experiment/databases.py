"""Databases of an experiment, beside the sessions that are measured: connecting and dropping.

Must not know who is in a database.
"""

from typing import Any

import psycopg

from schemabench.server import Database, Host, Server, lost, opened


def connect(server: Host, database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to a database beside the sessions that are measured.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    try:
        return opened(server.conninfo_for(database.name))
    except psycopg.OperationalError as cause:
        raise lost(server, cause) from cause


def drop(server: Server, database: Database) -> None:
    """Drop a database, unless its server is gone: then there is nothing that we could do about it."""
    if server.alive():
        server.drop(database)
