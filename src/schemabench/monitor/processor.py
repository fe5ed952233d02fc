"""The processor time of a candidate's sessions, which the operating system counts, not the server.

Owns the sum over processes that end and begin. Must not open a connection.
"""

import os
import sys
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
        except (psutil.Error, OSError) as error:
            self.close()
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
                clock.close()
                self._ended_s += self._seconds.get(clock.pid, 0.0)  # a session of ours that ended is no worker
        ended_s = self._ended()
        if launched is None or launched != self._launched:
            self._workers_s += ended_s - self._ended_s
        self._ended_s, self._launched = ended_s, launched
        return sum(self._seconds.values()) + self._workers_s

    def close(self) -> None:
        """Close what tells the time."""
        for clock in self._clocks:
            clock.close()

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
    parts, which hides most of what a session has spent that was opened just before. What tells it stays open, since
    that takes a fifth of the time, as long as half of the files that this process may have open are for others.

    Raises:
        psutil.Error: The process ended, or its time may not be read.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process: psutil.Process | None = None
        self._file: int | None = None
        self._path = f"/proc/{pid}/schedstat"
        with suppress(OSError, ValueError, IndexError):
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            if file < _most_files() // 2:  # the lowest number that is free
                self._file = file
            else:
                os.close(file)
            if self._scheduled_ns():
                return
        self.close()
        self._process = psutil.Process(pid)
        self._process.cpu_times()  # which some systems deny

    def spent_s(self) -> float:
        """Return the time; `OSError` or `psutil.Error` if the process ended."""
        if self._process is None:
            return self._scheduled_ns() / NANOSECONDS
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        """Close what tells the time."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _scheduled_ns(self) -> int:
        """Return for how long the process was executed."""
        if self._file is not None:
            return int(os.pread(self._file, _LINE_BYTES, 0).split(None, 1)[0])
        file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return int(os.read(file, _LINE_BYTES).split(None, 1)[0])
        finally:
            os.close(file)


def _most_files() -> int:
    """Return how many files this process may have open."""
    import resource  # noqa: PLC0415 (not on Windows, where reports are drawn all the same)

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
