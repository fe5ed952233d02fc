"""Whether a difference lasts: what the last third of the blocks says of it.

Owns the comparison of the last third with the whole. Must not decide a rank.

A lead that is gone by the end of a run, as when a candidate's tables bloat, says nothing about the months after it.
So a difference counts only where the last third does not speak against it, by a centre of the other sign, or by an
interval that holds zero and not the difference over all blocks. An interval of a third of the blocks is about 1.7
times as wide: that it holds zero is no objection alone.

The last third's intervals are each one's own, with 95 % confidence, by `signed_rank`, and wider by as much as
dependence makes those of all blocks. Smallest sample: `sign_flips.fewest(1)` blocks in the last third, hence 18 in all.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from schemabench.statistics import signed_rank
from schemabench.statistics.comparison import Pair, Spans
from schemabench.statistics.sign_flips import Span, fewest

_PARTS = 3
"""Of the run, of which the last is looked at: long enough to say something, late enough to be what a run tends to."""


def late_spans(logs: NDArray[np.float64], names: Sequence[str], widening: Mapping[Pair, float], *, seed: int) -> Spans:
    """Return by how much the first exceeds the second in the last third of the blocks; empty with too few blocks.

    Args:
        logs: Of rates, of shape (blocks, candidates).
        names: One per column.
        widening: Pair -> by how many times dependence widens its interval, in either order; these pairs are compared.
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


def lasts(whole: Span, late: Span | None) -> bool:
    """Return whether the last third does not speak against a difference; True where there is no last third."""
    if late is None:
        return True
    gone = late.low <= 0 <= late.high and not late.low <= whole.centre <= late.high
    return whole.centre * late.centre > 0 and not gone
