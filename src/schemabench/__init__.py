"""Rank candidate PostgreSQL schemas on a real server, under your own write pattern.

This is the interface for authors of workloads; everything else is reached through pytest and the command line.
"""

from schemabench.cardinality import Axis, log_scale
from schemabench.workload import BadLineError, Call, Model, OtherInput, Replay, Workload, Writer

__all__ = ["Axis", "BadLineError", "Call", "Model", "OtherInput", "Replay", "Workload", "Writer", "log_scale"]
