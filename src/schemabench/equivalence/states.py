"""Whether candidates still have the same logical rows.

Owns the comparison of states and the evaluation of invariants. Must not decide the consequences of a difference.
"""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain, islice, zip_longest
from typing import TypeAlias

import psycopg
from psycopg import sql

SHOWN_ROWS = 3
"""The maximum number of differing rows shown."""
_SHOWN_CHARACTERS = 160
Asked: TypeAlias = tuple[psycopg.Connection[tuple[object, ...]], str]
"""A connection that executes nothing else meanwhile, and the SQL of a query there. The rows of several are united."""
_WHOLE_ROW = sql.Identifier("the row")  # a column of this name would be taken for the row


def digest(asked: Sequence[Asked]) -> str:
    """Return a digest of a query's rows: equal for equal rows on one server, whatever their order or columns' names.

    The server computes it in constant memory: the number of rows, and the sum of their hashes.
    """
    counts, sums = zip(*(_digest(*one) for one in asked), strict=True)
    return f"{sum(counts)}:{sum(sums)}"


def _digest(connection: psycopg.Connection[tuple[object, ...]], query: str) -> tuple[int, int]:
    """Return the number of a query's rows, and the sum of their hashes."""
    statement = sql.SQL(
        "SELECT count(*), coalesce(sum(hashtextextended({row}::text, 0)), 0)::text FROM (\n{query}\n) AS {row}"
    ).format(query=_plain(query), row=_WHOLE_ROW)
    row = connection.execute(statement).fetchone()
    assert row is not None, "an aggregate returns a row"
    count, hashes = map(str, row)
    return int(count), int(hashes)


def difference(name: str, reference: Sequence[Asked], other: Sequence[Asked]) -> str | None:
    """Return how the rows of a state differ between two candidates, in words, or None if they do not.

    Rows are streamed from both sides, in constant memory. They are compared in order; where either side has several
    queries, in the order of their text.

    Args:
        name: The state's name.
        reference: The baseline's queries for the state.
        other: Likewise for the compared candidate.
    """
    rows = _in_order if len(reference) == len(other) == 1 else _sorted
    pairs = zip_longest(rows(reference), rows(other))
    differing = (
        f"row {number}: expected {_cut(expected)}, found {_cut(actual)}"
        for number, (expected, actual) in enumerate(pairs, start=1)
        if expected != actual
    )
    shown = list(islice(differing, SHOWN_ROWS))
    return f"the state {name!r} differs from the baseline's:\n" + "\n".join(shown) if shown else None


def violation(name: str, asked: Sequence[Asked]) -> str | None:
    """Return the first rows that violate an invariant, in words, or None if it holds."""
    shown = [_cut(row) for row in islice(_in_order(asked), SHOWN_ROWS)]
    return f"the invariant {name!r} does not hold:\n" + "\n".join(shown) if shown else None


def _cut(row: str | None) -> str:
    return "none" if row is None else row[:_SHOWN_CHARACTERS]


def _in_order(asked: Sequence[Asked]) -> Iterator[str]:
    """Yield the rows of queries as lines of CSV, query after query."""
    return chain.from_iterable(_rows(*one) for one in asked)


def _rows(connection: psycopg.Connection[tuple[object, ...]], query: str) -> Iterator[str]:
    statement = sql.SQL("COPY (\n{}\n) TO STDOUT (FORMAT csv)").format(_plain(query))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            yield bytes(row).decode(errors="replace").rstrip("\n")


def _sorted(asked: Sequence[Asked]) -> Iterator[str]:
    """Yield the rows of queries as the server writes rows, all of them in the order of their text."""
    return (text[1:-1] for text in merge(*(_texts(*one) for one in asked)))  # without the brackets of a row


def _texts(connection: psycopg.Connection[tuple[object, ...]], query: str) -> Iterator[str]:
    statement = sql.SQL(
        'COPY (SELECT {row}::text AS v FROM (\n{query}\n) AS {row} ORDER BY {row}::text COLLATE "C") TO STDOUT'
    ).format(query=_plain(query), row=_WHOLE_ROW)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for (text,) in copy.rows():
            yield str(text)


def _plain(query: str) -> sql.SQL:
    """Return a query without its semicolon."""
    return sql.SQL(query.rstrip().rstrip(";"))
