"""What the record of a run's one experiment says."""

import json
from collections.abc import Mapping
from typing import Any

from shop import Shop


def experiment(shop: Shop) -> dict[str, Any]:
    """Return the one experiment of the run that was written to `run.json`."""
    (found,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]
    return dict(found)


def without_clocks(record: Mapping[str, Any]) -> dict[str, object]:
    """Return what an experiment says that no clock has a part in."""
    return {
        "digest": record["digest"],
        "connections": [(writer["name"], writer["clients"]) for writer in record["writers"]],
        "states": {candidate["name"]: candidate["status"] for candidate in record["candidates"]},
        "first places": {candidate["name"]: candidate["trials"][0]["position"] for candidate in record["candidates"]},
    }


def trials(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the trials of all candidates."""
    return [trial for candidate in record["candidates"] for trial in candidate["trials"]]
