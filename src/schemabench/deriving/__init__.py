"""A project from a live database: its schema, its statements, and rows like its own.

    found = derive(conninfo, name="shop", rows=0.01, statements=20, values=False)
    for path, content in found.files.items(): ...

The database is only read, in one transaction that sees one snapshot. Without `values`, no content leaves it: of texts,
documents, bytes and addresses only shapes and sizes do; of numbers and times, ranges and frequent values.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemabench import production
from schemabench.deriving import (
    catalog,
    dump,
    evidence,
    lists,
    log,
    log_traffic,
    operations,
    project,
    rows,
    states,
    traffic,
    writers,
)
from schemabench.deriving.catalog import Server
from schemabench.deriving.contents import python_name
from schemabench.deriving.derived import Derived
from schemabench.deriving.found import Executed, LeftOut, Table, Traffic, quoted
from schemabench.deriving.log_calls import Target
from schemabench.deriving.log_traffic import MOST_STATEMENTS, Heard, heard
from schemabench.deriving.operations import Operation
from schemabench.deriving.scale import Scale, usual
from schemabench.deriving.source import Source, no_database, opened
from schemabench.production import Production
from schemabench.server.dsn import Conninfo
from schemabench.units import plural

_QUESTION = re.compile(r"^\s*(?:#|--) Question: ", re.MULTILINE)

__all__ = ["MOST_STATEMENTS", "Found", "Heard", "derive", "heard", "plain_name", "sizes", "sizes_of"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A project that was derived."""

    files: dict[str, str]
    """Path -> text."""
    streams: Mapping[str, Iterator[bytes]]
    """Path -> content in pieces, of files that are packed by gzip."""
    told: Sequence[str]
    """What a person should know, in sentences."""
    questions: int
    """How many questions stand in the files."""


def derive(  # noqa: PLR0913 (what a person can say of a project)
    conninfo: Conninfo,
    *,
    name: str,
    share: float | None,
    statements: int,
    values: bool,
    heard: Heard | None = None,
) -> Found:
    """Return a project that is derived from a database.

    Args:
        conninfo: The database; may hold a password, which is in no file.
        name: The workload's name.
        share: The rows to make up, as a share of the real ones; None for about 100,000 in all.
        statements: How many statements become operations at most.
        values: Whether contents may be copied from the statistics.
        heard: What a log says of the database; None where its own counts are used.

    Raises:
        ServerError: The server cannot be reached, refused or failed.
        UsageError: The database has no tables, or its statements are not counted.
    """
    with opened(conninfo) as source:
        server = catalog.server(source)
        tables = catalog.tables(source, values=values)
        if not tables:
            raise no_database(f"The database {server.database!r} has no tables")
        path = [row["name"] for row in source.ask("schemas") if row["usable"]] or ["public"]
        counted = heard.traffic(source, server) if heard else _counted(source, server, tables, path)
        chosen = traffic.ranked(counted.executed)
        found, failed, others, targets = _operations(source, chosen, statements, tables, path, heard, values=values)
        if not found:
            raise no_database(f"None of the statements of {server.database!r} can be prepared")
        schema = dump.read(source, server.version_num)
        asked = {"tables": [one.id for one in tables]}
        views, unused = _names(source, "views"), _names(source, "unused_indexes", asked)
        whole = sizes_of(source, server)
    scale = Scale(share) if share else usual([one.rows for one in tables])
    made = rows.planned(tables, scale, values=values, matched=evidence.matched(found))
    logged = log.log(heard, targets, made) if heard else None
    kept, not_compared = states.states(made, found, logged.moving if logged else ())
    who, slice_s = log_traffic.writers(found, heard.found) if heard else writers.grouped(found, counted.seconds)
    derived = Derived(
        name=name,
        server=whole.server,
        day=whole.day,
        production=whole,
        schema=schema,
        path=path,
        rows=made,
        operations=found,
        others=others,
        left_out=[*failed, *counted.left_out],
        traffic=counted,
        writers=who,
        slice_s=slice_s,
        scale=scale,
        states=kept,
        not_compared=not_compared,
        unused=unused,
        views=views,
        values=values,
        log=logged,
    )
    return _written(derived)


