"""When a background continues a smaller one, and with which rows."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemabench import workload as workloads
from schemabench.experiment.continuing import Closing, Extent, Tracker, rest
from schemabench.experiment.feed import Chunk, Feed

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


def test_a_refresh_at_the_end_is_no_reason_not_to_continue() -> None:
    def with_refresh(number: int) -> Iterator[Chunk]:
        yield from rows(number)
        yield REFRESH

    assert further(with_refresh(3), with_refresh(5)) == [(3, "row 3"), (4, "row 4"), ()]


def test_calls_without_rows_at_the_end_are_held_back_and_those_before_a_row_are_not() -> None:
    first, second = list(rows(6))
    closing = Closing()

    assert list(closing.before(iter([REFRESH, first, REFRESH, second, REFRESH, REFRESH]))) == [
        REFRESH,
        first,
        REFRESH,
        second,
    ]
    assert closing.chunks == [REFRESH, REFRESH]


def test_a_database_as_it_is_before_its_closing_calls_reaches_as_far_as_its_rows() -> None:
    tracker, closing = Tracker(), Closing()
    executed = list(closing.before(tracker.along(iter([*rows(4), REFRESH, *rows(7, first=4), REFRESH]))))

    assert sum(len(chunk.rows) for chunk in executed) == tracker.extent.executions == 8


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


@pytest.mark.parametrize(
    ("name", "field", "smaller", "other"),
    [
        ("pageviews", "known_pages", 4_096, {}),
        ("usage", "history_days", 3, {"sites": 50, "media_entries": 50}),
        ("votes", "history_votes", 3_000, {}),
    ],
)
def test_the_shipped_workloads_grow_in_place_in_what_they_say_that_they_grow(
    name: str, field: str, smaller: int, other: dict[str, Any]
) -> None:
    found = workloads.load(Path(__file__).parents[2] / "workloads", name)
    small, large = (
        replace(found.workload.cardinalities["typical"], **other, **{field: size}) for size in (smaller, 3 * smaller)
    )
    first, all_of_it, tracker = (extent(Feed(found, small, 1, {}).background()), Feed(found, large, 1, {}), Tracker())
    added = rest(all_of_it.background(), first, tracker)

    assert found.workload.grows == field
    assert added is not None
    assert sum(chunk.written for chunk in added) == tracker.extent.rows - first.rows > 0
