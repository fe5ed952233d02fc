"""Autovacuum's work, done between trials: a table is vacuumed and analyzed as soon as it passes a threshold.

Owns the decision, by autovacuum's own rules, and the record of its cost. Must not know trials or candidates.

The server's autovacuum wakes once a minute: within a run, it either never works or works in the middle of a trial. In
production it works as often as the written rows require. Its rules (https://www.postgresql.org/docs/current/
routine-vacuuming.html, section 25.1.6) need only counts that the server keeps, and thresholds from its settings and
those of single tables. Hence they can be followed outside the timed trials, with a separate cost.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from schemabench.monitor import queries
from schemabench.server.dsn import opened

_SETTINGS = """
SELECT name, setting FROM pg_catalog.pg_settings WHERE name LIKE 'autovacuum%'
"""
_WAL = "SELECT pg_catalog.pg_current_wal_insert_lsn()"
_WAL_SINCE = "SELECT pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), %s)::float8"
LOCK_LIMIT_S = 2.0
"""Time limit for a table that another session, or a prepared transaction, has locked; then it is skipped."""
_ALL_FROZEN_SINCE = 180_000
"""The version from which the server counts frozen pages."""
NO_LIMIT = -1.0
"""The value of a disabled threshold."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A row of `upkeep.sql`."""

    oid: int
    owner: int
    """The table that a TOAST table belongs to; itself for all others."""
    name: str
    """The name of the owner, with its schema, quoted if necessary."""
    is_toast: bool
    tuples: float
    """The estimate of the last vacuum or analyze."""
    dead: float
    """Rows since the table's last maintenance; likewise below."""
    inserted: float
    modified: float
    unfrozen: float
    """The share of its pages that no vacuum has frozen; 1 before version 18, which does not tell."""
    options: Mapping[str, str]
    """The table's own settings; those of its owner for a TOAST table without any."""


class Counts(NamedTuple):
    """Rows of a table since its last maintenance."""

    dead: float = 0.0
    inserted: float = 0.0
    modified: float = 0.0


class Due(NamedTuple):
    """The maintenance that a table needs."""

    vacuum: bool
    analyze: bool


@dataclass(frozen=True, kw_only=True)
class Done:
    """The maintenance between two trials."""

    vacuums: int = 0
    analyzes: int = 0
    elapsed_s: float = 0.0
    """The time of the commands that were executed, with their waits for locks. Connecting is not in it, nor is the wait
    for a table that was then skipped."""
    wal_bytes: float = 0.0
    """WAL of the whole server meanwhile."""


@dataclass(kw_only=True)
class Upkeep:
    """Maintains the tables of one entrant's database.

    A copy of a database starts without counts, although it has all dead rows: the counts are carried over.
    """

    _carried: dict[int, Counts] = field(default_factory=dict)
    _settings: Mapping[str, str] = field(default_factory=dict)

    def counts(self, connection: psycopg.Connection[Any]) -> Mapping[int, Counts]:
        """Return the counts of each table, by OID.

        Raises:
            psycopg.Error: The server failed.
        """
        return {table.oid: self._counts(table) for table in _tables(connection)}

    def dead_rows(self, connection: psycopg.Connection[Any]) -> float:
        """Return the dead rows of all tables; a value out of line is no row of its own.

        Raises:
            psycopg.Error: The server failed.
        """
        return sum(self._counts(table).dead for table in _tables(connection) if not table.is_toast)

    def carry(self, counts: Mapping[int, Counts]) -> None:
        """Take over the `counts` of the database from which this one was copied."""
        self._carried = dict(counts)

    def maintain(self, connection: psycopg.Connection[Any], conninfo: str) -> Done:
        """Vacuum and analyze the tables that are due.

        Args:
            connection: The connection for reading the counts.
            conninfo: The conninfo of the same database: maintenance runs in a separate session, whose counts the server
                keeps.

        Raises:
            psycopg.Error: The server refused, for example because a function of an index failed, or is gone.
        """
        self._settings = self._settings or dict(connection.execute(_SETTINGS).fetchall())
        if self._settings.get("autovacuum") == "off":
            return Done()  # nor would autovacuum run
        wanted: dict[int, tuple[str, Due]] = {}
        tables = _tables(connection)
        for table in tables:
            vacuum, analyze = due(table, self._counts(table), self._settings)
            if vacuum or analyze:
                _, before = wanted.get(table.owner, ("", Due(vacuum=False, analyze=False)))
                wanted[table.owner] = table.name, Due(before.vacuum or vacuum, before.analyze or analyze)
        if not wanted:
            return Done()
        executed, done = _carry_out(conninfo, wanted)
        for table in tables:
            if table.owner in executed:
                self._settle(table, executed[table.owner])
        return done

    def _settle(self, table: Table, done: Due) -> None:
        """Drop what is carried of a table and is now in the server's own counts, or gone."""
        carried = self._carried.get(table.oid, Counts())
        analyzed = done.analyze and not table.is_toast
        self._carried[table.oid] = Counts(
            dead=0.0 if done.vacuum or analyzed else carried.dead,  # ANALYZE counts all that are there
            inserted=0.0 if done.vacuum else carried.inserted,
            modified=0.0 if analyzed else carried.modified,
        )

    def _counts(self, table: Table) -> Counts:
        carried = self._carried.get(table.oid, Counts())
        return Counts(
            dead=carried.dead + table.dead,
            inserted=carried.inserted + table.inserted,
            modified=carried.modified + table.modified,
        )


