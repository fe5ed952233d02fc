"""The coefficients of the Universal Scalability Law, with intervals.

Owns contention, coherency, knee and peak. Must not project.

Contention (sigma) is the share of a call for which clients wait in line; coherency (kappa) is what each pair of them
costs. The *peak* is where throughput is highest, sqrt((1 - sigma) / kappa). The *knee* is where the line of perfect
scaling would reach that height: from there on, clients wait rather than add. Without coherency there is no peak, and
the knee is 1 / sigma.

Intervals are from a parametric bootstrap: figures are drawn around the fitted ones, with errors as large as residuals
say, and fitted again (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", section 6.5). Draws are as much
wider as Student's distribution is than the normal one.
"""

from collections.abc import Mapping, Sequence
from math import inf, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from schemabench.projection.fitting import fit, needed
from schemabench.projection.laws import USL
from schemabench.projection.projecting import FARTHEST, Point
from schemabench.records import Estimate

_DRAWS = 1_000
_LEVELS = (0.025, 0.975)
_NORMAL = 1.96


def coefficients(series: Sequence[Point], *, seed: int) -> Mapping[str, Estimate]:
    """Return `sigma`, `kappa`, `knee` and `peak` of a series of throughput over clients.

    What has an interval without an end is left out, and a knee or a peak also if it ends beyond what may be projected.
    Empty with too few figures.

    Args:
        series: By number of clients.
        seed: Of the random draws.
    """
    if len(series) < needed(USL):
        return {}
    values = np.array([one.value for one in series])
    costs = np.array([one.value / one.figure.value for one in series])
    errors = np.array([one.error for one in series])
    found = fit(USL, values.tolist(), costs.tolist(), errors.tolist())
    if found is None:
        return {}
    fitted = np.array([found.cost(value) for value in values])
    errors = np.hypot(errors, found.between)
    spread = errors * found.students / _NORMAL
    drawn = fitted * np.exp(np.random.default_rng(seed).normal(0.0, spread, size=(_DRAWS, len(values))))
    terms = np.array([USL.terms(value) for value in values])
    each = np.array([_described(nnls(terms / (errors * own)[:, None], 1 / errors)[0]) for own in drawn])
    own = _described(found.coefficients)
    ends = np.quantile(each, _LEVELS, axis=0, method="inverted_cdf")
    return {
        name: Estimate(value=value, low=min(low, value), high=max(high, value))
        for name, value, low, high in zip(_NAMES, own, *ends.tolist(), strict=True)
        if isfinite(value) and isfinite(high) and (name not in _OF_CLIENTS or high <= FARTHEST * values[-1])
    }


_NAMES = ("sigma", "kappa", "knee", "peak")
_OF_CLIENTS = ("knee", "peak")
"""Those that are numbers of clients."""


def _described(found: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return the coefficients of the law, and the knee and the peak that follow from them; infinite without one."""
    free, waiting, pairs = found.tolist()
    alone = free + waiting
    if not alone:
        return inf, inf, 1.0, 1.0
    sigma, kappa = waiting / alone, pairs / alone
    peak = sqrt((1 - sigma) / kappa) if kappa else inf
    if isfinite(peak):
        peak = max(1.0, peak)
        knee = peak / (1 + sigma * (peak - 1) + kappa * peak * (peak - 1))
    else:
        knee = 1 / sigma if sigma else inf
    return sigma, kappa, knee, peak
