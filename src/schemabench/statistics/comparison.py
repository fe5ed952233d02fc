"""All pairs of candidates, paired by block.

Owns their differences after a run, and cheap figures of throughput during one. Must not rank.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.statistics import block_mean, block_ratio, signed_rank
from schemabench.statistics.dependence import dependence
from schemabench.statistics.sign_flips import CONFIDENCE, Span, fewest

_FEW = 80
"""Up to this many blocks, the running width is computed by signed ranks: some 2 ms for 12 candidates, but 150 ms for
2,000 blocks. Beyond it, the trimmed mean's is about a tenth too narrow if one trial in twelve stalls."""

_TRIM = 0.2
"""The share cut from each end by the running width: tolerates 20 % of outliers (Wilcox 2022, "Introduction to Robust
Estimation and Hypothesis Testing", 5th ed., section 3.3)."""

Pair = tuple[str, str]
Spans = Mapping[Pair, Span]
"""(first, second) -> the span of first minus second."""


class Sharing(Protocol):
    """Makes the spans of the differences of two sets of series, index by index, of shape (blocks, series) or more.

    All have the critical value that the first `family` pairs share.
    """

    def __call__(
        self, first: NDArray[np.float64], second: NDArray[np.float64], *, family: int, seed: int
    ) -> tuple[Span, ...]:
        """Return the span of every pair."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method for the centre, interval and test of paired differences."""

    spans: Sharing
    influence: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    """Each block's influence on the centre of each pair, of shape (blocks, pairs)."""


BY_RANKS = Method(
    spans=lambda first, second, *, family, seed: signed_rank.spans_sharing(first - second, family=family, seed=seed),
    influence=lambda first, second: signed_rank.influence(first - second),
)
"""Of values, one for each block and series."""
BY_MEANS = Method(
    spans=lambda first, second, *, family, seed: block_mean.spans_sharing(first - second, family=family, seed=seed),
    influence=lambda first, second: block_mean.influence(first - second),
)
"""Likewise, of amounts that add up."""
BY_RATIOS = Method(spans=block_ratio.spans_sharing, influence=block_ratio.differences)
"""For ratios of sums: two per block and series."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All ordered pairs of candidates, and the dependence of their blocks."""

    spans: Spans
    """The spans, widened for dependence."""
    widening: Mapping[Pair, float]
    """The factor by which its interval is wider than for independent blocks; at least 1."""
    effective: Mapping[Pair, float]
    """The number of independent blocks with the same information."""
    correlation: Mapping[Pair, float]
    """The correlation of neighbouring blocks on the same copy."""
    certain: frozenset[Pair]
    """The pairs whose blocks depend on each other, at the level of 1 %."""
    copies_share: float | None
    """The share of the variance of a block's difference that lies between copies; None with one copy."""


