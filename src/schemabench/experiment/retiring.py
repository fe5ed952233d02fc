"""Which candidates leave the blocks before their end, since they would take the time of all others.

Owns the rule, and what is then known of them. Must not execute or compare anything on a server.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench import records, statistics
from schemabench.candidate import BASELINE
from schemabench.experiment.plan import CONTROL
from schemabench.records import Estimate, Retirement
from schemabench.units import format_at_least

MULTIPLE = 8.0
"""A candidate leaves once each of its last trials took so many times as long as the baseline's: a block of it takes the
time of as many others, and nobody chooses it, whatever its exact ratio."""
FIRST, LAST = min(statistics.DOUBTS), max(statistics.DOUBTS)
"""Trials after which a candidate may leave, of which two warm up; and its last trials that are looked at later. Each
further look is one more chance to be wrong: those at as few as three would be too many."""
LEAST = 4.0
"""So many times as long is beyond chance then, or it stays: where the control differs much from the baseline, too, more
blocks are worth their time."""


@dataclass(frozen=True, kw_only=True)
class Retired:
    """What is known of a candidate that left."""

    retirement: Retirement
    ratio: Estimate
    """Of its throughput to the baseline's."""
    better: frozenset[tuple[str, str]]
    """(better, worse), itself among the two, of those that were there in its last blocks."""
    window: int
    """Its last trials, of which that is known."""
    blocks: int
    """That were executed when it left, counted or not."""
    difference: str = ""
    """How its rows differed from the baseline's then, both after the same bursts; empty where they did not."""

    def __str__(self) -> str:
        """Return its verdict, as in `at least 12x slower than the baseline, in 4 of 4 trials`."""
        found = self.retirement
        times = f"in {found.times} of {found.trials} trials"
        return f"at least {format_at_least(found.slower)}x slower than the baseline, {times}"


Trials = Mapping[str, Sequence[records.Trial]]


def find(trials: Trials, names: Sequence[str], candidates: Sequence[str], executed: int) -> dict[str, Retired]:
    """Return the candidates that are to leave now, by name.

    Args:
        trials: Entrant -> its trials in order.
        names: The entrants that are left, baseline and control among them, each with a trial in every block so far.
        candidates: Those of them that may leave.
        executed: Blocks so far.
    """
    window = min(executed, LAST)
    if window < FIRST:
        return {}
    last = {name: _logs(trials[name][-window:]) for name in names}
    chance = last[CONTROL] - last[BASELINE]
    found = {}
    for name in candidates:
        if is_far_slower(last[name] - last[BASELINE], chance):
            ratio = statistics.ratio_of_few(last[BASELINE] - last[name], chance)
            found[name] = Retired(
                retirement=_retirement(1 / ratio.high, trials[name], trials[BASELINE]),
                ratio=ratio,
                better=_better(name, last, chance),
                window=window,
                blocks=executed,
            )
    return found


def is_far_slower(differences: NDArray[np.float64], chance: NDArray[np.float64]) -> bool:
    """Return whether an entrant takes so much longer than the baseline that it is to leave.

    Args:
        differences: Of the logs of how long their last trials took, of shape (trials,).
        chance: The control's to the baseline in the same blocks.
    """
    low, _ = statistics.bounds_of_few(differences, chance)
    return bool(differences.min() >= math.log(MULTIPLE)) and low >= math.log(LEAST)


def _retirement(slower: float, own: Sequence[records.Trial], baseline: Sequence[records.Trial]) -> Retirement:
    multiples = np.exp(_logs(own) - _logs(baseline))
    return Retirement(slower=slower, times=int((multiples >= slower).sum()), trials=len(own))


def _better(name: str, last: dict[str, NDArray[np.float64]], chance: NDArray[np.float64]) -> frozenset[tuple[str, str]]:
    """Return whom a candidate is told apart from, as (better, worse), by the same bound."""
    pairs = set()
    for other, logs in last.items():
        if other not in {name, CONTROL}:
            low, high = statistics.bounds_of_few(last[name] - logs, chance)
            if low > 0:
                pairs.add((other, name))
            elif high < 0:
                pairs.add((name, other))
    return frozenset(pairs)


def _logs(trials: Sequence[records.Trial]) -> NDArray[np.float64]:
    """Return the logs of how long trials took."""
    return np.array([math.log(trial.duration_s) for trial in trials])
