"""How many blocks to execute before all databases are copied.

Owns the variance within and between copies, and the resulting optimum. Must not copy anything.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemabench.statistics.comparison import log_rates
from schemabench.statistics.dependence import check_copies

FEWEST_BLOCKS_PER_COPY = 6
"""With fewer, neighbours on a copy do not show how far blocks depend on each other: see `dependence`."""

MOST_BLOCKS_PER_COPY = 30
"""A run of some minutes then still has several copies, which is necessary to detect effects of a single copy."""


def blocks_per_copy(within_variance: float, between_variance: float, copy_s: float, block_s: float) -> int:
    """Return the number of blocks per copy that gives the most precise ratios for the time spent.

    Of a variance w / (copies * blocks) + b / copies and a cost of copies * (copy_s + blocks * block_s) the optimum is
    blocks = sqrt(copy_s / block_s * w / b) (Kalibera & Jones 2013, "Rigorous benchmarking in reasonable time", section
    7; Cochran 1977, "Sampling Techniques", 3rd ed., section 10.6), kept between 6 and 30.

    Args:
        within_variance: Of a log ratio, between blocks on one copy; from `variances`, as is the next.
        between_variance: Of a log ratio, between copies; 0 if copies are alike.
        copy_s: Seconds to copy all databases, warm-up included.
        block_s: Seconds of a block.
    """
    assert within_variance >= 0 <= between_variance, "variances are not below zero"
    assert copy_s > 0 < block_s, "copies and blocks take time"
    if between_variance == 0:
        return MOST_BLOCKS_PER_COPY
    best = math.sqrt(copy_s / block_s * within_variance / between_variance)
    return round(min(max(best, FEWEST_BLOCKS_PER_COPY), MOST_BLOCKS_PER_COPY))


def variances(
    rates: NDArray[np.float64], names: Sequence[str], *, baseline: str, copies: Sequence[int]
) -> tuple[float, float]:
    """Return the variance of a log ratio to the baseline within copies, and between copies, pooled over candidates.

    By the analysis of variance (Searle, Casella & McCulloch 1992, "Variance Components", section 3.6). The variance
    between copies is 0 with one copy, and if its estimate is negative. Outliers count fully, because a run has to
    average them out.

    Args:
        rates: Of shape (blocks, candidates), all above zero.
        names: One per column; the control's counts like any.
        baseline: The name that ratios are against.
        copies: The number of the copy that each block was executed on, ascending; empty for one copy.
    """
    logs = log_rates(rates, names)
    check_copies(copies, len(logs))
    ratios = np.delete(logs, names.index(baseline), axis=1) - logs[:, [names.index(baseline)]]
    _, numbers, sizes = np.unique(copies if len(copies) else [0] * len(logs), return_inverse=True, return_counts=True)
    blocks, count = len(logs), len(sizes)
    if blocks == count or not ratios.size:
        return 0.0, 0.0
    means = np.array([ratios[numbers == number].mean(axis=0) for number in range(count)])
    within = float(((ratios - means[numbers]) ** 2).sum() / (blocks - count) / ratios.shape[1])
    if count == 1:
        return within, 0.0
    between = float((sizes[:, None] * (means - ratios.mean(axis=0)) ** 2).sum() / (count - 1) / ratios.shape[1])
    length = (blocks - (sizes**2).sum() / blocks) / (count - 1)
    return within, max(0.0, (between - within) / length)
