"""Utilisation: the sum of the calls' service times, divided by the available time.

Owns its interval, by batch means: calls are cut into consecutive batches of about equal size, whose means depend on
each other far less than calls that share locks and caches (Law 2015, "Simulation Modeling and Analysis", 5th ed.,
section 9.5.3), and the mean over batches has Student's interval. The number of calls is not random: production makes
the same number again. Must not know writers.

Smallest sample: 6 calls. With fewer, the ends of the interval are the shares if all calls were as short as the
shortest, and as long as the longest. With 6 to 20 calls, each is a batch. Service times have long tails, for which
Student's interval of so few ends too low.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from schemabench.records import Estimate
from schemabench.statistics.sign_flips import CONFIDENCE

BATCHES = 20
"""More hardly narrow the interval, and batches depend on each other more."""
FEWEST_CALLS = 6
"""As many as every other interval needs."""


def utilisation(service_s: NDArray[np.float64], available_s: float, *, jointly: int = 1) -> Estimate:
    """Return the share of the available time that calls take, with its interval: 0.5 for half of it, 1.5 for too much.

    Args:
        service_s: The duration of each call, in order, at least one; none is negative.
        available_s: The time of the period, summed over all connections that execute the calls.
        jointly: The number of such intervals that must hold at once (Bonferroni).
    """
    calls = len(service_s)
    assert calls, "a writer without calls has no utilisation"
    assert available_s > 0, "the available time must be above zero"
    value, per_call_s = float(service_s.sum()) / available_s, available_s / calls
    if calls < FEWEST_CALLS:
        return Estimate(value=value, low=float(service_s.min()) / per_call_s, high=float(service_s.max()) / per_call_s)
    means_s = np.array([batch.mean() for batch in np.array_split(service_s, min(calls, BATCHES))])
    critical = float(special.stdtrit(len(means_s) - 1, 1 - (1 - CONFIDENCE) / 2 / jointly))
    half = critical * float(means_s.std(ddof=1)) / math.sqrt(len(means_s)) / per_call_s
    return Estimate(value=value, low=max(0.0, value - half), high=value + half)
