"""What so few trials can say that no ranking can be made of them: that one candidate is much slower than another.

Owns a bound that holds at three trials, however often it is asked for. Must not rank, nor decide who leaves.

Log ratios of paired trials are taken as normal, with the larger of two standard deviations: their own, and that of the
control's against the baseline, which has only noise. The mean is then bounded by Student's t, with the degrees of
freedom of both. Who asks after every block from the third on gives each time its part of the level: of n blocks
2 / (n (n - 1)), which add up to 1. Simulated (`benchmarks/slow_levels.py`), bounds of a run are wrong in 1 % at most
where all are as noisy as the control, stalls and heavy tails included, and in 4 % where one is three times as noisy.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.statistics.sign_flips import Span

LEAST_TRIALS = 3
"""With two, a bound at this level says nothing."""
LEVEL = 0.02
"""The chance that any bound of a run is wrong: small beside the 5 % that the ranking of the others has."""


def lag(logs: NDArray[np.float64], noise: NDArray[np.float64], *, family: int) -> Span:
    """Return the mean of log ratios and the ends that it lies between.

    Args:
        logs: Of paired trials, one for each block, three at least.
        noise: The control's log ratio to the baseline in the same blocks; empty without a control.
        family: How many such series share the level.
    """
    blocks, centre = len(logs), float(np.mean(logs))
    assert blocks >= LEAST_TRIALS, f"a bound needs {LEAST_TRIALS} trials, found {blocks}"
    known = [some for some in (logs, noise) if len(some)]
    deviation = max(float(np.std(some, ddof=1)) for some in known)
    level = LEVEL * 2 / (blocks * (blocks - 1)) / family
    freedom = sum(len(some) - 1 for some in known)
    reach = float(special.stdtrit(freedom, 1 - level / 2)) * deviation / math.sqrt(blocks)
    return Span(centre=centre, low=centre - reach, high=centre + reach, bounded=True)
