"""The JSON form of a part of a burst, settings and a refusal within messages.

Owns the conversion in both directions. Must not send anything, nor know which message carries the values.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from schemabench.errors import CandidateError, Place
from schemabench.experiment.team import Part
from schemabench.monitor.conditions import Held


def packed(part: Part) -> dict[str, object]:
    """Return a part of a burst as builtins: tuple keys become lists."""
    return asdict(part) | {
        kind: [[*key, count] for key, count in counts.items()]
        for kind, counts in (("retried", part.retried), ("accepted", part.accepted))
    }


def unpacked(fields: Mapping[str, Any]) -> Part:
    """Return the part that was `packed`."""
    counts = {
        kind: {(operation, reason): count for operation, reason, count in fields[kind]}
        for kind in ("retried", "accepted")
    }
    return msgspec.convert({**fields, **counts}, type=Part)


def read_held(fields: Mapping[str, Any]) -> Held:
    """Return the settings of a session from their JSON fields."""
    return msgspec.convert(fields, type=Held)


def written(refusal: CandidateError) -> dict[str, object]:
    """Return a server's refusal as builtins."""
    where = refusal.where
    return {
        "what": refusal.what,
        "where": asdict(where) | {"path": str(where.path)} if where else None,
        "sqlstate": refusal.sqlstate,
        "checked": refusal.checked,
        "remedies": refusal.remedies,
    }


def read(fields: Mapping[str, Any], worker: str) -> CandidateError:
    """Return the refusal that was `written`, with the worker that met it."""
    where = fields["where"]
    return CandidateError(
        fields["what"],
        where=Place(**where | {"path": Path(where["path"])}) if where else None,
        sqlstate=fields["sqlstate"],
        checked=[*fields["checked"], f"refused on the worker {worker}"],
        remedies=fields["remedies"],
    )
