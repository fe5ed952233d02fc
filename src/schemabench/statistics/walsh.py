"""The means of all pairs of values, selected by rank, without storing them all.

Owns the selection of Walsh averages. Must not know its purpose.

n values have n (n + 1) / 2 Walsh averages, two million for 2,000 blocks. Over sorted values they form a matrix whose
rows ascend, so that a pivot cuts every row at a place that a binary search finds: quickselect on the matrix, in some
n log n steps a round (Johnson & Mizoguchi 1978, SIAM J. Comput. 7:147; for this use Monahan 1984, ACM Trans. Math.
Softw. 10:265).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DECIMALS = 12
"""Values are rounded to this many decimals: the rest is rounding error, far below a clock's resolution. Otherwise two
equal ratios would differ by 1e-16, and scaling all rates could break a tie."""

_FEW = 20_000
"""Up to this many averages are sorted at once, which is faster than another round: all those of up to 199 values."""

_AT_ONCE = 200_000
"""Averages of several series that are sorted at once: they fit the processor's cache."""

_PIVOT_ROWS = 200
"""Rows from which a pivot is chosen: enough to come near the middle, too few to take time."""

_ULPS = 4
"""Rounding steps, at most, between a pivot and the sum from which it was computed."""


def order_statistics(values: NDArray[np.float64], ranks: Sequence[int]) -> NDArray[np.float64]:
    """Return the Walsh averages of these ranks, of shape (series, ranks).

    Args:
        values: Of shape (n, series), each series in any order.
        ranks: From 0 to n (n + 1) / 2 - 1, ascending.
    """
    ordered = np.sort(np.round(values.T, DECIMALS), axis=1)
    count = ordered.shape[1]
    if count * (count + 1) // 2 <= _FEW:
        return _sorted(ordered, ranks)
    starts = np.arange(count)
    stops = np.full_like(starts, count)
    return np.array([_select(series, starts, stops, ranks) for series in ordered]).reshape(-1, len(ranks))


def _sorted(ordered: NDArray[np.float64], ranks: Sequence[int]) -> NDArray[np.float64]:
    """Return the averages of these ranks of few values, of several series at once."""
    first, second = np.triu_indices(ordered.shape[1])
    at_once, found = max(1, _AT_ONCE // len(first)), np.empty((len(ordered), len(ranks)))
    for start in range(0, len(ordered), at_once):
        some = ordered[start : start + at_once]
        averages = (some[:, first] + some[:, second]) / 2
        found[start : start + at_once] = np.partition(averages, sorted(set(ranks)), axis=1)[:, list(ranks)]
    return found


def _select(
    ordered: NDArray[np.float64], starts: NDArray[np.intp], stops: NDArray[np.intp], ranks: Sequence[int]
) -> list[float]:
    """Return the averages of these ranks among those of values i and j, starts[i] <= j < stops[i]."""
    if not ranks:
        return []
    counts = stops - starts
    if counts.sum() <= _FEW:
        columns = np.arange(counts.sum()) + np.repeat(starts - np.cumsum(counts) + counts, counts)
        averages = (np.repeat(ordered, counts) + ordered[columns]) / 2
        return [float(average) for average in np.partition(averages, ranks)[list(ranks)]]
    pivot = _pivot(ordered, starts, stops)
    # Sums lie on a grid of 10^-DECIMALS: what is nearer to the pivot's than half of it is equal to it.
    grain = 0.5 * 10**-DECIMALS + _ULPS * np.spacing(np.abs(ordered).max())
    partners = 2 * pivot - ordered
    below = np.clip(np.searchsorted(ordered, partners - grain), starts, stops)
    above = np.clip(np.searchsorted(ordered, partners + grain), starts, stops)
    first, last = int((below - starts).sum()), int((above - starts).sum())
    return [
        *_select(ordered, starts, below, [rank for rank in ranks if rank < first]),
        *(pivot for rank in ranks if first <= rank < last),
        *_select(ordered, above, stops, [rank - last for rank in ranks if rank >= last]),
    ]


def _pivot(ordered: NDArray[np.float64], starts: NDArray[np.intp], stops: NDArray[np.intp]) -> float:
    """Return one of the averages that are left, near their middle: the weighted median of some rows' medians."""
    rows = np.flatnonzero(stops > starts)
    rows = rows[:: max(1, len(rows) // _PIVOT_ROWS)]
    medians = (ordered[rows] + ordered[(starts[rows] + stops[rows]) // 2]) / 2
    order = np.argsort(medians)
    weights = np.cumsum((stops - starts)[rows[order]])
    return float(medians[order[np.searchsorted(weights, weights[-1] / 2)]])
