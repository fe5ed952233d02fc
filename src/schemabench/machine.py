"""The machine that a run is made on.

Owns what is said of it in a run's record, and which machines are refused. Must not measure it.
"""

import os
import platform

import psutil

from schemabench.errors import UsageError
from schemabench.units import format_bytes

SYSTEM = "Linux"
"""The one system that measures: its epoll and timerfd drive the load, its /proc tells processor time."""


def check() -> None:
    """Refuse a machine on which nothing can be measured.

    Raises:
        UsageError: With its system.
    """
    if platform.system() != SYSTEM:
        raise UsageError(
            f"schemabench measures on {SYSTEM} alone, and this is {platform.system() or 'an unknown system'}",
            checked=["what drives the load, epoll and timerfd: of Linux alone"],
            remedies=[
                "run it on Linux: a container or a virtual machine with Linux will do",
                "draw reports of saved runs here: schemabench report RUN.json",
            ],
        )


def described() -> dict[str, str]:
    """Return system, processor, cores, memory and Python, in words."""
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": format_bytes(psutil.virtual_memory().total),
        "python": platform.python_version(),
    }
