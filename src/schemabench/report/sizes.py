"""The cardinalities of a workload as text.

Owns the form of sizes. Must not know their meaning.
"""

from collections.abc import Mapping
from typing import Any

from schemabench.cardinality import Frozen, values
from schemabench.report.layout import labelled, wrap

_INDENT = "  "


def cardinalities(known: Mapping[str, Any], frozen: Mapping[str, Frozen], width: int) -> str:
    """Return the cardinalities of a workload as lines of text: the origin and the fields of each.

    Args:
        known: Name -> cardinality.
        frozen: Those that Hypothesis chose.
        width: The maximum width of a line in columns.
    """
    lines = []
    for name, cardinality in known.items():
        lines += wrap(f"{name}: {_origin(frozen.get(name))}", width, indent=_INDENT)
        lines += labelled(_INDENT, sizes(values(cardinality)), width)
    return "\n".join(lines)


def sizes(fields: Mapping[str, Any]) -> str:
    """Return the fields of a cardinality in one line, as in `sites 2,000, media_kind stream`."""
    return ", ".join(f"{name} {size(value)}" for name, value in fields.items())


def size(value: object) -> str:
    """Return a value of a cardinality with thousands separators; 10.0 in a run file gives the same as 10."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"


def _origin(frozen: Frozen | None) -> str:
    if frozen is None:
        return "pinned by the workload"
    about = f": {frozen.about}" if frozen.about else ""
    return f"{frozen.origin} by Hypothesis {frozen.hypothesis} with seed {frozen.seed}, digest {frozen.digest}{about}"
