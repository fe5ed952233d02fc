"""Pauses of conversations, and a file descriptor that becomes readable when one ends.

An epoll's own timeout is unsuitable. It counts in whole milliseconds, and each wait arms and disarms a kernel timer. In
a virtual machine that takes several microseconds if the timer would be the next to expire: a loop that was woken at 200
Hz lost 3 % of its throughput to that alone. A timerfd is armed once per pause, to the nanosecond.
"""

import ctypes
import os
from heapq import heappop, heappush
from time import CLOCK_MONOTONIC, perf_counter_ns

from schemabench.units import NANOSECONDS

_LIBC = ctypes.CDLL(None, use_errno=True)  # as os.timerfd_create, which comes with Python 3.13
_ABSOLUTE = 1
"""TFD_TIMER_ABSTIME: an absolute time."""
_ITIMERSPEC = ctypes.c_long * 4
"""Interval and time, each in seconds and nanoseconds: `timerfd_settime(2)`."""


class Alarm:
    """The pausing conversations, each with its end on the clock of `time.perf_counter_ns`.

    Attributes:
        bell: The descriptor; becomes readable when the first pause ends, and may stay so: wait for the edge.
    """

    def __init__(self) -> None:
        self.bell: int = _LIBC.timerfd_create(CLOCK_MONOTONIC, os.O_CLOEXEC | os.O_NONBLOCK)
        if self.bell < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._paused: list[tuple[int, int]] = []
        self._until_ns: dict[int, int] = {}
        """By conversation, while it pauses: others among the paused are out of date."""

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.bell)

    def pause(self, socket: int, until_ns: int) -> None:
        """Have a conversation, identified by its socket, pause until then, whatever it was told before."""
        if self._until_ns.get(socket) == until_ns:
            return
        self._until_ns[socket] = until_ns
        heappush(self._paused, (until_ns, socket))
        if self._paused[0][0] == until_ns:
            self._arm()

    def forget(self, socket: int) -> None:
        """End a conversation's pause, if any: it was resumed for another reason."""
        self._until_ns.pop(socket, None)

    def over(self) -> list[int]:
        """Remove and return the conversations whose pause is over."""
        over = []
        while self._paused and self._paused[0][0] <= perf_counter_ns():
            until_ns, socket = heappop(self._paused)
            if self._until_ns.get(socket) == until_ns:
                del self._until_ns[socket]
                over.append(socket)
        if self._paused:
            self._arm()
        return over

    def _arm(self) -> None:
        """Arm the timer for the end of the next pause, which may be over; a time of 0 would disarm it."""
        seconds, nanoseconds = divmod(max(1, self._paused[0][0]), NANOSECONDS)
        _LIBC.timerfd_settime(self.bell, _ABSOLUTE, _ITIMERSPEC(0, 0, seconds, nanoseconds), None)
