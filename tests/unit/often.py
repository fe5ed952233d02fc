"""Whether something happens no more often than it may: a judge that stops as soon as it knows.

A fixed number of runs is either so small that twice the level passes, or takes minutes. Wald's sequential test (1945,
Ann. Math. Stat. 16:117) takes as many as it needs: some 300 where all is well, and more the nearer it is to the limit.
"""

import math
from collections.abc import Iterable

LEVEL = 0.05
"""The share of runs in which equal candidates may be told apart."""
BROKEN = 0.08
"""A share that must be found to be too much."""
ERROR = 0.02
"""The chance of judging wrongly at either of the two."""


def keeps_level(happened: Iterable[bool]) -> bool:
    """Return whether something happens in 5 % of runs at most: right in 98 % of cases at 5 %, and at 8 %.

    Args:
        happened: Whether it did, run by run; without end, as only so much is taken as is needed.
    """
    limit, evidence = math.log((1 - ERROR) / ERROR), 0.0
    for it_did in happened:
        evidence += math.log(BROKEN / LEVEL) if it_did else math.log((1 - BROKEN) / (1 - LEVEL))
        if abs(evidence) >= limit:
            return evidence < 0
    raise AssertionError(f"too few runs to tell {LEVEL:.0%} from {BROKEN:.0%}")
