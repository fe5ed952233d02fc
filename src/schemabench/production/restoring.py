"""Production's sizes and statistics in the catalogs of a copy.

Owns the writing. Frequencies and counts are production's; the values that have them are the copy's own, the most common
one of the copy for the most common one there, so that no value of production is needed, and calls are about values that
exist. The catalogs are written directly, as the functions for that (since 18) want the values, too.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

from schemabench.production.btree import Keys, pages
from schemabench.production.files import File
from schemabench.production.queries import Record, ask
from schemabench.production.recorded import Column, Relation

_COMMON, _CORRELATION = 1, 3
"""Kinds of statistics: https://www.postgresql.org/docs/current/catalog-pg-statistic.html, pg_statistic.h."""


def restore(connection: psycopg.Connection[Any], relations: Sequence[Relation]) -> None:
    """Give the relations of a database sizes and statistics.

    Args:
        connection: Of a superuser, to a database that is nobody else's.
        relations: As they are to be.

    Raises:
        psycopg.Error: The server refused.
    """
    for one in relations:
        sizes = {"rows": max(-1.0, one.rows), "pages": one.pages, "visible": one.visible}
        ask(connection, "resized", {"name": one.name, **sizes})
        for name, column in one.columns.items():
            _restore_column(connection, one, name, column)


def estimate(connection: psycopg.Connection[Any], names: Sequence[str]) -> frozenset[str]:
    """Give indexes a size by the statistics that were restored; return those of which none can be told.

    That can be told of a B-tree over all rows, of columns with statistics.

    Args:
        connection: As in `restore`.
        names: The indexes.

    Raises:
        psycopg.Error: The server refused.
    """
    left = set(names)
    for row in ask(connection, "keys", {"names": list(names)}) if names else ():
        if row["is_whole"] and row["key_bytes"] is not None:
            keys = Keys(**{name: row[name] for name in ("rows", "distinct", "key_bytes", "fill", "shared")})
            size = {"rows": keys.rows, "pages": pages(keys, row["page_bytes"]), "visible": 0}
            ask(connection, "resized", {"name": row["name"], **size})
            left.remove(row["name"])
    return frozenset(left)


def files(connection: psycopg.Connection[Any]) -> list[File]:
    """Return the files of a database whose statistics were restored, as large as these say.

    Raises:
        psycopg.Error: The server refused.
    """
    return [File(**row) for row in ask(connection, "files")]


def shares(count: int, column: Column, rows: float) -> list[float]:
    """Return the shares of a copy's most common values, by the shares of production's.

    Args:
        count: How many common values the copy has.
        column: Production's.
        rows: Of the table there.
    """
    listed = len(column.shares)
    distinct = column.distinct if column.distinct >= 0 else -column.distinct * rows
    rest = max(0.0, 1 - column.nulls - sum(column.shares)) / max(1.0, distinct - listed)
    return [*column.shares[:count], *[rest] * (count - listed)]


def _restore_column(connection: psycopg.Connection[Any], one: Relation, name: str, column: Column) -> None:
    about = {"name": one.name, "column": name, "nulls": column.nulls, "distinct": column.distinct}
    slots = ask(connection, "slots", about)
    if not slots:  # ANALYZE of an empty table leaves none
        ask(connection, "added", {**about, "width": column.width})
    for slot in slots:
        alike = slot["type"] == column.type
        numbers = {f"numbers{place}": some for place, some in enumerate(_numbers(slot, column, one.rows), start=1)}
        width = column.width if alike else None
        ask(connection, "counted", {**about, **slot, "width": width, **numbers})


def _numbers(slot: Record, column: Column, rows: float) -> list[list[float] | None]:
    """Return the new numbers of each kind of statistics; None for those that stay."""
    found: list[list[float] | None] = []
    for kind, count in zip(slot["kinds"], slot["counts"], strict=True):
        if kind == _COMMON:
            found.append(shares(count, column, rows))
        elif kind == _CORRELATION and column.correlation is not None:
            found.append([column.correlation])
        else:
            found.append(None)
    return found
