"""Differences between states, in words, over connections that are played."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from schemabench.equivalence import difference, violation


class PlayedConnection:
    """A connection on which every COPY gives the same lines, and which remembers what was asked."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.asked: list[str] = []

    @contextmanager
    def cursor(self) -> Iterator["PlayedConnection"]:
        """Play the cursor too."""
        yield self

    @contextmanager
    def copy(self, statement: Any) -> Iterator[Iterator[bytes]]:  # noqa: ANN401 (psycopg's own types)
        """Give the lines."""
        self.asked.append(statement.as_string())
        yield (f"{line}\n".encode() for line in self.lines)


def _difference(expected: Sequence[str], actual: Sequence[str]) -> str | None:
    reference, other = PlayedConnection(expected), PlayedConnection(actual)
    return difference("state", [(reference, "SELECT 1;")], [(other, "SELECT 2")])  # type: ignore[arg-type]


def _violation(rows: Sequence[str], query: str = "SELECT 1") -> str | None:
    return violation("rule", [(PlayedConnection(rows), query)])  # type: ignore[arg-type]


def test_equal_rows_are_no_difference() -> None:
    assert _difference(["1,2", "3,4"], ["1,2", "3,4"]) is None
    assert _difference([], []) is None


def test_a_difference_names_row_and_both_values() -> None:
    assert _difference(["1", "2"], ["1", "3"]) == (
        "the state 'state' differs from the baseline's:\nrow 2: expected 2, found 3"
    )


def test_a_row_too_few_and_a_row_too_many_are_differences() -> None:
    assert str(_difference(["1"], [])).endswith("row 1: expected 1, found none")
    assert str(_difference([], ["1"])).endswith("row 1: expected none, found 1")


def test_null_is_not_the_empty_text() -> None:
    assert 'row 1: expected , found ""' in str(_difference([""], ['""']))


def test_only_the_first_rows_are_shown_and_long_ones_are_cut() -> None:
    text = str(_difference(["x" * 500 for _ in range(9)], []))

    assert text.count("expected") == 3
    assert len(text) < 700


def test_an_invariant_that_returns_no_row_holds() -> None:
    assert _violation([]) is None


def test_a_broken_invariant_shows_its_first_rows() -> None:
    assert _violation(["1", "2", "3", "4"]) == "the invariant 'rule' does not hold:\n1\n2\n3"


@pytest.mark.parametrize("query", ["SELECT 1", "SELECT 1;", "SELECT 1 -- last", "SELECT '{}' -- ;\n;\n"])
def test_a_query_is_copied_whatever_ends_it(query: str) -> None:
    connection = PlayedConnection(["a"])
    violation("rule", [(connection, query)])  # type: ignore[arg-type]

    (asked,) = connection.asked
    assert asked.startswith("COPY (\nSELECT")
    assert asked.endswith("\n) TO STDOUT (FORMAT csv)")
