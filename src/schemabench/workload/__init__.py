"""Workloads: the interface for their authors, and the folders that hold them."""

from schemabench.workload.adjusting import PACES, Adjustment
from schemabench.workload.authoring import (
    BadLineError,
    Call,
    Cardinality,
    Companion,
    FileSeries,
    Given,
    Model,
    OtherInput,
    Replay,
    Row,
    Rows,
    State,
    Workload,
    Writer,
)
from schemabench.workload.checking import OPERATIONS_FILE, Found, authored, check_bounds, check_calls, check_cardinality
from schemabench.workload.configured import as_toml, with_files
from schemabench.workload.folder import load, names, redraw, with_frozen
from schemabench.workload.parts import NO_PART, NOWHERE, Names, Parts, names_of

__all__ = [
    "NOWHERE",
    "NO_PART",
    "OPERATIONS_FILE",
    "PACES",
    "Adjustment",
    "BadLineError",
    "Call",
    "Cardinality",
    "Companion",
    "FileSeries",
    "Found",
    "Given",
    "Model",
    "Names",
    "OtherInput",
    "Parts",
    "Replay",
    "Row",
    "Rows",
    "State",
    "Workload",
    "Writer",
    "as_toml",
    "authored",
    "check_bounds",
    "check_calls",
    "check_cardinality",
    "load",
    "names",
    "names_of",
    "redraw",
    "with_files",
    "with_frozen",
]
