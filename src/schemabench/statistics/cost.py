"""What a write costs under one candidate, against the baseline, and who pays less than whom.

Owns the comparison of amounts per row, measure by measure, and the ranking by one of them. Must not know the measures.

Amount, ratio, interval and test come from one estimator, so that a table cannot contradict itself: the mean over
blocks, in which each block counts once. A ratio is that of two means. Its interval contains every ratio r for which the
mean of (amount - r * baseline's amount) does not differ significantly from zero (Fieller 1954, J. R. Stat. Soc. B
16:175), with the critical value that all candidates share, from `block_mean`, widened for dependence. At r = 1 this is
the test of the difference: the interval excludes 1 exactly where the amounts differ significantly. If the baseline's
own amount does not differ significantly from zero, no ratio is bounded, and only the difference is reported.

Counters are nearly noise-free: their intervals often have zero width, and a difference of one part in a thousand is
detected after a dozen blocks. The same applies to lasting chance effects: an additional page in one of two equal
candidates is there in every block. Hence a candidate that differs must differ from the baseline by more than the
control does.

A ranking compares all pairs, so that its intervals are wider than those of the table of costs, which compares with the
baseline alone. It is of differences: where the baseline pays nothing there is no ratio.

The price of means: a checkpoint that falls into a few trials of one candidate moves its ratio, and widens its interval.

The comparisons that hold jointly with 95 % confidence are those of every candidate with the baseline, by one measure.
Measures are not corrected for each other: among equal candidates, one measure in twenty may show a difference.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Criterion, Estimate
from schemabench.statistics import block_mean
from schemabench.statistics.comparison import BY_MEANS, Spans, check_baseline, check_columns, compare
from schemabench.statistics.dependence import dependence, those
from schemabench.statistics.ranking import Ranking, ranked
from schemabench.statistics.sign_flips import Span


class CostComparison(NamedTuple):
    """One candidate against the baseline by one measure."""

    amount: float | None
    """The mean over blocks; None if there are no amounts."""
    ratio: Estimate | None
    """Its amount relative to the baseline's; None if either is zero, or the baseline's is not significantly above
    zero."""
    differs: bool
    """Whether it differs significantly from the baseline, and by more than the control does."""


def compare_costs(  # noqa: PLR0913 (how blocks came about)
    amounts: NDArray[np.float64],
    names: Sequence[str],
    *,
    baseline: str,
    seed: int,
    control: str | None = None,
    copies: Sequence[int] = (),
) -> dict[str, CostComparison]:
    """Return every candidate's amount and its comparison with the baseline; the baseline's own has no ratio.

    Args:
        amounts: Of one measure per row or operation, not below zero, of shape (blocks, candidates); NaN where it was
            not available. A candidate without any is left out, then every block with a NaN.
        names: One per column, all different.
        baseline: The name to compare with.
        seed: Of the random flips.
        control: The name of the baseline's second entry, compared like a candidate but not corrected for; or None.
        copies: The number of the copy of all databases that each block was executed on, ascending; empty for one copy.
    """
    check_baseline(names, baseline, control)
    offered, whole, counted = _complete(amounts, names, copies)
    found = dict.fromkeys(names, CostComparison(amount=None, ratio=None, differs=False))
    if not len(whole):
        return found
    means = dict(zip(offered, whole.mean(axis=0).tolist(), strict=True))
    found |= {name: CostComparison(amount=mean, ratio=None, differs=False) for name, mean in means.items()}
    rivals = sorted((name for name in offered if name != baseline), key=lambda name: (name == control, name))
    if baseline not in offered or not rivals:
        return found
    columns = dict(zip(offered, (whole / (whole.max() or 1.0)).T, strict=True))
    own = columns[baseline]
    differences = np.column_stack([columns[name] - own for name in rivals])
    critical = _critical_values(differences, max(1, len(rivals) - (control in rivals)), counted, seed)
    spans = {
        name: block_mean.spans_together(column[:, None], own_critical)[0]
        for name, column, own_critical in zip(rivals, differences.T, critical, strict=True)
    }
    doubt = max(abs(spans[control].low), abs(spans[control].high)) if control in spans else 0.0
    for (name, span), own_critical in zip(spans.items(), critical, strict=True):
        beyond = name == control or span.low > doubt or span.high < -doubt
        ratio = _ratio(columns[name], own, own_critical, span)
        found[name] = CostComparison(amount=means[name], ratio=ratio, differs=span.apart and beyond)
    return found


def rank_costs(  # noqa: PLR0913 (how blocks came about)
    criterion: Criterion,
    amounts: NDArray[np.float64],
    names: Sequence[str],
    *,
    baseline: str,
    seed: int,
    control: str | None = None,
    copies: Sequence[int] = (),
) -> Ranking:
    """Return the standings of all candidates by one measure; the same whatever their order and the measure's unit.

    Empty where the baseline was not offered the measure. Arguments are as for `compare_costs`.
    """
    check_baseline(names, baseline, control)
    offered, whole, counted = _complete(amounts, names, copies)
    if baseline not in offered or not len(whole):
        return Ranking(standings=(), control=None, better=frozenset(), notices=())
    scale = float(whole.max()) or 1.0
    twins = (control, baseline) if control is not None and control in offered else None
    compared = compare(whole / scale, offered, twins=twins, seed=seed, method=BY_MEANS, copies=counted)
    return ranked(
        criterion,
        compared.spans if twins is None else _beyond(compared.spans, twins),
        dict(zip(offered, _figures(whole, scale, counted), strict=True)),
        lambda _, span: _scaled(span, scale),
        baseline=baseline,
        control=control,
        blocks=len(whole),
    )


def _complete(
    amounts: NDArray[np.float64], names: Sequence[str], copies: Sequence[int]
) -> tuple[list[str], NDArray[np.float64], list[int]]:
    """Return the names with any amount, the blocks in which all of these have one, and the copies of these blocks."""
    check_columns("amounts", amounts, names)
    assert not np.any((amounts < 0) | np.isinf(amounts)), "amounts must be finite and not below zero"
    missing = np.isnan(amounts)
    offered = [name for name, column in zip(names, missing.T, strict=True) if not column.all()]
    whole = amounts[:, [names.index(name) for name in offered]]
    complete: NDArray[np.bool_] = np.logical_not(np.isnan(whole).any(axis=1))
    return offered, whole[complete], those(copies, complete)


def _beyond(spans: Spans, twins: tuple[str, str]) -> Spans:
    """Return spans as much wider, but for the twins', as the control may be off by."""
    own = spans[twins]
    doubt = max(abs(own.low), abs(own.high))
    return {
        pair: span if set(pair) == set(twins) else replace(span, low=span.low - doubt, high=span.high + doubt)
        for pair, span in spans.items()
    }


