"""Cardinalities: chosen by name, identified by a digest, drawn by Hypothesis, and frozen in a file.

A cardinality is any frozen dataclass of plain values. Must not know how bursts are made of it.
"""

from schemabench.cardinality.drawing import draw
from schemabench.cardinality.frozen import FILE, Frozen, freeze, read, thaw, write, write_whole
from schemabench.cardinality.identity import DEFAULT, digest, select, values
from schemabench.cardinality.scale import ROUND_TRIP, Axis, log_scale
from schemabench.cardinality.spread import spread

__all__ = [
    "DEFAULT",
    "FILE",
    "ROUND_TRIP",
    "Axis",
    "Frozen",
    "digest",
    "draw",
    "freeze",
    "log_scale",
    "read",
    "select",
    "spread",
    "thaw",
    "values",
    "write",
    "write_whole",
]
