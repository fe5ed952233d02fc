"""Calibration: the size at which a burst has the intended duration on the baseline, found by trials before all blocks.

Owns this search, and the copy of the baseline on which it is made. `sizing` adapts the size to the other candidates.
"""

import math
from contextlib import ExitStack
from math import ceil
from random import Random
from time import perf_counter
from typing import NamedTuple

from schemabench.experiment import bounds, shifts, sizing
from schemabench.experiment.burst import make
from schemabench.experiment.entrant import Entrant, enter
from schemabench.experiment.feed import Feed
from schemabench.experiment.plan import SHORTEST_TRIAL_S, Plan
from schemabench.experiment.team import execute, together
from schemabench.experiment.template import Template
from schemabench.progress import Progress
from schemabench.server import Server, several

CALIBRATION_TRIALS = 8
"""Trials at most: doubling finds any size up to 10^8 calls."""
_CLOSE_ENOUGH = 0.7
"""From a trial of this share of the intended duration, the size follows by proportion."""
_SCRATCH = "scratch"
"""The name of the copy."""
_LARGEST_STEP = 10
"""The first trials are slow (caches, plans): a larger factor is not trusted."""


class Size(NamedTuple):
    """The size of a burst, and what trials told of it."""

    size: int
    """The multiplier of the writers' weights."""
    unit_s: float = 0.0
    """The duration of a burst on the baseline, divided by its size; 0 if it is not known."""


def calibrated(  # noqa: PLR0913, PLR0917 (of what, and where)
    plan: Plan, server: Server, template: Template, feed: Feed, progress: Progress, share: float
) -> int:
    """Return the size of the burst, by trials with all connections on a copy of the baseline's template.

    Where sessions are open by turns, say how many blocks the budget has room for, if these are few.

    Args:
        plan: The experiment.
        server: Where.
        template: The baseline's.
        feed: Makes the bursts.
        progress: Shows the stage.
        share: This process's share of the connections; other processes open theirs at the same time, after it.

    Raises:
        CandidateError, ServerError: As `calibrate`.
        UsageError: The fewest blocks by turns take far more than the budget.
    """
    by_turns = shifts.needed(plan, server)
    foresees = by_turns and plan.has_own_budget
    if plan.given_size and not foresees:
        return plan.given_size
    progress.stage(plan, "calibrating the burst")
    with ExitStack() as scratch:
        copy = several.clone(server, template.databases, _SCRATCH)
        scratch.callback(several.give_up, server, copy)
        one = enter(template, _SCRATCH, copy, plan.connections, plan.round_trip_s, plan, by_turns=by_turns)
        scratch.callback(one.close)
        if by_turns:
            one.wake()
        found = Size(plan.given_size) if plan.given_size else calibrate(plan, one, feed, progress)
        if foresees:
            begun_s = perf_counter()
            one.rest()
            one.wake()
            opening_s = (perf_counter() - begun_s) * min(1.0, 2 * share)
            trial_s = max(SHORTEST_TRIAL_S, found.unit_s * sizing.shortest(plan, found.size))
            if text := shifts.forecast(plan, server, opening_s, opening_s + (1 + plan.lead_in) * trial_s):
                progress.say(f"{plan}: {text}")
        return found.size


def calibrate(plan: Plan, entrant: Entrant, feed: Feed, progress: Progress) -> Size:
    """Return the size at which a burst takes about `plan.trial_s`, by trials on a scratch copy of the baseline.

    A size found by one trial is tried a second time, and the shorter trial counts. If a stall made a small burst seem
    long, all trials of the experiment would otherwise be too short.

    Raises:
        CandidateError: The server refused an operation, or a call or the smallest burst exceeded its limit.
        ServerError: The server failed.
    """
    random = Random(plan.seed)  # noqa: S311 (reproducible on purpose)
    size, fitting, shortest_s, unit_s = 1, 0, math.inf, 0.0
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
            return Size(fitting, unit_s)
        fitting, duration_s = size, executed.duration_s
        unit_s = duration_s / size
        again, shortest_s = shortest_s < math.inf, min(shortest_s, duration_s)
        proportion = plan.trial_s / shortest_s
        if proportion >= 1 / _CLOSE_ENOUGH:
            size, shortest_s = ceil(size * min(proportion, _LARGEST_STEP)), math.inf
        elif again:
            break
    if shortest_s < math.inf:
        size = max(1, round(size * plan.trial_s / shortest_s))
    return Size(size, unit_s)
