"""Ratios of sums over blocks, such as waiting time to busy time: intervals, and paired differences.

Owns the influence of a block, which has two sums, on their ratio. Must not know what a candidate is, nor what is
summed.

A trial of some milliseconds may have two samples, or none. Shares of single blocks are then almost meaningless, or
missing, and so is their mean. The ratio of the sums over all blocks, R = sum(part) / sum(whole), counts each
observation once, and gives no weight to a block without any (Cochran 1977, "Sampling Techniques", 3rd ed., chapter 6).
A block's influence is (part - R whole) / mean(whole), to first order (section 6.4, the delta method): if all wholes are
equal, the ratio is the mean of the blocks' shares, and this its deviation.

The difference of two series is that of (part - C whole) / mean(whole), whose mean is R1 - R2 for any C. Here C is the
ratio of both series' sums together, which is the ratio of each if they are equal. A block without observations of
either is then exactly zero and has no sign, and equal series can be exchanged within a block, so the flips of
`sign_flips` keep their level. With the series' own ratios, such a block would count as R1 - R2, and many of them would
seem to agree.

Differences are then what `block_mean` takes, but for one thing. Series of which one is observed less cannot change
places, and the few observations of the one hardly scatter where none happens to wait: its own blocks cannot tell how
far it may be off. Hence no standard error is taken for smaller than that of what the one is observed less, with the
other's help: D (1 / sum(its whole) - 1 / sum(other whole)). D, the variance of an observation, is Pearson's estimate
from the blocks of both, the mean of (part - C whole)^2 / whole (McCullagh & Nelder 1989, "Generalized Linear Models",
2nd ed., section 4.5), which knows that observations at one moment are alike. Wholes are counts, then, or as good as
counts. Levels, simulated: decision 20; `benchmarks/lock_levels.py` repeats it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate
from schemabench.statistics import block_mean
from schemabench.statistics.dependence import dependence
from schemabench.statistics.sign_flips import Span

Sums = NDArray[np.float64]
"""Of shape (blocks, series, 2): the part and the whole of each block."""


def spans_sharing(first: Sums, second: Sums, *, family: int, seed: int) -> tuple[Span, ...]:
    """Return the spans of the differences of ratios, all with the critical value that the first `family` share.

    Args:
        first: Each series has a whole above zero in some block.
        second: Likewise: each is compared with the series of `first` at the same index.
        family: The number of series that are corrected for.
        seed: Of the random flips.
    """
    return block_mean.spans_sharing(
        differences(first, second), family=family, seed=seed, least_errors=_least_errors(first, second)
    )


def differences(first: Sums, second: Sums) -> NDArray[np.float64]:
    """Return each block's influence on the differences of ratios, first minus second; see `spans_sharing`."""
    common = ratios(first + second)
    found: NDArray[np.float64] = _deviations(first, common) - _deviations(second, common)
    return found


def ratios(sums: Sums) -> NDArray[np.float64]:
    """Return the ratio of each series over all blocks."""
    parts, wholes = sums.sum(axis=0).T
    found: NDArray[np.float64] = parts / wholes
    return found


def spans_apart(sums: Sums, *, copies: Sequence[int]) -> tuple[Span, ...]:
    """Return the span of every series' ratio; each interval alone has 95 % confidence, from the blocks with a whole.

    Args:
        sums: Each series has a whole above zero in some block.
        copies: The number of each block's copy, ascending; empty for one copy.
    """
    found = ratios(sums)
    deviations = _deviations(sums, found)
    known = dependence(deviations, copies=copies, independent=sums.shape[1], family=1)
    seen = sums[..., 1] > 0
    return tuple(
        _span(float(ratio), own[counts] * counts.mean()).widened(factor)
        for ratio, own, counts, factor in zip(found, deviations.T, seen.T, known.widening.tolist(), strict=True)
    )


def ratio_of_sums(
    parts: NDArray[np.float64], wholes: NDArray[np.float64], *, copies: Sequence[int] = ()
) -> Estimate | None:
    """Return the ratio of two sums over blocks, such as bytes to calls, with its 95 % interval.

    Args:
        parts: Of each block, not below zero.
        wholes: Likewise; None is returned where their sum is zero.
        copies: As for `spans_apart`.
    """
    if not wholes.sum():
        return None
    (span,) = spans_apart(np.stack([parts, wholes], axis=-1)[:, None, :], copies=copies)
    return Estimate(value=span.centre, low=max(0.0, span.low), high=span.high)


def _span(ratio: float, deviations: NDArray[np.float64]) -> Span:
    """Return the span of one ratio, from the influence of each block with a whole."""
    (span,) = block_mean.spans_apart((ratio + deviations)[:, None])
    return span


def _least_errors(first: Sums, second: Sums) -> NDArray[np.float64]:
    """Return the standard error of each difference, were both equal, due to fewer observations of one of them."""
    common = ratios(first + second)
    blocks = np.concatenate([first, second])
    seen = blocks[..., 1] > 0
    wholes = np.where(seen, blocks[..., 1], 1.0)
    squares = np.where(seen, (blocks[..., 0] - common * wholes) ** 2 / wholes, 0.0)
    variance = squares.sum(axis=0) / np.maximum(seen.sum(axis=0) - 1, 1)
    unequal = np.abs(1 / first[..., 1].sum(axis=0) - 1 / second[..., 1].sum(axis=0))
    found: NDArray[np.float64] = np.sqrt(variance * unequal)
    return found


def _deviations(sums: Sums, about: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each block's influence on each ratio, relative to a value."""
    found: NDArray[np.float64] = (sums[..., 0] - about * sums[..., 1]) / sums[..., 1].mean(axis=0)
    return found
