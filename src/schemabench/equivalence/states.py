"""Whether candidates still have the same logical rows.

Owns the comparison of states and the evaluation of invariants. Must not decide the consequences of a difference.
"""

from collections.abc import Iterator
from itertools import islice, zip_longest

import psycopg
from psycopg import sql

SHOWN_ROWS = 3
"""The maximum number of differing rows shown."""
_SHOWN_CHARACTERS = 160
_WHOLE_ROW = sql.Identifier("the row")  # a column of this name would be taken for the row


def digest(connection: psycopg.Connection[tuple[object, ...]], query: str) -> str:
    """Return a digest of a query's rows: equal for equal rows on one server, whatever the columns' names.

    The server computes it in constant memory: the number of rows, and the sum of their hashes.
    """
    statement = sql.SQL(
        "SELECT count(*) || ':' || coalesce(sum(hashtextextended({row}::text, 0)), 0) FROM (\n{query}\n) AS {row}"
    ).format(query=_plain(query), row=_WHOLE_ROW)
    row = connection.execute(statement).fetchone()
    assert row is not None, "an aggregate returns a row"
    return str(row[0])


def difference(
    name: str,
    reference: tuple[psycopg.Connection[tuple[object, ...]], str],
    other: tuple[psycopg.Connection[tuple[object, ...]], str],
) -> str | None:
    """Return how the rows of a state differ between two databases, in words, or None if they do not.

    Rows are streamed from both sides and compared in order, in constant memory.

    Args:
        name: The state's name.
        reference: A connection to the baseline's database, and its SQL for the state.
        other: Likewise for the compared database.
    """
    pairs = zip_longest(_rows(*reference), _rows(*other))
    differing = (
        f"row {number}: expected {_cut(expected)}, found {_cut(actual)}"
        for number, (expected, actual) in enumerate(pairs, start=1)
        if expected != actual
    )
    shown = list(islice(differing, SHOWN_ROWS))
    return f"the state {name!r} differs from the baseline's:\n" + "\n".join(shown) if shown else None


def violation(name: str, connection: psycopg.Connection[tuple[object, ...]], query: str) -> str | None:
    """Return the first rows that violate an invariant, in words, or None if it holds."""
    shown = [_cut(row) for row in islice(_rows(connection, query), SHOWN_ROWS)]
    return f"the invariant {name!r} does not hold:\n" + "\n".join(shown) if shown else None


def _cut(row: str | None) -> str:
    return "none" if row is None else row[:_SHOWN_CHARACTERS]


def _rows(connection: psycopg.Connection[tuple[object, ...]], query: str) -> Iterator[str]:
    """Yield the rows of a query as lines of CSV."""
    statement = sql.SQL("COPY (\n{}\n) TO STDOUT (FORMAT csv)").format(_plain(query))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            yield bytes(row).decode(errors="replace").rstrip("\n")


def _plain(query: str) -> sql.SQL:
    """Return a query without its semicolon."""
    return sql.SQL(query.rstrip().rstrip(";"))
