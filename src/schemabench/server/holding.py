"""What holds a database that nobody is connected to: prepared transactions, subscriptions, slots that are read from.

Owns finding and ending them. Must only be asked to end what is in a database of ours: all that is in one is ours too.
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
"""A subscription goes without its slot: that may be somebody's, whatever name the candidate gave it."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """One thing that holds a database."""

    what: str
    """In words, with the catalog that shows it."""
    ending: tuple[str, ...]
    """The statements that end it, in a session in the database."""


class HeldError(ServerError):
    """A database of ours can be neither copied nor dropped, for what its candidate left in it."""


def holders(connection: psycopg.Connection[TupleRow], name: str) -> list[Holder]:
    """Return what holds a database."""
    rows = connection.execute(_HOLDERS, {"name": name}).fetchall()
    return [Holder(what=what, ending=tuple(ending)) for what, ending in rows]


def release(connection: psycopg.Connection[TupleRow], name: str) -> None:
    """End what holds a database of ours, as far as our role may: the rest is found again by whoever asks."""
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


def held(found: Sequence[Holder], name: str, doing: str) -> HeldError:
    """Return what to tell a user about a database that is held."""
    return HeldError(
        f"{doing} failed: the database {name} is held by {', '.join(holder.what for holder in found)}",
        sqlstate="55006",
        remedies=[
            "leave out of the candidate what makes it",
            *(f"end it, in the database {name}: {'; '.join(holder.ending)}" for holder in found),
        ],
    )
