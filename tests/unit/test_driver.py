"""The loop over many conversations, with servers that are played over real sockets."""

import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from random import Random
from time import perf_counter_ns
from typing import Any

import pytest
from fake_connection import Answer, FakeConnection, refused

from schemabench.load import (
    Drive,
    Limits,
    LostConnectionError,
    Passing,
    Session,
    SlowCallError,
    StatementFailedError,
    Talk,
    drive,
    guard,
)
from schemabench.load import driver as driving
from schemabench.load.guard import alive
from schemabench.load.talk import Linked, Pause, Request, exchange
from schemabench.units import NANOSECONDS

Opened = Callable[..., Session]
Watch = tuple[int, Talk]


@pytest.fixture
def opened() -> Iterator[Opened]:
    connections: list[FakeConnection] = []

    def open_session(*script: Answer) -> Session:
        connection: Any = FakeConnection(*script)
        connections.append(connection)
        return Session(connection)

    yield open_session
    for connection in connections:
        connection.finish()


def _requests(*numbers: int) -> list[Request]:
    return [(number, "add", ((b"add_0", [b"%d" % number]),)) for number in numbers]


def _drive(
    queues: Sequence[tuple[Session, Sequence[Request]]],
    call_s: float = 5.0,
    watch: Watch | None = None,
    due_s: Sequence[float] | None = None,
    failure: Callable[[], str | None] = alive,
    **more: Any,  # noqa: ANN401 (of `Limits`)
) -> Drive:
    calls = sum(len(requests) for _, requests in queues)
    limits = Limits(call_s=call_s, **more)
    return drive(queues, calls=calls, limits=limits, failure=failure, random=Random(1), due_s=due_s, watch=watch)  # noqa: S311 (reproducible)


def _watch(watcher: Session, pause_s: float = 0.0, after: Callable[[int], None] = lambda _: None) -> Watch:
    """Return who looks for ever, with a pause before each look; `after` hears how many looks were answered."""

    def talk() -> Talk:
        for looks in count(1):
            if pause_s:
                yield Pause(perf_counter_ns() + round(pause_s * NANOSECONDS))
            yield from exchange(watcher.connection, (b"look", []))
            after(looks)

    return watcher.connection.socket, talk()


def _sent(session: Session) -> list[bytes]:
    connection: Any = session.connection
    return [parameters[0] for _, parameters in connection.sent]


def test_every_request_of_every_session_is_executed_once_in_order(opened: Opened) -> None:
    one, other = opened(), opened()
    done = _drive([(one, _requests(0, 2, 4)), (other, _requests(1, 3))])

    assert (_sent(one), _sent(other)) == ([b"0", b"2", b"4"], [b"1", b"3"])
    assert len(done.latencies_ns) == 5
    assert min(done.latencies_ns) > 0


def test_durations_fit_each_other(opened: Opened) -> None:
    done = _drive([(opened(), _requests(*range(20))), (opened(), _requests(20))])

    assert done.duration_ns == max(done.finished_ns)
    assert 0 < done.finished_ns[1] <= done.finished_ns[0]
    assert sum(done.latencies_ns[:20]) <= done.duration_ns
    assert done.busy_ns > 0


def test_a_session_without_requests_is_over_at_once(opened: Opened) -> None:
    idle = opened()
    done = _drive([(idle, []), (opened(), _requests(0))])

    assert _sent(idle) == []
    assert done.finished_ns[0] <= done.finished_ns[1]


def test_nothing_to_do_is_done(opened: Opened) -> None:
    assert _drive([(opened(), [])]).latencies_ns == []


@pytest.mark.parametrize("answer", [Answer(late=3), Answer(blocked=3), Answer(late=2, blocked=2)])
def test_slow_answers_and_full_sockets_hold_nobody_else_up(opened: Opened, answer: Answer) -> None:
    slow, quick = opened(answer, Answer(blocked=1)), opened()
    # a played socket stays readable until its answer was read, so that late parts come at once
    large: list[Request] = [(number, "add", ((b"add_0", [b"%d" % number, b"x" * 10_000]),)) for number in range(3)]
    done = _drive([(slow, large), (quick, _requests(3, 4))])

    assert (_sent(slow), _sent(quick)) == ([b"0", b"1", b"2"], [b"3", b"4"])
    assert min(done.latencies_ns) > 0


def test_a_retry_waits_while_others_go_on(opened: Opened) -> None:
    unlucky = opened(*(Answer(refused("40P01")) for _ in range(3)))
    other = opened()
    done = _drive([(unlucky, _requests(0, 1)), (other, _requests(2))])

    assert _sent(unlucky) == [b"0"] * 4 + [b"1"]
    assert unlucky.retried == {("add", "deadlock"): 3}
    assert done.finished_ns[1] < done.finished_ns[0]