def due(table: Table, counts: Counts, settings: Mapping[str, str]) -> Due:
    """Return the maintenance that autovacuum would do on a table with these counts.

    Args:
        table: The table, with its size and its own settings.
        counts: The counts since its last maintenance.
        settings: The server's settings that begin with `autovacuum`, by name.
    """

    def threshold(kind: str, tuples: float = table.tuples) -> float:
        base, scale = (
            float(table.options.get(name) or settings.get(name) or 0)
            for name in (f"autovacuum_{kind}_threshold", f"autovacuum_{kind}_scale_factor")
        )
        return base + scale * tuples if base > NO_LIMIT else float("inf")

    if _is_off(table.options.get("autovacuum_enabled", "true").lower()):
        return Due(vacuum=False, analyze=False)
    most = float(
        table.options.get("autovacuum_vacuum_max_threshold") or settings.get("autovacuum_vacuum_max_threshold") or -1
    )
    dead = threshold("vacuum") if most <= NO_LIMIT else min(threshold("vacuum"), most)
    return Due(
        vacuum=counts.dead > dead or counts.inserted > threshold("vacuum_insert", table.tuples * table.unfrozen),
        analyze=not table.is_toast and counts.modified > threshold("analyze"),
    )


def _is_off(value: str) -> bool:
    """Return whether the server takes a value for false: it accepts beginnings, and keeps them as written."""
    return value in {"0", "of", "off"} or "false".startswith(value) or "no".startswith(value)


def _tables(connection: psycopg.Connection[Any]) -> list[Table]:
    with connection.cursor(row_factory=class_row(Table)) as cursor:
        return cursor.execute(_query(connection.info.server_version), prepare=True).fetchall()


@cache
def _query(version: int) -> str:
    """Return the query for a version of the server."""
    text = queries.text("upkeep")
    return text if version >= _ALL_FROZEN_SINCE else text.replace("relation.relallfrozen", "0")


def _carry_out(conninfo: str, wanted: Mapping[int, tuple[str, Due]]) -> tuple[Mapping[int, Due], Done]:
    """Vacuum and analyze; return what was executed, by owner, and its cost."""
    executed: dict[int, Due] = {}
    elapsed_s = 0.0
    with opened(conninfo) as connection:
        connection.execute("SET statement_timeout = 0")  # the role's own limit is for the writers
        connection.execute(f"SET lock_timeout = '{LOCK_LIMIT_S:g}s'".encode())
        before = connection.execute(_WAL).fetchone()
        for owner, (name, (vacuum, analyze)) in wanted.items():
            words = ("VACUUM (ANALYZE)" if analyze else "VACUUM") if vacuum else "ANALYZE"
            started_s = perf_counter()
            with suppress(psycopg.errors.LockNotAvailable):  # autovacuum does not wait for a locked table either
                connection.execute(f"{words} {name}".encode())
                elapsed_s += perf_counter() - started_s
                executed[owner] = Due(vacuum, analyze)
        after = connection.execute(_WAL_SINCE, before).fetchone()
    return executed, Done(
        vacuums=sum(vacuum for vacuum, _ in executed.values()),
        analyzes=sum(analyze for _, analyze in executed.values()),
        elapsed_s=elapsed_s,
        wal_bytes=after[0] if after else 0.0,
    )
