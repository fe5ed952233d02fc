"""Whether candidates still hold the same logical rows.

Owns the comparison of states and the reading of invariants. Must not decide what follows from a difference.
"""

from collections.abc import Iterator
from itertools import zip_longest

import psycopg
from psycopg import sql

SHOWN_ROWS = 3
"""Differing rows that are shown."""
_SHOWN_CHARACTERS = 160


def difference(
    name: str,
    reference: tuple[psycopg.Connection[tuple[object, ...]], str],
    other: tuple[psycopg.Connection[tuple[object, ...]], str],
) -> str | None:
    """Return how the rows of a state differ between two databases, in words, or None where they agree.

    Rows are streamed from both sides and compared in order, so memory does not grow with them.

    Args:
        name: The state's name.
        reference: A connection to the baseline's database, and its SQL for the state.
        other: Likewise for the database that is compared.
    """
    shown = []
    for number, (expected, actual) in enumerate(zip_longest(_rows(*reference), _rows(*other))):
        if expected != actual:
            shown.append(f"row {number}: expected {_cut(expected)}, found {_cut(actual)}")
        if len(shown) == SHOWN_ROWS:
            break
    return f"the state {name!r} differs from the baseline's: " + "; ".join(shown) if shown else None


def violation(name: str, connection: psycopg.Connection[tuple[object, ...]], query: str) -> str | None:
    """Return the first rows that break an invariant, in words, or None where it holds."""
    shown = []
    for number, row in enumerate(_rows(connection, query)):
        if number:  # after the header
            shown.append(_cut(row))
        if len(shown) == SHOWN_ROWS:
            break
    return f"the invariant {name!r} does not hold: " + "; ".join(shown) if shown else None


def _cut(row: str | None) -> str:
    return "none" if row is None else row[:_SHOWN_CHARACTERS]


def _rows(connection: psycopg.Connection[tuple[object, ...]], query: str) -> Iterator[str]:
    """Yield the header and the rows of a query as lines of CSV."""
    statement = sql.SQL("COPY (\n{}\n) TO STDOUT (FORMAT csv, HEADER)").format(sql.SQL(query.rstrip().rstrip(";")))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            yield bytes(row).decode(errors="replace").rstrip("\n")
