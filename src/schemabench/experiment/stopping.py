"""When the blocks of an experiment end: intervals are narrow enough, databases have grown, or the budget is spent.

Owns the rule. Must not execute anything, nor end blocks because of a difference between candidates.
"""

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment import retiring, sizing
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan


def reason(plan: Plan, measured: Measured, names: list[str], block_s: float) -> str:
    """Return why the last block was the last, as in `records.Experiment.stopped`; empty if it was not.

    Args:
        plan: The experiment.
        measured: The blocks so far.
        names: The remaining entrants.
        block_s: The time of the last block: the budget may end nearer to it than to the next.
    """
    rates, copies = measured.rates(names), measured.copies_of_blocks(names[0])
    width = statistics.widest_interval(rates, names, baseline=BASELINE, control=CONTROL, copies=copies)
    if width <= plan.precision and statistics.steady_from(rates, names, least=0, most=0, copies=copies)[1]:
        return "precision"
    if plan.race and measured.retired and set(names) <= {BASELINE, CONTROL}:
        return "decided"
    if retiring.undecided(measured.trials, names, CONTROL):
        return ""
    candidates = len(names) - 1
    if (measured.grown or 0.0) > plan.most_growth and measured.blocks >= sizing.wanted(candidates):
        return "grown"
    return "budget" if sizing.spent(plan, candidates, measured.blocks, measured.spent_s + block_s / 2) else ""
