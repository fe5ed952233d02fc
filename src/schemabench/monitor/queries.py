"""The queries of the folder `queries`, in the form that a server's version needs.

Owns where they are, and how their names tell versions. Must not execute any.
"""

from collections.abc import Sequence
from importlib import resources
from typing import Any

import psycopg

_VERSIONS_IN_MAJOR = 10_000
"""As in 180006 for 18.6."""


def text(name: str) -> str:
    """Return a query, by the name of its file."""
    return resources.files(__package__).joinpath(f"queries/{name}.sql").read_text(encoding="utf-8")


def text_for(connection: psycopg.Connection[Any], name: str, majors: Sequence[int]) -> str:
    """Return a query in its form for a connection's server.

    Args:
        connection: A connection to the server.
        name: The name of the query's file.
        majors: The first major version that has it, and the later ones with a changed text: file `name_post_major`.
    """
    since = max(one for one in majors if one <= major(connection))
    return text(name if since == majors[0] else f"{name}_post_{since}")


def major(connection: psycopg.Connection[Any]) -> int:
    """Return the major version of a connection's server."""
    return connection.info.server_version // _VERSIONS_IN_MAJOR
