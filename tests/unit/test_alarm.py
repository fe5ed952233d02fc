"""The alarm of the loop, with the kernel's own timers."""

from collections.abc import Iterator
from contextlib import closing
from select import EPOLLET, EPOLLIN, epoll
from time import perf_counter_ns

import pytest

from schemabench.load.alarm import Alarm
from schemabench.units import NANOSECONDS

MILLISECOND = NANOSECONDS // 1000


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    with closing(Alarm()) as alarm:
        yield alarm


@pytest.fixture
def poll(alarm: Alarm) -> Iterator[epoll]:
    with epoll() as poll:
        poll.register(alarm.bell, EPOLLIN | EPOLLET)
        yield poll


def test_the_bell_rings_when_the_first_pause_is_over_and_not_before(alarm: Alarm, poll: epoll) -> None:
    until_ns = perf_counter_ns() + 3 * MILLISECOND
    alarm.pause(8, until_ns + 1000 * NANOSECONDS)
    alarm.pause(7, until_ns)

    assert poll.poll(10) == [(alarm.bell, EPOLLIN)]
    assert perf_counter_ns() >= until_ns
    assert alarm.over() == [7]
    assert poll.poll(0.01) == [], "the other is not over"


def test_pauses_end_in_the_order_of_their_ends(alarm: Alarm, poll: epoll) -> None:
    begun_ns = perf_counter_ns()
    for socket in (4, 2, 3, 1):
        alarm.pause(socket, begun_ns + socket * MILLISECOND)

    over: list[int] = []
    while len(over) < 4:
        assert poll.poll(10), "the alarm is set anew for the next"
        over += alarm.over()
    assert over == [1, 2, 3, 4]


def test_what_rang_falls_silent(alarm: Alarm, poll: epoll) -> None:
    alarm.pause(7, perf_counter_ns())
    assert poll.poll(10)
    alarm.over()

    assert poll.poll(0.01) == []


@pytest.mark.parametrize("until_ns", [0, 1])
def test_a_pause_that_was_over_before_the_clock_began_rings_at_once(alarm: Alarm, poll: epoll, until_ns: int) -> None:
    alarm.pause(7, perf_counter_ns() + 1000 * NANOSECONDS)
    alarm.pause(8, until_ns)

    assert poll.poll(10) == [(alarm.bell, EPOLLIN)], "a timer set to 0 would never ring for anybody"
    assert alarm.over() == [8]


def test_a_pause_that_is_over_already_rings_at_once(alarm: Alarm, poll: epoll) -> None:
    alarm.pause(7, perf_counter_ns() - NANOSECONDS)

    assert poll.poll(10)
    assert alarm.over() == [7]


def test_an_alarm_without_a_pause_is_silent(alarm: Alarm, poll: epoll) -> None:
    assert alarm.over() == []
    assert poll.poll(0.01) == []


def test_a_conversation_pauses_until_it_was_told_last(alarm: Alarm, poll: epoll) -> None:
    now_ns = perf_counter_ns()
    alarm.pause(7, now_ns + MILLISECOND)
    alarm.pause(7, now_ns + 5 * MILLISECOND)
    over: list[int] = []
    while not over:
        poll.poll(10)
        over += alarm.over()

    assert over == [7]
    assert perf_counter_ns() >= now_ns + 5 * MILLISECOND


def test_a_pause_that_is_forgotten_does_not_end(alarm: Alarm, poll: epoll) -> None:
    alarm.pause(7, perf_counter_ns() + MILLISECOND)
    alarm.pause(8, perf_counter_ns() + 2 * MILLISECOND)
    alarm.forget(7)
    alarm.forget(9)
    over: list[int] = []
    while not over:
        poll.poll(10)
        over += alarm.over()

    assert over == [8]
    alarm.pause(7, perf_counter_ns())
    assert alarm.over() == [7], "it can pause again"
