"""The open loop's side of one connection, with a clock and a server that are played."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import pytest
from fake_connection import FakeConnection

from schemabench.load import Session, attempt, conversation, pace, pipeline
from schemabench.load.conversation import conduct, converse
from schemabench.load.pace import Ending, Schedule, keep_pace
from schemabench.load.talk import Linked, Pause, Request

CALL_NS = 300
"""What the server takes for a call."""


@dataclass
class Clock:
    """A clock that stands still but for what is waited for."""

    now_ns: int = 0

    def __call__(self) -> int:
        """Tell the time."""
        return self.now_ns


@dataclass
class Kept:
    """What became of requests."""

    begun_ns: list[int] = field(default_factory=list)
    responses_ns: list[int] = field(default_factory=list)
    latencies_ns: list[int] = field(default_factory=list)
    lags_ns: list[int] = field(default_factory=list)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (pace, conversation, attempt, pipeline):
        monkeypatch.setattr(module, "perf_counter_ns", clock)
    return clock


@pytest.fixture
def connection() -> Iterator[FakeConnection]:
    connection = FakeConnection()
    yield connection
    connection.finish()


def _keep(  # noqa: PLR0913 (what is played)
    clock: Clock,
    connection: FakeConnection,
    due_ns: Sequence[int],
    *,
    late_ns: int = 0,
    stalls: Sequence[int] = (),
    ending: Ending | None = None,
) -> Kept:
    """Execute requests with a loop that wakes so late after each pause, and a server that takes longer for some."""
    requests: list[Request] = [(number, "add", ((b"add_0", [b"%d" % number]),)) for number in range(len(due_ns))]
    played: Any = connection
    schedule = Schedule(offsets_ns=due_ns, delays_ns=[0] * len(due_ns), ending=ending)
    latencies_ns = [0] * len(due_ns)
    for want in keep_pace(converse, Session(played), requests, schedule, latencies_ns, Random(1)):  # noqa: S311 (reproducible)
        if isinstance(want, Pause):
            assert want.until_ns > clock.now_ns
            clock.now_ns = want.until_ns + late_ns
        else:
            number = len(connection.sent) - 1
            clock.now_ns += 10 * CALL_NS if number in stalls else CALL_NS
    begun_ns = [due + delay for due, delay in zip(due_ns, schedule.delays_ns, strict=True)]
    responses_ns = [delay + latency for delay, latency in zip(schedule.delays_ns, latencies_ns, strict=True)]
    return Kept(begun_ns, responses_ns, latencies_ns, schedule.lags_ns)


def test_no_request_begins_before_it_is_due(clock: Clock, connection: FakeConnection) -> None:
    kept = _keep(clock, connection, [1000, 2000, 5000])

    assert kept.begun_ns == [1000, 2000, 5000]
    assert kept.latencies_ns == kept.responses_ns == [CALL_NS] * 3


def test_late_request_is_timed_from_its_intended_start(clock: Clock, connection: FakeConnection) -> None:
    kept = _keep(clock, connection, [1000, 2000, 3000, 9000], stalls=[0])

    assert kept.begun_ns == [1000, 4000, 4300, 9000]
    assert kept.responses_ns == [3000, 2300, 1600, 300]
    assert kept.latencies_ns == [3000, 300, 300, 300]


def test_what_waits_for_the_server_is_no_lag_of_the_loop(clock: Clock, connection: FakeConnection) -> None:
    kept = _keep(clock, connection, [1000, 2000, 9000], late_ns=7, stalls=[0])

    assert kept.begun_ns == [1007, 4007, 9007]
    assert kept.lags_ns == [7, 7]


def test_what_is_due_now_begins_without_a_pause(clock: Clock, connection: FakeConnection) -> None:
    kept = _keep(clock, connection, [0, CALL_NS])

    assert (kept.begun_ns, kept.lags_ns) == ([0, CALL_NS], [])


def test_a_loop_that_ends_early_starts_what_is_due_before_and_nothing_else(
    clock: Clock, connection: FakeConnection
) -> None:
    kept = _keep(clock, connection, [1000, 2000, 5000, 6000], stalls=[1], ending=Ending(at_ns=5001))

    assert kept.latencies_ns == [CALL_NS, 10 * CALL_NS, CALL_NS, 0]
    assert clock.now_ns < 6000


def test_a_loop_ends_while_a_session_waits_for_what_is_due_much_later(clock: Clock, connection: FakeConnection) -> None:
    hour_ns = 3600 * 10**9

    kept = _keep(clock, connection, [1000, hour_ns], ending=Ending(at_ns=2000))

    assert kept.latencies_ns == [CALL_NS, 0]
    assert clock.now_ns < hour_ns


def test_an_end_that_is_told_late_ends_the_wait(clock: Clock, connection: FakeConnection) -> None:
    ending = Ending()
    schedule, hour_ns = Schedule(offsets_ns=[3600 * 10**9], delays_ns=[0], ending=ending), 3600 * 10**9
    played: Any = connection
    waits = keep_pace(converse, Session(played), [(0, "add", ())], schedule, [0], Random(1))  # noqa: S311 (reproducible)

    first = next(waits)
    assert isinstance(first, Pause)
    assert first.until_ns < hour_ns
    clock.now_ns = first.until_ns
    ending.at_ns = clock.now_ns

    assert list(waits) == []


def test_a_request_whose_giver_is_due_after_the_end_is_not_started(clock: Clock, connection: FakeConnection) -> None:
    ending, played = Ending(at_ns=10**9), Session(cast(Any, connection))
    taker = Linked(statement=b"take", parameters=[None], step=(b"take", [None]), recalls=[(0, "order 1")])
    schedule, latencies_ns = Schedule(offsets_ns=[1000], delays_ns=[0], ending=ending), [0]
    for want in keep_pace(conduct, played, [(0, "take", (taker,))], schedule, latencies_ns, Random(1)):  # noqa: S311 (reproducible)
        assert isinstance(want, Pause), "nothing is sent"
        clock.now_ns = want.until_ns

    assert ending.at_ns <= clock.now_ns < 2 * ending.at_ns
    assert (latencies_ns, schedule.lags_ns) == ([0], [])


class Piped(FakeConnection):
    """A connection that may enter pipeline mode."""

    def enter_pipeline_mode(self) -> None:
        """Enter it."""

    def exit_pipeline_mode(self) -> None:
        """Leave it."""


def test_a_request_behind_a_pipeline_whose_giver_is_due_after_the_end_is_not_started(clock: Clock) -> None:
    connection: Any = Piped()
    ending, taker = Ending(at_ns=10**9), Linked(b"take", [None], (b"take", [None]), recalls=[(0, "order 1")])
    schedule, latencies_ns = Schedule(offsets_ns=[1000], delays_ns=[0], ending=ending), [0]
    requests: list[Request] = [(0, "take", (taker,))]
    for want in pipeline.pipeline({}, Session(connection), requests, latencies_ns, Random(1), schedule):  # noqa: S311 (reproducible)
        assert isinstance(want, Pause), "nothing is sent"
        clock.now_ns = want.until_ns
        assert clock.now_ns < 2 * ending.at_ns, "it waits no longer than the rehearsal"

    assert (latencies_ns, schedule.lags_ns) == ([0], [])
    connection.finish()


def test_a_request_that_waits_for_another_is_not_in_flight_and_looks_more_seldom_the_longer_it_waits(
    clock: Clock, connection: FakeConnection
) -> None:
    session = Session(cast(Any, connection))
    taker = Linked(statement=b"take", parameters=[None], step=(b"take", [None]), recalls=[(0, "order 1")])
    schedule, looks = Schedule(offsets_ns=[0], delays_ns=[0]), 0
    for want in keep_pace(conduct, session, [(0, "take", (taker,))], schedule, [0], Random(1)):  # noqa: S311 (reproducible)
        if isinstance(want, Pause):
            assert session.flight.running() == []
            assert want.until_ns - clock.now_ns <= min(2_000_000, max(200_000, clock.now_ns // 8))
            clock.now_ns, looks = want.until_ns, looks + 1
        if clock.now_ns > 10**9:
            session.memory["order 1"] = b"7"

    assert connection.sent == [(b"take", [b"7"])]
    assert looks < 600
    assert schedule.delays_ns == [0], "what it waited for is no time of its own"
