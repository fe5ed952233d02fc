"""When the entrants get new copies of their databases, within a run.

Owns that decision. Must not make a copy.

The placement of files, the mapping of buffers and the server processes are random, and last as long as the same
sessions use the same files. They look like a difference between schemas, however many blocks are executed. Hence all
entrants are copied at intervals, with their current rows: blocks are one level of repetition, copies the other
(Kalibera & Jones 2013, "Rigorous benchmarking in reasonable time", ISMM). The number of copies follows from the cost of
a copy, and from the share of the variance between copies.
"""

from dataclasses import dataclass, field

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan

LEAST_COPIES = 5
"""With fewer, chance can hardly be told from copies that differ, which widens intervals: decision 14."""
LEAST_BLOCKS = 6
"""Counted blocks per copy, at least: fewer do not show how far they depend on each other."""
MOST_SHARE = 0.5
"""The share of the budget that copying may take in addition to it: a large database is copied seldom, or never."""
PRIOR_RATIO = 30.0
"""The variance within copies divided by that between them, assumed before there are two. Measured with four equal
candidates, upserts with commits that wait, 12 blocks on each copy: 40 over 20 copies, and no variance between copies
over 20 more."""


def at_most_s(plan: Plan, copy_s: float) -> float:
    """Return how long all copies of a run take at most, if copying all entrants once takes `copy_s`; usually less."""
    return min(MOST_SHARE * plan.budget_s, (LEAST_COPIES - 1) * copy_s)


@dataclass(kw_only=True)
class Copies:
    """Decides, block after block, whether to copy.

    Attributes:
        copy_s: The time to copy all entrants, as last measured.
    """

    plan: Plan
    copy_s: float
    _begun: list[int] = field(default_factory=lambda: [0])
    """The first block of each copy."""

    @property
    def hindrance(self) -> str:
        """Why nothing may be copied at all; empty if it may: no session can stay connected to a copied database."""
        holding = [one.name for one in self.plan.companions if one.holds]
        if not holding:
            return ""
        return f"{', '.join(holding)} must hold a transaction open through all trials, and a copy would end it"

    def due(self, measured: Measured, names: list[str]) -> bool:
        """Return whether to execute the next block on new copies.

        Args:
            measured: The blocks so far.
            names: The remaining entrants.
        """
        done = measured.executed
        if not done or measured.elapsed_s <= 0 or measured.not_copied:
            return False
        block_s = measured.elapsed_s / done
        left = int((self.plan.budget_s - measured.spent_s) / block_s)
        since = done - self._begun[-1]
        affordable = measured.copying_s + self.copy_s <= MOST_SHARE * self.plan.budget_s
        if min(since, left) <= LEAST_BLOCKS or not affordable:
            return False
        return since >= self._blocks(measured, names, block_s, done + left)

    def renewed(self, measured: Measured, copy_s: float) -> None:
        """Record that all were copied, and the time that it took."""
        self._begun.append(measured.executed)
        self.copy_s = copy_s

    def _blocks(self, measured: Measured, names: list[str], block_s: float, total: int) -> int:
        """Return the number of blocks for which a copy should serve."""
        within, between = PRIOR_RATIO, 1.0
        if len(self._begun) > 1:
            rates, copies = measured.rates(names), measured.copies_of_blocks(names[0])
            within, between = statistics.variances(rates, names, baseline=BASELINE, copies=copies)
        price_s = self.copy_s + block_s  # the first block on a copy does not count
        best = statistics.blocks_per_copy(within, between, price_s, block_s)
        return min(best, max(LEAST_BLOCKS + 1, total // LEAST_COPIES))
