"""Pauses of conversations, and a descriptor that becomes readable when one is over.

An epoll's own timeout is no clock for that. It counts in whole milliseconds; and each wait arms a timer of the kernel
and disarms it again, at several microseconds in a virtual machine where it would be the next to go off: a loop that was
woken at 200 Hz lost 3 % of its throughput to that alone. A timerfd is armed once a pause, to the nanosecond.
"""

import ctypes
import os
from heapq import heappop, heappush
from time import CLOCK_MONOTONIC, perf_counter_ns

from schemabench.units import NANOSECONDS

_LIBC = ctypes.CDLL(None, use_errno=True)  # as os.timerfd_create, which comes with Python 3.13
_ABSOLUTE = 1
"""TFD_TIMER_ABSTIME: when, rather than after how long."""
_ITIMERSPEC = ctypes.c_long * 4
"""Interval and time, each in seconds and nanoseconds: `timerfd_settime(2)`."""


class Alarm:
    """Who pauses until when, on the clock of `time.perf_counter_ns`.

    Attributes:
        bell: The descriptor; becomes readable when the first pause is over, and may stay so: wait for the edge.
    """

    def __init__(self) -> None:
        self.bell: int = _LIBC.timerfd_create(CLOCK_MONOTONIC, os.O_CLOEXEC | os.O_NONBLOCK)
        if self.bell < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._paused: list[tuple[int, int]] = []

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.bell)

    def pause(self, socket: int, until_ns: int) -> None:
        """Have a conversation, known by its socket, wait until then."""
        heappush(self._paused, (until_ns, socket))
        if self._paused[0][0] == until_ns:
            self._arm()

    def over(self) -> list[int]:
        """Take those whose pause is over."""
        over = []
        while self._paused and self._paused[0][0] <= perf_counter_ns():
            over.append(heappop(self._paused)[1])
        if self._paused:
            self._arm()
        return over

    def _arm(self) -> None:
        """Ring when the next pause is over."""
        seconds, nanoseconds = divmod(self._paused[0][0], NANOSECONDS)
        _LIBC.timerfd_settime(self.bell, _ABSOLUTE, _ITIMERSPEC(0, 0, seconds, nanoseconds), None)
