"""The selection of cardinalities by name, and the digest that makes runs comparable.

Owns both. Must not know the origin of a cardinality.
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
    """Return the names of the cardinalities to run: the wanted ones, all for `all`, `typical` if none is wanted.

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
                remedies=["choose one of these with --cardinality"],
            )
    return tuple(chosen)


def values(cardinality: Any) -> dict[str, Any]:  # noqa: ANN401 (authors bring their own dataclass)
    """Return the fields of a cardinality, a dataclass of plain values."""
    return asdict(cardinality)


def digest(workload: str, name: str, cardinality: Any, inputs: Mapping[str, str]) -> str:  # noqa: ANN401
    """Return a digest of everything that determines the bursts of a cardinality, except seed and size."""
    text = json.dumps([workload, name, values(cardinality), dict(inputs)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
