"""Centre, interval and test for paired differences with many exact zeros: their mean over blocks.

Owns the mean's interval, alone and for several series together. Must not know what a candidate is.

If a lock is waited for in two of five blocks, three of five differences are zero: the median is zero, and so is the end
of the signed-rank interval, although no difference has the other sign. In one block of four, the Hodges-Lehmann centre
is zero, too. The mean is not, and it is the meaning of a share of time: the shares shown subtract to the difference
shown.

For several series the statistic is Student's t of each, and the critical value the 95 % point of the largest |t| under
flips of the signs of whole blocks: see `sign_flips`. Under flips a series' t depends only on its sum (Efron 1969, J.
Am. Stat. Assoc. 64:1278), so for one series the test is Fisher's randomization test (1935, "The Design of Experiments",
section 21): it keeps its level whatever the shape of the noise. Zeros have no sign, and neither help nor hurt: at least
six values of one sign are needed to tell one series apart. Signs are flipped about zero, where equal candidates are
exchangeable. Flipped about the centre, a few nonzero values would have too much weight (simulated: 7.5 % of A/A runs
instead of 6.2 %, 6.2 % instead of 3.2 %). Interval and test are the same inequality, |mean - shift| <= t * standard
error, and cannot contradict each other.

Assumptions: blocks are independent; equal candidates' differences are as likely d as -d, which holds because the order
within a block is random. For intervals about other values than zero, and for the share itself, the mean's distribution
is close enough to Student's; with few large values its upper end is too low.

Smallest sample: `sign_flips.fewest`, as for signed ranks. The cost, compared with signed ranks: an outlying block
widens the interval. Shares limit it, as they lie between 0 and 1.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.statistics.sign_flips import CONFIDENCE, Span, check, fewest, largest_sums, upper_point
from schemabench.statistics.walsh import DECIMALS

_ROUNDING = 1e-9
"""Values closer to zero than this, relative to the minuend, count as zero: sums of thousands of values are off by 1e-12
at most."""


def spans_sharing(
    differences: NDArray[np.float64], *, family: int, seed: int, least_errors: NDArray[np.float64] | None = None
) -> tuple[Span, ...]:
    """Return the span of every series, all with the critical value that the first `family` series share.

    Args:
        differences: Of shape (blocks, series), finite, at least one block.
        family: The number of series that are corrected for.
        seed: Of the random flips.
        least_errors: The smallest allowed standard error of each series' mean; None for no limit.
    """
    check(differences)
    critical = shared_critical_value(differences[:, :family], seed=seed)
    return spans_together(differences, critical, least_errors)


def spans_together(
    differences: NDArray[np.float64], critical: float, least_errors: NDArray[np.float64] | None = None
) -> tuple[Span, ...]:
    """Return the span of every series for one critical value, from `shared_critical_value`; see `spans_sharing`."""
    least = np.zeros(differences.shape[1]) if least_errors is None else least_errors
    return tuple(
        _span(series, critical, error)
        for series, error in zip(np.round(differences, DECIMALS).T, least.tolist(), strict=True)
    )


def spans_apart(values: NDArray[np.float64]) -> tuple[Span, ...]:
    """Return the span of every series; each interval alone is Student's, with 95 % confidence.

    Args:
        values: Of shape (blocks, series), finite, at least one block.
    """
    check(values)
    critical = _students(len(values)) if len(values) > 1 else math.inf
    return tuple(_span(series, critical) for series in np.round(values, DECIMALS).T)


def influence(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each block's influence on the means of series of shape (blocks, series): its value."""
    return np.round(differences, DECIMALS)


def shared_critical_value(differences: NDArray[np.float64], *, seed: int) -> float:
    """Return the largest |t| that does not yet tell any series apart from zero; infinite with too few blocks.

    Under flips of n values x, t^2 = (n - 1) r^2 / (1 - r^2) where r = sum / sqrt(n * sum of x^2), their correlation
    with a constant: r is bounded and orders the flips like t. The result is at least Student's own point: with one
    nonzero value every flip has the same |t|, which does not show how far the mean may be off.
    """
    differences = np.round(differences, DECIMALS)
    blocks, series = differences.shape
    if series == 0 or blocks < fewest(series):
        return math.inf
    sizes = np.sqrt(blocks * (differences**2).sum(axis=0))
    scores = differences[:, sizes > 0] / sizes[sizes > 0]
    if not scores.size:
        return _students(blocks)
    correlation = upper_point(largest_sums(scores, seed=seed))
    if 1 - correlation < _ROUNDING:
        return math.inf
    return max(_students(blocks), correlation * math.sqrt((blocks - 1) / (1 - correlation**2)))


def _students(blocks: int) -> float:
    """Return Student's two-sided 5 % point for the mean of this many blocks."""
    return float(special.stdtrit(blocks - 1, (1 + CONFIDENCE) / 2))


def _span(values: NDArray[np.float64], critical: float, least_error: float = 0.0) -> Span:
    """Return the mean and the interval of `critical` standard errors around it; if `critical` is infinite, the range.

    An end that is zero except for rounding counts as zero, as in a series whose flips reach its own |t| once too often.
    """
    first = values[0]
    if (values == first).all() and not least_error:
        return Span(centre=float(first), low=float(first), high=float(first), bounded=math.isfinite(critical))
    mean = float(values.mean())
    if not math.isfinite(critical):
        return Span(centre=mean, low=float(values.min()), high=float(values.max()), bounded=False)
    half = critical * max(float(values.std(ddof=1)) / math.sqrt(len(values)), least_error)
    low, high = (0.0 if abs(end) < _ROUNDING * half else end for end in (mean - half, mean + half))
    return Span(centre=mean, low=low, high=high, bounded=True)
