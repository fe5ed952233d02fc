"""Sizes and statistics of a database, as its catalogs have them.

Owns the reading, of production and of a copy alike. Must not read a table.
"""

from collections import defaultdict
from typing import Any

import psycopg

from schemabench.production.queries import ask
from schemabench.production.recorded import Column, Production, Relation


def taken(connection: psycopg.Connection[Any], *, server: str, day: str) -> Production:
    """Return the sizes, statistics and settings of the planner of a database.

    Args:
        connection: To the database; a transaction may be open.
        server: As in `PostgreSQL 18.6`.
        day: As in `2026-11-29`.

    Raises:
        psycopg.Error: The server refused.
    """
    return Production(
        server=server,
        day=day,
        settings={row["name"]: row["value"] for row in ask(connection, "settings")},
        relations=relations(connection),
    )


def relations(connection: psycopg.Connection[Any]) -> tuple[Relation, ...]:
    """Return the tables, partitions, materialized views and indexes of a database with their statistics.

    Raises:
        psycopg.Error: The server refused.
    """
    found = ask(connection, "relations")
    columns: dict[int, dict[str, Column]] = defaultdict(dict)
    for row in ask(connection, "columns", {"ids": [row["id"] for row in found]}):
        number, name, shares = row.pop("id"), row.pop("name"), row.pop("shares")
        columns[number][name] = Column(**row, shares=tuple(shares or ()))
    return tuple(Relation(columns=columns[row.pop("id")], **row) for row in found)
