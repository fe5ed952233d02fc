"""What a write costs under one candidate, against the baseline.

Owns the comparison of amounts per row, measure by measure. Must not know the measures.

Counters are nearly noise-free: their intervals are often of no width, and a difference of one part in a thousand is
told apart after a dozen blocks. So is chance that lasts: a page more in one of two equal candidates is there in every
block. Hence whoever differs must differ from the baseline by more than the control does.

The family of comparisons that hold together with 95 % confidence is every candidate against the baseline, by one
measure. Measures are not corrected for each other: among equal candidates, one measure in twenty may show a difference.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate
from schemabench.statistics import block_mean, signed_rank
from schemabench.statistics.comparison import check_baseline, check_columns
from schemabench.statistics.ranking import ratio


class CostComparison(NamedTuple):
    """One candidate against the baseline by one measure."""

    ratio: Estimate | None
    """Of its amount to the baseline's; None where either has a zero."""
    differs: bool
    """Whether it is told apart from the baseline."""


def compare_costs(
    amounts: NDArray[np.float64], names: Sequence[str], *, baseline: str, seed: int, control: str | None = None
) -> dict[str, CostComparison]:
    """Return every candidate's comparison with the baseline; the baseline's own has no ratio.

    Ratios are compared on logs, by signed ranks, so that a trial into which a checkpoint fell does not count for more
    than others. Where any amount of the measure is zero, whoever has none, or faces a baseline that has none, is
    compared by difference instead, and all of them by means over blocks, since zeros come in masses.

    Args:
        amounts: Of one measure per row or operation, not below zero, of shape (blocks, candidates); NaN where it was
            not offered. A candidate without any is left out, then every block with a NaN.
        names: One per column, all different.
        baseline: The name to compare with.
        seed: Of the random flips.
        control: The name of the baseline's second entry, compared like a candidate but not corrected for; or None.
    """
    check_columns("amounts", amounts, names)
    check_baseline(names, baseline, control)
    assert not np.any((amounts < 0) | np.isinf(amounts)), "amounts must be finite and not below zero"
    missing = np.isnan(amounts)
    found = dict.fromkeys(names, CostComparison(ratio=None, differs=False))
    offered = [name for name, column in zip(names, missing.T, strict=True) if not column.all()]
    rivals = sorted((name for name in offered if name != baseline), key=lambda name: (name == control, name))
    whole = amounts[:, [names.index(name) for name in offered]]
    whole = whole[~np.isnan(whole).any(axis=1)]
    if baseline not in offered or not rivals or not len(whole):
        return found
    columns = dict(zip(offered, (whole / (whole.max() or 1.0)).T, strict=True))
    own = columns.pop(baseline)
    positive = {name: bool((own > 0).all() and (columns[name] > 0).all()) for name in rivals}
    differences = [np.log(columns[name] / own) if positive[name] else columns[name] - own for name in rivals]
    method = signed_rank.spans_sharing if all(positive.values()) else block_mean.spans_sharing
    spans = method(np.column_stack(differences), family=max(1, len(rivals) - (control in rivals)), seed=seed)
    forward = dict(zip(rivals, spans, strict=True))
    doubt = max(abs(forward[control].low), abs(forward[control].high)) if control in forward else 0.0
    for name, span in forward.items():
        beyond = name == control or span.low > doubt or span.high < -doubt
        found[name] = CostComparison(ratio=ratio(span) if positive[name] else None, differs=span.apart and beyond)
    return found
