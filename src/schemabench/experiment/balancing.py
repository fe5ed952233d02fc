"""Weights with which the writers of a workload end a burst together on the baseline, or have production's proportions.

Owns the search for such weights, by trials. Must not change a workload, nor print anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from statistics import fmean, median

from schemabench.errors import UsageError
from schemabench.experiment import bounds
from schemabench.experiment.building import Building
from schemabench.experiment.burst import make
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Alone, execute, together
from schemabench.progress import Progress
from schemabench.server import Server
from schemabench.workload import PACES, Adjustment, Writer

TOGETHER = 1.1
"""Writers end together if the last takes at most this many times as long as the first."""
_ROUNDS = 6
"""At most: writers that no longer wait for others get faster, so that the first weights are never quite right."""
_TRIALS = 5
"""Of each round: the median of their durations ignores stalls."""
_EXACT = 0.05
"""How far whole weights may be from their proportions."""
_LARGEST = 10_000
"""No weight is larger: the smallest burst should be small."""

Shares = Sequence[tuple[Writer, int]]
"""Writers, each with its number of connections. Their weights are all calls of a burst, where one is made of them."""


@dataclass(frozen=True, kw_only=True)
class Balance:
    """A writer with the weight that it has and the one that is suggested."""

    writer: Writer
    """As it is today."""
    connections: int
    today_s: float
    """From the start of a burst to its last response, with today's weights."""
    weight: int
    """The suggested weight."""
    suggested_s: float
    """As `today_s`, with the suggested weights."""


def balance(plan: Plan, server: Server, progress: Progress, *, production: bool) -> tuple[Balance, ...]:
    """Return the writers with weights for them, in their order.

    Args:
        plan: An experiment of the baseline alone.
        server: Where it is measured.
        progress: Shows the current stage.
        production: Whether the weights keep production's proportions; otherwise, writers end together.

    Raises:
        UsageError: There is one writer, or the proportions of production are not known.
        CandidateError: The baseline fails.
        WorkloadError: The workload's calls are not acceptable.
        ServerError: The server fails.
    """
    if len(plan.writers) == 1:
        raise UsageError(f"{plan} has one writer: there is nothing to balance")
    rates = production_rates(plan) if production else None
    with ExitStack() as stack:
        building = Building(plan=plan, server=server, progress=progress, team=Alone(plan), stack=stack)
        building.build()
        trials = _Trials(plan, building.entrants[0])
        today = _scaled(plan.writers, building.size)
        trials.median_s(today)  # caches fill
        progress.stage(plan, "measuring today's weights")
        today_s = trials.median_s(today)
        progress.stage(plan, "looking for weights")
        if rates is None:
            found = whole([writer.weight for writer, _ in _together(trials, today, today_s)])
        else:
            found = whole(rates)
        suggested = _like(plan.writers, found)
        spent_s = trials.median_s(_scaled(suggested, max(1, round(_calls(today) / _calls(suggested)))))
    return tuple(
        Balance(
            writer=writer,
            connections=share,
            today_s=today_s[writer.name],
            weight=weight,
            suggested_s=spent_s[writer.name],
        )
        for (writer, share), weight in zip(plan.writers, found, strict=True)
    )


def production_rates(plan: Plan) -> tuple[float, ...]:
    """Return the calls a second of each writer in production: by its pace, or by its weight and `production_s`.

    Raises:
        UsageError: A writer's pace is not known.
    """
    rates = []
    for writer, _ in plan.writers:
        rate = _pace(writer)
        if rate is None and plan.production_s is not None:
            rate = writer.weight / plan.production_s
        if rate is None:
            raise UsageError(
                f"The pace of {writer.name!r} in production is not known: {writer.pace or 'it has none'!r}",
                remedies=[f"write its `pace` {PACES}", "give the workload `production_s`", "leave out --production"],
            )
        rates.append(rate)
    return tuple(rates)


def _pace(writer: Writer) -> float | None:
    """Return the calls a second of a writer's pace; None if it is worded in another way than `PACES`."""
    try:
        return Adjustment(pace=writer.pace).calls_per_s
    except ValueError:
        return None


def whole(proportions: Sequence[float]) -> tuple[int, ...]:
    """Return the smallest whole numbers with about these proportions, at least 1, as in 1, 3 for 0.21, 0.62."""
    least = min(proportions)
    found: tuple[int, ...] = ()
    for smallest in count(1):
        exact = [smallest * one / least for one in proportions]
        found = tuple(max(1, round(one)) for one in exact)
        if max(found) > _LARGEST or all(
            abs(one / wanted - 1) <= _EXACT for one, wanted in zip(found, exact, strict=True)
        ):
            break
    return found


class _Trials:
    """Trials of the baseline, each with a burst of its own."""

    def __init__(self, plan: Plan, entrant: Entrant) -> None:
        self._plan = plan
        self._entrant = entrant
        self._feed = plan.feed()
        self._random = Random(plan.seed)  # noqa: S311 (reproducible on purpose)
        self._blocks: Iterator[int] = count()

    def median_s(self, burst: Shares) -> dict[str, float]:
        """Return the seconds in which each writer finishes its part of a burst, the median of several trials."""
        found = [self._one(burst) for _ in range(_TRIALS)]
        return {writer.name: median(one[writer.name] for one in found) for writer, _ in burst}

    def _one(self, burst: Shares) -> Mapping[str, float]:
        made = make(self._feed, burst, next(self._blocks), 1)
        limits = bounds.calibrating(self._plan)
        part, _ = execute(self._entrant, self._entrant.sessions.load(made), self._random, limits)
        executed = together([part])
        if executed.cut:
            raise bounds.cut_short(self._entrant, executed, len(made.operations))
        return executed.writers_s


def _together(trials: _Trials, burst: Shares, spent_s: Mapping[str, float]) -> Shares:
    """Return the burst whose writers end closest to each other; each gets calls in proportion to its speed."""
    best, closest = burst, _spread(spent_s)
    for _ in range(_ROUNDS):
        if closest <= TOGETHER:
            break
        each_s = {writer.name: spent_s[writer.name] / writer.weight for writer, _ in burst}
        # a writer with fewer calls than connections leaves some idle
        length_s = max(fmean(spent_s.values()), *(share * each_s[writer.name] for writer, share in burst))
        burst = _like(burst, [max(1, round(length_s / each_s[writer.name])) for writer, _ in burst])
        spent_s = trials.median_s(burst)
        if _spread(spent_s) < closest:
            best, closest = burst, _spread(spent_s)
    return best


def _spread(spent_s: Mapping[str, float]) -> float:
    return max(spent_s.values()) / min(spent_s.values())


def _scaled(writers: Shares, size: int) -> Shares:
    return _like(writers, [writer.weight * size for writer, _ in writers])


def _like(writers: Shares, weights: Sequence[int]) -> Shares:
    """Return the writers with other weights."""
    return [(replace(writer, weight=weight), share) for (writer, share), weight in zip(writers, weights, strict=True)]


def _calls(writers: Shares) -> int:
    return sum(writer.weight for writer, _ in writers)
