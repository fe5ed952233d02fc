"""The queries of `catalog.sql`.

Owns where they are. Must not know what becomes of their rows.
"""

from collections.abc import Mapping
from importlib.resources import as_file, files
from typing import Any

import psycopg
from psycopg.rows import dict_row

from schemabench import sqlfile
from schemabench.errors import UsageError

Record = dict[str, Any]


def ask(connection: psycopg.Connection[Any], name: str, values: Mapping[str, object] | None = None) -> list[Record]:
    """Return the rows of a query, by column; none for one that returns no rows.

    Raises:
        psycopg.Error: The server refused it.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_QUERIES[name].encode(), values, prepare=False)
        return cursor.fetchall() if cursor.description else []


def _read() -> dict[str, str]:
    with as_file(files("schemabench.production") / "catalog.sql") as path:
        file = sqlfile.read(path, UsageError)
    return {name: one.statements[0].text.sql for name, one in file.operations.items()}


_QUERIES = _read()
"""Block of `catalog.sql` -> its query."""
