"""The laws that theory offers for a cost over a size, as linear models.

Owns the regressors of each. Must not fit anything.

Laws are of a cost, such as the time of a call: the rate is its reciprocal. A cost is constant for what a hash or a
cached tree finds; it grows with the logarithm of the rows for a tree that gets deeper, and in proportion to them for
what reads all; powers lie between. Where data outgrow a cache, the power changes, at an edge that is known.

The Universal Scalability Law (Gunther 2007, "Guerrilla Capacity Planning", chapter 4) is one of throughput over
clients, X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)). Of N / X, it is a sum of three terms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

from schemabench.records import Law


@dataclass(frozen=True, kw_only=True)
class Form:
    """A law as a linear model."""

    law: Law
    additive: bool
    """Whether the cost is a sum of terms with coefficients that are not below zero; otherwise its logarithm is."""
    terms: Callable[[float], tuple[float, ...]]
    """The regressors at a value."""


USL = Form(law="universal scalability", additive=True, terms=lambda n: (1.0, n, n * (n - 1)))
"""Of clients over throughput. Without coefficients below zero, contention is at most 1."""


def of_rows(values: Sequence[float], edge: float | None) -> tuple[Form, ...]:
    """Return the laws for a series, the simplest first; for one that starts at zero, those that have a value there.

    Args:
        values: Where there are figures, not below zero, ascending.
        edge: Where the cache is full; None if that is not known.
    """
    first, last = values[0], values[-1]
    constant = Form(law="constant", additive=False, terms=lambda _: (1.0,))
    if not last:
        return (constant,)
    linear = Form(law="linear", additive=True, terms=lambda x: (1.0, x / last))
    if not first:
        return constant, linear
    found = (
        constant,
        Form(law="logarithmic", additive=True, terms=lambda x: (1.0, max(0.0, log(x / first)))),
        linear,
        Form(law="power", additive=False, terms=lambda x: (1.0, log(x))),
    )
    return found if edge is None else (*found, _break(edge))


def _break(edge: float) -> Form:
    return Form(law="break at the cache", additive=False, terms=lambda x: (1.0, log(x), max(0.0, log(x) - log(edge))))
