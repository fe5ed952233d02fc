"""The change of a figure with the rows written, or with time at work.

Owns the slope and its interval. Must not name causes.

A line is fitted to the logarithm of the figure over the rows written before each block: see `trend`. Its interval is
that of Kendall's statistic (Sen 1968, J. Am. Stat. Assoc. 63:1379), widened by the additional variance of the
residuals' mean due to copies and neighbouring blocks, pooled over entrants, because a slope's variance grows alike
(Hamed & Rao 1998, J. Hydrol. 204:182). All entrants are corrected for by Bonferroni, so that a false drift of any
entrant is reported in at most 5 % of runs.

In `drifts` the throughput is the entrant's own, so a machine that slows down during a run gives all entrants the same
loss. This common part is not removed, because growing tables are common to all candidates, too. A run in which every
candidate drifts by about the same amount says nothing about any one of them.

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
from schemabench.statistics.dependence import Series, dependence
from schemabench.statistics.sign_flips import CONFIDENCE

FEWEST = 10
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
    if len(logs) < FEWEST:
        return dict.fromkeys(names)
    found = lines(logs, written, copies)
    return {name: _significant(line) for name, line in zip(names, found, strict=True)}


def lines(
    logs: NDArray[np.float64],
    places: NDArray[np.float64],
    copies: Sequence[int] = (),
    family: int | None = None,
    *,
    curved: bool = False,
) -> tuple[Estimate | None, ...]:
    """Return the slope of each series with its interval; intervals hold jointly. None where none can be told.

    Args:
        logs: Of shape (blocks, series), at least 10 blocks.
        places: Where each figure was taken, in the unit that slopes are for, of the same shape.
        copies: As in `drifts`.
        family: The number of series for which intervals hold jointly, if these are only some of them.
        curved: Whether series may bend. How neighbours depend on each other is then asked of what a line leaves, and
            of what a parabola leaves, and the lesser dependence counts.
    """
    assert len(logs) >= FEWEST, f"{len(logs)} blocks have no slope with an interval"
    count = logs.shape[1]
    family = family or count
    pairs = [trend.slopes(values, own) for values, own in zip(logs.T, places.T, strict=True)]
    middle = [float(np.median(some)) if some.size else 0.0 for some in pairs]
    about_line = [trend.residuals(*series) for series in zip(logs.T, places.T, middle, strict=True)]
    widening = _widening(about_line, copies, family, 2)
    if curved:
        about_curve = [trend.residuals_about_curve(*series) for series in zip(logs.T, places.T, strict=True)]
        widening = np.minimum(widening, _widening(about_curve, copies, family, 3))
    quantile = -float(special.ndtri((1 - CONFIDENCE) / (2 * family)))
    critical = quantile * trend.standard_error(len(logs)) * widening
    return tuple(_line(*found) for found in zip(pairs, middle, critical.tolist(), strict=True))


def _widening(left: Sequence[NDArray[np.float64]], copies: Sequence[int], family: int, fitted: int) -> Series:
    """Return the factor by which each series' interval is wider than of independent blocks, by what a fit leaves."""
    independent = max(1, len(left) - 1)
    return dependence(np.hstack(left), copies=copies, independent=independent, family=family, fitted=fitted).widening


def _line(slopes: NDArray[np.float64], slope: float, critical: float) -> Estimate | None:
    """Return one series' slope with its interval; None if all slopes are within it, or none is known."""
    cut = math.floor((len(slopes) - critical) / 2)
    if cut <= 0:
        return None
    return Estimate(value=slope, low=float(slopes[cut - 1]), high=float(slopes[len(slopes) - cut]))


def _significant(line: Estimate | None) -> Estimate | None:
    """Return the relative change that a line of logarithms means; None if it is not significant."""
    return None if line is None or line.low <= 0 <= line.high else relative(line)


def relative(line: Estimate) -> Estimate:
    """Return the relative change for a unit of places that the slope of a logarithm means, as in -0.04."""
    value, low, high = (math.expm1(min(log, _MOST)) for log in (line.value, line.low, line.high))
    return Estimate(value=value, low=low, high=high)
