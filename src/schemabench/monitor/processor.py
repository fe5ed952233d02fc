"""The processor time of a candidate's sessions, which the operating system counts, not the server.

Owns the sum over processes that end and begin. Must not open a connection.
"""

import os
from collections.abc import Sequence
from contextlib import suppress

import psutil

from schemabench.units import NANOSECONDS

_LINE_BYTES = 128
"""More than `schedstat` has: three numbers."""


class Processor:
    """The processor time of the writers' sessions and of their parallel workers.

    A parallel worker is a child of the postmaster, and is gone before its query ends; its time is then in the sum over
    all ended children. The sum's increase counts if the server reports such workers for this database, since version
    18, and always if it cannot report them. It includes any other child that ended since the last reading, mostly
    autovacuum workers, with its total time. Systems other than Linux keep no such sum: there, only leaders count.
    """

    def __init__(self, pids: Sequence[int], *, local: bool) -> None:
        self.hindrance = "" if local else "the server is not on this machine"
        """Why their time is unknown; empty if it is known."""
        self._clocks: list[_Clock] = []
        self._seconds: dict[int, float] = {}
        self._postmaster: psutil.Process | None = None
        self._ended_s = self._workers_s = 0.0
        self._launched: float | None = None
        try:
            for pid in pids if local else ():
                self._clocks.append(_Clock(pid))
            if self._clocks:
                self._postmaster = psutil.Process(self._clocks[0].pid).parent()
        except psutil.Error as error:
            self.hindrance = f"the CPU time of the server's processes cannot be read on this machine: {error}"

    def seconds(self, launched: float | None) -> float:
        """Return the sum of user and system time; an ended process counts with its last known time.

        Args:
            launched: Number of parallel workers that the sessions have had so far; None if the server does not report
                it.
        """
        for clock in tuple(self._clocks):
            try:
                self._seconds[clock.pid] = clock.spent_s()
            except (psutil.Error, OSError):
                self._clocks.remove(clock)
                self._ended_s += self._seconds.get(clock.pid, 0.0)  # a session of ours that ended is no worker
        ended_s = self._ended()
        if launched is None or launched != self._launched:
            self._workers_s += ended_s - self._ended_s
        self._ended_s, self._launched = ended_s, launched
        return sum(self._seconds.values()) + self._workers_s

    def _ended(self) -> float:
        """Return the time of all ended children of the postmaster, in seconds; 0 if unknown."""
        if self._postmaster is not None:
            with suppress(psutil.Error):
                times = self._postmaster.cpu_times()
                return float(getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0))
        return self._ended_s


class _Clock:
    """The user and system time of a process.

    By Linux's scheduler where it tells, in nanoseconds: `cpu_times` is rounded down to hundredths of a second, both
    parts, which hides most of what a session has spent that was opened just before.

    Raises:
        psutil.Error: The process ended, or its time may not be read.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process: psutil.Process | None = None
        self._path = f"/proc/{pid}/schedstat"
        with suppress(OSError, ValueError, IndexError):
            if _scheduled_ns(self._path):
                return
        self._process = psutil.Process(pid)
        self._process.cpu_times()  # which some systems deny

    def spent_s(self) -> float:
        """Return the time; `OSError` or `psutil.Error` if the process ended."""
        if self._process is None:
            return _scheduled_ns(self._path) / NANOSECONDS
        times = self._process.cpu_times()
        return float(times.user + times.system)


def _scheduled_ns(path: str) -> int:
    """Return for how long a process was executed, by its `schedstat`; unbuffered, since there are many processes."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(file, _LINE_BYTES).split(None, 1)[0])
    finally:
        os.close(file)
