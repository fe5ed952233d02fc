"""The end of warm-up: the block from which the trials of every entrant are steady.

Owns the test of steadiness and the choice of the cut. Must not know why a trial is slow.

Each entrant's log rate is taken relative to the mean of its block, which cancels the machine's own drift. The first
tenth of the blocks is compared with the last half (Geweke 1992, in "Bayesian Statistics 4", 169: head against tail of a
Markov chain), by ranks (Wilcoxon 1945, Biometrics 1:80; Mann & Whitney 1947, Ann. Math. Stat. 18:50), which are as
robust against stalls as signed ranks. Kendall's test of trend, tried instead, missed a quarter of the transients that
this test finds, because most of its blocks have no trend. The additional variance due to copies and neighbouring blocks
is estimated from the last half, pooled over entrants: see `dependence`. Entrants are corrected for by Holm's method, of
which only the first step matters, because one entrant that warms up is enough.

The cut is chosen by a change in time, not by a difference between candidates, which are compared in the rest. A change
that no cut removes is not a transient. Then only `least` blocks are cut, because fewer blocks would show the change
less without removing it; see `drifting` for its size.

Smallest sample: 5 blocks in the head and 8 in the last half, from which the normal limit is close enough.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.statistics.comparison import log_rates
from schemabench.statistics.dependence import dependence, inflation, ranks
from schemabench.statistics.sign_flips import CONFIDENCE

_HEAD = 0.1
"""The share of blocks that is compared with the last half (Geweke 1992)."""
_FEWEST_IN_HEAD, _FEWEST_IN_TAIL = 5, 8

_CUTS = 10
"""Positions for the cut, evenly spaced from the least to the most: finer ones could not be told apart."""


def steady_from(
    rates: NDArray[np.float64], names: Sequence[str], *, least: int, most: int, copies: Sequence[int] = ()
) -> tuple[int, bool]:
    """Return the first block from which every entrant is steady, and whether there is one; `least` if there is none.

    Args:
        rates: Of shape (blocks, entrants), all above zero, from the very first block on.
        names: One per column.
        least: Blocks that are always cut.
        most: Blocks that may be cut; never more than half of all.
        copies: The number of the copy of all databases that each block was executed on, ascending; empty for one copy.
    """
    logs = log_rates(rates, names)
    assert 0 <= least <= len(logs), f"cannot cut {least} of {len(logs)} blocks"
    relative = logs - logs.mean(axis=1, keepdims=True)
    places = np.linspace(least, max(least, min(most, len(logs) // 2)), _CUTS + 1)
    for cut in sorted({round(place) for place in places.tolist()}):
        if not _warming(relative[cut:], copies[cut:]):
            return cut, True
    return least, False


def _warming(relative: NDArray[np.float64], copies: Sequence[int]) -> bool:
    """Return whether any column's head differs from its last half, at 5 % for all columns together."""
    blocks, entrants = relative.shape
    head, tail = max(_FEWEST_IN_HEAD, round(_HEAD * blocks)), blocks // 2
    if tail < _FEWEST_IN_TAIL or entrants == 1:
        return False
    both = ranks(np.vstack([relative[:head], relative[-tail:]]))
    scores = np.abs(both[:head].sum(axis=0) - head * (head + tail + 1) / 2)
    # two entrants are each other's mirror image
    family = 1 if entrants == 2 else entrants  # noqa: PLR2004 (a pair)
    known = dependence(ranks(relative[-tail:]), copies=copies[-tail:], independent=entrants - 1, family=family)
    limit = -float(special.ndtri((1 - CONFIDENCE) / (2 * family)))
    # the head is short, and on one copy: its own mean is what varies
    grown = np.maximum(inflation(known.correlation, head), 1 + (head - 1) * (known.copies_share or 0.0))
    return bool((scores > limit * np.sqrt(head * tail * (head + tail + 1) / 12 * grown)).any())
