"""How much dependent blocks widen the interval of a centre.

Owns the additional variance of a centre due to copies and neighbouring blocks, and the effective number of blocks. Must
not know the centre: it gets each block's influence on it, and the mean of these influence values varies like the
centre.

A block's difference varies within a copy of the databases, and between copies, because new files are placed elsewhere:
all blocks on one copy share its properties. There are two estimates of the variance of the mean of n blocks, beyond
that of n independent ones:

* *Copies*, by the analysis of variance between and within (Kalibera & Jones 2013, "Rigorous benchmarking in reasonable
  time", section 6). It also sees whatever else lasts longer than a copy, as a drift does.
* *Neighbours*, by the correlation r of each block with the next on the same copy, taken for a first-order process: the
  variance grows by 1 + 2 sum (1 - k/m) r^k (Bayley & Hammersley 1946, J. R. Stat. Soc. Suppl. 8:184). In m blocks whose
  mean is taken off, r comes out too low by (1 + 3 r) / m, which is put back (Marriott & Pope 1954, Biometrika 41:390).

The larger estimate counts, and never less than that of independence. Both have few degrees of freedom, so two
precautions are taken. They are pooled over all pairs, including the control's; a pair has its own only if it is clearly
worse, for example because one candidate's tables bloat. And the interval is widened by the ratio of Student's point for
the degrees of freedom of the estimate and of the series' own scale together to that for independent blocks. But an
estimate that chance alone exceeds in a quarter of cases counts as none, which keeps the level and most of the power
(Bozivich, Bancroft & Hartley 1956, Ann. Math. Stat. 27:1017).

Assumptions: entrants depend on their past alike, or clearly differ in it; blocks of one copy depend on each other like
a first-order process, or not at all. Effects of a single copy cannot be detected without another. Levels and widths,
simulated: decision 14; `benchmarks/levels.py` reproduces it.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.statistics.sign_flips import CONFIDENCE
from schemabench.statistics.walsh import DECIMALS

Series = NDArray[np.float64]
"""A figure for each of several series."""

_IGNORED = 0.25
"""Estimates that chance alone exceeds this often count as none (Bozivich, Bancroft & Hartley 1956)."""

_WORSE = 0.05
"""The probability, over all series, that one is taken to be worse than the pooled series if all are alike."""

_CERTAIN = 0.01
"""The probability of reporting dependence between independent blocks."""

CLOSEST = 0.95
"""A higher correlation cannot be told from a drift within the few hundred blocks of a run."""

_SHORTEST = 6.0
"""Blocks on a copy from which neighbours are informative: with fewer, the bias correction exceeds the estimate."""

_FEWEST_DEGREES = 2
"""Degrees of freedom, at least: Student's point for 1 is useless, and too large for the exponential of a log ratio."""

_FLAT = 1e-9
"""A series that varies by less than this share of its size is constant: the rest is rounding."""

_NOTHING = 1e-300
"""Replaces a sum of squares that is zero, so that a constant series has no dependence."""


@dataclass(frozen=True, kw_only=True)
class Dependence:
    """The effect of dependent blocks on intervals; arrays have one figure for each series."""

    widening: Series
    """The factor by which an interval is widened about its centre; at least 1."""
    effective: Series
    """The number of independent blocks with the same information; without the precautions for few degrees of
    freedom."""
    correlation: Series
    """The correlation of neighbouring blocks on the same copy, 0 to 0.95."""
    certain: NDArray[np.bool_]
    """Whether blocks depend on each other, at the level of 1 %."""
    copies_share: float | None
    """The share of the variance of a block's influence that lies between copies, pooled; None with one copy."""


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """The assignment of blocks to copies."""

    numbers: NDArray[np.intp]
    """Each block's copy, from 0."""
    fitted: int
    between: int
    """Degrees of freedom between copies; 0 if copies are not informative."""
    length: float
    """Blocks on a copy: n0 of the analysis of variance (Searle, Casella & McCulloch 1992, "Variance Components",
    section 3.6)."""
    weight: float
    """The weight, in blocks, of a copy's own variance in the mean's: the sum of squared sizes over the sum of sizes."""

    @property
    def blocks(self) -> int:
        """Return the number of blocks."""
        return len(self.numbers)

    @property
    def within(self) -> int:
        """Return the degrees of freedom within copies."""
        return self.blocks - 1 - int(self.numbers[-1]) if self.between > 0 else self.blocks - self.fitted


class _Moments(NamedTuple):
    """Sums of normalised series, so that they can be added over series."""

    products: Series
    """The products of neighbours on the same copy, about the copy's mean."""
    within: Series
    """The squares about the copy's mean."""
    between: Series
    """The squares of the copies' means, each block counted."""


class _Found(NamedTuple):
    """One estimate of dependence, for each series."""

    cautious: Series
    """The variance of the mean, times blocks, relative to that within copies; with precautions for few degrees of
    freedom."""
    plain: Series
    """The same without the precautions."""
    correlation: Series
    chance: Series
    """The probability of as much dependence among independent blocks."""


