"""From which block on the trials of every entrant are steady, so that those before it warm up.

Owns the test of steadiness and the choice of the cut. Must not know why a trial is slow.

Each entrant's log rate is taken relative to the mean of its block, so that the machine's own drift cancels. The first
tenth of the blocks is compared with the last half (Geweke 1992, in "Bayesian Statistics 4", 169: head against tail of a
Markov chain), by ranks (Wilcoxon 1945, Biometrics 1:80; Mann & Whitney 1947, Ann. Math. Stat. 18:50), as robust
against stalls as signed ranks are. Kendall's test of trend, tried in its place, missed a quarter of the transients that
this one finds, since most of the blocks that it looks at have no trend. What
copies and neighbouring blocks add to the variance is found from the last half, pooled over entrants: see `dependence`.
Entrants are corrected for by Holm's method, of which only the first step matters, since one that warms up is enough.

The cut is chosen by looking for a change in time, not for a difference between candidates: what is compared afterwards
is the rest. A change that no cut removes is no transient: then nothing but `least` blocks is cut, since fewer blocks
would show it less and not be rid of it; see `drifting` for what it amounts to.

Smallest sample: 5 blocks in the head and 8 in the last half, where the normal limit is near enough.
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
"""Places for the cut, evenly from the least to the most: finer ones would not be told apart."""


def steady_from(
    rates: NDArray[np.float64], names: Sequence[str], *, least: int, most: int, copies: Sequence[int] = ()
) -> tuple[int, bool]:
    """Return the first block from which on every entrant is steady, and whether there is one; `least` where none is.

    Args:
        rates: Of shape (blocks, entrants), all above zero, from the very first block on.
        names: One per column.
        least: Blocks that are cut in any case.
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