def log_rates(rates: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the logs of rates of shape (blocks, candidates), after checking that they can be compared."""
    check_columns("rates", rates, names)
    assert rates.shape[0] > 0, "statistics need at least one block, found none"
    assert np.all(np.isfinite(rates) & (rates > 0)), f"rates must be above zero and finite, found {_worst(rates)}"
    logs: NDArray[np.float64] = np.log(rates)
    return logs


def check_columns(what: str, values: NDArray[np.float64], names: Sequence[str]) -> None:
    """Refuse values that are not of shape (blocks, candidates) with a column for each name, all names different."""
    shape = values.shape
    assert len(shape) == 2, f"{what} must have the shape (blocks, candidates), found {shape}"  # noqa: PLR2004 (a matrix)
    assert shape[1] == len(names), f"{shape[1]} columns of {what} for {len(names)} names"
    assert len(set(names)) == len(names), f"names must differ: {', '.join(names)}"


def check_baseline(names: Sequence[str], baseline: str, control: str | None) -> None:
    """Refuse a baseline or a control that is not among the names."""
    assert baseline in names, f"no baseline {baseline!r} among {', '.join(names)}"
    assert control is None or (control in names and control != baseline), f"no control {control!r} in {names}"


def compare(  # noqa: PLR0913 (how blocks came about)
    values: NDArray[np.float64],
    names: Sequence[str],
    *,
    twins: tuple[str, str] | None,
    seed: int,
    method: Method = BY_RANKS,
    copies: Sequence[int] = (),
) -> Comparison:
    """Return the span of first minus second for every ordered pair of candidates.

    All intervals hold jointly with 95 % confidence: differences are corrected for the number of pairs. `twins`, the
    control and the baseline, are compared with the same critical value, but do not raise it: the control is not a
    candidate, and its interval shows how much equal schemas may differ by chance. If there is nothing else to compare,
    they alone determine it. The dependence of blocks is estimated from all pairs, including the control's.

    Args:
        values: Of shape (blocks, columns), one column per name, compared by subtraction: logs give log ratios. By
            ratios, of shape (blocks, columns, 2).
        names: The names of the columns, the control's included.
        twins: The control and the baseline, or None.
        seed: Of the random flips.
        method: Makes the spans of pairs.
        copies: The number of the copy that each block was executed on, ascending; empty for one copy.
    """
    column = {name: index for index, name in enumerate(names)}
    ranked = sorted(name for name in names if twins is None or name != twins[0])
    pairs = list(itertools.combinations(ranked, 2))
    check = [] if twins is None else [twins, *((twins[0], name) for name in ranked if name != twins[1])]
    every = pairs + check
    sides = [values[:, [column[pair[side]] for pair in every]] for side in (0, 1)]
    family = len(pairs) or len(check)
    found = method.spans(*sides, family=family, seed=seed)
    known = dependence(method.influence(*sides), copies=copies, independent=len(names) - 1, family=family)
    widened = [span.widened(factor) for span, factor in zip(found, known.widening.tolist(), strict=True)]
    forward = dict(zip(every, widened, strict=True))
    backward = [(second, first) for first, second in every]
    both = every + backward
    return Comparison(
        spans=forward | {pair: span.reversed() for pair, span in zip(backward, widened, strict=True)},
        widening=dict(zip(both, known.widening.tolist() * 2, strict=True)),
        effective=dict(zip(both, known.effective.tolist() * 2, strict=True)),
        correlation=dict(zip(both, known.correlation.tolist() * 2, strict=True)),
        certain=frozenset(pair for pair, certain in zip(both, known.certain.tolist() * 2, strict=True) if certain),
        copies_share=known.copies_share,
    )


def greater(spans: Spans, names: Sequence[str]) -> frozenset[Pair]:
    """Return the pairs of these names whose first is significantly greater than the second."""
    pairs = itertools.permutations(names, 2)
    return frozenset(pair for pair in pairs if spans[pair].apart and spans[pair].low > 0)


def widest_interval(
    rates: NDArray[np.float64],
    names: Sequence[str],
    *,
    baseline: str,
    control: str | None = None,
    copies: Sequence[int] = (),
) -> float:
    """Return the relative half width of the widest interval of a ratio to the baseline, as in 0.03; the control counts.

    For the stopping rule: it uses only widths, so that stopping by it creates no false differences (Kruschke 2015,
    "Doing Bayesian Data Analysis", 2nd ed., section 13.3). Cheap enough for every block: Bonferroni's correction and
    the normal limit replace the flips, and beyond `_FEW` blocks the standard error of a trimmed mean replaces the
    signed ranks. The result is within about a fifth of the final width. Infinite while there are too few blocks to tell
    candidates apart. `copies` are as for `compare`.
    """
    logs = log_rates(rates, names)
    blocks = len(logs)
    family = max(math.comb(len(names) - (control in names), 2), 1)
    if blocks < fewest(family):
        return math.inf
    own = names.index(baseline)
    if len(names) == 1:
        return 0.0
    others = np.delete(logs, own, axis=1) - logs[:, [own]]
    quantile = -float(special.ndtri((1 - CONFIDENCE) / (2 * family)))
    widths = _widths_by_ranks(others, quantile) if blocks <= _FEW else 2 * quantile * _standard_errors(others)
    pairs = list(itertools.combinations(range(len(names)), 2))
    differences = logs[:, [first for first, _ in pairs]] - logs[:, [second for _, second in pairs]]
    known = dependence(signed_rank.influence(differences), copies=copies, independent=len(names) - 1, family=family)
    with_baseline = known.widening[[own in pair for pair in pairs]]
    return math.expm1(max((with_baseline * widths).tolist()) / 2)


def running_ratios(rates: NDArray[np.float64], names: Sequence[str], *, baseline: str) -> dict[str, float]:
    """Return the centre over blocks of each candidate's ratio to the baseline, for a progress bar.

    Up to `_FEW` blocks it is that of `compare`; beyond them a trimmed mean, which is cheaper and hardly differs.
    """
    logs = log_rates(rates, names)
    differences = logs - logs[:, [names.index(baseline)]]
    if len(logs) <= _FEW:
        centres = [span.centre for span in signed_rank.spans_together(differences, math.inf)]
    else:
        centres = _trimmed_means(differences)
    return {name: math.exp(centre) for name, centre in zip(names, centres, strict=True)}


def _widths_by_ranks(differences: NDArray[np.float64], quantile: float) -> NDArray[np.float64]:
    """Return the width of every column's interval by signed ranks, taking |T| as normal."""
    blocks = len(differences)
    critical = quantile * math.sqrt(blocks * (blocks + 1) * (2 * blocks + 1) / 6)
    spans = signed_rank.spans_together(differences, critical)
    return np.array([span.high - span.low if span.bounded else math.inf for span in spans])


def _trimmed_means(differences: NDArray[np.float64]) -> list[float]:
    cut = int(_TRIM * len(differences))
    ordered = np.sort(differences, axis=0)
    means: list[float] = ordered[cut : len(differences) - cut].mean(axis=0).tolist()
    return means


def _standard_errors(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error of every column's trimmed mean, from its winsorized spread (Yuen 1974)."""
    blocks = len(differences)
    cut = int(_TRIM * blocks)
    ordered = np.sort(differences, axis=0)
    winsorized = np.clip(differences, ordered[cut], ordered[blocks - 1 - cut])
    errors: NDArray[np.float64] = winsorized.std(axis=0, ddof=1) * math.sqrt(blocks) / (blocks - 2 * cut)
    return errors


def _worst(rates: NDArray[np.float64]) -> float:
    """Return the first rate that is not above zero and finite."""
    return float(rates[~(np.isfinite(rates) & (rates > 0))][0])
