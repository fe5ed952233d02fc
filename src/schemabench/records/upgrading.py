"""Run files of older formats, as this version would have written them.

Owns what became of fields that went away. Must not compute anything.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from schemabench.records.standing import LOCK_WAITS, THROUGHPUT, Criterion

_RANKS_BY_CRITERION = 3
"""The first format in which each criterion has its own ranks."""
_THROUGHPUT = {"rate": "figure", "ratio": "to_baseline", "late_ratio": "late"}
_LOCK_WAITS = {"share": "figure", "difference": "to_baseline"}
"""Old name of a field of a standing -> today's."""
_FEW_BLOCKS = "few-blocks"
"""The notice on an experiment that has too few blocks to tell lock waits apart."""


def upgraded(value: object) -> object:
    """Return a run made of builtins in today's format; as it is where it is no run, or in that format already."""
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("format"), int)
        or value["format"] >= _RANKS_BY_CRITERION
    ):
        return value
    experiments = value.get("experiments", ())
    return {**value, "experiments": [_experiment(one) if isinstance(one, dict) else one for one in experiments]}


def _experiment(old: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: part for key, part in old.items() if key not in {"control", "lock_control"}}
    undecided = old.get("smallest_difference") is None
    few = undecided or any(notice.get("code") == _FEW_BLOCKS for notice in old.get("notices", ()))
    candidates = old.get("candidates", ())
    criteria = []
    if any(one.get("standing") for one in candidates):
        criteria.append(_criterion(THROUGHPUT, _standing(old.get("control"), _THROUGHPUT), decides=not undecided))
    if any(one.get("lock_standing") for one in candidates):
        criteria.append(_criterion(LOCK_WAITS, _standing(old.get("lock_control"), _LOCK_WAITS), decides=not few))
    return {**kept, "criteria": criteria, "candidates": [_candidate(one) for one in candidates]}


def _criterion(criterion: Criterion, control: Mapping[str, Any] | None, *, decides: bool) -> dict[str, Any]:
    return {**msgspec.to_builtins(criterion), "control": control, "decides": decides}


def _candidate(old: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: part for key, part in old.items() if key not in {"standing", "lock_standing"}}
    standings = {
        THROUGHPUT.name: _standing(old.get("standing"), _THROUGHPUT),
        LOCK_WAITS.name: _standing(old.get("lock_standing"), _LOCK_WAITS),
    }
    return {**kept, "standings": {name: one for name, one in standings.items() if one is not None}}


def _standing(old: Mapping[str, Any] | None, names: Mapping[str, str]) -> dict[str, Any] | None:
    return None if old is None else {names.get(key, key): part for key, part in old.items()}
