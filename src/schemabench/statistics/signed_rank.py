"""Centre, interval and test of paired differences by one method: Wilcoxon's signed ranks.

Owns the Hodges-Lehmann centre, its interval, and the critical value that several series share. Must not know what a
candidate is, nor get series with many zeros: see below.

The centre of n differences is the median of their Walsh averages, the means of all n (n + 1) / 2 pairs, in which each
difference is also paired with itself (Hodges & Lehmann 1963, Ann. Math. Stat. 34:598). It has 95.5 % of the efficiency
of the mean under normal noise, more than the mean's under heavier tails, and tolerates 29 % of outliers.

Wilcoxon's statistic (1945, Biometrics 1:80) for the shift t is T(t) = (Walsh averages above t) - (those below t). The
interval holds every shift with |T(t)| <= c, and so runs from one order statistic of the Walsh averages to another
(Hollander, Wolfe & Chicken 2014, "Nonparametric Statistical Methods", 3rd ed., section 3.3). Interval and test are the
same inequality, hence cannot contradict each other: zero lies outside the interval exactly where the test rejects.

For one series c is Wilcoxon's two-sided 5 % point. For several series over the same blocks c is the 95 % point of the
largest |T| among them, so that all intervals hold jointly with 95 % confidence: see `sign_flips`.

Assumptions: blocks are independent, and a difference is as likely to lie d above its centre as d below. The second
holds between equal candidates because the order within a block is random; no shape of noise is assumed. Each |T| alone
has Wilcoxon's null distribution whatever the noise; only the dependence between series is estimated. If many
differences are exactly zero, the test keeps its level and loses power: of 60 differences of which 60 % are zero, the
interval ends at zero, though all others have one sign, and with 71 % (the square root of half) of zeros the centre is
zero, too. `block_mean` is for such series.

Smallest sample: `sign_flips.fewest`: 6 for one series. Below it no interval of finite length has the confidence,
whatever the data; it is replaced by the range of the differences, and marked as such.

The bootstrap over blocks was tried instead (20 % trimmed means, studentized, with the shared critical value of the
largest). In simulations, its intervals were about as wide at 60 blocks, and its rate of false differences ran from 0 to
8 % instead of 5 %. If one trial in twelve takes several times as long, it is better at finding true differences (six
candidates, 100 blocks, 5 %: found in 77 % of runs instead of 66 %). A level that holds was worth more here.
"""

import math

import numpy as np
from numpy.typing import NDArray

from schemabench.statistics.dependence import ranks
from schemabench.statistics.sign_flips import Span, check, fewest, largest_sums, upper_point
from schemabench.statistics.walsh import DECIMALS, order_statistics


def spans_sharing(differences: NDArray[np.float64], *, family: int, seed: int) -> tuple[Span, ...]:
    """Return the span of every series, all with the critical value that the first `family` series share.

    Args:
        differences: Of shape (blocks, series), finite, at least one block.
        family: The number of series that are corrected for.
        seed: Of the random flips.
    """
    return spans_together(differences, shared_critical_value(differences[:, :family], seed=seed))


def spans_together(differences: NDArray[np.float64], critical: float) -> tuple[Span, ...]:
    """Return the span of every series for one critical value, from `shared_critical_value`.

    Between the Walsh averages i-1 and i of M (in order, from 0) T is M - 2 i: the first gap that holds is the first i
    with M - 2 i <= critical, and the interval begins at its lower end. By symmetry it ends as far from the other side.
    """
    total = len(differences) * (len(differences) + 1) // 2
    cut = math.ceil((total - critical) / 2) if critical < total else 0
    bounded = cut > 0
    lowest, highest = (cut - 1, total - cut) if bounded else (0, total - 1)
    found = order_statistics(differences, (lowest, (total - 1) // 2, total // 2, highest))
    return tuple(
        Span(centre=(left + right) / 2, low=low, high=high, bounded=bounded)
        for low, left, right, high in found.tolist()
    )


def spans_apart(values: NDArray[np.float64], *, seed: int) -> tuple[Span, ...]:
    """Return the span of every series; each interval alone has 95 % confidence.

    Args:
        values: Of shape (blocks, series), finite, at least one block.
        seed: Of the random flips.
    """
    check(values)
    # Every series' ranks are 1 to n, whose flips are the same whatever their signs: one critical value serves all.
    ranks = np.arange(1.0, len(values) + 1)[:, None]
    few = len(values) < fewest(1)
    return spans_together(values, math.inf if few else upper_point(largest_sums(ranks, seed=seed)))


def shared_critical_value(differences: NDArray[np.float64], *, seed: int) -> float:
    """Return the largest |T| that does not yet tell any series apart from zero; infinite with too few blocks.

    Signs are flipped about each series' own centre, so that real differences do not look like dependence.

    Args:
        differences: Of shape (blocks, series), finite, at least one block.
        seed: Of the random flips.
    """
    check(differences)
    blocks, series = differences.shape
    if series == 0 or blocks < fewest(series):
        return math.inf
    centres = [span.centre for span in spans_together(differences, math.inf)]
    ranks = np.column_stack([_signed_ranks(column) for column in (differences - centres).T])
    return upper_point(largest_sums(ranks, seed=seed))


def centre(values: NDArray[np.float64]) -> float:
    """Return the Hodges-Lehmann centre of one series."""
    return spans_together(values[:, None], math.inf)[0].centre


def influence(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each block's influence on the centres: its rank in the series.

    The Hodges-Lehmann centre's influence function is F(x) - 1/2 for symmetric noise, divided by a constant (Hampel et
    al. 1986, "Robust Statistics", section 2.3): the centre varies as far as ranks depend on each other.

    Args:
        differences: Of shape (blocks, series).
    """
    return ranks(differences)


def _signed_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each value's rank by size, with its sign.

    Equal sizes get different ranks, and a zero counts as positive. About a series' own centre, often one of its values
    or midway between two, they carry no information, and shared ranks would give a narrower null distribution.
    """
    rounded = np.round(values, DECIMALS)
    ranks = np.empty(len(rounded))
    ranks[np.argsort(np.abs(rounded), kind="stable")] = np.arange(1, len(rounded) + 1)
    return np.where(rounded < 0, -ranks, ranks)
