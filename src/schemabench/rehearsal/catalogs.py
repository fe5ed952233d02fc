"""Whether two databases have the same schema, by their catalogs.

Owns the comparison of catalogs, and its wording. Must not compare rows.
"""

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import TypeAlias

import psycopg

Catalog: TypeAlias = Mapping[tuple[str, str], str]
"""(kind, name) of each object, as in `column`, `orders.note` -> its definition, without object ids."""


def read(connection: psycopg.Connection[tuple[object, ...]]) -> Catalog:
    """Return the catalog of a database.

    Raises:
        psycopg.Error: The server failed.
    """
    query = resources.files(__package__).joinpath("queries/catalog.sql").read_text()
    rows = connection.execute(query.encode()).fetchall()
    return {(str(kind), str(name)): str(definition) for kind, name, definition in rows}


def differences(expected: Catalog, found: Catalog) -> Iterator[str]:
    """Yield in words in which objects a migrated database differs from a fresh installation, by kind and name.

    Args:
        expected: The catalog of the fresh installation.
        found: That of the migrated database.
    """
    for key in sorted({*expected, *found}):
        shown = f"{key[0]} {key[1]}"
        if key not in found:
            yield f"{shown} is missing{_more(expected[key])}"
        elif key not in expected:
            yield f"{shown} is left over{_more(found[key])}"
        elif found[key] != expected[key]:
            yield f"{shown} is another one{_more(found[key])}; it should be{_more(expected[key]) or ' plain'}"


def _more(definition: str) -> str:
    return f": {definition}" if definition else ""
