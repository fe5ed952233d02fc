"""Whether each candidate keeps up with the production load, and its response times.

Owns the burst that every entrant executes after the blocks, as an open loop: calls are due when production would make
them, and response times count from then. Must neither rank nor judge: `pacing` judges.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment import bounds, pacing
from schemabench.experiment.burst import Turn, make
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.experiment.shifts import Shifts
from schemabench.experiment.team import Executed
from schemabench.progress import Progress
from schemabench.records import Adequacy, Notice
from schemabench.units import NANOSECONDS, format_duration

LAG_SHARE = 0.1
"""If the load loop's lag exceeds this share of an operation's response times, both by their 99th percentile, response
times include it."""
_LABEL = "the replay of the production load"
"""What users know the burst by."""


def keep_pace(  # noqa: PLR0913, PLR0917 (as `blocks.run`)
    plan: Plan, working: Shifts, entrants: Sequence[Entrant], feed: Feed, measured: Measured, progress: Progress
) -> dict[str, Adequacy]:
    """Replay the production load with every remaining entrant, in one burst each; return the results by name.

    Args:
        plan: What to do; nothing without `adequacy_s`, or if the production load is not known.
        working: Has the team that executes bursts. It receives the entrants whose burst is cut short.
        entrants: The participants.
        feed: The source of calls.
        measured: The blocks; records a candidate that fails now and leaves the experiment.
        progress: Shows the current stage.

    Raises:
        CandidateError: The baseline failed.
        ServerError: The server failed.
    """
    if not plan.adequacy_s or plan.production_s is None:
        return {}
    size = max(1, round(plan.adequacy_s / plan.production_s))
    number = measured.bursts + 1  # the calls of the next burst are explained, and not executed
    order = [one for one in entrants if measured.is_left(one.name)]
    Random(f"{plan.seed}/order/{number}").shuffle(order)  # noqa: S311 (reproducible on purpose)
    working.announce(measured.executed, _LABEL, [Turn(number, size)], order, size * plan.production_s)
    burst = make(feed, plan.writers, number, size, size * plan.production_s)
    done: dict[str, Executed] = {}
    calls: dict[str, dict[str, list[NDArray[np.int64]]]] = defaultdict(lambda: defaultdict(list))
    for one in order:
        progress.stage(plan, f"{one.name} under the production load")
        try:
            random = Random(f"{plan.seed}/jitter/{number}/{one.name}")  # noqa: S311 (reproducible on purpose)
            limits = bounds.pacing(plan, size * plan.production_s)
            with working.executing(one):
                done[one.name], own = working.team.execute(one, burst, random, None, limits)
        except CandidateError as failure:
            if one.template.candidate.name == BASELINE:
                raise
            measured.failed[one.name] = failure
        else:
            if done[one.name].cut:
                working.unfinished.add(one.name)
            elif measured.freshness is not None:
                ages = measured.freshness.observe(one.name, burst, done[one.name])
                measured.freshness.keep_paced(one.name, ages, one_clock=done[one.name].one_clock)
            for operation, rows in own.items():
                calls[one.name][operation].append(rows)
    for (name, operation), arrays in working.samples().items():
        calls[name][operation].extend(rows for _, rows in arrays)
    return {name: pacing.judge(plan, burst, executed, calls[name]) for name, executed in done.items()}


def notices(plan: Plan, kept: Mapping[str, Adequacy]) -> tuple[Notice, ...]:
    """Return the limits of the result: the production load is not known, or the client was late."""
    if not plan.adequacy_s:
        return ()
    if plan.production_s is None:
        why = "files are replayed" if plan.inputs else "the workload has no production_s"
        text = f"--adequacy: nothing was replayed, because the production load is not known ({why})"
        return (Notice(code="pace-unknown", text=text),)
    asked = [(candidate.name, kept[candidate.name]) for candidate in plan.candidates if candidate.name in kept]
    late = {name: one.lag_p99_ns for name, one in asked if one.lag_p99_ns > LAG_SHARE * _quickest_ns(one)}
    if not late:
        return ()
    lags = ", ".join(f"{format_duration(lag_ns / NANOSECONDS)} under {name}" for name, lag_ns in late.items())
    text = (
        f"During the replay the load generator itself started calls late, 99 % of them by up to {lags}; response "
        "times include this"
    )
    return (Notice(code="schedule-lag", text=text),)


def _quickest_ns(one: Adequacy) -> float:
    """Return the response times of the quickest operation: slow operations must not hide a late client."""
    return min(response.p99_ns or response.max_ns for response in one.responses)