def _figures(whole: NDArray[np.float64], scale: float, copies: Sequence[int]) -> list[Estimate]:
    """Return the mean of every column, each interval alone with 95 % confidence."""
    deviations = block_mean.influence(whole / scale - (whole / scale).mean(axis=0))
    known = dependence(deviations, copies=copies, independent=whole.shape[1], family=1)
    spans = block_mean.spans_apart(whole / scale)
    found = [_scaled(span.widened(by), scale) for span, by in zip(spans, known.widening.tolist(), strict=True)]
    return [replace(one, low=max(0.0, one.low)) for one in found]


def _scaled(span: Span, scale: float) -> Estimate:
    return Estimate(value=scale * span.centre, low=scale * span.low, high=scale * span.high)


def _critical_values(differences: NDArray[np.float64], family: int, copies: Sequence[int], seed: int) -> list[float]:
    """Return each series' critical value: the one that the first `family` share, widened for its dependence.

    Differences to the baseline share its noise, so dependence is pooled over the differences of all pairs.
    """
    shared = block_mean.shared_critical_value(differences[:, :family], seed=seed)
    rivals = differences.shape[1]
    first, second = np.triu_indices(rivals, 1)
    every = np.hstack([differences, differences[:, first] - differences[:, second]])
    known = dependence(block_mean.influence(every), copies=copies, independent=rivals, family=family)
    return [shared * factor for factor in known.widening[:rivals].tolist()]


def _ratio(amounts: NDArray[np.float64], own: NDArray[np.float64], critical: float, span: Span) -> Estimate | None:
    """Return the ratio of two means and the ends of Fieller's interval: the r with |mean| = critical * standard error.

    Squared, this is a r^2 - 2 b r + c = 0, whose roots are the ends if a > 0, that is, if the baseline's own mean is
    significant. Below the smallest sample, the interval is the range of the value and of the blocks' own
    ratios: a block in which the baseline pays nothing has none, but is in the value.
    """
    mean, base = float(amounts.mean()), float(own.mean())
    if not (mean and base):
        return None
    if not math.isfinite(critical):
        ratios = [mean / base, *(amounts[own > 0] / own[own > 0]).tolist()]
        return Estimate(value=mean / base, low=min(ratios), high=max(ratios))
    covariances = np.cov(amounts, own) / len(own) * critical**2
    a = base**2 - float(covariances[1, 1])
    b = mean * base - float(covariances[0, 1])
    c = mean**2 - float(covariances[0, 0])
    if a <= 0:
        return None
    value, root = mean / base, math.sqrt(max(b**2 - a * c, 0.0)) / a
    low, high = min(value, max(0.0, b / a - root)), max(value, b / a + root)
    return Estimate(value=value, low=low, high=high) if span.apart else _holding_one(value, low, high)


def _holding_one(value: float, low: float, high: float) -> Estimate:
    """Return an interval that contains 1, which it misses at most by rounding."""
    if low == high:
        return Estimate(value=1.0, low=1.0, high=1.0)
    return Estimate(value=value, low=min(low, 1.0), high=max(high, 1.0))
