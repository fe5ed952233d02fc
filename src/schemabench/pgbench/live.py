"""What a live database gives to a project from scripts: its schema, rows like its own, and the types of parameters.

Owns what is read for scripts. Must not write files. As for any project from a live database, nothing is changed there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from pglast.parser import scan

from schemabench.deriving import catalog, dump, operations, rewriting, rows, sizes_of
from schemabench.deriving.derived import Derived
from schemabench.deriving.found import Traffic, quoted
from schemabench.deriving.scale import Scale, usual
from schemabench.deriving.source import Source, no_database, opened
from schemabench.errors import UsageError
from schemabench.pgbench.convert import PLANNED, Converted
from schemabench.server.dsn import Conninfo
from schemabench.sqlfile.block import marks
from schemabench.sqlfile.tokens import without_comments
from schemabench.statements import Text

_SLICE_S = 1.0
"""Stands in the file until somebody says how many seconds of production a burst is."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """A database that scripts are for."""

    conninfo: Conninfo
    share: float | None
    """The rows to make up, as a share of the real ones; None for about 100,000 in all."""
    values: bool
    """Whether contents may be copied from the statistics."""


def derived(live: Live, name: str, scripts: Sequence[Converted]) -> Derived:
    """Return what a database says of its schema and its rows; the parameters of scripts get their types.

    Raises:
        ServerError: The server cannot be reached, refused or failed.
        UsageError: The database has no tables, or cannot prepare a statement of a script.
    """
    with opened(live.conninfo) as source:
        server = catalog.server(source)
        tables = catalog.tables(source, values=live.values)
        if not tables:
            raise no_database(f"The database {server.database!r} has no tables")
        path = [row["name"] for row in source.ask("schemas") if row["usable"]] or ["public"]
        _give_types(source, path, scripts)
        schema = dump.read(source, server.version_num)
        whole = sizes_of(source, server)
        views, unused = (
            [f"{quoted(row['schema'])}.{quoted(row['name'])}" for row in found]
            for found in (source.ask("views"), source.ask("unused_indexes", {"tables": [one.id for one in tables]}))
        )
    scale = Scale(live.share) if live.share else usual([one.rows for one in tables])
    return Derived(
        name=name,
        server=whole.server,
        day=whole.day,
        production=whole,
        schema=schema,
        path=path,
        rows=rows.planned(tables, scale, values=live.values),
        operations=(),
        others=(),
        left_out=(),
        traffic=Traffic(executed=(), left_out=(), since=None, until=server.read_at),
        writers=(),
        slice_s=_SLICE_S,
        scale=scale,
        states=(),
        not_compared=(),
        unused=unused,
        views=views,
        values=live.values,
    )


def _give_types(source: Source, path: Sequence[str], scripts: Sequence[Converted]) -> None:
    """Write the types that the server infers behind the parameters of statements."""
    numbers = count()
    for script in scripts:
        for operation in script.operations:
            operation.statements[:] = [
                _typed(source, path, statement, script.script.label, next(numbers))
                for statement in operation.statements
            ]


def _typed(source: Source, path: Sequence[str], sql: str, label: str, number: int) -> str:
    """Return a statement with types, prepared under a name with a number that no other has."""
    words = without_comments(list(scan(sql)))
    if words[0].name not in PLANNED:
        return sql
    found = list(marks(Text(path=Path(label), source=sql, start=0, end=len(sql)), words))
    names = list(dict.fromkeys(mark.name for mark in found))
    numbered = sql
    for mark in reversed(found):
        numbered = f"{numbered[: mark.start]}${names.index(mark.name) + 1}{numbered[mark.end :]}"
    try:
        types = operations.types(source, numbered, path, number)
    except psycopg.Error as cause:
        raise UsageError(
            f"The database cannot prepare a statement of {label}: {cause.diag.message_primary}",
            checked=[f"the statement: {sql}"],
            remedies=["name the database that the script is for: --from DSN", "cast the parameter: :name::int"],
        ) from cause
    return rewriting.named(numbered, dict(enumerate(names, start=1)), types)
