"""Sign flips of whole blocks, for several series at once.

Owns the confidence, the span of a series, the flips and the smallest sample that they need. Must not know the sums
under the flips: `signed_rank` adds ranks, `block_mean` the differences themselves.

Between equal candidates a block's difference is as likely to be d as -d, because the order within a block is random:
its sign carries no information, whatever the noise looks like. Flipping the signs of whole blocks keeps how the series
depend on each other, so that the largest statistic of all series under the flips gives one critical value for all
(max-T: Westfall & Young 1993, "Resampling-Based Multiple Testing"; Romano & Wolf 2005, Econometrica 73:1237). The data
themselves count as one of the flips, so that drawing them at random does not raise the level (Phipson & Smyth 2010,
Stat. Appl. Genet. Mol. Biol. 9:39).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate

CONFIDENCE = 0.95
"""The confidence of every interval, and 1 minus the probability of any false difference among equal candidates."""

_FLIPS = 10_000
"""Flips of signs, the data themselves included: the level's own standard error is then sqrt(0.05 * 0.95 / 10^4), or 0.2
%. Up to 14 blocks have no more flips than that: all are taken, and the level is exact."""

_FLIPS_AT_ONCE = 1_000
"""Bounds memory: 1,000 flips of 2,000 blocks are 16 MB."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The centre of one series and the interval around it."""

    centre: float
    low: float
    high: float
    bounded: bool
    """Whether the interval has its confidence; False if the sample is too small: low and high are then its range."""

    @property
    def apart(self) -> bool:
        """Whether the series differs significantly from zero."""
        return self.bounded and (self.low > 0 or self.high < 0)

    def reversed(self) -> "Span":
        """Return the span of the same series with the other sign."""
        return Span(centre=-self.centre, low=-self.high, high=-self.low, bounded=self.bounded)

    def as_ratio(self) -> Estimate:
        """Return the ratio of which this is the span of the logarithm."""
        return Estimate(value=math.exp(self.centre), low=math.exp(self.low), high=math.exp(self.high))

    def widened(self, factor: float) -> "Span":
        """Return the span with its ends `factor` times as far from the centre; unchanged without confidence."""
        if not self.bounded or factor == 1:
            return self
        low, high = (self.centre + factor * (end - self.centre) for end in (self.low, self.high))
        return replace(self, low=low, high=high)

    def reaching(self, other: "Span") -> "Span":
        """Return the span with an interval that contains the other's, too."""
        return replace(self, low=min(self.low, other.low), high=max(self.high, other.high))


def fewest(series: int) -> int:
    """Return the smallest sample that can tell any of this many series apart from zero.

    The most extreme outcome is that all n differences have one sign. Its probability under the null hypothesis is
    2^(1-n) for one series, and at most `series` times that for any of them, which must not exceed 1 - CONFIDENCE.
    """
    return math.ceil(1 + math.log2(max(series, 1) / (1 - CONFIDENCE)))


def largest_sums(scores: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    """Return the size of the largest sum of any column's scores under each flip of whole rows.

    The sums themselves are not kept: those of 2,000 pairs of candidates would be 160 MB.

    Args:
        scores: Of shape (blocks, series).
        seed: Of the random flips.
    """
    return np.concatenate([_largest(signs @ scores) for signs in _signs(len(scores), seed)])


def upper_point(sizes: NDArray[np.float64]) -> float:
    """Return the largest size that 95 % of the flips do not exceed."""
    return float(np.sort(sizes)[math.ceil(CONFIDENCE * len(sizes)) - 1])


def check(values: NDArray[np.float64]) -> None:
    """Refuse values of shape (blocks, series) that have no centre."""
    assert len(values) > 0, "statistics need at least one block, found none"
    assert np.isfinite(values).all(), "statistics need finite values, found infinite ones or NaN"


def _largest(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest size in each row."""
    largest: NDArray[np.float64] = np.maximum(sums.max(axis=1), -sums.min(axis=1))
    return largest


def _signs(blocks: int, seed: int) -> Iterator[NDArray[np.floating[Any]]]:
    """Yield matrices of signs, one row per flip, one column per block: all flips, or the data and random ones.

    If all flips are taken, the first block is never flipped: flipping every block does not change the size of a sum.
    """
    if 2 ** (blocks - 1) <= _FLIPS:
        codes = np.arange(2 ** (blocks - 1))[:, None]
        yield 1.0 - 2.0 * (codes >> np.arange(blocks)[None, ::-1] & 1)
        return
    yield np.ones((1, blocks))
    random = np.random.default_rng(seed)
    for done in range(1, _FLIPS, _FLIPS_AT_ONCE):
        count = min(_FLIPS_AT_ONCE, _FLIPS - done)
        octets = random.integers(0, 2**8, size=(count, math.ceil(blocks / 8)), dtype=np.uint8)
        yield np.unpackbits(octets, axis=1, count=blocks) * 2.0 - 1.0
