"""Whether a difference lasts, judged by the last third of the blocks.

Owns the comparison of the last third with the whole, and of what came after a candidate left with what was before.
Must not decide a rank.

A lead that is gone by the end of a run, for example because a candidate's tables bloat, means nothing for the months
after it. A difference counts only if the last third does not contradict it, by a centre of the opposite sign, or by an
interval that contains zero but not the difference over all blocks. An interval of a third of the blocks is about 1.7
times as wide: that it contains zero is not enough.

Each interval of the last third has 95 % confidence alone, by `signed_rank`, and is widened by the same factor as that
of all blocks. Smallest sample: `sign_flips.fewest(1)` blocks in the last third, hence 18 in all.

Where one of a pair has left, its last third is not known. The other's, over the baseline, is compared with what the one
was over the baseline while it took part, by Welch's interval (1947, Biometrika 34:28): the blocks are not the same.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.statistics import signed_rank
from schemabench.statistics.comparison import Pair, Spans
from schemabench.statistics.sign_flips import CONFIDENCE, Span, fewest

_PARTS = 3
"""The number of parts of the run, of which the last is used: long enough to be informative, late enough to show the
trend of a run."""


def late_spans(logs: NDArray[np.float64], names: Sequence[str], widening: Mapping[Pair, float], *, seed: int) -> Spans:
    """Return the spans of first minus second in the last third of the blocks; empty with too few blocks.

    Args:
        logs: Of rates, of shape (blocks, candidates).
        names: One per column.
        widening: Pair -> the factor by which dependence widens its interval, in either order; these pairs are compared.
        seed: Of the random flips.
    """
    blocks = len(logs) // _PARTS
    if blocks < fewest(1) or not widening:
        return {}
    column = {name: index for index, name in enumerate(names)}
    last = logs[-blocks:]
    pairs = [(first, second) for first, second in widening if first < second]
    firsts, seconds = ([column[pair[side]] for pair in pairs] for side in (0, 1))
    spans = signed_rank.spans_apart(last[:, firsts] - last[:, seconds], seed=seed)
    forward = {pair: span.widened(widening[pair]) for pair, span in zip(pairs, spans, strict=True)}
    return forward | {(second, first): span.reversed() for (first, second), span in forward.items()}


def span_since(own: NDArray[np.float64], other: NDArray[np.float64]) -> Span | None:
    """Return the span of another's lead over a candidate that left, since then; None with too few blocks.

    Args:
        own: Log ratios of the candidate's rates to the baseline's, while it took part.
        other: The other's, in all blocks afterwards; the last third of them counts, or the last few.
    """
    last = other[-max(len(other) // _PARTS, fewest(1)) :]
    if min(len(own), len(last)) < fewest(1):
        return None
    parts = [float(some.var(ddof=1)) / len(some) for some in (own, last)]
    degrees = sum(parts) ** 2 / sum(part**2 / (len(some) - 1) for part, some in zip(parts, (own, last), strict=True))
    reach = float(special.stdtrit(degrees, (1 + CONFIDENCE) / 2)) * math.sqrt(sum(parts))
    centre = float(last.mean() - own.mean())
    return Span(centre=centre, low=centre - reach, high=centre + reach, bounded=True)


def lasts(whole: Span, late: Span | None) -> bool:
    """Return whether the last third does not contradict a difference; True without a last third."""
    if late is None:
        return True
    gone = late.low <= 0 <= late.high and not late.low <= whole.centre <= late.high
    return whole.centre * late.centre > 0 and not gone
