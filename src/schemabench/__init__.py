"""Rank candidate PostgreSQL schemas on a real server, under your own write pattern.

This is the interface for authors of workloads and for those who analyse runs; everything else is reached through pytest
and the command line. A name is loaded when it is first used: pytest imports this package in every session, also where
nothing is evaluated.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemabench.cardinality import Axis, log_scale
    from schemabench.frames import RunFrames
    from schemabench.loading import load_run
    from schemabench.workload import (
        BadLineError,
        Call,
        Companion,
        FileSeries,
        Given,
        Model,
        OtherInput,
        Replay,
        Rows,
        Workload,
        Writer,
    )

__all__ = [
    "Axis",
    "BadLineError",
    "Call",
    "Companion",
    "FileSeries",
    "Given",
    "Model",
    "OtherInput",
    "Replay",
    "Rows",
    "RunFrames",
    "Workload",
    "Writer",
    "load_run",
    "log_scale",
]
_ELSEWHERE = {"Axis": "cardinality", "RunFrames": "frames", "load_run": "loading", "log_scale": "cardinality"}
"""Name -> its module; that of all others is `workload`."""


def __getattr__(name: str) -> object:
    """Return a name of the interface from the module that has it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_ELSEWHERE.get(name, 'workload')}")
    value: object = getattr(module, name)
    return value


def __dir__() -> list[str]:
    """Return the names of the interface, loaded or not."""
    return sorted({*globals(), *__all__})
