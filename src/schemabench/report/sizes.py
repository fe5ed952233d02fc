"""The cardinalities of a workload as text.

Owns how sizes are written. Must not know what they are the sizes of.
"""

from collections.abc import Mapping
from typing import Any

from schemabench.cardinality import Frozen, values
from schemabench.report.layout import labelled, wrap

_INDENT = "  "


def cardinalities(known: Mapping[str, Any], frozen: Mapping[str, Frozen], width: int) -> str:
    """Return the cardinalities of a workload as lines of text: where each came from, and its fields.

    Args:
        known: Name -> cardinality.
        frozen: Those of them that Hypothesis chose.
        width: The most columns of a line.
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
    """Return a value of a cardinality, thousands set apart; alike for a whole number that a run file held as 10.0."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"


def _origin(frozen: Frozen | None) -> str:
    if frozen is None:
        return "pinned by the workload"
    about = f": {frozen.about}" if frozen.about else ""
    return f"{frozen.origin} by Hypothesis {frozen.hypothesis} with seed {frozen.seed}, digest {frozen.digest}{about}"
