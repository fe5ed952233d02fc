"""The relations of a database by OID, for the names of locks.

Owns the attribution of partitions to their topmost parent, and of TOAST tables to their table. Must not know locks.
"""

from collections.abc import Mapping
from typing import NamedTuple

import psycopg
from psycopg.rows import TupleRow

from schemabench.monitor import queries
from schemabench.monitor.attribution import Relation


class Relations(NamedTuple):
    """All relations of a database at one moment, of every kind, since any of them may be locked."""

    named: Mapping[int, Relation]
    """By OID."""
    tables: Mapping[int, int]
    """The OID of each table -> that of its topmost parent, or its own if it is not a partition."""


def read(connection: psycopg.Connection[TupleRow]) -> Relations:
    """Return the relations of a database.

    Raises:
        psycopg.Error: The server failed.
    """
    rows = connection.execute(queries.text("relations")).fetchall()
    return Relations(
        named={oid: Relation(name=name, parent=parent or "") for oid, name, parent, _, _ in rows},
        tables={oid: oid if root is None else root for oid, _, _, root, is_table in rows if is_table},
    )
