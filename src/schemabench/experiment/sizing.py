"""The size of bursts with which the blocks needed for a verdict fit the budget.

Owns the choice, from the duration of the last block. Must not execute anything.

Calibration makes a burst that takes a trial's length on the baseline. The length of its blocks depends on the other
candidates and on the work between trials. Both are known only after a first block. Its bursts are too short to count,
because it may take a hundred times as long as expected: it is a probe, here called a glance. Glances continue while a
candidate is far slower, until few trials can prove it. Then one block of full size warms up: caches fill, and plans
turn generic (after five executions). Where several processes execute it, it may be over sooner than calibration had
expected, which one process does alone: then bursts grow. All blocks that count have the same size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment import retiring
from schemabench.experiment.plan import SHORTEST_TRIAL_S, Plan

GLANCE = 4
"""The size of the shortest burst that may count, divided by that of a glance."""
MOST_GLANCES = retiring.FIRST_BLOCK + statistics.LEAST_TRIALS
"""As many as are needed for a far slower candidate to leave."""
UNCOUNTED = 2
"""Blocks before those that count, at least: a glance, and one that warms up."""
FEWEST = UNCOUNTED + 1
"""Blocks of a run at least."""
_MARGIN = 2
"""The budget should fit this many times the fewest blocks that can tell any candidates apart."""
_HARDLY = 0.9
"""Bursts keep their calibrated size if they would hardly become shorter."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The durations of the last block."""

    size: int
    """Of its burst."""
    trials_s: Mapping[str, float]
    """Entrant -> the time in which it executed bursts, untimed ones included, for the remaining entrants."""
    elapsed_s: float
    """The whole block, with the work between trials."""


def glance(plan: Plan, calibrated: int) -> int:
    """Return the size of the burst of a glance."""
    return calibrated if plan.burst else max(1, round(shortest(plan, calibrated) / GLANCE))


def suffices(seen: Seen, glances: int) -> bool:
    """Return whether this many glances suffice: no far slower candidate is left, or more glances would not prove it."""
    slow = any(trial_s >= retiring.MULTIPLE * seen.trials_s[BASELINE] for trial_s in seen.trials_s.values())
    return not slow or glances >= MOST_GLANCES


def fitting(plan: Plan, calibrated: int, seen: Seen, spent_s: float) -> int:
    """Return the size of the burst with which the blocks needed for a verdict fit the budget, with a margin.

    The work between trials is not shortened. A given size is not changed.

    Args:
        plan: The experiment.
        calibrated: The calibrated size: no burst is larger.
        seen: The last block.
        spent_s: Seconds of the budget used so far.
    """
    if plan.burst:
        return calibrated
    trials_s = sum(seen.trials_s.values())
    left_s = (plan.budget_s - spent_s) / wanted(len(seen.trials_s) - 1) - (seen.elapsed_s - trials_s)
    size = round(seen.size * left_s / trials_s)
    return calibrated if size >= _HARDLY * calibrated else max(shortest(plan, calibrated), size)


def together(plan: Plan, calibrated: int, size: int, took_s: float) -> int:
    """Return the calibrated size for several processes: one of them has calibrated, and all are faster together.

    A given size is not changed.

    Args:
        plan: The experiment.
        calibrated: The size that takes the one process a trial's length on the baseline.
        size: Of a burst that all have executed on the baseline and its control.
        took_s: How long that took them where they were slower: one trial may be quick by chance.
    """
    return calibrated if plan.burst else max(calibrated, round(size * plan.trial_s / took_s))


def wanted(candidates: int) -> int:
    """Return the blocks that an experiment should have, with a margin above those that can tell candidates apart."""
    return _MARGIN * statistics.fewest_blocks(candidates)


def spent(plan: Plan, candidates: int, blocks: int, spent_s: float) -> bool:
    """Return whether the budget is spent, with the grace that too few blocks have.

    Args:
        plan: The experiment.
        candidates: How many are left, the baseline included.
        blocks: That count.
        spent_s: Seconds of the budget used so far.
    """
    few = blocks < statistics.fewest_blocks(candidates)
    return spent_s >= plan.budget_s + (plan.grace_s if few else 0.0)


def shortest(plan: Plan, calibrated: int) -> int:
    """Return the size of the shortest burst that may count: see `SHORTEST_TRIAL_S`."""
    return max(1, min(calibrated, round(calibrated * SHORTEST_TRIAL_S / plan.trial_s)))
