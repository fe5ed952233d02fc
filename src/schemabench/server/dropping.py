"""Dropping databases of runs: how long is waited for others to leave one, and what is told of one that stays.

Owns which databases may be dropped: only those with the mark of the run that is dropping, or of a dead one. Must not
know what they were for.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

import psycopg
from psycopg import errors, sql
from psycopg.rows import TupleRow

from schemabench.errors import ServerError
from schemabench.records import Notice
from schemabench.server import holding
from schemabench.server.database import Mark, exists, lock_key, marked, remark, worded
from schemabench.server.dsn import address
from schemabench.units import plural

LIMIT_S = 30.0
"""Time limit for others to leave a database that is to be dropped: only a superuser may end an autovacuum, which ends
soon."""
LATER_S = 2.0
"""The same for sessions of roles, once one has not left in that time: a monitor, for one, may stay for hours."""
_POLL_S = 0.1
_AGAIN = "run schemabench on this server again: it drops the databases of dead runs, or tells who is in them"
_LATER = "a later run drops it once nobody is in it"
_LOCKED = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND classid = ((%(key)s::bigint >> 32) & 4294967295)::oid AND objid = (%(key)s::bigint & 4294967295)::oid)
"""


class Patience:
    """How long a run waits for sessions of roles to leave its databases: once for long, for all of them together."""

    def __init__(self) -> None:
        self._is_spent = False

    @property
    def limit_s(self) -> float:
        """How long a database is waited for."""
        return min(LATER_S, LIMIT_S) if self._is_spent else LIMIT_S

    def spend(self) -> None:
        """Note that one was waited for in vain."""
        self._is_spent = True


class _Wait:
    """How long one database is waited for."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._begun_s = self._since_s = time.monotonic()

    def is_over(self, *, served: bool) -> bool:
        """Return whether it was waited for in vain, while only the server itself is in it (`served`) or roles are."""
        now_s = time.monotonic()
        if served:
            self._since_s = now_s  # from here on, roles are waited for
            return now_s - self._begun_s >= LIMIT_S
        if now_s - self._since_s < self._patience.limit_s:
            return False
        self._patience.spend()
        return True


def drop(connection: psycopg.Connection[TupleRow], name: str, run_id: str, patience: Patience) -> None:
    """Drop a database of this run, and end its connections and the objects that hold it; do nothing if it is gone.

    A process of the server itself in it, such as an autovacuum, is waited for at each database; sessions of roles that
    ours may not end, as `patience` says. A database that was to outlive the run, but cannot be dropped, outlives it no
    more: a later run drops it.

    Raises:
        HeldError: An object holds it that our role may not end.
        ServerError: So does a session, with SQLSTATE 42501 or 55006; or the database does not carry this run's mark.
        psycopg.Error: The server refuses for another reason, or is gone.
    """
    if not exists(connection, name):
        return
    mark = _mark(connection, name, run_id)
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    doing = f"Dropping the database {name}"
    holding.release(connection, name)
    if mark.keep:
        remark(connection, name, replace(mark, keep=False))
    wait = _Wait(patience)
    while True:
        try:
            connection.execute(statement)
        except errors.InvalidCatalogName:
            return
        except errors.InsufficientPrivilege as cause:
            if wait.is_over(served=_is_served(connection, name)):
                raise holding.used(connection, name, doing, cause) from cause
            time.sleep(_POLL_S)
        except errors.ObjectInUse as cause:
            holding.check(connection, name, doing)
            raise holding.used(connection, name, doing, cause) from cause
        else:
            return


def _mark(connection: psycopg.Connection[TupleRow], name: str, run_id: str) -> Mark:
    """Return the mark of a database of this run.

    Raises:
        ServerError: It has none.
    """
    for _, found, mark in marked(connection):
        if found == name and mark.run == run_id:
            return mark
    raise ServerError(
        f"The database {name} does not carry the mark of the run {run_id}; it was not dropped",
        remedies=[f"if it is not needed, drop it yourself: DROP DATABASE {name}"],
    )


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
    be kept, and it has no connections: ending sessions (FORCE) is only for databases that are certainly ours. An
    autovacuum in it is no news: it leaves soon.
    """
    stayed = []
    for _, name, mark in marked(connection):
        if mark.keep or mark.run == run_id or _is_alive(connection, mark.run):
            continue
        if sessions := holding.sessions(connection, name):
            if any(role for _, role, _ in sessions):
                what = f"The database {name} of a dead run is in use, and was not dropped"
                text = f"{what}: {holding.told(sessions)}; {_LATER}"
                stayed.append(Notice(code="left-behind", text=text))
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


def _is_served(connection: psycopg.Connection[TupleRow], name: str) -> bool:
    """Return whether, beside sessions of our role, only processes of the server itself are in a database."""
    others = [role for _, role, _ in holding.sessions(connection, name) if role != connection.info.user]
    return bool(others) and not any(others)


def _is_alive(connection: psycopg.Connection[TupleRow], run_id: str) -> bool:
    row = connection.execute(_LOCKED, {"key": lock_key(run_id)}).fetchone()
    return bool(row and row[0])
