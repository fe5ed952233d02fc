"""Tables that do not survive a crash of the server.

Owns the query of the catalog. Must not crash anything, nor judge: losing rows that writers can send again may be
acceptable.
"""

import psycopg

_UNLOGGED = """
SELECT relname
FROM pg_catalog.pg_class
JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
WHERE relpersistence = 'u' AND relkind = 'r' AND nspname <> 'information_schema' AND nspname !~ '^pg_'
ORDER BY relname
"""


def unlogged(connection: psycopg.Connection[tuple[object, ...]]) -> tuple[str, ...]:
    """Return the names of the tables that are empty after a crash of the server, sorted."""
    return tuple(str(name) for (name,) in connection.execute(_UNLOGGED))
