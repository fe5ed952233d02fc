"""Whether two databases have the same schema, by their catalogs.

Owns the comparison of catalogs and of the numbers of rows, and its wording. Must not compare rows.
"""

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import TypeAlias

import psycopg

from schemabench.units import plural

_TABLES = """
SELECT oid::pg_catalog.regclass::text
FROM pg_catalog.pg_class
WHERE
    relkind = 'r'
    AND relnamespace::pg_catalog.regnamespace::text !~ '^(pg_|information_schema$)'
    AND pg_catalog.has_table_privilege(oid, 'SELECT')
"""
Catalog: TypeAlias = Mapping[tuple[str, str], str]
"""(kind, name) of each object, as in `column`, `orders.note` -> its definition, without object ids."""


def read(connection: psycopg.Connection[tuple[object, ...]]) -> Catalog:
    """Return the catalog of a database.

    Raises:
        psycopg.Error: The server failed.
    """
    query = resources.files(__package__).joinpath("queries/catalog.sql").read_text(encoding="utf-8")
    rows = connection.execute(query.encode()).fetchall()
    return {(str(kind), str(name)): str(definition) for kind, name, definition in rows}


def counts(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, int]:
    """Return how many rows each table has that is not partitioned and may be read, by its name.

    Raises:
        psycopg.Error: The server failed.
    """
    found = {}
    for name in (str(name) for (name,) in connection.execute(_TABLES).fetchall()):
        row = connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()  # noqa: S608 (quoted by the server)
        found[name] = int(str(row[0])) if row else 0
    return found


def counted(expected: Mapping[str, int], found: Mapping[str, int]) -> Iterator[str]:
    """Yield in words which tables of both have other numbers of rows, as in `result has 2 rows instead of 2,016`."""
    for name in sorted(expected.keys() & found.keys()):
        if expected[name] != found[name]:
            yield f"{name} has {plural(found[name], 'row')} instead of {expected[name]:,}"


def differences(expected: Catalog, found: Catalog, earlier: Catalog) -> Iterator[str]:
    """Yield in words in which objects a migrated database differs from a fresh installation, by kind and name.

    Args:
        expected: The catalog of the fresh installation.
        found: That of the migrated database.
        earlier: The catalog of a fresh installation before its calls, where these may change it: an object may be as
            it was there. Empty if they do not.
    """
    for key in sorted({*expected, *found}):
        if earlier and earlier.get(key) == found.get(key):
            continue
        shown = f"{key[0]} {key[1]}"
        if key not in found:
            yield f"{shown} is missing{_more(expected[key])}"
        elif key not in expected:
            yield f"{shown} is left over{_more(found[key])}"
        elif found[key] != expected[key]:
            yield f"{shown} differs: {found[key] or 'plain'} instead of {expected[key] or 'plain'}"


def _more(definition: str) -> str:
    return f": {definition}" if definition else ""
