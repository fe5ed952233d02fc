"""Intervals of a mean that hold at all looks at once: confidence sequences.

Owns the boundary. Must not decide who leaves a race (see `race`), nor rank.

An interval for a fixed number of blocks has its confidence at that number alone: who looks after each block, and acts
on the first difference, acts on chance far more often than in 5 % of runs. A confidence sequence contains the true mean
at every look together, and so also where a look decided to stop (Robbins 1970, Ann. Math. Stat. 41:1397).

This one inverts the t-test with a normal mixture. For n normal differences of unknown variance, with t their mean over
its standard error, mean zero has the Bayes factor

    (1 + n g)^(-1/2) [(1 + t^2 / (n - 1)) / (1 + t^2 / ((n - 1) (1 + n g)))]^(n/2)

against an effect, in standard deviations, with the variance g (Gonen et al. 2005, Am. Stat. 59:252). Under the right
Haar prior of the variance it is a martingale of mean 1 from the second block on, whatever the variance, and exceeds 1 /
level at any time with at most that probability (Lai 1976, Ann. Stat. 4:265; Wang & Ramdas 2025, "Anytime-valid t-tests
and confidence sequences for Gaussian means with unknown variance"). The interval holds the means that are not beyond.
It is exact for few blocks, too, unlike the asymptotic sequences of Waudby-Smith et al. (2024, Ann. Stat. 52:2613),
which it approaches. Heavier tails make t smaller, and so the interval too wide rather than too narrow.

Assumptions: the differences of blocks are normal, or symmetric with heavier tails. Blocks that depend on their
neighbours or copies widen the interval by the factor of `dependence`, which is estimated anew at every look. Level and
power, simulated: `benchmarks/racing.py` and decision 46.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.statistics.comparison import Pair, Spans
from schemabench.statistics.dependence import CLOSEST, dependence, inflation
from schemabench.statistics.sign_flips import CONFIDENCE, Span

RACE_LEVEL = 0.01
"""The probability that any two equal candidates are told apart at any look of a race: its part of the 5 % of a run."""
_DOUBT = 1.645
"""Standard errors up to the upper limit of a correlation, with 95 % confidence."""
_EFFECTS = 1.0
"""The variance of effects, in that of a block's difference: the boundary is closest after ten to fifty blocks."""


def race_spans(
    logs: NDArray[np.float64],
    names: Sequence[str],
    *,
    family: int,
    level: float = RACE_LEVEL,
    copies: Sequence[int] = (),
) -> Spans:
    """Return the span of the log ratio of every ordered pair of entrants; all hold at all looks together.

    Args:
        logs: Of the rates of trials, of shape (blocks, entrants); at least two blocks.
        names: One per column, all different; the control among them, whose blocks show dependence, too.
        family: The number of pairs that share the level, over the whole run.
        level: The probability that any span of the family is ever wrong.
        copies: The number of the copy that each block was executed on, ascending; empty for one copy.
    """
    pairs = list(itertools.combinations(range(len(names)), 2))
    differences = logs[:, [one for one, _ in pairs]] - logs[:, [other for _, other in pairs]]
    known = dependence(differences, copies=copies, independent=len(names) - 1, family=family)
    factors = np.maximum(known.widening, _cautious(known.correlation, len(logs), len(names) - 1))
    spans: dict[Pair, Span] = {}
    for (one, other), span, factor in zip(pairs, _spans(differences, level / family), factors, strict=True):
        spans[names[one], names[other]] = span.widened(float(factor))
        spans[names[other], names[one]] = spans[names[one], names[other]].reversed()
    return spans


def stretch(blocks: int) -> float:
    """Return by how much an interval for a fixed number of blocks widens where a look decided on their number."""
    usual = float(special.stdtrit(blocks - 1, (1 + CONFIDENCE) / 2))
    return max(1.0, critical(blocks, 1 - CONFIDENCE) / usual)


def critical(blocks: int, level: float) -> float:
    """Return the largest |t| that is not beyond the boundary after so many blocks; infinite if none is."""
    spread = 1 + blocks * _EFFECTS
    least = (spread / level**2) ** (1 / blocks)
    return math.sqrt((blocks - 1) * (least - 1) / (1 - least / spread)) if least < spread else math.inf


def _cautious(correlation: NDArray[np.float64], blocks: int, independent: int) -> NDArray[np.float64]:
    """Return the factor by which intervals widen if neighbours depend on each other as much as blocks do not exclude.

    The standard error of a correlation is 1 / sqrt(blocks) for each of the independent series that it is pooled over.
    """
    highest = np.minimum(correlation + _DOUBT / math.sqrt(independent * blocks), CLOSEST)
    factors: NDArray[np.float64] = np.sqrt(inflation(highest, blocks))
    return factors


def _spans(differences: NDArray[np.float64], level: float) -> list[Span]:
    """Return the span of every series, each with its own level; its range where nothing would be beyond."""
    blocks = len(differences)
    means = differences.mean(axis=0)
    least, most = differences.min(axis=0), differences.max(axis=0)
    reach = critical(blocks, level)
    errors = differences.std(axis=0, ddof=1) / math.sqrt(blocks)
    bounded = math.isfinite(reach)
    lows, highs = (means - reach * errors, means + reach * errors) if bounded else (least, most)
    return [
        Span(centre=centre, low=low, high=high, bounded=bounded)
        for centre, low, high in zip(means.tolist(), lows.tolist(), highs.tolist(), strict=True)
    ]
