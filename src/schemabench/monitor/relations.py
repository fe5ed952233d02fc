"""The relations of a database by OID, as locks name them.

Owns how a partition is laid to its topmost parent, and what is out of line to its table. Must not know locks.
"""

from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

import psycopg
from psycopg.rows import TupleRow

from schemabench.monitor.attribution import Relation


class Relations(NamedTuple):
    """All that a database holds at one moment, whatever its kind: who locks may lock any of it."""

    named: Mapping[int, Relation]
    """By OID."""
    tables: Mapping[int, int]
    """The OID of each table -> that of its topmost parent, or its own where it is no partition."""


def read(connection: psycopg.Connection[TupleRow]) -> Relations:
    """Return what a database holds.

    Raises:
        psycopg.Error: The server failed.
    """
    query = resources.files(__package__).joinpath("queries/relations.sql").read_text()
    rows = connection.execute(query).fetchall()
    return Relations(
        named={oid: Relation(name=name, parent=parent or "") for oid, name, parent, _, _ in rows},
        tables={oid: oid if root is None else root for oid, _, _, root, is_table in rows if is_table},
    )
