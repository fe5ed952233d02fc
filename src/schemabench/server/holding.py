"""What holds a database: prepared transactions, subscriptions, active replication slots, and sessions of others.

Owns finding and ending the objects, and the errors for databases that cannot be dropped. Must end only objects in
databases of runs, where every one belongs to the run, and no session.
"""

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from schemabench.errors import ServerError
from schemabench.server.dsn import Conninfo, opened, with_words

_HOLDERS = """
SELECT format('the prepared transaction %%L (pg_prepared_xacts)', gid), ARRAY[format('ROLLBACK PREPARED %%L', gid)]
FROM pg_catalog.pg_prepared_xacts WHERE database = %(name)s
UNION ALL
SELECT format('the subscription %%I (pg_subscription)', subname),
       ARRAY[format('ALTER SUBSCRIPTION %%I DISABLE', subname),
             format('ALTER SUBSCRIPTION %%I SET (slot_name = NONE)', subname),
             format('DROP SUBSCRIPTION %%I', subname)]
FROM pg_catalog.pg_subscription JOIN pg_catalog.pg_database AS database ON database.oid = subdbid
WHERE datname = %(name)s
UNION ALL
SELECT format('the replication slot %%I (pg_replication_slots)', slot_name),
       ARRAY[format('SELECT pg_terminate_backend(%%s, 5000)', active_pid)]
FROM pg_catalog.pg_replication_slots WHERE database = %(name)s AND active
"""
"""A subscription is dropped without its slot: whatever its name, the slot may belong to another subscriber."""
_SESSIONS = """
SELECT pid, usename, application_name FROM pg_catalog.pg_stat_activity
WHERE datname = %s AND pid <> pg_catalog.pg_backend_pid() ORDER BY pid
"""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """One object that holds a database."""

    what: str
    """Its description, with the catalog that shows it."""
    ending: tuple[str, ...]
    """The statements that end it, for a session in the database."""


class HeldError(ServerError):
    """A run's database can be neither copied nor dropped, because of objects that its candidate created."""


def holders(connection: psycopg.Connection[TupleRow], name: str) -> list[Holder]:
    """Return the objects that hold a database."""
    rows = connection.execute(_HOLDERS, {"name": name}).fetchall()
    return [Holder(what=what, ending=tuple(ending)) for what, ending in rows]


def release(connection: psycopg.Connection[TupleRow], name: str) -> None:
    """End the objects that hold a run's database, as far as our role may; `holders` still returns the rest."""
    found = holders(connection, name)
    if not found:
        return
    info = connection.info
    conninfo = Conninfo(with_words(info.dsn, dbname=name, **({"password": info.password} if info.password else {})))
    with suppress(psycopg.Error), closing(opened(conninfo)) as inside:
        for holder in found:
            with suppress(psycopg.Error):
                for statement in holder.ending:
                    inside.execute(statement.encode())


def used(connection: psycopg.Connection[TupleRow], name: str, doing: str, cause: psycopg.Error) -> ServerError:
    """Return the error for a database that sessions use which our role may not end.

    Args:
        connection: Any session.
        name: The database.
        doing: What the server refused.
        cause: The refusal.
    """
    inside = sessions(connection, name)
    ending = "; ".join(f"SELECT pg_terminate_backend({pid})" for pid, _, _ in inside)
    shown = f"in it: {told(inside)}" if inside else "no session is in it now"
    return ServerError(
        f"{doing} failed: {cause.diag.message_primary}; {shown}",
        sqlstate=cause.sqlstate,
        remedies=[
            *([f"end what uses it, as a role that may: {ending}"] if ending else []),
            f"drop it, as a role that may: DROP DATABASE {name}",
        ],
    )


def sessions(connection: psycopg.Connection[TupleRow], name: str) -> list[tuple[int, str | None, str]]:
    """Return the other sessions in a database: process, role (None: the server itself), and program."""
    rows = connection.execute(_SESSIONS, [name]).fetchall()
    return [(pid, role, program) for pid, role, program in rows]


def told(inside: Sequence[tuple[int, str | None, str]]) -> str:
    """Return sessions in words."""
    return ", ".join(
        f"process {pid} of {f'the role {role}' if role else 'the server itself'}{f' ({program})' if program else ''}"
        for pid, role, program in inside
    )


def check(connection: psycopg.Connection[TupleRow], name: str, doing: str) -> None:
    """Refuse to copy or to drop a database that objects hold.

    Raises:
        HeldError: With these.
    """
    if found := holders(connection, name):
        raise held(found, name, doing)


def held(found: Sequence[Holder], name: str, doing: str) -> HeldError:
    """Return the error for a held database."""
    return HeldError(
        f"{doing} failed: the database {name} is held by {', '.join(holder.what for holder in found)}",
        sqlstate="55006",
        remedies=[
            "remove from the candidate the statement that creates it",
            *(f"end it, in the database {name}: {'; '.join(holder.ending)}" for holder in found),
        ],
    )
