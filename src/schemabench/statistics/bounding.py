"""How far apart two entrants are at least, from three or four trials.

Owns the bounds. Must not know why there are few.

An interval of signed ranks takes at least six blocks, and more with several candidates: see `sign_flips.fewest`. What
is many times slower shows before that, since its log ratio is far beyond what chance does to any. The lower bound of a
log ratio is the least difference that was seen, less the most by which the control differed from the baseline in the
same blocks, either way, which with three blocks counts twice; the upper bound likewise. Order statistics alone: nothing
is taken for normal.

The true log ratio, a median, lies below n differences with the chance 2^-n, whatever the noise: 6 % for four. That the
least of them is beyond it by more than all n differences of the control has the chance 2^-n / C(2 n, n) where both
scatter alike and independently: 0.1 % for four. The slower one's trials are longer and mostly scatter less; where they
scatter more, the chance lies between the two figures. Three blocks show a quiet control more often, so that it counts
twice, by which they are as good. Simulated, with three times the control's spread, with stalls, heavy tails and the
baseline's noise in both, the bound is too high in at most 1 % of cases, and in 4 % where neighbouring blocks are
related by 0.5 as well: decision 18; `benchmarks/few_trials.py` repeats it. The price: the bound is half of what is
there, or a third, where ratios of equal candidates scatter by a quarter.

Smallest sample: the fewest of `DOUBTS`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate

DOUBTS = {3: 2.0, 4: 1.0}
"""Blocks -> how many times the most that the control differed counts."""


def bounds_of_few(differences: NDArray[np.float64], chance: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the most by which the one exceeds the other.

    Args:
        differences: Of the two, block by block, of shape (blocks,).
        chance: Of the control and the baseline in the same blocks.
    """
    blocks = len(differences)
    assert blocks == len(chance), f"{blocks} and {len(chance)} blocks"
    assert blocks in DOUBTS, f"{blocks} blocks, where bounds are known for {' and '.join(map(str, DOUBTS))}"
    doubt = DOUBTS[blocks] * float(np.abs(chance).max())
    return float(differences.min()) - doubt, float(differences.max()) + doubt


def ratio_of_few(differences: NDArray[np.float64], chance: NDArray[np.float64]) -> Estimate:
    """Return log ratios as a ratio: their median, between the bounds; arguments as for `bounds_of_few`."""
    low, high = bounds_of_few(differences, chance)
    return Estimate(value=math.exp(float(np.median(differences))), low=math.exp(low), high=math.exp(high))
