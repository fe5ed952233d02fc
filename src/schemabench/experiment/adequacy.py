"""Whether each candidate keeps up with production, and how long responses then take.

Owns the one burst that every entrant executes after the blocks at production's pace, and what counts as keeping up. It
is an open loop: calls are due when production would make them, and timed from then. Must not rank.
"""

from collections.abc import Mapping, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment.burst import make
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan, Progress
from schemabench.experiment.team import Executed, Team
from schemabench.records import Adequacy, Notice
from schemabench.units import NANOSECONDS, format_duration

WAITING_SHARE = 0.01
"""A candidate that has left more than this share of a writer's calls waiting, at the end, is falling behind."""
LAG_SHARE = 0.1
"""Where the load loop is later than this share of the response times, both by their 99th percentile, it is a part of
them."""

Times = Mapping[str, NDArray[np.int64]]
"""Operation -> service times and response times in nanoseconds, of shape (2, calls)."""


def keep_pace(  # noqa: PLR0913, PLR0917 (as `blocks.run`)
    plan: Plan, team: Team, entrants: Sequence[Entrant], feed: Feed, measured: Measured, progress: Progress
) -> dict[str, Adequacy]:
    """Have every entrant that is still there execute one burst at production's pace; return how it fared, by name.

    Args:
        plan: What to do; nothing is done where it asks for nothing, or production's pace is not known.
        team: Who executes bursts.
        entrants: Who takes part.
        feed: Where calls come from.
        measured: The blocks; a candidate that fails now leaves the experiment there.
        progress: Whom to tell.

    Raises:
        CandidateError: The baseline failed.
        ServerError: The server failed.
    """
    if not plan.adequacy_s or plan.production_s is None:
        return {}
    size = max(1, round(plan.adequacy_s / plan.production_s))
    number = measured.bursts + 1  # the calls of the next are explained, and cannot always be made before
    order = [one for one in entrants if one.name not in measured.failed]
    Random(f"{plan.seed}/order/{number}").shuffle(order)  # noqa: S311 (reproducible on purpose)
    team.announce(measured.executed, [(number, size)], order, size * plan.production_s)
    burst = make(feed, plan.writers, number, size, size * plan.production_s)
    done: dict[str, Executed] = {}
    samples: dict[tuple[str, str], list[NDArray[np.int64]]] = {}
    for one in order:
        progress.stage(plan, f"{one.name} at production's pace")
        try:
            random = Random(f"{plan.seed}/jitter/{number}/{one.name}")  # noqa: S311 (reproducible on purpose)
            done[one.name], own = team.execute(one, burst, random, None)
        except CandidateError as failure:
            if one.template.candidate.name == BASELINE:
                raise
            measured.failed[one.name] = failure
        else:
            samples |= {(one.name, operation): [times] for operation, times in own.items()}
    for key, arrays in team.samples().items():
        samples.setdefault(key, []).extend(times for _, times in arrays)
    return {
        name: _judged(plan, size, executed, {key[1]: _joined(some) for key, some in samples.items() if key[0] == name})
        for name, executed in done.items()
    }


def notices(plan: Plan, kept: Mapping[str, Adequacy]) -> tuple[Notice, ...]:
    """Return what limits the answer: that production's pace is not known, or that the client was late."""
    if not plan.adequacy_s:
        return ()
    if plan.production_s is None:
        why = "files are replayed" if plan.inputs else "the workload has no production_s"
        text = f"--adequacy: production's pace is not known ({why}), so that nothing was executed at it"
        return (Notice(code="pace-unknown", text=text),)
    asked = [(candidate.name, kept[candidate.name]) for candidate in plan.candidates if candidate.name in kept]
    late = {name: one.lag_p99_ns for name, one in asked if one.lag_p99_ns > LAG_SHARE * (one.p99_ns or one.max_ns)}
    if not late:
        return ()
    lag = format_duration(max(late.values()) / NANOSECONDS)
    text = (
        f"At production's pace the client itself began calls late, 99 % of them by up to {lag}: that is in the "
        f"response times of {', '.join(late)}"
    )
    return (Notice(code="schedule-lag", text=text),)


def _joined(arrays: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the samples of several processes as one: those of others come flat."""
    return np.concatenate([times.reshape(2, -1) for times in arrays], axis=1)


def _judged(plan: Plan, size: int, executed: Executed, times: Times) -> Adequacy:
    assert plan.production_s is not None, "nothing is executed at a pace that is not known"
    duration_s = size * plan.production_s
    limits = {writer.name: max(share, WAITING_SHARE * writer.weight * size) for writer, share in plan.writers}
    undone = dict.fromkeys(sorted(times), 0)
    for (operation, _), count in executed.retried.items():
        undone[operation] += count
    services, responses = (
        tuple(statistics.latency(operation, times[operation][row], count) for operation, count in undone.items())
        for row in (0, 1)
    )
    together = statistics.latency("all", np.concatenate(list(times.values()), axis=1)[1], 0)
    return Adequacy(
        duration_s=duration_s,
        elapsed_s=executed.duration_s,
        operations_per_s=sum(writer.weight for writer, _ in plan.writers) * size / duration_s,
        p99_ns=together.p99_ns,
        max_ns=together.max_ns,
        responses=responses,
        services=services,
        lag_p99_ns=float(executed.lag_ns),
        waiting=executed.waiting,
        keeps_up=all(count <= limits[writer] for writer, count in executed.waiting.items()),
    )
