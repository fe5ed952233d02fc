"""A project from a live database: its schema, its statements, and rows like its own.

    found = derive(conninfo, name="shop", rows=0.01, statements=20, values=False)
    for path, content in found.files.items(): ...

The database is only read, in one transaction that sees one snapshot. Without `values`, no content leaves it: of texts,
documents, bytes and addresses only shapes and sizes do; of numbers and times, ranges and frequent values.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from schemabench.deriving import catalog, dump, operations, project, rows, states, traffic, writers
from schemabench.deriving.contents import python_name
from schemabench.deriving.derived import Derived
from schemabench.deriving.found import quoted
from schemabench.deriving.scale import Scale, usual
from schemabench.deriving.source import no_database, opened
from schemabench.server.dsn import Conninfo

_QUESTION = re.compile(r"^\s*(?:#|--) Question: ", re.MULTILINE)

__all__ = ["Found", "derive", "plain_name"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A project that was derived."""

    files: dict[str, str]
    """Path -> text."""
    told: Sequence[str]
    """What a person should know, in sentences."""
    questions: int
    """How many questions stand in the files."""


def derive(conninfo: Conninfo, *, name: str, share: float | None, statements: int, values: bool) -> Found:
    """Return a project that is derived from a database.

    Args:
        conninfo: The database; may hold a password, which is in no file.
        name: The workload's name.
        share: The rows to make up, as a share of the real ones; None for about 100,000 in all.
        statements: How many statements become operations at most.
        values: Whether contents may be copied from the statistics.

    Raises:
        ServerError: The server cannot be reached, refused or failed.
        UsageError: The database has no tables, or its statements are not counted.
    """
    with opened(conninfo) as source:
        server = catalog.server(source)
        tables = catalog.tables(source, values=values)
        if not tables:
            raise no_database(f"The database {server.database!r} has no tables")
        counted = traffic.read(source, server)
        schemas = source.ask("schemas")
        path = [row["name"] for row in schemas if row["usable"]] or ["public"]
        ranked = traffic.ranked(counted.executed)
        found, failed, others = operations.derived(source, ranked, statements, tables, path)
        if not found:
            raise no_database(f"None of the statements of {server.database!r} can be prepared")
        schema = dump.read(source, server.version_num)
        views = [f"{quoted(row['schema'])}.{quoted(row['name'])}" for row in source.ask("views")]
        unused = [
            f"{quoted(row['schema'])}.{quoted(row['name'])}"
            for row in source.ask("unused_indexes", {"tables": [one.id for one in tables]})
        ]
    scale = Scale(share) if share else usual([one.rows for one in tables])
    made = rows.planned(tables, scale, values=values)
    found, rare = writers.at_work(found)
    kept, not_compared = states.states(made, found)
    who, slice_s = writers.grouped(found, counted.seconds)
    derived = Derived(
        name=name,
        server=f"PostgreSQL {server.version.split()[0]}",
        day=f"{server.read_at:%Y-%m-%d}",
        schema=schema,
        path=path,
        rows=made,
        operations=found,
        others=others,
        left_out=[*failed, *rare, *counted.left_out],
        traffic=counted,
        writers=who,
        slice_s=slice_s,
        scale=scale,
        states=kept,
        not_compared=not_compared,
        unused=unused,
        views=views,
        values=values,
    )
    files = project.files(derived)
    questions = sum(len(_QUESTION.findall(content)) for content in files.values())
    return Found(files=files, told=_told(derived), questions=questions)


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
        f"{len(found)} of {len(traffic.executed)} statements became operations, with {share:.0%} of all calls",
        f"{len(derived.rows)} tables with {made:,} rows: {derived.scale} of production's",
        *traffic.notes,
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
