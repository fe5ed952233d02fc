"""The fit of a law to a series, by weighted least squares, and what it predicts.

Owns the fit and the interval of a prediction. Must not choose a law.

Errors are relative, so that residuals are those of logarithms: of a sum of terms to first order, which suffices for
errors of some percent. Steps also differ by what their own intervals do not contain, such as a machine that changes
between two experiments. Hence errors are scaled up where residuals are larger than they say, never down, and the
interval is Student's for the remaining degrees of freedom. Sums of terms are fitted without negative coefficients
(Lawson & Hanson 1974, "Solving Least Squares Problems", chapter 23). Their covariance is that of the fit without this
constraint, which is the wider one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, hypot, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import nnls

from schemabench.projection.laws import Form

_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A law with its coefficients."""

    form: Form
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    """Of the coefficients, with errors as large as residuals say."""
    inflation: float
    """How much larger errors are than those that were given, at least 1."""
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
        return self.students * hypot(relative, self.inflation * error)


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
    own = np.array(costs)
    weights = 1 / np.array(errors)
    terms = np.array([form.terms(value) for value in values])
    design = terms * (weights / own if form.additive else weights)[:, None]
    wanted = weights if form.additive else weights * np.log(own)
    scale = np.linalg.norm(design, axis=0)
    if not scale.all() or np.linalg.matrix_rank(design / scale) < terms.shape[1]:
        return None
    found = nnls(design, wanted)[0] if form.additive else np.linalg.lstsq(design, wanted)[0]
    freedom = len(values) - terms.shape[1]
    residuals = wanted - design @ found
    inflation = max(1.0, sqrt(float(residuals @ residuals) / freedom))
    inverse = np.linalg.inv((design / scale).T @ (design / scale)) / np.outer(scale, scale)
    return Fit(
        form=form,
        coefficients=found,
        covariance=inflation**2 * inverse,
        inflation=inflation,
        students=float(special.stdtrit(freedom, (1 + _CONFIDENCE) / 2)),
    )


def distance(first: float, second: float) -> float:
    """Return how far two costs are apart, of their logarithms."""
    return abs(log(first) - log(second))
