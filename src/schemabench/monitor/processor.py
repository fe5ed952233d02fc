"""The processor time of a candidate's sessions, which the operating system counts, not the server.

Owns the sum over processes that end and begin. Must not open a connection.
"""

from collections.abc import Sequence
from contextlib import suppress

import psutil

from schemabench.units import NANOSECONDS


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
        self._processes: list[psutil.Process] = []
        self._seconds: dict[int, float] = {}
        self._postmaster: psutil.Process | None = None
        self._ended_s = self._workers_s = 0.0
        self._launched: float | None = None
        try:
            for pid in pids if local else ():
                self._processes.append(psutil.Process(pid))
                _spent_s(self._processes[-1])  # which some systems deny
            if self._processes:
                self._postmaster = self._processes[0].parent()
        except psutil.Error as error:
            self.hindrance = f"the CPU time of the server's processes cannot be read on this machine: {error}"

    def seconds(self, launched: float | None) -> float:
        """Return the sum of user and system time; an ended process counts with its last known time.

        Args:
            launched: Number of parallel workers that the sessions have had so far; None if the server does not report
                it.
        """
        for process in tuple(self._processes):
            try:
                self._seconds[process.pid] = _spent_s(process)
            except psutil.Error:
                self._processes.remove(process)
                self._ended_s += self._seconds.get(process.pid, 0.0)  # a session of ours that ended is no worker
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


def _spent_s(process: psutil.Process) -> float:
    """Return the user and system time of a process.

    By Linux's scheduler where it tells, in nanoseconds: `cpu_times` is rounded down to hundredths of a second, both
    parts, which hides most of what a session has spent that was opened just before.

    Raises:
        psutil.Error: The process ended, or its time may not be read.
    """
    told = f"/proc/{process.pid}/schedstat"
    with suppress(OSError, ValueError, IndexError), open(told, "rb", buffering=0) as file:  # noqa: PTH123 (Path takes twice as long)
        if scheduled_ns := int(file.read().split()[0]):
            return scheduled_ns / NANOSECONDS
    times = process.cpu_times()
    return float(times.user + times.system)
