"""Who is proved slower than the leader, and out of the places, at one look of many.

Owns the rule by which a candidate leaves a race. Must not decide when to look, nor rank those that stay.

The leader is the entrant with the highest mean log rate. Pairs are compared by a bound that holds at all looks
(`always_valid`), for all pairs of candidates: whoever leads, and however the lead changes, the pairs that are judged
are among them. A race is about the first few places. A candidate is beaten if as many others as there are places, the
leader among them, or all others that are still in the race, are faster beyond the bound: nothing about it that the race
asks for is then undecided.

A lead must last. The bound holds for the mean of the blocks until a look, whatever the true difference does afterwards
(Waudby-Smith et al. 2024, section 3). So a lead beats nobody as long as blocks do not exclude, at 99 %, that it shrinks
so fast that it is gone after as many blocks again, by a line (least squares): a candidate may only have been slower to
warm up, or the leader's tables bloat. Levels and price, simulated: decision 53.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.statistics.always_valid import race_spans
from schemabench.statistics.comparison import log_rates
from schemabench.statistics.sign_flips import Span

_LASTING = 0.99
"""The one-sided confidence of one pair at one look; what it comes to over a race is simulated in decision 53."""
FEWEST_LOOKED_AT = 6
"""The fewest blocks to decide by: in fewer, dependence between blocks cannot be seen."""


@dataclass(frozen=True, kw_only=True)
class Beaten:
    """On what a candidate leaves a race."""

    leader: str
    """Who led."""
    leads: Mapping[str, Span]
    """Everyone else in the race -> how much faster it was, as a log ratio of rates; valid wherever the race stops."""


def beaten(  # noqa: PLR0913 (how blocks came about)
    rates: NDArray[np.float64],
    names: Sequence[str],
    *,
    control: str,
    candidates: int,
    places: int,
    staying: Collection[str],
    copies: Sequence[int] = (),
) -> dict[str, Beaten]:
    """Return the candidates that are proved slower than the leader, and on what.

    Args:
        rates: Of each trial so far, of shape (blocks, entrants), all above zero.
        names: One per column: those still in the race, and the control.
        control: The baseline's second entry, which is no candidate.
        candidates: How many there were at first: all their pairs share the level.
        places: How many places the race is about, at least one: who is slower than so many others, or all, leaves.
        staying: Those that never leave: the baseline, and whoever may be as fast as any, as far as can be told.
        copies: The number of the copy that each block was executed on, ascending; empty for one copy.
    """
    rivals = [name for name in names if name != control]
    if len(rates) < FEWEST_LOOKED_AT or set(rivals) <= set(staying):
        return {}
    logs = log_rates(rates, names)
    spans = race_spans(logs, names, family=math.comb(candidates, 2), copies=copies)
    means = dict(zip(names, logs.mean(axis=0).tolist(), strict=True))
    leader = max(rivals, key=means.__getitem__)
    enough = min(places, len(rivals) - 1)
    ahead = {name: {one for one in rivals if one != name and _proved(spans[one, name])} for name in rivals}
    behind = [name for name in rivals if name not in staying and leader in ahead[name] and len(ahead[name]) >= enough]
    column = {name: logs[:, place] for place, name in enumerate(names)}
    return {
        name: Beaten(leader=leader, leads={other: spans[other, name] for other in rivals if other != name})
        for name in behind
        if _lasts(column[leader] - column[name])
    }


def _proved(lead: Span) -> bool:
    return lead.bounded and lead.low > 0


def _lasts(leads: NDArray[np.float64]) -> bool:
    """Return whether there would still be a lead after as many blocks again, however it may shrink beyond chance."""
    blocks, mean = len(leads), float(leads.mean())
    since = np.arange(blocks) - (blocks - 1) / 2
    squares = float(since @ since)
    slope = float(since @ leads) / squares
    rest = leads - mean - slope * since
    error = math.sqrt(float(rest @ rest) / (blocks - 2) / squares)
    doubt = float(special.stdtrit(blocks - 2, _LASTING))
    return mean + (slope - doubt * error) * float(since[-1] + blocks) > 0