def test_a_call_that_is_not_answered_in_its_time_ends_the_drive_and_is_named(opened: Opened) -> None:
    quick, slow = opened(), opened(Answer(), Answer(silent=True))
    with pytest.raises(SlowCallError) as caught:
        _drive([(quick, _requests(0)), (slow, _requests(1, 2))], 0.05)

    assert (caught.value.session, caught.value.request) == (slow, _requests(2)[0])
    assert 0.05 <= caught.value.elapsed_s < 4


def test_a_call_whose_session_others_outpace_is_found_out_all_the_same(opened: Opened) -> None:
    with pytest.raises(SlowCallError) as caught:
        _drive([(opened(), _requests(*range(1, 200_000))), (opened(Answer(silent=True)), _requests(0))], 0.05)

    assert caught.value.request == _requests(0)[0]


def test_many_calls_none_of_which_is_slow_pass_no_limit_of_a_call(opened: Opened) -> None:
    done = _drive([(opened(), _requests(0, 1, 2, 3))], 0.1, due_s=[0.0, 0.08, 0.16, 0.24])

    assert done.duration_ns > 0.2 * NANOSECONDS
    assert not done.cut


@pytest.mark.parametrize("pause_s", [0.0, 0.002])
def test_a_call_is_slow_however_busy_the_watcher_is(opened: Opened, pause_s: float) -> None:
    watcher = opened()
    watched: Any = watcher.connection

    with pytest.raises(SlowCallError):
        _drive([(opened(Answer(silent=True)), _requests(0))], 0.05, _watch(watcher, pause_s))
    assert len(watched.sent) > 1


def test_a_server_that_answers_nobody_is_lost_rather_than_a_call_slow(opened: Opened) -> None:
    with pytest.raises(LostConnectionError, match="has not answered 1 connection: no route"):
        _drive([(opened(Answer(silent=True)), _requests(0))], 0.05, failure=lambda: "no route")


def test_a_drive_is_cut_short_at_its_limit_with_what_was_done_and_what_was_not(opened: Opened) -> None:
    done = _drive(
        [(opened(), _requests(0, 1)), (opened(Answer(), Answer(silent=True)), _requests(2, 3, 4))], trial_s=0.05
    )

    assert done.cut
    assert [number for number, latency in enumerate(done.latencies_ns) if latency] == [0, 1, 2]
    assert list(done.flying_ns) == [3], "the last was not begun"
    assert done.finished_ns[0] < done.finished_ns[1] == done.duration_ns
    assert done.duration_ns >= 0.05 * NANOSECONDS


def test_a_watcher_does_not_keep_a_drive_that_is_cut_short(opened: Opened) -> None:
    watch = _watch(opened(), 0.002)
    limits = Limits(trial_s=0.05)
    queues = [(opened(Answer(silent=True)), _requests(0))]
    others = opened().connection.socket, lambda: False

    assert drive(queues, calls=1, limits=limits, random=Random(1), watch=watch, others=others).cut  # noqa: S311


