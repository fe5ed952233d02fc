"""Which candidates leave the blocks early, since few trials prove them to be much slower than the baseline.

Owns the decision, and what is kept of who left. Must not execute or compare anything.

One slow candidate makes every block long, and so takes from all others the blocks that a verdict needs. It leaves with
a verdict of its own: a bound that holds at so few trials. Where its trials are so unlike each other that the bound
proves nothing, as where a deadlock is met or is not, it leaves all the same once it has taken much of the budget.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.records import Trial

MULTIPLE = 8.0
"""Who takes so many times as long as the baseline leaves, as soon as half of it is proved."""
PRESSING_SHARE = 0.5
"""Of the budget: who has taken more than this, being much slower, leaves without proof."""
FIRST_BLOCK = 1
"""The first whose trials speak of that: in the one before, caches are cold and the server plans."""


@dataclass(frozen=True, kw_only=True)
class Retired:
    """A candidate that left the blocks early."""

    trials: int
    """Of it, that count."""
    difference: str = ""
    """What tells its rows from the baseline's after the same bursts; empty where nothing does."""


def lagging(
    trials: Mapping[str, Sequence[Trial]], names: Sequence[str], control: str, pressing: Collection[str] = ()
) -> list[str]:
    """Return the candidates that are much slower than the baseline, beyond doubt or with no time to lose.

    Args:
        trials: Entrant -> its trials so far.
        names: The entrants that are left, baseline and control among them.
        control: The name of the baseline's second entry.
        pressing: Those that need not be proved to be: see `PRESSING_SHARE`.
    """
    rivals = [name for name in names if name not in (BASELINE, control)]
    noise = slowdowns(trials, control, BASELINE)
    found = []
    for name in rivals:
        logs = slowdowns(trials, name, BASELINE)
        if len(logs) < statistics.LEAST_TRIALS:
            continue
        span = statistics.lag(logs, noise, family=len(rivals))
        proved = span.low >= math.log(MULTIPLE / 2) or name in pressing
        if span.centre >= math.log(MULTIPLE) and proved:
            found.append(name)
    return found


def undecided(trials: Mapping[str, Sequence[Trial]], names: Sequence[str], control: str) -> bool:
    """Return whether anybody was much slower so far and has had too few trials to leave."""
    rivals = [name for name in names if name not in (BASELINE, control)]
    seen = [slowdowns(trials, name, BASELINE) for name in rivals]
    return any(0 < len(logs) < statistics.LEAST_TRIALS and logs.max() >= math.log(MULTIPLE) for logs in seen)


def slowdowns(trials: Mapping[str, Sequence[Trial]], name: str, other: str) -> NDArray[np.float64]:
    """Return the log of how many times as long an entrant took as another, in each block in which both count."""
    own, others = (
        {one.block: one.duration_s for one in trials.get(who, ()) if one.block >= FIRST_BLOCK} for who in (name, other)
    )
    return np.array([math.log(own[block] / others[block]) for block in sorted(own.keys() & others.keys())])
