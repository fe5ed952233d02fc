"""Many short experiments, each kept as a line of JSON as soon as it is made, so that they can be made in slices.

    SCHEMABENCH_TRUTH_FOLDER=lines SCHEMABENCH_TRUTH_EXPERIMENTS=50 tox run -e truth -- -k level
    SCHEMABENCH_TRUTH_FOLDER=lines SCHEMABENCH_TRUTH_EXPERIMENTS=100 tox run -e truth -- -k level

makes 50 more by its second line, and judges 100. Owns this, and the limits of a share. Must not know what is judged.
"""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import scipy

EXPERIMENTS = os.environ.get("SCHEMABENCH_TRUTH_EXPERIMENTS")
"""How many to make and judge; each test has a number of its own where this is not set."""
SECONDS = os.environ.get("SCHEMABENCH_TRUTH_SECONDS")
"""How long to measure each for, likewise."""
FOLDER = os.environ.get("SCHEMABENCH_TRUTH_FOLDER")
"""Where lines are kept; nowhere where this is not set."""

Line = dict[str, Any]


def made(name: str, make: Callable[[int, float], Line], *, experiments: int, seconds: float) -> Sequence[Line]:
    """Return a line for each experiment, made now unless it is kept.

    Args:
        name: Of the file, without suffix.
        make: From the seed and the budget in seconds to what is known of one experiment.
        experiments: How many, unless the environment says otherwise.
        seconds: How long to measure each for, likewise.
    """
    path = Path(FOLDER, f"{name}.jsonl") if FOLDER else None
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []
    for seed in range(len(lines) + 1, int(EXPERIMENTS or experiments) + 1):
        lines.append(make(seed, float(SECONDS or seconds)))
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(lines[-1]) + "\n")
    return lines


def limits(times: int, experiments: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Clopper & Pearson 1934, Biometrika 26:404)."""
    interval = scipy.stats.binomtest(times, experiments).proportion_ci(confidence_level=0.95, method="exact")
    return float(interval.low), float(interval.high)
