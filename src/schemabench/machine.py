"""The machine of a run, within the limits that apply to the process.

Owns its description in a run's record, how its processors spent a time, suspended processes, and the refusal of
unsuitable machines. Must not measure it.
"""

import ctypes
import os
import platform
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

import psutil

from schemabench.errors import ServerError, UsageError
from schemabench.units import format_bytes

SYSTEM = "Linux"
"""The only system for measurements: epoll and timerfd drive the load, /proc provides processor times."""
LEAST_MEMORY_MIB = 192
"""Enough for a run of a small workload with its server; with 128 MiB the kernel kills one of them without warning."""
_SET_DEATH_SIGNAL, _GET_DEATH_SIGNAL = 1, 2
"""PR_SET_PDEATHSIG and PR_GET_PDEATHSIG: `prctl(2)`."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACES = Path("/proc/self/ns")
_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def clock() -> str:
    """Return whose clock `time.perf_counter_ns` is: the same for all processes that can compare its times.

    They are those of one boot of a kernel, in whichever containers, unless these have time namespaces of their own. A
    host's name says less: machines made from one image share it, and containers of one machine do not.
    """
    return _within("time")


def processes() -> str:
    """Return where a process id means the same process as here: another container has processes of its own."""
    return _within("pid")


def _within(namespace: str) -> str:
    """Return this host and this process's namespace of a kind, as in `pid`; the host alone if the kernel has none."""
    host = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else socket.gethostname()
    link = _NAMESPACES / namespace
    return f"{host} {link.readlink()}" if link.is_symlink() else host


def this_process() -> str:
    """Return this process in words, for whoever has to find it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def continue_without_parent() -> None:
    """Have the kernel continue this process, should it be suspended, when its parent ends; on Linux only.

    So a worker over ssh, whose parent is the connection, ends with that even if it was suspended. Any other signal that
    was asked for stays.
    """
    if platform.system() != SYSTEM:
        return
    kernel, present = ctypes.CDLL(None), ctypes.c_int()
    kernel.prctl(_GET_DEATH_SIGNAL, ctypes.byref(present))
    if not present.value:
        kernel.prctl(_SET_DEATH_SIGNAL, signal.SIGCONT)


def is_suspended(place: str, pid: int) -> bool:
    """Return whether a process is suspended (`SIGSTOP`); False if it has ended, or is not among `processes`."""
    with suppress(psutil.Error):
        return place == processes() and psutil.Process(pid).status() == psutil.STATUS_STOPPED
    return False


def check() -> None:
    """Refuse a machine that cannot measure.

    Raises:
        UsageError: It runs another system than Linux.
    """
    if platform.system() != SYSTEM:
        raise UsageError(
            f"schemabench measures on {SYSTEM} only; this machine runs {platform.system() or 'an unknown system'}",
            checked=["the load generator needs epoll and timerfd, which only Linux has"],
            remedies=[
                "run it on Linux; a container or a virtual machine is enough",
                "reports of saved runs can be drawn here: schemabench report RUN.json",
            ],
        )


def check_memory() -> None:
    """Refuse to start a server if the kernel would kill it, or this process, for lack of memory.

    Raises:
        ServerError: There is too little memory; holds the amount.
    """
    if (memory := memory_bytes()) < LEAST_MEMORY_MIB << 20:
        raise ServerError(
            f"Only {format_bytes(memory)} of memory is available, and a run with its own server needs "
            f"{LEAST_MEMORY_MIB} MiB plus its tables: the kernel would kill it",
            remedies=[
                "allow more: `docker run --memory 1g`, MemoryMax= of a systemd unit, the memory limit of a pod",
                "use a server on another machine: --postgres postgresql://user@host:5432/database",
            ],
        )


def memory_bytes() -> int:
    """Return the memory that this process may use: the machine's, or the limit of its control groups."""
    total: int = psutil.virtual_memory().total
    allowed = [text for (text,) in _of_groups("memory", ["memory.max"], ["memory.limit_in_bytes"])]
    return min([total, *(int(text) for text in allowed if text.isdecimal())])  # "max" if there is no limit


def cores() -> float:
    """Return the cores that this process may use: those of its affinity, or the quota of its control groups."""
    found: list[float] = [len(os.sched_getaffinity(0))]
    for words in _of_groups("cpu", ["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        quota, period = " ".join(words).split()
        if quota.isdecimal():  # "max" or -1 if there is no limit
            found.append(int(quota) / int(period))
    return min(found)


def described() -> dict[str, str]:
    """Return system, processor, cores, memory and Python as text; cores and memory within the process's limits."""
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": _share(f"{cores():g}", str(os.cpu_count())),
        "memory": _share(format_bytes(memory_bytes()), format_bytes(psutil.virtual_memory().total)),
        "python": platform.python_version(),
    }


def _share(used: str, whole: str) -> str:
    return whole if used == whole else f"{used} of {whole}"


def _of_groups(controller: str, names: list[str], old_names: list[str]) -> Iterator[list[str]]:
    """Yield the contents of a controller's files in each control group of this process, the innermost first.

    A container sees its own group at the top, whatever path /proc reports for the process.

    Args:
        controller: As in `memory`.
        names: The files in the unified hierarchy of version 2.
        old_names: The files in the controller's own hierarchy of version 1.
    """
    with suppress(OSError):
        for line in _OWN_GROUPS.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            group = PurePosixPath(path.lstrip("/"))
            for folder in (group, *group.parents):
                with suppress(OSError):
                    place = _GROUPS / controllers / folder
                    files = [place / name for name in (old_names if controllers else names)]
                    yield [file.read_text(encoding="ascii").strip() for file in files]


def processor_s() -> Mapping[str, float]:
    """Return the processor seconds of this machine, by kind."""
    spent: Mapping[str, float] = psutil.cpu_times()._asdict()
    return spent


def stolen_share(before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """Return the share of processor time between two moments that the host gave to other guests; None if unknown."""
    spent = {kind: after[kind] - before[kind] for kind in after if not kind.startswith("guest")}  # part of user, nice
    total = sum(spent.values())
    return spent["steal"] / total if "steal" in spent and total > 0 else None
