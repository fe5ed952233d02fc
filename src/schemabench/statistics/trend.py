"""The trend of a series: Kendall's test, and the corresponding line.

Owns the slopes of all pairs and the spread of Kendall's statistic. Must not know the meaning of the series.

Kendall's S is the number of rising pairs minus that of falling pairs (Mann 1945, Econometrica 13:245; Kendall 1975,
"Rank Correlation Methods", 4th ed.). The median of the pairs' slopes is the line for which S of the residuals is zero
(Theil 1950; Sen 1968, J. Am. Stat. Assoc. 63:1379). Both tolerate stalls, which least squares do not.
"""

import math

import numpy as np
from numpy.typing import NDArray

from schemabench.statistics.dependence import ranks

_PARABOLA = 2
"""The degree of its polynomial."""


def slopes(values: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slopes of all pairs of values at different places, in order; both of shape (blocks,)."""
    first, second = np.triu_indices(len(values), 1)
    runs = places[second] - places[first]
    apart = runs != 0
    return np.sort((values[second] - values[first])[apart] / runs[apart])


def residuals(values: NDArray[np.float64], places: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    """Return the ranks of the residuals about a line of this slope, of shape (blocks, 1): see `dependence`."""
    return ranks((values - slope * places)[:, None])


def residuals_about_curve(values: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks of the residuals about a parabola, by least squares, of shape (blocks, 1).

    A line leaves the bend of a series in its residuals, where it looks as if neighbours depended on each other.
    """
    curve = np.polynomial.Polynomial.fit(places, values, _PARABOLA)
    return ranks((values - curve(places))[:, None])


def standard_error(blocks: int) -> float:
    """Return the standard error of S without a trend, for independent blocks; S is close enough to normal from 8 on."""
    return math.sqrt(blocks * (blocks - 1) * (2 * blocks + 5) / 18)
