"""When the backlog of a migration is worked off: by made-up times, as of a queue in front of a server."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from random import Random

import pytest

from schemabench.rehearsal.backlog import Line, gone_ns, lag_ns

MS = 1_000_000


def _line(ready_ms: Sequence[float], service_ms: float, lock_ms: tuple[float, float] = (0, 0), depth: int = 1) -> Line:
    """Return requests that take so long each, of which `depth` are in flight at a time, and none is done in a lock."""
    begin_ms, end_ms = lock_ms
    answered: list[float] = []
    sent: list[float] = []
    for place, ready in enumerate(ready_ms):
        free = answered[place - depth] if place >= depth else 0.0
        begun = max(ready, free)
        sent.append(begun)
        done = begun + service_ms
        if done > begin_ms and begun < end_ms:
            done = max(done, end_ms + service_ms)
        answered.append(max(done, answered[-1] if answered else 0.0))
    return Line(
        numbers=range(len(answered)),
        ready_ns=[round(one * MS) for one in ready_ms],
        begun_ns=[round(one * MS) for one in sent],
        answered_ns=[round(one * MS) for one in answered],
        operations=["add"] * len(answered),
    )


def test_calls_that_queue_behind_those_of_a_lock_are_held_up_by_it() -> None:
    line = _line(range(0, 10_000, 10), 6, (1000, 3000))

    over_ns = gone_ns([line], {}, 1000 * MS, 3000 * MS)

    late = [
        (ready, done)
        for ready, done in zip(line.ready_ns, line.answered_ns, strict=True)
        if ready >= over_ns and done - ready > 6 * MS
    ]
    assert late == []
    assert over_ns == pytest.approx(6000 * MS, abs=20 * MS)  # 2 s of calls, worked off at 4 ms in 10


def test_of_several_connections_the_last_backlog_counts() -> None:
    short, long = _line([0, 90, 300], 20, (0, 100)), _line([0, 90, 110, 120, 130, 300], 20, (0, 100))

    assert gone_ns([short, long], {}, 0, 100 * MS) == 200 * MS


def test_a_connection_that_was_free_has_no_backlog() -> None:
    line = _line([0, 200], 5)

    assert (
        gone_ns(
            [line, Line(numbers=(), ready_ns=(), begun_ns=(), answered_ns=(), operations=())], {}, 50 * MS, 100 * MS
        )
        == 100 * MS
    )


def test_a_backlog_that_no_connection_works_off_lasts_to_the_last_response() -> None:
    line = _line(range(0, 1000, 10), 10.5, (100, 200))

    assert gone_ns([line], {}, 100 * MS, 200 * MS) == line.answered_ns[-1]


def test_a_request_of_a_pipeline_waits_only_for_those_that_must_be_answered_before_it() -> None:
    depth = 4
    line = _line(range(0, 1000, 10), 25, (100, 200), depth)
    after = {number: max(0, number + 1 - depth) for number in line.numbers}

    over_ns = gone_ns([line], after, 100 * MS, 200 * MS)

    assert all(later - earlier == 10 * MS for earlier, later in pairwise(line.answered_ns[-20:]))  # in flight: 2 or 3
    assert over_ns < 400 * MS
    assert gone_ns([line], {}, 100 * MS, 200 * MS) == line.answered_ns[-1]  # as if one were in flight at a time


def test_a_slow_operation_of_before_does_not_hide_that_a_quick_one_is_held_up() -> None:
    quick = _line(range(0, 1000, 10), 6, (500, 600))
    slow = replace(_line([0], 300), operations=["report"])

    over_ns = gone_ns([quick, slow], {}, 500 * MS, 600 * MS)

    assert over_ns == gone_ns([quick], {}, 500 * MS, 600 * MS)
    assert over_ns > 700 * MS


def test_a_request_that_had_a_free_connection_was_sent_late_by_the_load_generator_alone() -> None:
    line = _line([0, 10, 20, 30, 200], 15)
    sent_late = replace(line, begun_ns=[*line.begun_ns[:4], line.begun_ns[4] + 7 * MS])

    assert lag_ns([line], {}, 0, 1000 * MS) == 0, "those that queued waited for the server"
    assert lag_ns([line, sent_late], {}, 0, 1000 * MS) == 7 * MS
    assert lag_ns([sent_late], {}, 0, 200 * MS) == 0
    assert lag_ns([line], {}, 250 * MS, 300 * MS) is None, "nothing was sent"
    assert lag_ns([], {}, 0, 1000 * MS) is None


def test_of_a_pipeline_only_what_must_be_answered_first_excuses_a_request_that_was_sent_late() -> None:
    line = _line([0, 1, 2], 20, depth=2)
    one_by_one = replace(line, begun_ns=[0, 20 * MS, 40 * MS])

    assert lag_ns([line], {1: 0, 2: 1}, 0, 1000 * MS) == 0
    assert lag_ns([one_by_one], {1: 0, 2: 1}, 0, 1000 * MS) == 20 * MS


@pytest.mark.parametrize("load", [0.8, 0.9, 0.95])
def test_calls_that_queue_as_they_did_before_are_not_held_up(load: float) -> None:
    random = Random(3)  # noqa: S311 (reproducible on purpose)

    def line(lock_ms: tuple[float, float] = (0, 0)) -> Line:
        return _line(list(accumulate(random.expovariate(load / 5) for _ in range(6_000))), 5, lock_ms)

    lines = [line() for _ in range(8)]

    assert gone_ns(lines, {}, 10_000 * MS, 10_500 * MS) == 10_500 * MS
    assert gone_ns([*lines, line((10_000, 10_500))], {}, 10_000 * MS, 10_500 * MS) > 10_550 * MS
