"""Dropping databases of runs: how long is waited for others to leave one, and what is told of one that stays.

Owns which databases may be dropped: only those with the mark of the run that is dropping, or of a dead one. Must not
know what they were for.
"""

import time
from collections.abc import Mapping
from typing import LiteralString

import psycopg
from psycopg import errors, sql
from psycopg.rows import TupleRow

from schemabench.errors import ServerError
from schemabench.records import Notice
from schemabench.server import holding
from schemabench.server.database import exists, lock_key, marked, worded
from schemabench.server.dsn import address
from schemabench.units import plural

LIMIT_S = 30.0
"""Time limit for an autovacuum to leave a database that is to be dropped: only a superuser may end it."""
_POLL_S = 0.1
_AGAIN = "run schemabench on this server again: it drops the databases of dead runs"
_LOCKED = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND classid = ((%(key)s::bigint >> 32) & 4294967295)::oid AND objid = (%(key)s::bigint & 4294967295)::oid)
"""
_IN_USE = "SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE datname = %s)"


class Patience:
    """How long one server's databases are waited for: for those that others do not leave, once for all together."""

    def __init__(self) -> None:
        self._is_over = False

    def begin(self) -> float:
        """Return until when a database is waited for, on the monotonic clock in seconds."""
        return time.monotonic() + (0.0 if self._is_over else LIMIT_S)

    def end(self) -> None:
        """Note that one was waited for in vain."""
        self._is_over = True


def drop(connection: psycopg.Connection[TupleRow], name: str, run_id: str, patience: Patience) -> None:
    """Drop a database of this run, and end its connections and the objects that hold it; do nothing if it is gone.

    Raises:
        HeldError: An object holds it that our role may not end.
        ServerError: So does a session, with SQLSTATE 42501 or 55006; or the database does not carry this run's mark.
        psycopg.Error: The server refuses for another reason, or is gone.
    """
    if not exists(connection, name):
        return
    if not any(found == name and mark.run == run_id for _, found, mark in marked(connection)):
        raise ServerError(
            f"The database {name} does not carry the mark of the run {run_id}; it was not dropped",
            remedies=[f"if it is not needed, drop it yourself: DROP DATABASE {name}"],
        )
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    doing = f"Dropping the database {name}"
    holding.release(connection, name)
    deadline_s = patience.begin()
    while True:
        try:
            connection.execute(statement)
        except errors.InvalidCatalogName:
            return
        except errors.InsufficientPrivilege as cause:  # an autovacuum belongs to the superuser, and ends soon
            if time.monotonic() >= deadline_s:
                patience.end()
                raise holding.used(connection, name, doing, cause) from cause
            time.sleep(_POLL_S)
        except errors.ObjectInUse as cause:
            holding.check(connection, name, doing)
            raise holding.used(connection, name, doing, cause) from cause
        else:
            return


def drop_all(connection: psycopg.Connection[TupleRow], run_id: str) -> None:
    """Drop the databases that a finished run left, except those to be kept, and end their connections.

    Raises:
        ServerError: Some could not be dropped.
    """
    try:
        names = [name for _, name, mark in marked(connection) if mark.run == run_id and not mark.keep]
    except psycopg.Error as cause:
        raise worded(cause, f"Looking for the databases of the run {run_id}") from cause
    problems: dict[str, ServerError] = {}
    patience = Patience()
    for name in names:
        try:
            drop(connection, name, run_id, patience)
        except ServerError as error:
            problems[name] = error
        except psycopg.Error as error:
            problems[name] = worded(error, f"Dropping the database {name}")
    if problems:
        raise left(address(connection), problems)


def left(origin: str, problems: Mapping[str, ServerError]) -> ServerError:
    """Return the error for databases of a run that could not be dropped.

    Args:
        origin: The server.
        problems: Database -> why it could not.
    """
    remedies = dict.fromkeys(one for error in problems.values() for one in error.remedies)
    return ServerError(
        f"Left on {origin}: {plural(len(problems), 'database')} of the run",
        checked=[f"{name}: {error.what}" for name, error in problems.items()],
        remedies=[*remedies, _AGAIN],
    )


def sweep(connection: psycopg.Connection[TupleRow], run_id: str) -> tuple[Notice, ...]:
    """Drop the databases of dead runs; return a notice for each that could not be dropped.

    A database is dropped only if it has our mark and our name, its run is not this one and holds no lock, it is not to
    be kept, and it has no connections: ending sessions (FORCE) is only for databases that are certainly ours.
    """
    stayed = []
    for _, name, mark in marked(connection):
        if mark.keep or mark.run == run_id or _is(connection, _LOCKED, {"key": lock_key(mark.run)}):
            continue
        if _is(connection, _IN_USE, [name]):
            continue
        statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
        try:
            holding.release(connection, name)
            connection.execute(statement)
        except (errors.ObjectInUse, errors.InsufficientPrivilege) as cause:
            held = ", ".join(holder.what for holder in holding.holders(connection, name))
            reason = f"{cause.diag.message_primary}{f': {held}' if held else ''}"
            text = f"The database {name} of a dead run could not be dropped: {reason}; to drop it: DROP DATABASE {name}"
            stayed.append(Notice(code="left-behind", text=text))
    return tuple(stayed)


def _is(
    connection: psycopg.Connection[TupleRow], query: LiteralString, parameters: Mapping[str, int] | list[str]
) -> bool:
    row = connection.execute(query, parameters).fetchone()
    return bool(row and row[0])
