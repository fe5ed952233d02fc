"""The fit of a law to a series, by weighted least squares, and what it predicts.

Owns the fit and the interval of a prediction. Must not choose a law.

Errors are relative, so that residuals are those of logarithms: of a sum of terms to first order, which suffices for
errors of some percent. Steps also differ by what their own intervals do not contain, such as a machine that changes
between two experiments. It is taken to be as large at each step, and is added to their own errors in squares: as much
of it as makes residuals as large as errors say (Paule & Mandel 1982, "Consensus values and weighting factors"). The
interval is Student's for the remaining degrees of freedom. Sums of terms are fitted without negative coefficients
(Lawson & Hanson 1974, "Solving Least Squares Problems", chapter 23). Their covariance is that of the fit without this
constraint, which is the wider one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, hypot, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq, nnls

from schemabench.projection.laws import Form

_CONFIDENCE = 0.95
_FARTHEST_REACH = 100.0
"""Half the width of an interval, of a logarithm, that nobody can use: `exp` of a larger one may overflow."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A law with its coefficients."""

    form: Form
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    """Of the coefficients."""
    between: float
    """The standard error of what the steps' own errors do not contain; 0 if they contain all."""
    scatter: float
    """The median of the steps' own errors, with `between` added in squares."""
    students: float
    """Student's two-sided 5 % point."""

    def cost(self, value: float) -> float:
        """Return the predicted cost at a value."""
        sum_ = float(self.coefficients @ self.form.terms(value))
        return sum_ if self.form.additive else exp(sum_)

    def reach(self, value: float, error: float) -> float:
        """Return the half width of the 95 % interval of a prediction, of the cost's logarithm.

        Args:
            value: Where.
            error: The standard error of the figure that would be measured there, of its logarithm.
        """
        terms = np.array(self.form.terms(value))
        own = sqrt(max(0.0, float(terms @ self.covariance @ terms)))
        relative = own / self.cost(value) if self.form.additive else own
        return min(_FARTHEST_REACH, self.students * hypot(relative, error, self.between))


def needed(form: Form) -> int:
    """Return the fewest figures for a fit with an interval."""
    return len(form.terms(1.0)) + 1


def fit(form: Form, values: Sequence[float], costs: Sequence[float], errors: Sequence[float]) -> Fit | None:
    """Return the fit of a law; None if the figures do not determine its coefficients.

    Args:
        form: The law.
        values: At least as many as `needed`, all different.
        costs: Above zero, one for each value.
        errors: The standard error of each cost's logarithm, above zero.
    """
    assert len(values) >= needed(form), f"{form.law} needs {needed(form)} figures, not {len(values)}"
    own, known = np.array(costs), np.array(errors)
    terms = np.array([form.terms(value) for value in values])
    freedom: int = len(values) - terms.shape[1]

    def weighted(between: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the terms and what they should sum up to, in units of the errors."""
        weights = 1 / np.hypot(known, between)
        design = terms * (weights / own if form.additive else weights)[:, None]
        return design, weights if form.additive else weights * np.log(own)

    def excess(between: float) -> float:
        """Return by how much residuals are larger than errors say, in squares."""
        design, wanted = weighted(between)
        residuals = wanted - design @ _solved(form, design, wanted)
        return float(np.sum(residuals**2)) - freedom

    design, _ = weighted(0.0)
    scale = np.linalg.norm(design, axis=0)
    if not scale.all() or np.linalg.matrix_rank(design / scale) < terms.shape[1]:
        return None
    between = _root(excess) if excess(0.0) > 0 else 0.0
    design, wanted = weighted(between)
    scale = np.linalg.norm(design, axis=0)
    return Fit(
        form=form,
        coefficients=_solved(form, design, wanted),
        covariance=np.linalg.inv((design / scale).T @ (design / scale)) / np.outer(scale, scale),
        between=between,
        scatter=hypot(float(np.median(known)), between),
        students=float(special.stdtrit(freedom, (1 + _CONFIDENCE) / 2)),
    )


def _solved(form: Form, design: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients."""
    found = nnls(design, wanted)[0] if form.additive else np.linalg.lstsq(design, wanted)[0]
    return np.asarray(found, np.float64)


def _root(excess: Callable[[float], float]) -> float:
    """Return where an excess ends, which falls as its argument grows."""
    high = 1.0
    while excess(high) > 0:
        high *= 2
    return float(brentq(excess, 0.0, high))


def distance(first: float, second: float) -> float:
    """Return how far two costs are apart, of their logarithms."""
    return abs(log(first) - log(second))
