"""Which candidates leave the blocks early, because few trials prove them to be much slower than the baseline.

Owns this decision, and the record of a candidate that left by any rule. Must not execute or compare anything. The other
rule is that of a race: see `statistics.race`.

A slow candidate makes every block long, and so takes the blocks that a verdict needs from all others. It leaves with a
separate verdict: a bound that holds with few trials. If its trials vary so much that the bound proves nothing, for
example because only some have a deadlock, it also leaves once it has used much of the budget.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.records import Trial
from schemabench.statistics import Beaten

MULTIPLE = 8.0
"""A candidate that takes this many times as long as the baseline leaves as soon as half of it is proved."""
PRESSING_SHARE = 0.5
"""A share of the budget: a much slower candidate that has used more leaves without proof."""
PRESSING_TRIALS = 2
"""The fewest much slower trials of such a candidate."""
FIRST_BLOCK = 1
"""The first block used for this: in the block before, caches are cold and the server plans."""


@dataclass(frozen=True, kw_only=True)
class WrongRows:
    """What is wrong with the rows of a candidate that left."""

    reason: str
    """In words."""
    is_absolute: bool = False
    """Whether they violate an invariant; otherwise they differ from the baseline's."""
    control_differs: bool = False
    """Whether the control's differed from the baseline's, too: then the difference proves nothing."""


@dataclass(frozen=True, kw_only=True)
class Retired:
    """A candidate that left the blocks early."""

    trials: int
    """The number of its trials that count."""
    wrong: WrongRows | None = None
    """What is wrong with its rows after the same bursts as the baseline; None if nothing."""
    beaten: Beaten | None = None
    """On what it left the race; None if it left as far slower than the baseline."""
    left_s: float = 0.0
    """Seconds spent in blocks by then."""


def lagging(
    trials: Mapping[str, Sequence[Trial]], names: Sequence[str], control: str, pressing: Collection[str] = ()
) -> list[str]:
    """Return the candidates that are much slower than the baseline, proved or pressing.

    Args:
        trials: Entrant -> its trials so far.
        names: The remaining entrants, baseline and control among them.
        control: The name of the baseline's second entry.
        pressing: Candidates that need no proof: see `PRESSING_SHARE`.
    """
    rivals = [name for name in names if name not in (BASELINE, control)]
    noise = slowdowns(trials, control, BASELINE)
    found = []
    for name in rivals:
        logs = slowdowns(trials, name, BASELINE)
        if len(logs) < statistics.LEAST_TRIALS:
            continue
        span = statistics.lag(logs, noise, family=len(rivals))
        proved = span.low >= math.log(MULTIPLE / 2)
        pressed = name in pressing and np.count_nonzero(logs >= math.log(MULTIPLE)) >= PRESSING_TRIALS
        if span.centre >= math.log(MULTIPLE) and (proved or pressed):
            found.append(name)
    return found


def undecided(trials: Mapping[str, Sequence[Trial]], names: Sequence[str], control: str) -> bool:
    """Return whether a candidate was much slower so far but has had too few trials to leave."""
    rivals = [name for name in names if name not in (BASELINE, control)]
    seen = [slowdowns(trials, name, BASELINE) for name in rivals]
    return any(0 < len(logs) < statistics.LEAST_TRIALS and logs.max() >= math.log(MULTIPLE) for logs in seen)


def slowdowns(trials: Mapping[str, Sequence[Trial]], name: str, other: str) -> NDArray[np.float64]:
    """Return the log ratio of an entrant's duration to another's, for each block in which both count."""
    own, others = (
        {one.block: one.duration_s for one in trials.get(who, ()) if one.block >= FIRST_BLOCK} for who in (name, other)
    )
    return np.array([math.log(own[block] / others[block]) for block in sorted(own.keys() & others.keys())])