def test_a_drive_that_lasts_tells_how_far_it_is_and_a_short_one_tells_nothing(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LOOK_S", 0.05)
    heard: list[Passing] = []
    _drive([(opened(), _requests(0))], told=heard.append)
    assert heard == []

    _drive([(opened(), _requests(0, 1, 2))], due_s=[0.0, 0.0, 0.3], told=heard.append)
    assert 2 <= len(heard) <= 6
    assert {(passing.done, passing.calls) for passing in heard} == {(2, 3)}
    assert [passing.elapsed_s for passing in heard] == sorted(passing.elapsed_s for passing in heard)


@pytest.mark.parametrize("pause_s", [0.0, 0.002])
def test_the_drive_ends_with_its_last_session_though_the_watcher_would_go_on(opened: Opened, pause_s: float) -> None:
    quick, slow, watcher = opened(), opened(Answer(silent=True)), opened()
    connection: Any = slow.connection
    watched: Any = watcher.connection
    watch = _watch(watcher, pause_s, lambda looks: connection.speak() if looks == 5 else None)
    done = _drive([(quick, _requests(0)), (slow, _requests(1))], watch=watch)

    assert (len(done.finished_ns), len(done.latencies_ns)) == (2, 2)
    assert 5 <= len(watched.sent) <= 7


def test_a_watcher_is_no_session_of_the_drive(opened: Opened) -> None:
    done = _drive([(opened(), [])], watch=_watch(opened(), 1000.0))

    assert len(done.finished_ns) == 1


def test_a_watcher_that_fails_ends_the_drive(opened: Opened) -> None:
    def fail(_: int) -> None:
        raise LostConnectionError("the watcher is gone")

    with pytest.raises(LostConnectionError, match="the watcher is gone"):
        _drive([(opened(Answer(silent=True)), _requests(0))], watch=_watch(opened(), after=fail))


def test_a_failure_ends_the_drive_and_says_whose_it_was(opened: Opened) -> None:
    failing = opened(Answer(refused("23505", "duplicate")))

    with pytest.raises(StatementFailedError) as caught:
        _drive([(opened(), _requests(0)), (failing, _requests(1))])
    assert caught.value.session is failing


def test_a_lost_connection_ends_the_drive(opened: Opened) -> None:
    with pytest.raises(LostConnectionError, match="gone"):
        _drive([(opened(), _requests(0)), (opened(Answer(lost="gone")), _requests(1))])


@pytest.mark.parametrize("script", [[], [Answer(lost="gone")]])
def test_garbage_is_collected_again_afterwards(opened: Opened, script: list[Answer]) -> None:
    assert gc.isenabled()
    try:
        _drive([(opened(*script), _requests(0))])
    except LostConnectionError:
        assert script
    assert gc.isenabled()


def test_an_open_loop_begins_each_request_when_it_is_due(opened: Opened) -> None:
    one, other = opened(), opened()
    due_s = [0.0, 0.01, 0.02, 0.03, 0.1]
    done = _drive([(one, _requests(0, 2, 4)), (other, _requests(1, 3))], due_s=due_s)

    assert (_sent(one), _sent(other)) == ([b"0", b"2", b"4"], [b"1", b"3"])
    assert done.duration_ns >= 0.1 * NANOSECONDS
    assert min(done.delays_ns) >= 0, "none begins before"
    assert sorted(done.lags_ns) == sorted(done.delays_ns[1:]), "a session was free for all but the first"


def test_an_open_loop_wakes_to_less_than_a_millisecond(opened: Opened) -> None:
    numbers = range(1, 40)

    def lag_ns() -> float:
        """Return by how much half of the requests begin too late."""
        done = _drive([(opened(), _requests(0, *numbers))], due_s=[number * 0.0033 for number in (0, *numbers)])
        return sorted(done.lags_ns)[len(done.lags_ns) // 2]

    assert any(lag_ns() < 0.5e-3 * NANOSECONDS for _ in range(20)), (
        "other work on the machine holds it up, but not always"
    )


def test_a_closed_loop_notes_no_delays(opened: Opened) -> None:
    done = _drive([(opened(), _requests(0, 1))])

    assert (done.delays_ns, done.lags_ns) == ((), ())


def test_a_pause_before_a_call_is_due_is_none_of_its_time(opened: Opened) -> None:
    watched = _watch(opened(), 0.002)
    done = _drive([(opened(), _requests(0, 1)), (opened(), _requests(2))], 0.05, watched, due_s=[0.0, 0.2, 0.0])

    assert done.duration_ns >= 0.2 * NANOSECONDS


def test_a_call_that_is_slow_after_a_long_pause_is_found_out_in_its_time(opened: Opened) -> None:
    with pytest.raises(SlowCallError) as caught:
        _drive([(opened(Answer(), Answer(silent=True)), _requests(0, 1))], 0.05, due_s=[0.0, 1.0])

    assert caught.value.elapsed_s < 1.0


def test_the_clock_of_an_open_loop_starts_when_its_schedule_is_made(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Watched(list[float]):
        def __iter__(self) -> Iterator[float]:
            for due_s in super().__iter__():
                seen.append("due")
                yield due_s

    def clock() -> int:
        seen.append("clock")
        return perf_counter_ns()

    monkeypatch.setattr(driving, "perf_counter_ns", clock)
    done = _drive([(opened(), _requests(*range(4)))], due_s=Watched([0.0] * 4))

    assert min(done.latencies_ns) > 0
    assert seen[: seen.index("clock")].count("due") == seen.count("due") == 4


def _linked(number: int, *, gives: str = "", takes: str = "") -> Request:
    """Return a request that gives something to others, without a value, or takes it."""
    recalls, remembers = [(0, takes)] if takes else [], {"": gives} if gives else {}
    step = Linked(b"add_0", [b"%d" % number], (b"add_0", [b"%d" % number]), recalls=recalls, remembers=remembers)
    return number, "add", (step,)


def test_at_a_pace_a_wait_for_another_call_passes_no_limit_of_a_call(opened: Opened) -> None:
    giver, taker = opened(), opened()
    taker = Session(taker.connection, memory=giver.memory)
    queues = [(giver, [_linked(0, gives="order 1")]), (taker, [_linked(1, takes="order 1")])]
    done = _drive(queues, 0.05, due_s=[0.2, 0.0])

    assert (_sent(giver), _sent(taker)) == ([b"0"], [b"1"])
    assert done.duration_ns >= 0.2 * NANOSECONDS
    assert done.latencies_ns[1] < 0.05 * NANOSECONDS


def test_at_a_pace_a_wait_that_does_not_end_is_cut_short_and_its_call_was_not_begun(opened: Opened) -> None:
    waiting = opened()
    done = _drive([(waiting, [_linked(0, takes="order 1")])], 0.05, due_s=[0.0], trial_s=0.2)

    assert (done.cut, done.latencies_ns, dict(done.flying_ns)) == (True, [0], {})
    assert _sent(waiting) == []


def test_without_a_pace_a_wait_that_does_not_end_passes_the_limit_of_a_call(opened: Opened) -> None:
    with pytest.raises(SlowCallError) as caught:
        _drive([(opened(), [_linked(0, takes="order 1")])], 0.05)

    assert caught.value.request[0] == 0