def _written(derived: Derived) -> Found:
    """Return the files of a project, and what is to be said of it."""
    files = project.files(derived)
    return Found(
        files=files,
        streams={f"workloads/{derived.name}/{log.FILE}": derived.log.pieces()} if derived.log else {},
        told=_told(derived),
        questions=sum(len(_QUESTION.findall(content)) for content in files.values()),
    )


def _names(source: Source, query: str, values: Mapping[str, object] | None = None) -> list[str]:
    """Return the names that a query finds, as SQL writes them."""
    return [f"{quoted(row['schema'])}.{quoted(row['name'])}" for row in source.ask(query, values)]


def _counted(source: Source, server: Server, tables: Sequence[Table], path: Sequence[str]) -> Traffic:
    """Return the statements that the server has counted."""
    return traffic.read(source, server, lambda executed: lists.gathered(executed, tables, path))


def _operations(  # noqa: PLR0913, PLR0917 (as `operations.derived`, with the log)
    source: Source,
    chosen: Sequence[Executed],
    most: int,
    tables: Sequence[Table],
    path: Sequence[str],
    heard: Heard | None,
    *,
    values: bool,
) -> tuple[list[Operation], list[LeftOut], list[Executed], dict[int, Target]]:
    """Return operations, what is left out, statements beyond their number, and what became of the shapes of a log."""
    if heard:
        return log_traffic.derived(source, chosen, most, tables, path, heard.found, values=values)
    found, failed, others = operations.derived(source, chosen, most, tables, path)
    found, rare = writers.at_work(found)
    return found, [*failed, *rare], others, {}


def sizes(conninfo: Conninfo) -> Production:
    """Return a database's sizes, statistics and settings of the planner, without values.

    Args:
        conninfo: The database; may hold a password.

    Raises:
        ServerError: The server cannot be reached, refused or failed.
        UsageError: The database has no tables.
    """
    with opened(conninfo) as source:
        server = catalog.server(source)
        found = sizes_of(source, server)
    if not found.relations:
        raise no_database(f"The database {server.database!r} has no tables")
    return found


def sizes_of(source: Source, server: Server) -> Production:
    """Return what `sizes` does, of an open session."""
    version = f"PostgreSQL {server.version.split()[0]}"
    return production.taken(source.connection, server=version, day=f"{server.read_at:%Y-%m-%d}")


def plain_name(name: str) -> str:
    """Return a name for a workload and its modules: letters, digits and underscores."""
    return python_name(name, {})


def _told(derived: Derived) -> list[str]:
    """Return what a person should know."""
    traffic, found = derived.traffic, derived.operations
    calls = sum(one.calls for one in traffic.executed)
    made = sum(one.size for one in derived.rows)
    share = sum(one.executed.calls for one in found) / max(1, calls)
    told = [
        f"{len(found)} of {plural(len(traffic.executed), 'statement')} made into operations, with {share:.0%} of calls",
        f"{plural(len(derived.rows), 'table')} with {plural(made, 'row')}: {derived.scale} of production's",
        *traffic.notes,
        *(derived.log.told(derived.name) if derived.log else ()),
    ]
    unseen = [one.table.qualified for one in derived.rows if not any(c.statistics for c in one.table.columns.values())]
    if unseen:
        told.append(
            f"No statistics of {', '.join(unseen[:5])}{' and others' if len(unseen) > 5 else ''}: "  # noqa: PLR2004 (a line)
            "their values are guesses. Run ANALYZE, or GRANT pg_read_all_data to the role, which may then see them"
        )
    if derived.schema.reason:
        told.append(
            f"schemas/{derived.name}/baseline.sql is what the catalogs say: {derived.schema.reason}. All of the schema "
            f"comes from: {derived.schema.command}"
        )
    return told
