"""Which cardinality a name stands for, and what makes two runs comparable.

Owns selection by name and the digest. Must not know where a cardinality came from.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from schemabench.errors import UsageError
from schemabench.naming import nearest

DEFAULT = "typical"
_DIGEST_LENGTH = 12  # 48 bits: enough to tell cardinalities apart, short enough to read


def select(workload: str, known: Mapping[str, Any], wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the cardinalities to run: those wanted, all for `all`, `typical` where none is wanted.

    Raises:
        UsageError: A name is unknown; the message names the nearest.
    """
    chosen = list(dict.fromkeys(wanted)) or [DEFAULT]
    if "all" in chosen:
        return tuple(known)
    for name in chosen:
        if name not in known:
            raise UsageError(
                f"The workload {workload!r} has no cardinality {name!r}{nearest(name, known)}",
                checked=[f"cardinalities: {', '.join(known)}"],
                remedies=["choose one with --cardinality", "run them all with --cardinality all"],
            )
    return tuple(chosen)


def values(cardinality: Any) -> dict[str, Any]:  # noqa: ANN401 (authors bring their own dataclass)
    """Return the fields of a cardinality, a dataclass of plain values."""
    return asdict(cardinality)


def digest(workload: str, name: str, cardinality: Any, inputs: Mapping[str, str]) -> str:  # noqa: ANN401
    """Return a digest over all that shapes the bursts of a cardinality, apart from seed and size."""
    text = json.dumps([workload, name, values(cardinality), dict(inputs)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
