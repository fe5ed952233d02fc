"""The statements that a live database executes, by pg_stat_statements.

Owns the reading, what restricts it, and which statements are none of an application's. Must not know tables.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg import errors

from schemabench.deriving import rewriting
from schemabench.deriving.catalog import Server
from schemabench.deriving.found import Executed, LeftOut, Traffic, quoted
from schemabench.deriving.source import Record, Source
from schemabench.deriving.statement import Kind, kind_of
from schemabench.errors import UsageError
from schemabench.units import plural

_HIDDEN = "<insufficient privilege>"
"""What the server shows for statements of other roles."""
_COUNTED_SINCE_VERSION = (1, 9)
"""The version of the extension from which on it says when counting began: that of PostgreSQL 14."""
_LOAD = "shared_preload_libraries = 'pg_stat_statements', and a restart; then let the application work for a while"
_GRANT = "GRANT pg_read_all_stats TO {role}"
_ONCE = "it was executed once, as by a person or a migration"
_COMMIT_MS = 1.0
"""What waiting for the disk adds to a write: the server counts it with no statement. A guess for a solid-state disk."""


def read(source: Source, server: Server, together: Callable[[Iterable[Executed]], list[Executed]] = list) -> Traffic:
    """Return what the server has counted for this database.

    Args:
        source: The database.
        server: What is known of the server.
        together: Makes one statement of several that are alike.

    Raises:
        UsageError: pg_stat_statements is not installed, not loaded, or not readable; or it has counted nothing.
    """
    extension = next(iter(source.ask("extension")), None)
    if extension is None:
        raise UsageError(
            f"The database {server.database!r} has no pg_stat_statements, which counts the statements to derive from",
            remedies=[
                "in the database: CREATE EXTENSION pg_stat_statements",
                f"if the server does not load it: {_LOAD}",
            ],
        )
    schema = quoted(extension["schema"])
    rows = _counted(source, server, schema)
    version = tuple(int(part) for part in str(extension["version"]).split("."))
    info = _info(source, schema) if version >= _COUNTED_SINCE_VERSION else {}
    notes = [*restrictions(rows, info, server)]
    executed: dict[tuple[str, str], Executed] = {}
    left_out: list[LeftOut] = []
    functions = {row["name"] for row in source.ask("functions")}
    for row in rows:
        if row["query"] in {None, _HIDDEN} or not row.get("toplevel", True):
            continue
        sql = rewriting.prepared(row["query"])
        kind, why = kind_of(sql, functions)
        if kind is None:
            left_out.append(LeftOut(what=rewriting.command(sql), why=why, calls=row["calls"]))
        else:
            one = _executed(row, sql, kind)
            known = executed.get((one.sql, one.role))
            executed[one.sql, one.role] = _added(known, one) if known else one
    different = together(executed.values())
    repeated = [one for one in different if one.calls > 1]
    once = (one for one in different if one.calls <= 1)
    left_out += [LeftOut(what=rewriting.command(one.sql), why=_ONCE, calls=one.calls) for one in once]
    if not repeated:
        raise UsageError(
            f"pg_stat_statements has counted no statement of an application in {server.database!r}",
            checked=[*notes, *(f"{one.what}: {one.why}" for one in gathered(left_out)[:5])],
            remedies=["let the application work for a while", "name the database that it uses"],
        )
    return Traffic(
        executed=repeated,
        left_out=gathered(left_out),
        since=_since(rows, info),
        until=server.read_at,
        notes=notes,
    )


def ranked(executed: Sequence[Executed]) -> list[Executed]:
    """Return statements, those that matter most first: by the larger of their shares of calls and of time."""
    calls, total_ms = sum(one.calls for one in executed) or 1, sum(map(busy_ms, executed)) or 1.0
    return sorted(executed, key=lambda one: -max(one.calls / calls, busy_ms(one) / total_ms))


def busy_ms(executed: Executed) -> float:
    """Return how long connections were busy with a statement, in all; a write also waits for its commits."""
    return executed.total_ms + (executed.calls * _COMMIT_MS if executed.kind is Kind.WRITE else 0.0)


def _counted(source: Source, server: Server, schema: str) -> list[Record]:
    query = f"""
        SELECT s.*, r.rolname AS role
        FROM {schema}.pg_stat_statements s
        JOIN pg_catalog.pg_database d ON d.oid = s.dbid AND d.datname = current_database()
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.userid
    """  # noqa: S608 (the schema is quoted)
    try:
        return source.tried(query)
    except errors.ObjectNotInPrerequisiteState as cause:
        raise UsageError(
            "The server does not load pg_stat_statements, so it counts no statements",
            remedies=[_LOAD],
        ) from cause
    except errors.InsufficientPrivilege as cause:
        raise UsageError(
            f"The role {server.role!r} may not read pg_stat_statements: {cause.diag.message_primary}",
            remedies=[
                _GRANT.format(role=server.role),
                (
                    f"GRANT USAGE ON SCHEMA {schema} TO {server.role}; GRANT SELECT ON {schema}.pg_stat_statements TO "
                    f"{server.role}"
                ),
            ],
        ) from cause


def _info(source: Source, schema: str) -> Mapping[str, Any]:
    """Return when counting began, and how often statements were forgotten; nothing where the role may not know."""
    try:
        return source.tried(f"SELECT * FROM {schema}.pg_stat_statements_info")[0]  # noqa: S608 (the schema is quoted)
    except psycopg.Error:
        return {}


def _since(rows: Iterable[Record], info: Mapping[str, Any]) -> datetime | None:
    """Return when counting began: for this database, where the server knows it (from PostgreSQL 17 on)."""
    reset = info.get("stats_reset")
    firsts = [row["stats_since"] for row in rows if row.get("stats_since")]
    return max(reset, min(firsts)) if reset and firsts else reset


def restrictions(rows: Iterable[Record], info: Mapping[str, Any], server: Server) -> Iterator[str]:
    """Yield what restricts the figures."""
    hidden = sum(row["query"] == _HIDDEN for row in rows)
    lost = sum(row["query"] is None for row in rows)
    if hidden:
        yield (
            f"Missing here, because {server.role!r} may not read them: {plural(hidden, 'statement')} of other roles; "
            f"{_GRANT.format(role=server.role)}"
        )
    if lost:
        yield f"Missing here, because the server has lost the text: {plural(lost, 'statement')}"
    if info.get("dealloc"):
        yield (
            f"The server forgot rare statements {plural(info['dealloc'], 'time')} to make room, and with them their "
            "calls: pg_stat_statements.max is too low"
        )
    if not info.get("stats_reset"):
        yield "The server does not say since when it counts, so the pace of production is not known"


def _executed(row: Record, sql: str, kind: Kind) -> Executed:
    return Executed(
        sql=sql,
        kind=kind,
        role=row["role"] or "",
        calls=row["calls"],
        total_ms=row["total_exec_time"] if "total_exec_time" in row else row["total_time"],  # before version 1.8
        rows=row["rows"],
    )


def _added(first: Executed, second: Executed) -> Executed:
    return replace(
        first,
        calls=first.calls + second.calls,
        total_ms=first.total_ms + second.total_ms,
        rows=first.rows + second.rows,
    )


def gathered(left_out: Iterable[LeftOut]) -> list[LeftOut]:
    """Return what was left out, each command and reason once, the most frequent first."""
    found: dict[tuple[str, str], int] = {}
    for one in left_out:
        found[one.what, one.why] = found.get((one.what, one.why), 0) + one.calls
    every = [LeftOut(what=what, why=why, calls=calls) for (what, why), calls in found.items()]
    return sorted(every, key=lambda one: -one.calls)
