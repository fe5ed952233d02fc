"""A bound for too few trials to rank: one candidate is much slower than another.

Owns a bound that holds with three trials, however often it is computed. Must not rank, nor decide which candidates
leave.

Log ratios of paired trials are assumed to be normal, with the larger of two standard deviations: their own, and that of
the control's log ratios to the baseline, which are only noise. The mean is then bounded by Student's t, with the
degrees of freedom of both. A bound computed after every block from the third on gets its part of the level each time:
with n blocks 2 / (n (n - 1)), which adds up to 1. Simulated (`benchmarks/slow_levels.py`), the bounds of a run are
wrong in 1 % at most if all candidates are as noisy as the control, stalls and heavy tails included, and in 4 % if one
is three times as noisy.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.statistics.sign_flips import Span

LEAST_TRIALS = 3
"""With two, a bound at this level is useless."""
LEVEL = 0.02
"""The probability that any bound of a run is wrong: small compared with the 5 % of the others' ranking."""


def lag(logs: NDArray[np.float64], noise: NDArray[np.float64], *, family: int) -> Span:
    """Return the mean of log ratios and its bounds.

    Args:
        logs: Log ratios of paired trials, one per block, at least three.
        noise: The control's log ratio to the baseline in the same blocks; empty without a control.
        family: The number of series that share the level.
    """
    blocks, centre = len(logs), float(np.mean(logs))
    assert blocks >= LEAST_TRIALS, f"a bound needs {LEAST_TRIALS} trials, found {blocks}"
    known = [some for some in (logs, noise) if len(some)]
    deviation = max(float(np.std(some, ddof=1)) for some in known)
    level = LEVEL * 2 / (blocks * (blocks - 1)) / family
    freedom = sum(len(some) - 1 for some in known)
    reach = float(special.stdtrit(freedom, 1 - level / 2)) * deviation / math.sqrt(blocks)
    return Span(centre=centre, low=centre - reach, high=centre + reach, bounded=True)
