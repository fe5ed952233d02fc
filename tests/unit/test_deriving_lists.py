"""Statements that differ in the length of a list are one, with an array; all others stay as they are."""

import pytest
from stated import column, table

from schemabench.deriving import lists
from schemabench.deriving.found import Executed
from schemabench.deriving.statement import Kind

LINES = table(
    "lines", column("id"), column("sku", base="text", category="S"), column("tags", base="_text", category="A")
)


def counted(sql: str, calls: int = 1, rows: int = 0) -> Executed:
    """Return a statement."""
    return Executed(sql=sql, kind=Kind.READ, role="app", calls=calls, total_ms=1.0, rows=rows)


def gathered(*statements: Executed) -> list[Executed]:
    """Return what they are together."""
    return lists.gathered(statements, [LINES], ["public"])


def test_lists_after_in_of_any_length_are_one_statement() -> None:
    (found,) = gathered(
        counted("SELECT * FROM lines WHERE id IN ($1)", 5, 5),
        counted("SELECT * FROM lines WHERE id IN ($1, $2, $3)", 2, 6),
    )

    assert found.sql == "SELECT * FROM lines WHERE id = ANY($1)"
    assert (found.calls, found.rows, found.lengths) == (7, 11, ((1, 5), (3, 2)))


def test_rows_of_values_of_any_number_are_one_statement() -> None:
    (found,) = gathered(
        counted("INSERT INTO lines (id, sku) VALUES ($1, $2), ($3, $4)", 3, 6),
        counted("INSERT INTO lines (id, sku) VALUES ($1, $2), ($3, $4), ($5, $6)", 1, 3),
    )

    assert "unnest(CAST($1 AS int8[]), CAST($2 AS text[]))" in found.sql
    assert found.lengths == ((2, 3), (3, 1))


def test_rows_that_an_orm_puts_in_order_are_one_statement() -> None:
    rows = "SELECT p0::BIGINT FROM (VALUES ($1::BIGINT, $3), ($2::BIGINT, $4)) AS s(p0, n) ORDER BY n RETURNING id"
    (found,) = gathered(counted(f"INSERT INTO lines (id) {rows}"))

    assert "unnest(CAST($1 AS bigint[]), CAST($2 AS text[])) AS s" in found.sql


def test_a_server_that_shortens_lists_itself_is_believed() -> None:
    (found,) = gathered(
        counted("SELECT * FROM lines WHERE id = ANY ($1)", 5),
        counted("SELECT * FROM lines WHERE id IN ($1)", 2),
    )

    assert (found.sql, found.calls, found.lengths) == ("SELECT * FROM lines WHERE id = ANY ($1)", 7, ())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT  *  FROM lines WHERE id = $1",
        "SELECT * FROM lines WHERE id IN ($1)",
        "SELECT * FROM lines WHERE id IN ($1, sku::bigint)",
        "INSERT INTO lines (id, sku) VALUES ($1, $2)",
        "INSERT INTO lines (id, tags) VALUES ($1, $2), ($3, $4)",
        "INSERT INTO lines (id, sku) VALUES ($1, now()), ($2, now())",
    ],
)
def test_other_statements_stay_as_they_are(sql: str) -> None:
    assert gathered(counted(sql)) == [counted(sql)]
