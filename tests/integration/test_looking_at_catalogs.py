"""What is looked at again and again: catalogs of many relations, without comparing each with every other."""

from importlib import resources
from typing import Any

import psycopg
import pytest

MOST_ROWS = 20
"""That a query may go through for each relation of the database: each of its joins sees a relation a few times."""


def rows_seen(node: dict[str, Any]) -> float:
    """Return the rows that a node of a plan and those below it returned or dropped."""
    own = node["Actual Rows"] + sum(node[name] for name in node if name.startswith("Rows Removed"))
    return float(own * node["Actual Loops"]) + sum(map(rows_seen, node.get("Plans", ())))


@pytest.mark.parametrize("name", ["relations", "upkeep"])
def test_rows_that_are_gone_through_grow_with_the_relations_and_not_with_their_square(conninfo: str, name: str) -> None:
    query = resources.files("schemabench.monitor").joinpath(f"queries/{name}.sql").read_text()
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE item (id int PRIMARY KEY, note text)")
        counted = connection.execute("SELECT count(*) FROM pg_class").fetchone()
        found = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}".encode()).fetchone()

    assert counted is not None
    assert found is not None
    assert counted[0] > 300
    assert rows_seen(found[0][0]["Plan"]) < MOST_ROWS * counted[0]
