"""Rows that a test copies into a table, as an application loads them."""

from collections.abc import Iterable
from typing import Any

from psycopg import Connection


def copy(connection: Connection[Any], target: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Copy rows into a table, whose columns may follow its name, as in `job (id, state)`."""
    with connection.cursor().copy(f"COPY {target} FROM STDIN".encode()) as copied:
        for row in rows:
            copied.write_row(row)
