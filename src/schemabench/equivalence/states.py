"""Whether candidates still have the same logical rows.

Owns the comparison of states and the evaluation of invariants. Must not decide the consequences of a difference.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import chain, islice, zip_longest
from typing import TypeAlias

import psycopg
from psycopg import sql

SHOWN_ROWS = 3
"""The maximum number of differing rows shown."""
BASELINES = "the baseline's"
_SHOWN_CHARACTERS = 160
Asked: TypeAlias = tuple[psycopg.Connection[tuple[object, ...]], str]
"""A connection that executes nothing else meanwhile, and the SQL of a query there. The rows of several are united."""
Passing: TypeAlias = Callable[[Iterator[str]], Iterator[str]]
"""Yields the rows that it is given, and may do something as they pass; `iter` does nothing."""
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


def difference(
    name: str, reference: Sequence[Asked], other: Sequence[Asked], whose: str = BASELINES, passing: Passing = iter
) -> str | None:
    """Return how the rows of a state differ between two candidates, in words, or None if they do not.

    Rows are streamed from both sides, in constant memory. They are compared in order, or in any order if either side
    has several queries.

    Args:
        name: The state's name.
        reference: The baseline's queries for the state.
        other: Likewise for the compared candidate.
        whose: In words, whose rows are right.
        passing: Through which the rows of both sides pass.
    """
    if len(reference) == len(other) == 1:
        differing = _unequal(passing(_in_order(reference)), passing(_in_order(other)))
    else:
        differing = _unmatched(passing(_sorted(reference)), passing(_sorted(other)))
    shown = list(islice(differing, SHOWN_ROWS))
    return f"the state {name!r} differs from {whose}:\n" + "\n".join(shown) if shown else None


def _unequal(expected: Iterator[str], found: Iterator[str]) -> Iterator[str]:
    """Yield the rows that differ from those at the same place, in words."""
    for number, (one, two) in enumerate(zip_longest(expected, found), start=1):
        if one != two:
            yield f"row {number}: expected {_cut(one)}, found {_cut(two)}"


def _unmatched(expected: Iterator[str], found: Iterator[str]) -> Iterator[str]:
    """Yield the rows of two sorted sequences that have no counterpart, in words."""
    one, two = next(expected, None), next(found, None)
    while one is not None or two is not None:
        if one == two:
            one, two = next(expected, None), next(found, None)
        elif two is None or (one is not None and one < two):
            yield f"expected, and not found: {_cut(one)}"
            one = next(expected, None)
        else:
            yield f"found, and not expected: {_cut(two)}"
            two = next(found, None)


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
    """Yield the rows of queries as the server writes rows, as in `(north,7,100)`, in the order of their text."""
    return merge(*(_texts(*one) for one in asked))


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
