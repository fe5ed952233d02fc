"""A quantile of all service times of a run, with its interval over blocks.

Owns Woodruff's interval. Must not know what an operation is.

Calls of one block depend on each other, so an interval from the number of calls alone would be too narrow. Woodruff
(1952, J. Am. Stat. Assoc. 47:635) turns the question round: the share of calls that are shorter than the observed
quantile is a ratio of sums over blocks, whose interval `block_ratio` knows. The levels that are as far from the
quantile's as the ends of that interval lead back to times.

Blocks may be alike by chance. So the levels are never nearer to the quantile's than those of as many independent calls
would be, by the normal limit of their binomial distribution.

Smallest sample: `sign_flips.fewest` blocks, as for every other interval, and the calls that `samples_for` asks for. If
blocks differ so much that a level would lie beyond the last call, there is no figure. With fewer blocks, these would be
the figures whose blocks are alike by chance: simulated, of those shown with two blocks and 400 calls each, not one
interval of a 99th percentile held it, and with three blocks 81 %. With six to twenty it is 97 to 99 % if calls are
independent, and 92 to 95 % if blocks differ by a third as much as the calls of one do. If blocks differ as much as
calls, hardly any 99th percentile of a few thousand calls has a figure, and of the intervals that are shown some half
hold it.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.records import Estimate
from schemabench.statistics import block_ratio
from schemabench.statistics.sign_flips import CONFIDENCE, fewest
from schemabench.statistics.summary import samples_for

_QUANTILE = float(special.ndtri((1 + CONFIDENCE) / 2))
"""Of the normal distribution: by how many standard errors the number of shorter calls may be off."""


def quantile(blocks: Sequence[NDArray[np.int64]], level: float, *, copies: Sequence[int] = ()) -> Estimate | None:
    """Return a quantile of times, in their own unit, with its 95 % interval; None with too few calls or blocks.

    Args:
        blocks: The times of each block, in any order; blocks without any do not count.
        level: Between 0 and 1.
        copies: The number of each block's copy, ascending; empty for one copy.
    """
    seen = [place for place, times in enumerate(blocks) if len(times)]
    if len(seen) < fewest(1):
        return None
    together = np.sort(np.concatenate([blocks[place] for place in seen]))
    if len(together) < samples_for(max(level, 1 - level)):
        return None
    value = float(_at(together, level))
    below, equal = np.count_nonzero(together < value), np.count_nonzero(together == value)
    part = (level * len(together) - below) / equal  # of the calls that took just as long: they have no order
    sums = np.array([[[_shorter(blocks[place], value, part), float(len(blocks[place]))]] for place in seen])
    (share,) = block_ratio.spans_apart(sums, copies=[copies[place] for place in seen] if copies else ())
    room = min(level, 1 - level) - 0.5 / len(together)  # up to the last call, which as many calls support
    least = min(room, _QUANTILE * math.sqrt(level * (1 - level) / len(together)))
    low, high = level - max(share.centre - share.low, least), level + max(share.high - share.centre, least)
    if low <= 0 or high >= 1:
        return None
    return Estimate(value=value, low=float(_at(together, low)), high=float(_at(together, high)))


def _shorter(times: NDArray[np.int64], value: float, part: float) -> float:
    """Return how many times are shorter than a value, with a part of those that are equal to it."""
    return float(np.count_nonzero(times < value) + part * np.count_nonzero(times == value))


def _at(ordered: NDArray[np.int64], level: float) -> np.int64:
    """Return an observed quantile of ordered times (nearest rank)."""
    found: np.int64 = ordered[min(len(ordered) - 1, max(0, int(np.ceil(level * len(ordered))) - 1))]
    return found
