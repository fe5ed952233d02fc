"""Which candidates leave the blocks early, since few trials prove them to be much slower than the baseline.

Owns the decision, and what is kept of who left. Must not execute or compare anything.

One slow candidate makes every block long, and so takes from all others the blocks that a verdict needs. It leaves with
a verdict of its own: a bound that holds at so few trials.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.records import Trial

MULTIPLE = 8.0
"""Who takes so many times as long as the baseline leaves, as soon as half of it is proved."""
FIRST_BLOCK = 1
"""The first whose trials speak of that: in the one before, caches are cold and the server plans."""


@dataclass(frozen=True, kw_only=True)
class Retired:
    """A candidate that left the blocks early."""

    trials: int
    """Of it, that count."""
    difference: str = ""
    """What tells its rows from the baseline's after the same bursts; empty where nothing does."""


def lagging(trials: Mapping[str, Sequence[Trial]], names: Sequence[str], control: str) -> list[str]:
    """Return the candidates that are much slower than the baseline, beyond doubt.

    Args:
        trials: Entrant -> its trials so far.
        names: The entrants that are left, baseline and control among them.
        control: The name of the baseline's second entry.
    """
    rivals = [name for name in names if name not in (BASELINE, control)]
    noise = slowdowns(trials, control, BASELINE)
    found = []
    for name in rivals:
        logs = slowdowns(trials, name, BASELINE)
        if len(logs) < statistics.LEAST_TRIALS:
            continue
        span = statistics.lag(logs, noise, family=len(rivals))
        if span.centre >= math.log(MULTIPLE) and span.low >= math.log(MULTIPLE / 2):
            found.append(name)
    return found


def slowdowns(trials: Mapping[str, Sequence[Trial]], name: str, other: str) -> NDArray[np.float64]:
    """Return the log of how many times as long an entrant took as another, in each block in which both count."""
    own, others = (
        {one.block: one.duration_s for one in trials.get(who, ()) if one.block >= FIRST_BLOCK} for who in (name, other)
    )
    return np.array([math.log(own[block] / others[block]) for block in sorted(own.keys() & others.keys())])
