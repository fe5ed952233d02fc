"""The machine that a run is made on.

Owns what is said of it in a run's record. Must not measure it.
"""

import os
import platform

import psutil

from schemabench.units import format_bytes


def described() -> dict[str, str]:
    """Return system, processor, cores, memory and Python, in words."""
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": format_bytes(psutil.virtual_memory().total),
        "python": platform.python_version(),
    }
