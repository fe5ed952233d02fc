"""What a migration sets for connections that are opened after it, by ALTER DATABASE or ALTER ROLE.

Owns the comparison, and its wording. The writers of a rehearsal connect before the migration, and so feel none of it.
Must not know what such a setting does.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import psycopg

from schemabench.redaction import redact_line

_SETTINGS = """
SELECT
    pg_catalog.concat_ws(
        ' in ',
        CASE WHEN setrole <> 0 THEN 'the role ' || setrole::regrole WHEN setdatabase = 0 THEN 'all roles' END,
        CASE WHEN setdatabase <> 0 THEN 'the database' END
    ),
    pg_catalog.split_part(setting, '=', 1),
    pg_catalog.substr(setting, pg_catalog.strpos(setting, '=') + 1)
FROM pg_catalog.pg_db_role_setting
CROSS JOIN LATERAL pg_catalog.unnest(setconfig) AS setting
WHERE setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
"""
Settings: TypeAlias = Mapping[tuple[str, str], str]
"""(for whom, name) of each setting, as in `the database`, `statement_timeout` -> its value."""


def read(connection: psycopg.Connection[tuple[object, ...]]) -> Settings:
    """Return what is set for new connections to a database.

    Raises:
        psycopg.Error: The server failed.
    """
    rows = connection.execute(_SETTINGS).fetchall()
    return {(str(whom), str(name)): str(value) for whom, name, value in rows}


def left(before: Settings, after: Settings) -> Iterator[str]:
    """Yield in words what is set otherwise afterwards, as in `statement_timeout = 1s for the database`."""
    for whom, name in sorted({*before, *after}):
        old, new = before.get((whom, name)), after.get((whom, name))
        if old != new:
            was = "" if old is None else f" instead of {old}"
            yield redact_line(f"{name} = {'(reset)' if new is None else new or '(empty)'}{was} for {whom}")
