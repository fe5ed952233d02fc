"""Calibration: the size at which a burst has the intended duration on the baseline, found by trials before all blocks.

Owns this search. `sizing` adapts the size to the other candidates.
"""

import math
from math import ceil
from random import Random

from schemabench.experiment import bounds
from schemabench.experiment.burst import make
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import execute, together
from schemabench.progress import Progress

CALIBRATION_TRIALS = 8
"""Trials at most: doubling finds any size up to 10^8 calls."""
_CLOSE_ENOUGH = 0.7
"""From a trial of this share of the intended duration, the size follows by proportion."""
_LARGEST_STEP = 10
"""The first trials are slow (caches, plans): a larger factor is not trusted."""


def calibrate(plan: Plan, entrant: Entrant, feed: Feed, progress: Progress) -> int:
    """Return the size at which a burst takes about `plan.trial_s`, by trials on a scratch copy of the baseline.

    A size found by one trial is tried a second time, and the shorter trial counts. If a stall made a small burst seem
    long, all trials of the experiment would otherwise be too short.

    Raises:
        CandidateError: The server refused an operation, or a call or the smallest burst exceeded its limit.
        ServerError: The server failed.
    """
    size, fitting, random, shortest_s = 1, 0, Random(plan.seed), math.inf  # noqa: S311 (reproducible on purpose)
    limits = bounds.calibrating(
        plan, lambda passing: progress.stage(plan, bounds.lasting("calibrating the burst", passing))
    )
    for trial in range(CALIBRATION_TRIALS):
        burst = make(feed, plan.writers, trial, size)  # the same blocks as later: the scratch copy is dropped
        part, _ = execute(entrant, entrant.sessions.load(burst), random, limits)
        executed = together([part])
        if executed.cut and not fitting:
            raise bounds.cut_short(entrant, executed, len(burst.operations))
        if executed.cut:
            return fitting
        fitting, duration_s = size, executed.duration_s
        again, shortest_s = shortest_s < math.inf, min(shortest_s, duration_s)
        proportion = plan.trial_s / shortest_s
        if proportion >= 1 / _CLOSE_ENOUGH:
            size, shortest_s = ceil(size * min(proportion, _LARGEST_STEP)), math.inf
        elif again:
            break
    return max(1, round(size * plan.trial_s / shortest_s)) if shortest_s < math.inf else size
