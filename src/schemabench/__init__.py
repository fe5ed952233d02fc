"""Rank candidate PostgreSQL schemas on a real server, under your own write pattern.

This is the interface for authors of workloads; everything else is reached through pytest and the command line. A name
is loaded when it is first used: pytest imports this package in every session, also where nothing is evaluated.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemabench.cardinality import Axis, log_scale
    from schemabench.workload import BadLineError, Call, Model, OtherInput, Replay, Workload, Writer

__all__ = ["Axis", "BadLineError", "Call", "Model", "OtherInput", "Replay", "Workload", "Writer", "log_scale"]
_OF_CARDINALITIES = {"Axis", "log_scale"}


def __getattr__(name: str) -> object:
    """Return a name of the interface from the module that has it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module("schemabench.cardinality" if name in _OF_CARDINALITIES else "schemabench.workload")
    value: object = getattr(module, name)
    return value


def __dir__() -> list[str]:
    """Return the names of the interface, loaded or not."""
    return sorted({*globals(), *__all__})
