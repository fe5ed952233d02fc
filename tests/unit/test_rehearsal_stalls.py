"""To which stretch of a rehearsal a call belongs, and how long calls were held up there: by made-up times."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from schemabench.rehearsal import stalls
from schemabench.rehearsal.record import Stretch

MS = 1_000_000
LATE_NS = 100 * MS


def _calls(*times: tuple[int, int, int], failed: tuple[int, ...] = ()) -> stalls.Calls:
    """Return calls by (due, delay, service time), all in ms; a service time of 0 is of a call that was not begun."""
    due, delays, services = zip(*times, strict=True)
    return stalls.calls(
        ["add"] * len(times),
        [one * MS for one in due],
        [one * MS for one in delays],
        [one * MS for one in services],
        failed,
    )


def test_a_response_counts_from_when_the_call_was_due() -> None:
    calls = _calls((0, 0, 5), (10, 80, 30), (20, 0, 7))

    found = calls.stretch(calls.within(0, 30 * MS), LATE_NS)

    assert found == Stretch(calls=3, late=1, longest_s=0.11, failed=0)


def test_writers_are_behind_by_calls_that_have_waited_for_too_long_and_not_ended() -> None:
    calls = _calls((0, 5, 9), (10, 50, 1), (30, 20, 1), (41, 9, 1))

    assert calls.behind(40 * MS, 9 * MS, ()) == (2, 0.03)
    assert calls.behind(40 * MS, 10 * MS, ()) == (1, 0.03)
    assert calls.behind(40 * MS, 30 * MS, ()) == (0, 0.0)
    assert calls.behind(5 * MS, 9 * MS, ()) == (0, 0.0)
    assert calls.behind(40 * MS, 9 * MS, ("add",)) == (0, 0.0)


def test_a_call_that_is_executed_counts_as_behind_by_what_it_had_waited_before() -> None:
    one_connection = _calls((0, 0, 1500), (667, 833, 1500), (1333, 1667, 1500))

    assert one_connection.behind(1600 * MS, LATE_NS, ()) == (2, 0.833)
    assert one_connection.behind(1400 * MS, LATE_NS, ()) == (1, 0.733)
    assert _calls((0, 0, 1500)).behind(1400 * MS, LATE_NS, ()) == (0, 0.0)


def test_a_call_belongs_to_the_stretch_in_which_it_fell_due_however_late_it_ended() -> None:
    calls = _calls((9, 0, 500), (10, 0, 1), (19, 0, 1), (20, 0, 400))

    found = calls.stretch(calls.within(10 * MS, 20 * MS), LATE_NS)

    assert found == Stretch(calls=2, late=0, longest_s=0.001, failed=0)


def test_a_call_that_was_not_begun_is_none() -> None:
    calls = _calls((0, 0, 0), (1, 0, 2))

    assert calls.stretch(calls.within(0, 10 * MS), LATE_NS).calls == 1


def test_refused_calls_are_counted_where_they_fell_due() -> None:
    calls = _calls((0, 0, 0), (1, 0, 2), (2, 0, 2), (30, 0, 2), failed=(2, 3))

    assert calls.stretch(calls.within(0, 10 * MS), LATE_NS).failed == 1


def test_a_refusal_counts_as_a_response_only_if_it_was_late() -> None:
    calls = _calls((0, 0, 1), (1, 0, 2), (2, 300, 2), (3, 0, 7), failed=(1, 2))

    found = calls.stretch(calls.within(0, 10 * MS), LATE_NS)

    assert found == Stretch(calls=3, late=1, longest_s=0.302, failed=2)


def test_of_calls_that_were_all_refused_at_once_no_response_is_known() -> None:
    calls = _calls((0, 0, 1), (1, 0, 2), failed=(0, 1))

    found = calls.stretch(calls.within(0, 10 * MS), LATE_NS)

    assert found == Stretch(calls=0, late=0, longest_s=None, failed=2)


def test_a_stretch_without_calls_says_nothing_of_the_longest() -> None:
    calls = _calls((0, 0, 2))

    assert calls.stretch(calls.within(5 * MS, 6 * MS), LATE_NS) == Stretch(calls=0, late=0, longest_s=None, failed=0)


def test_a_call_that_was_under_way_when_a_stretch_began_may_be_held_up_in_it() -> None:
    calls = _calls((0, 0, 5), (8, 0, 40), (15, 0, 1), (20, 0, 1))

    assert list(calls.under_way(10 * MS, 20 * MS)) == [False, True, True, False]


def test_a_call_that_is_held_up_by_one_statement_is_none_of_the_next_one() -> None:
    held, short, other = (10 * MS, 410 * MS), (410 * MS, 413 * MS), (450 * MS, 460 * MS)
    calls = _calls((20, 0, 391), (300, 0, 111), (411, 0, 1), (412, 0, 41), (500, 0, 1))

    assert list(calls.mostly_in([held, short, other])) == [0, 0, 1, 2, -1]
    assert list(calls.mostly_in([])) == [-1] * 5


def test_what_a_migration_held_up_lasts_until_the_last_call_that_was_under_way() -> None:
    calls = _calls((0, 0, 2), (15, 30, 20), (21, 40, 50))

    assert calls.over_ns(10 * MS, 20 * MS) == 65 * MS
    assert calls.over_ns(200 * MS, 210 * MS) == 210 * MS


@given(
    times=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 500), st.integers(1, 500)), min_size=1),
    cuts=st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted),
)
def test_each_call_is_counted_in_one_stretch(times: list[tuple[int, int, int]], cuts: list[int]) -> None:
    calls = _calls(*times)
    bounds = [0, *(cut * MS for cut in cuts), 100 * MS]

    found = [calls.stretch(calls.within(begin, end), LATE_NS) for begin, end in pairwise(bounds)]

    assert sum(one.calls for one in found) == len(times)
    assert sum(one.late for one in found) == sum(delay + service > 100 for _, delay, service in times)