def dependence(
    influence: NDArray[np.float64], *, copies: Sequence[int], independent: int, family: int, fitted: int = 1
) -> Dependence:
    """Return how much the interval of every series' centre widens, and why.

    Args:
        influence: Each block's influence on the centre, of shape (blocks, series), such as its rank or its value.
        copies: The number of each block's copy, ascending; empty for one copy.
        independent: The number of independent series, which is the gain from pooling: for all pairs, the entrants minus
            one.
        family: The number of series that hold jointly with 95 % confidence.
        fitted: Parameters estimated from each series: 1 for a mean, 2 for a line, 3 for a parabola.
    """
    blocks, series = influence.shape
    if blocks < _SHORTEST or not series:
        return _none(blocks, series)
    layout = _layout(copies, blocks, fitted)
    moments = _moments(influence, layout)
    pooled = _Moments(*(part.sum(keepdims=True) for part in moments))
    together = _found(pooled, layout, independent, independent, family)
    alone = _found(moments, layout, 1, independent, family)
    own = _worse(moments, pooled, layout) & (alone.cautious > together.cautious)
    cautious, plain, correlation, chance = (np.where(own, one, all_) for one, all_ in zip(alone, together, strict=True))
    # Pooled is how copies compare with what is within them. The scale is a series' own, of its blocks within copies:
    # few copies that happen to be alike would make its interval too narrow just where its centre is off.
    total = np.maximum(moments.within + moments.between, _NOTHING) / (blocks - layout.fitted)
    within = moments.within / layout.within / total
    return Dependence(
        widening=np.sqrt(np.maximum(cautious * within, 1.0)),
        effective=blocks / np.maximum(plain * within, 1.0),
        correlation=correlation,
        certain=own | (chance < _CERTAIN),
        copies_share=_copies_share(pooled, layout),
    )


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each value's rank in its column, equal ones sharing their mean; scipy.stats takes seconds to load."""
    rounded = np.round(values, DECIMALS)
    order = np.argsort(rounded, axis=0)
    found = np.empty_like(rounded)
    np.put_along_axis(found, order, np.arange(1.0, len(rounded) + 1)[:, None], axis=0)
    ordered = np.take_along_axis(rounded, order, axis=0)
    for column in np.flatnonzero((ordered[1:] == ordered[:-1]).any(axis=0)):
        found[:, column] = _shared_ranks(rounded[:, column])
    return found


def _none(blocks: int, series: int) -> Dependence:
    """Return a result without any dependence."""
    return Dependence(
        widening=np.ones(series),
        effective=np.full(series, float(blocks)),
        correlation=np.zeros(series),
        certain=np.zeros(series, dtype=np.bool_),
        copies_share=None,
    )


def inflation(correlation: Series, length: int) -> Series:
    """Return the factor by which a first-order process increases the variance of the mean of this many blocks."""
    lags = np.arange(1, length)
    shares = (1 - lags / length)[:, None] * correlation ** lags[:, None]
    found: Series = 1 + 2 * shares.sum(axis=0)
    return found


def those(copies: Sequence[int], counted: NDArray[np.bool_]) -> list[int]:
    """Return the copies of the blocks that count; empty for one copy, as before."""
    return [copy for copy, counts in zip(copies, counted.tolist(), strict=True) if counts] if len(copies) else []


def check_copies(copies: Sequence[int], blocks: int) -> None:
    """Refuse copies that are not one ascending number for each block."""
    assert len(copies) in {0, blocks}, f"{len(copies)} numbers of copies for {blocks} blocks"
    assert all(first <= second for first, second in itertools.pairwise(copies)), f"copies must ascend, found {copies}"


def _layout(copies: Sequence[int], blocks: int, fitted: int) -> _Layout:
    """Return the assignment of blocks to copies; a single copy if no copy has two blocks to compare."""
    check_copies(copies, blocks)
    _, numbers, sizes = np.unique(copies if len(copies) else [0] * blocks, return_inverse=True, return_counts=True)
    if len(sizes) == blocks or len(sizes) <= fitted:
        numbers, sizes = np.zeros_like(numbers), np.array([blocks])
    weight = float((sizes**2).sum() / blocks)
    between = max(0, len(sizes) - fitted)
    length = (blocks - weight) / (len(sizes) - 1) if len(sizes) > 1 else float(blocks)
    return _Layout(numbers=numbers, length=length, weight=weight, between=between, fitted=fitted)


def _moments(influence: NDArray[np.float64], layout: _Layout) -> _Moments:
    """Return the sums of squares and products of series; zeros for a constant one."""
    about = influence - influence.mean(axis=0)
    size = np.sqrt((about**2).sum(axis=0))
    flat = size <= _FLAT * np.abs(influence).max(axis=0)
    about = np.where(flat, 0.0, about / np.where(flat, 1.0, size))
    sizes = np.bincount(layout.numbers)
    means = np.zeros((len(sizes), about.shape[1]))
    np.add.at(means, layout.numbers, about)
    means /= sizes[:, None]
    inside = about - means[layout.numbers]
    same = layout.numbers[1:] == layout.numbers[:-1]
    return _Moments(
        products=(inside[1:] * inside[:-1])[same].sum(axis=0),
        within=(inside**2).sum(axis=0),
        between=(sizes[:, None] * means**2).sum(axis=0),
    )


