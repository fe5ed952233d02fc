"""What stands on a server beside the databases of a run, and what became of it meanwhile.

Owns what is looked at, and how each change is told and undone. Must not change anything, nor know who did.

A candidate's SQL may do what it likes with the rights of the role: make roles, set what holds for the whole server. On
a server that ends with the run that is nobody's loss; on another one it stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

OURS = "sb\\_%"
"""Names of databases of any run: they come and go."""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """One kind of thing on a server."""

    title: str
    query: str
    """Of a name and a definition, for each."""
    made: str
    """What undoes that one was made; `{}` is its name."""
    lost: str
    """What is to be done where one is gone or changed, likewise."""


_KINDS = (
    _Kind(
        title="role",
        query="""
            SELECT rolname, concat_ws(' ', CASE WHEN rolsuper THEN 'SUPERUSER' END,
                                      CASE WHEN rolcreatedb THEN 'CREATEDB' END,
                                      CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
                                      CASE WHEN rolcanlogin THEN 'LOGIN' END,
                                      CASE WHEN rolreplication THEN 'REPLICATION' END,
                                      CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
                                      'CONNECTION LIMIT ' || rolconnlimit, 'VALID UNTIL ' || rolvaliduntil)
            FROM pg_catalog.pg_roles""",
        made="DROP ROLE {}",
        lost="CREATE ROLE or ALTER ROLE {}",
    ),
    _Kind(
        title="membership",
        query="""
            SELECT member.rolname || ' in ' || role.rolname, ''
            FROM pg_catalog.pg_auth_members
            JOIN pg_catalog.pg_roles AS member ON member.oid = member
            JOIN pg_catalog.pg_roles AS role ON role.oid = roleid""",
        made="REVOKE it",
        lost="GRANT it",
    ),
    _Kind(
        title="setting of a role or database",
        query="""
            SELECT concat_ws(' in ', coalesce(rolname, 'all roles'), datname), array_to_string(setconfig, ', ')
            FROM pg_catalog.pg_db_role_setting
            LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = setrole
            LEFT JOIN pg_catalog.pg_database AS database ON database.oid = setdatabase
            WHERE datname IS NULL OR datname NOT LIKE %(ours)s""",
        made="ALTER ROLE ... RESET, or ALTER DATABASE ... RESET",
        lost="ALTER ROLE ... SET, or ALTER DATABASE ... SET",
    ),
    _Kind(
        title="tablespace",
        query="SELECT spcname, pg_catalog.pg_tablespace_location(oid) FROM pg_catalog.pg_tablespace",
        made="DROP TABLESPACE {}",
        lost="CREATE TABLESPACE {}",
    ),
    _Kind(
        title="database",
        query="""
            SELECT datname, concat_ws(' ', 'owner ' || pg_catalog.pg_get_userbyid(datdba),
                                      CASE WHEN NOT datallowconn THEN 'closed' END,
                                      'CONNECTION LIMIT ' || datconnlimit)
            FROM pg_catalog.pg_database WHERE datname NOT LIKE %(ours)s""",
        made="DROP DATABASE {}",
        lost="restore {}",
    ),
    _Kind(
        title="setting of the server",
        query="""
            SELECT name, setting FROM pg_catalog.pg_file_settings WHERE sourcefile LIKE '%%postgresql.auto.conf'""",
        made="ALTER SYSTEM RESET {}, and SELECT pg_reload_conf()",
        lost="ALTER SYSTEM SET {}, and SELECT pg_reload_conf()",
    ),
)

Standing = Mapping[tuple[str, str], str]
"""(kind, name) -> definition, in words of SQL; of the kinds that our role may see."""


def look(session: psycopg.Connection[TupleRow]) -> Standing:
    """Return what stands on a server."""
    found: dict[tuple[str, str], str] = {}
    for kind in _KINDS:
        try:
            rows = session.execute(kind.query, {"ours": OURS}).fetchall()
        except psycopg.errors.InsufficientPrivilege:
            continue  # who may not see it may not change it
        found |= {(kind.title, name): definition or "" for name, definition in rows}
    return found


def changes(before: Standing, after: Standing) -> list[str]:
    """Return how each thing changed between two looks, with what undoes that."""
    kinds = {kind.title: kind for kind in _KINDS}
    told = []
    for key in sorted(before.keys() | after.keys()):
        title, name = key
        then, now = before.get(key), after.get(key)
        kind, quoted = kinds[title], sql.Identifier(name).as_string()
        if then is None:
            told.append(f"{title} {name!r} is new; to undo: {kind.made.format(quoted)}")
        elif now is None:
            told.append(f"{title} {name!r} is gone{_was(then)}; to undo: {kind.lost.format(quoted)}")
        elif then != now:
            told.append(f"{title} {name!r} is {now!r}{_was(then)}; to undo: {kind.lost.format(quoted)}")
    return told


def _was(definition: str) -> str:
    return f", and was {definition!r}" if definition else ""
