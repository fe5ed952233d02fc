"""How large bursts are: so that the blocks that a verdict needs fit the budget.

Owns the choice, from how long the last block took. Must not execute anything.

Calibration makes a burst that takes a trial's length on the baseline. How long a block of it takes hangs on the other
candidates, and on what lies between trials: that is known after a first block, whose bursts are too short to count,
a glance, for it may take a hundred times as long as was thought. Glances go on while somebody is far slower, until few
trials can prove it. Then one block of full size warms up, in which caches fill and plans turn generic (after five
executions), and all that count are of one size.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment import retiring
from schemabench.experiment.plan import SHORTEST_TRIAL_S, Plan

GLANCE = 4
"""The shortest burst that may count, over that of a glance."""
MOST_GLANCES = retiring.FIRST_BLOCK + statistics.LEAST_TRIALS
"""As many as it takes to have who is far slower leave."""
_MARGIN = 2
"""So many times the fewest blocks that can tell any candidates apart shall fit the budget."""
_HARDLY = 0.9
"""Bursts stay as they were calibrated where they would become hardly shorter."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the last block took."""

    size: int
    """Of its burst."""
    trials_s: Mapping[str, float]
    """Entrant -> how long it executed bursts, those not timed among them, of those that are left."""
    elapsed_s: float
    """The whole block, with what lies between trials."""


def glance(plan: Plan, calibrated: int) -> int:
    """Return the size of the burst by which it is found out how long others than the baseline take."""
    return calibrated if plan.burst else max(1, round(_shortest(plan, calibrated) / GLANCE))


def suffices(seen: Seen, glances: int) -> bool:
    """Return whether so many glances do: nobody is left that is far slower, or more of them would not prove it."""
    slow = any(trial_s >= retiring.MULTIPLE * seen.trials_s[BASELINE] for trial_s in seen.trials_s.values())
    return not slow or glances >= MOST_GLANCES


def fitting(plan: Plan, calibrated: int, seen: Seen, spent_s: float) -> int:
    """Return the size of the burst with which the blocks that a verdict needs fit the budget, with a margin.

    What lies between trials stays as long as it is. A size that was given stays, too.

    Args:
        plan: What to do.
        calibrated: The size at which a trial takes as long as it shall on the baseline: no burst is larger.
        seen: The last block.
        spent_s: Of the budget.
    """
    if plan.burst:
        return calibrated
    wanted = _MARGIN * statistics.fewest_blocks(len(seen.trials_s) - 1)
    trials_s = sum(seen.trials_s.values())
    left_s = (plan.budget_s - spent_s) / wanted - (seen.elapsed_s - trials_s)
    size = round(seen.size * left_s / trials_s)
    return calibrated if size >= _HARDLY * calibrated else max(_shortest(plan, calibrated), size)


def _shortest(plan: Plan, calibrated: int) -> int:
    """Return the size of the shortest burst that may count: see `SHORTEST_TRIAL_S`."""
    return max(1, min(calibrated, round(calibrated * SHORTEST_TRIAL_S / plan.trial_s)))