def _found(moments: _Moments, layout: _Layout, independent: int, known: int, family: int) -> _Found:
    """Return the larger of two estimates of the mean's variance: by neighbours and by copies.

    Args:
        moments: Of each series, or of all together.
        layout: Of the blocks on copies.
        independent: The number of series in them.
        known: The number of series that determine the degrees of freedom of Student's point: all of them, even for a
            series that is clearly more dependent than the others. Its own degrees of freedom, two with three copies,
            would make its interval too wide to be useful.
        family: As in `dependence`.
    """
    blocks = layout.blocks
    within = moments.within / layout.within
    usual = _student(blocks - layout.fitted, family)

    correlation, neighbours_chance = _correlation(moments, layout, independent)
    series = np.where(neighbours_chance < _IGNORED, correlation, 0.0)
    grown = inflation(series, round(layout.length))
    degrees = 1 / (1 / np.maximum(blocks / grown - 1, 1.0) + 2 / (known * blocks * (1 - series**2)))
    neighbours = within * grown
    precaution = np.where(series > 0, _student(degrees, family) / usual, 1.0)
    wide, plain, chance = neighbours * precaution**2, neighbours, neighbours_chance
    if layout.between > 0:
        between = moments.between / layout.between
        copies_chance = _fisher(between, within, independent * layout.between, independent * layout.within)
        copies = within + np.maximum(between - within, 0.0) * layout.weight / layout.length
        copies = np.where(copies_chance < _IGNORED, copies, 0.0)
        few = 1 / (1 / (known * layout.between) + 1 / layout.within)
        wide = np.maximum(wide, copies * (_student(few, family) / usual) ** 2)
        plain = np.maximum(plain, copies)
        chance = np.minimum(1.0, 2 * np.minimum(chance, copies_chance))
    scale = np.maximum(within, _NOTHING)
    return _Found(cautious=wide / scale, plain=plain / scale, correlation=correlation, chance=chance)


def _correlation(moments: _Moments, layout: _Layout, independent: int) -> tuple[Series, Series]:
    """Return the correlation of neighbours, and the probability of one as high among independent blocks.

    Under independence its standard error is 1 / sqrt(blocks) (Wald & Wolfowitz 1943, Ann. Math. Stat. 14:378).
    """
    if layout.length < _SHORTEST:
        return np.zeros_like(moments.within), np.ones_like(moments.within)
    raw = moments.products / np.maximum(moments.within, _NOTHING)
    lost = 1 / layout.length + (layout.fitted - 1) / layout.blocks
    seen = np.where(moments.within > 0, raw + lost, 0.0)
    found = np.clip(seen / (1 - 3 * lost), 0.0, CLOSEST)
    return found, special.ndtr(-seen * math.sqrt(independent * layout.blocks))


def _worse(moments: _Moments, pooled: _Moments, layout: _Layout) -> NDArray[np.bool_]:
    """Return which series depend on their neighbours, or on their copies, more than all do together."""
    level = _WORSE / (2 * len(moments.within))
    own, all_ = (part.products / np.maximum(part.within, _NOTHING) for part in (moments, pooled))
    worse: NDArray[np.bool_] = (own - all_) * math.sqrt(layout.blocks) > -special.ndtri(level)
    if layout.between > 0:
        own, all_ = (part.between / np.maximum(part.within, _NOTHING) for part in (moments, pooled))
        ratio = own / np.maximum(all_, layout.between / layout.within)
        worse |= special.fdtrc(layout.between, layout.within, ratio) < level
    return worse


def _copies_share(pooled: _Moments, layout: _Layout) -> float | None:
    """Return the share of variance between copies, by the analysis of variance; None with one copy."""
    if layout.between <= 0:
        return None
    within = float(pooled.within[0]) / layout.within
    own = max(0.0, (float(pooled.between[0]) / layout.between - within) / layout.length)
    return own / (own + within) if own > 0 else 0.0


def _fisher(between: Series, within: Series, numerator: int, denominator: int) -> Series:
    """Return the probability of a mean square between copies as large as observed; 1 for a constant series."""
    ratio = between / np.maximum(within, _NOTHING)
    chance: Series = special.fdtrc(numerator, denominator, ratio)
    return np.where(between > 0, chance, 1.0)


def _shared_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each value's rank, equal ones sharing their mean."""
    ordered = np.sort(values)
    first, past = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    found: NDArray[np.float64] = (first + past + 1) / 2
    return found


def _student(degrees: Series | float, family: int) -> Series:
    """Return Student's two-sided point for `family` comparisons (Bonferroni)."""
    point: Series = special.stdtrit(np.maximum(degrees, _FEWEST_DEGREES), 1 - (1 - CONFIDENCE) / (2 * family))
    return point
