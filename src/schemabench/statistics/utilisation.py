"""How much of somebody's time calls take: the sum of their service times over the time that there is.

Owns the interval of it, by means of batches: calls in their order are cut into batches of about equally many, whose
means depend on each other far less than calls do that share locks and caches (Law 2015, "Simulation Modeling and
Analysis", 5th ed., section 9.5.3), and the mean over batches has Student's interval. How many calls there are is no
chance: production makes as many again. Must not know whose calls they are.

Smallest sample: 6 calls. With fewer the interval is from where the share would be if all calls were as short as the
shortest, to where it would be if all were as long as the longest. With 6 to 20 each call is a batch. Service times have
long tails, for which Student's interval of so few ends too low.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.records import Estimate
from schemabench.statistics.sign_flips import CONFIDENCE

BATCHES = 20
"""More make the interval hardly narrower, and batches depend on each other more."""
FEWEST_CALLS = 6
"""As many as every other interval needs."""


def utilisation(service_s: NDArray[np.float64], available_s: float, *, jointly: int = 1) -> Estimate:
    """Return the share of the time available that calls take, with its interval: 0.5 for half of it, 1.5 for too much.

    Args:
        service_s: How long each call took, in order, at least one; none is negative.
        available_s: The time in which they came, of all connections that execute them.
        jointly: Of how many such intervals all are to hold at once (Bonferroni).
    """
    calls = len(service_s)
    assert calls, "who makes no calls has no utilisation"
    assert available_s > 0, "there is time"
    value, per_call_s = float(service_s.sum()) / available_s, available_s / calls
    if calls < FEWEST_CALLS:
        return Estimate(value=value, low=float(service_s.min()) / per_call_s, high=float(service_s.max()) / per_call_s)
    means_s = np.array([batch.mean() for batch in np.array_split(service_s, min(calls, BATCHES))])
    critical = float(special.stdtrit(len(means_s) - 1, 1 - (1 - CONFIDENCE) / 2 / jointly))
    half = critical * float(means_s.std(ddof=1)) / math.sqrt(len(means_s)) / per_call_s
    return Estimate(value=value, low=max(0.0, value - half), high=value + half)
