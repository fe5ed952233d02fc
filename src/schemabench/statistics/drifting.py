"""The change of an entrant's own throughput with the rows written.

Owns the slope and its interval. Must not name causes.

A line is fitted to the logarithm of throughput over the rows written before each block: see `trend`. Its interval is
that of Kendall's statistic (Sen 1968, J. Am. Stat. Assoc. 63:1379), widened by the additional variance of the
residuals' mean due to copies and neighbouring blocks, pooled over entrants, because a slope's variance grows alike
(Hamed & Rao 1998, J. Hydrol. 204:182). All entrants are corrected for by Bonferroni, so that a false drift of any
entrant is reported in at most 5 % of runs.

The throughput is the entrant's own, so a machine that slows down during a run gives all entrants the same loss. This
common part is not removed, because growing tables are common to all candidates, too. A run in which every candidate
drifts by about the same amount says nothing about any one of them.

Smallest sample: 10 blocks (Sen 1968: the normal limit).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.records import Estimate
from schemabench.statistics import trend
from schemabench.statistics.comparison import check_columns, log_rates
from schemabench.statistics.dependence import dependence
from schemabench.statistics.sign_flips import CONFIDENCE

_FEWEST = 10
"""Blocks from which the normal limit of Kendall's statistic is close enough."""

_MOST = 100.0
"""A limit for the change of log throughput per unit of rows: two blocks with few rows between them may have any
slope."""


def drifts(
    rates: NDArray[np.float64], names: Sequence[str], written: NDArray[np.float64], copies: Sequence[int] = ()
) -> dict[str, Estimate | None]:
    """Return the relative change of throughput per unit of rows written, as in -0.04; None if it is not significant.

    Args:
        rates: Of shape (blocks, entrants), all above zero.
        names: One per column.
        written: Logical rows, in any unit, that had been written to each entrant before the block, of the same shape;
            ascending over the whole run, as copies keep their rows.
        copies: The number of the copy that each block was executed on, ascending; empty for one copy.
    """
    logs = log_rates(rates, names)
    check_columns("written", written, names)
    assert (np.diff(written, axis=0) >= 0).all(), "rows written do not become fewer"
    if len(logs) < _FEWEST:
        return dict.fromkeys(names)
    pairs = [trend.slopes(values, places) for values, places in zip(logs.T, written.T, strict=True)]
    middle = [float(np.median(some)) if some.size else 0.0 for some in pairs]
    left = [trend.residuals(*series) for series in zip(logs.T, written.T, middle, strict=True)]
    known = dependence(np.hstack(left), copies=copies, independent=max(1, len(names) - 1), family=len(names), fitted=2)
    quantile = -float(special.ndtri((1 - CONFIDENCE) / (2 * len(names))))
    critical = quantile * trend.standard_error(len(logs)) * known.widening
    return {name: _drift(*found) for name, *found in zip(names, pairs, middle, critical.tolist(), strict=True)}


def _drift(slopes: NDArray[np.float64], slope: float, critical: float) -> Estimate | None:
    """Return one entrant's drift; None if it is not significant, or nothing was written."""
    cut = math.floor((len(slopes) - critical) / 2)
    if cut <= 0:
        return None
    low, high = float(slopes[cut - 1]), float(slopes[len(slopes) - cut])
    if low <= 0 <= high:
        return None
    value, low, high = (math.expm1(min(log, _MOST)) for log in (slope, low, high))
    return Estimate(value=value, low=low, high=high)
