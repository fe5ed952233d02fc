"""When a background continues a smaller one, and with which rows."""

from collections.abc import Iterator

import pytest

from schemabench.experiment.continuing import Extent, Tracker, rest
from schemabench.experiment.feed import Chunk

REFRESH = Chunk("refresh", (), [()], 0)


def rows(number: int, at_once: int = 3, first: int = 0) -> Iterator[Chunk]:
    """Yield rows of one operation, in chunks."""
    every = [(one, f"row {one}") for one in range(first, number)]
    for start in range(0, len(every), at_once):
        some = every[start : start + at_once]
        yield Chunk("fill", ("id", "name"), some, len(some))


def call(number: int) -> Chunk:
    """Return a call that writes several rows from an array."""
    return Chunk("load", ("ids",), [([*range(number, number + 10)],)], 10)


def extent(chunks: Iterator[Chunk]) -> Extent:
    """Return how far a background reaches."""
    tracker = Tracker()
    list(tracker.along(chunks))
    return tracker.extent


def further(smaller: Iterator[Chunk], larger: Iterator[Chunk]) -> list[object] | None:
    """Return the executions that a larger background adds; None if it is another one."""
    tracker = Tracker()
    found = rest(larger, extent(smaller), tracker)
    return None if found is None else [row for chunk in found for row in chunk.rows]


@pytest.mark.parametrize(("small", "at_once"), [(3, 3), (4, 3), (4, 100), (6, 1)])
def test_what_is_added_begins_where_the_smaller_one_ends_whatever_the_chunks(small: int, at_once: int) -> None:
    assert further(rows(small), rows(8, at_once)) == [(one, f"row {one}") for one in range(small, 8)]


def test_a_refresh_at_the_end_is_executed_again() -> None:
    def with_refresh(number: int) -> Iterator[Chunk]:
        yield from rows(number)
        yield REFRESH

    assert further(with_refresh(3), with_refresh(5)) == [(3, "row 3"), (4, "row 4"), ()]


def test_a_call_is_not_taken_apart() -> None:
    assert further(iter([call(0)]), iter([call(0), call(10)])) == [([*range(10, 20)],)]
    assert further(iter([call(0)]), iter([call(5), call(15)])) is None


def test_other_rows_or_another_order_or_fewer_rows_do_not_continue() -> None:
    assert further(rows(4), rows(8, first=1)) is None
    assert further(rows(4), iter([call(0), *rows(4)])) is None
    assert further(rows(4), rows(2)) is None


def test_a_background_without_rows_is_continued_by_any() -> None:
    assert further(iter(()), rows(2)) == [(0, "row 0"), (1, "row 1")]
    assert further(iter([REFRESH]), iter([REFRESH])) == [()]


def test_the_grown_one_can_grow_again() -> None:
    tracker = Tracker()
    found = rest(rows(5), extent(rows(3)), tracker)
    assert found is not None
    list(found)

    assert tracker.extent == extent(rows(5))
    assert tracker.extent.rows == 5
