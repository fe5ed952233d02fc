"""How large bursts are: so that the blocks that a verdict needs fit the budget.

Owns the choice, from how long the first blocks took. Must not execute anything.

Calibration makes a burst that takes a trial's length on the baseline. How long a block of it takes hangs on the other
candidates, and on what lies between trials, which is known after the first block: that is of bursts too short to count,
for it may take many times as long as was thought. All blocks that count are of one size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment import copies, retiring
from schemabench.experiment.plan import CONTROL, SHORTEST_TRIAL_S, WARMUP_BLOCKS, Plan

MARGIN = 2.0
"""Blocks to make room for, over the fewest that tell candidates apart: those suffice only where all have one sign."""

GLANCE = 4
"""The shortest burst that is of use, over that of a glance: in a short run, one block with a candidate that is fifty
times slower would otherwise take a third of the budget."""
CHANCE = 1.25
"""A budget that is advised, over what the blocks will take by what is known."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the last block took."""

    size: int
    """Of its burst."""
    busy_s: Mapping[str, float]
    """Entrant -> how long it executed bursts, those not timed among them."""
    elapsed_s: float
    """The whole block, with what lies between trials."""

    @property
    def between_s(self) -> float:
        """What does not hang on the size of the burst."""
        return max(0.0, self.elapsed_s - sum(self.busy_s.values()))


def first(plan: Plan, calibrated: int) -> int:
    """Return the size of the burst with which it is found out how long others than the baseline take."""
    return ceil(shortest(plan, calibrated) / GLANCE)


def shortest(plan: Plan, calibrated: int) -> int:
    """Return the size of the shortest burst that is of any use."""
    return max(1, min(calibrated, ceil(calibrated * SHORTEST_TRIAL_S / plan.trial_s)))


def fitting(plan: Plan, calibrated: int, seen: Seen, *, done: int, elapsed_s: float) -> tuple[int, int]:
    """Return the size of the burst from the next block on, and how many counted blocks of it are expected to fit.

    As calibrated where the blocks that a verdict needs fit with a margin, smaller where they do not, but never shorter
    than is of use. Whoever is about to leave takes part in a few of them only; as long as blocks do not count, those
    are glances.

    Args:
        plan: What to do.
        calibrated: The size at which a trial takes as long as it shall on the baseline.
        seen: The last block.
        done: Blocks so far.
        elapsed_s: What they took of the budget.
    """
    left_s = max(0.0, plan.budget_s - elapsed_s)
    slow = [name for name, busy_s in seen.busy_s.items() if busy_s >= retiring.MULTIPLE * seen.busy_s[BASELINE]]
    staying = [name for name in seen.busy_s if name not in slow]
    few = max(0, retiring.FIRST - done)
    per_call_s = sum(seen.busy_s[name] for name in staying) / seen.size
    leaving_s = few * sum(seen.busy_s[name] for name in slow) / seen.size
    wanted = ceil(MARGIN * statistics.fewest_blocks(sum(name != CONTROL for name in staying)))
    more = executed(wanted) - done
    room_s = left_s - more * seen.between_s
    size = floor(room_s / (more * per_call_s + leaving_s))
    size = max(shortest(plan, calibrated), min(calibrated, size))
    fit = floor((left_s - size * leaving_s) / (seen.between_s + size * per_call_s))
    glance = bool(slow) and done < WARMUP_BLOCKS
    return first(plan, calibrated) if glance else size, counted(done + max(0, fit))


def executed(blocks: int) -> int:
    """Return how many blocks have to be executed so that so many count: the first on a copy of databases does not."""
    return WARMUP_BLOCKS + blocks + blocks // copies.LEAST_BLOCKS


def counted(blocks: int) -> int:
    """Return how many of so many blocks that are executed count: the inverse of `executed`."""
    after = max(0, blocks - WARMUP_BLOCKS)
    return after - (after + 1) // (copies.LEAST_BLOCKS + 1)


def budget_s(*, missing: int, block_s: float, elapsed_s: float) -> float:
    """Return the budget that is enough for some counted blocks more, with a quarter for chance.

    Args:
        missing: How many.
        block_s: How long the last block took.
        elapsed_s: What was spent so far.
    """
    return CHANCE * (elapsed_s + (executed(missing) - WARMUP_BLOCKS) * block_s)
