"""Databases of an experiment: connecting apart from the measured sessions.

Must not know entrants.
"""

from typing import Any

import psycopg

from schemabench.server import Database, Host, lost, opened


def connect(server: Host, database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect to a database, apart from the measured sessions.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    try:
        return opened(server.conninfo_for(database.name))
    except psycopg.OperationalError as cause:
        raise lost(server, cause) from cause
