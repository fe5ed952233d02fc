"""The blocks of an experiment: every entrant executes the same burst, in an order shuffled anew for each block.

Owns the schedule of trials, the calibration of the burst's size and the stopping rule. Must not judge: what was
measured goes to the statistics as it is. Source of the design: Montgomery, "Design and Analysis of Experiments",
chapter 4 (randomized complete block design).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from random import Random
from time import perf_counter

import numpy as np
import psutil
from numpy.typing import NDArray

from schemabench import records, statistics
from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment.burst import Burst, Encoded, make
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.observer import Observer
from schemabench.experiment.plan import WARMUP_BLOCKS, Plan, Progress
from schemabench.experiment.team import Team
from schemabench.load.session import Retried
from schemabench.units import NANOSECONDS

CONTROL = "baseline (control)"
"""The name under which the baseline enters a second time."""
CALIBRATION_TRIALS = 8
"""Trials at most, to find the size of the burst: doubling finds any size up to 10^8 calls."""
_CLOSE_ENOUGH = 0.7
"""A trial of this share of its length tells the rest by proportion."""
_LARGEST_STEP = 10
"""The first trials are slow (caches, plans): trust no larger proportion."""


@dataclass(kw_only=True)
class Measured:
    """What the trials of an experiment left behind."""

    workers: Sequence[str] = ()
    """Those who execute each burst together, in the order of `Trial.busy_shares`; none where one process does."""
    trials: dict[str, list[records.Trial]] = field(default_factory=lambda: defaultdict(list))
    """Entrant -> its trials in order."""
    samples_ns: dict[tuple[str, str], list[NDArray[np.int64]]] = field(default_factory=lambda: defaultdict(list))
    """(entrant, operation) -> service times of counted trials, an array for each."""
    retries: dict[str, Retried] = field(default_factory=lambda: defaultdict(dict))
    """Entrant -> attempts that were undone in counted trials."""
    examples: dict[str, Encoded] = field(default_factory=dict)
    """Executed operation -> a call of it: of the burst that would have come next where that has one, since a row that
    was inserted cannot always be inserted again."""
    failed: dict[str, CandidateError] = field(default_factory=dict)
    """Candidates that failed on the way and left the experiment."""
    blocks: int = 0
    """Counted blocks."""
    elapsed_s: float = 0.0
    stopped: str = "budget"
    cycles: int = 0
    """How many times the replayed file was begun; 0 where nothing is replayed."""
    steal_share: float | None = None
    """The share of processor time that the host gave to others; None where that is not known."""

    def add(self, samples_ns: Mapping[tuple[str, str], Sequence[NDArray[np.int64]]]) -> None:
        """Add service times of counted trials that other workers measured."""
        for key, arrays in samples_ns.items():
            self.samples_ns[key].extend(arrays)

    def counted(self, name: str) -> list[records.Trial]:
        """Return an entrant's trials after those that warm up."""
        return [trial for trial in self.trials[name] if not trial.warmup]

    def rates(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return bursts per second, of shape (counted blocks, entrants)."""
        columns = [[1 / trial.duration_s for trial in self.counted(name)] for name in names]
        return np.array(columns, dtype=np.float64).T


def calibrate(plan: Plan, entrant: Entrant, feed: Feed) -> int:
    """Return the size at which a burst takes about `plan.trial_s`, by trials on a scratch copy of the baseline.

    The size that one trial finds is tried a second time and the shorter counts: were it a stall that made a small burst
    seem long, all trials of the experiment would be too short to see anything in.
    """
    size, random, shortest_s = 1, Random(plan.seed), math.inf  # noqa: S311 (reproducible on purpose)
    for trial in range(CALIBRATION_TRIALS):
        burst = make(feed, plan.writers, trial, size)  # the same blocks as later: the scratch copy is thrown away
        duration_s = entrant.execute(burst, random).duration_ns / NANOSECONDS
        again, shortest_s = shortest_s < math.inf, min(shortest_s, duration_s)
        proportion = plan.trial_s / shortest_s
        if proportion >= 1 / _CLOSE_ENOUGH:
            size, shortest_s = ceil(size * min(proportion, _LARGEST_STEP)), math.inf
        elif again:
            break
    return max(1, round(size * plan.trial_s / shortest_s)) if shortest_s < math.inf else size


def run(  # noqa: PLR0913, PLR0917 (everything that an experiment consists of)
    plan: Plan, team: Team, entrants: Mapping[Entrant, Observer], feed: Feed, size: int, progress: Progress
) -> Measured:
    """Run blocks until every interval is narrow enough or the budget is spent; never because of a difference.

    Args:
        plan: What to do.
        team: Who executes bursts.
        entrants: Who takes part, the baseline first, each with who looks at it.
        feed: Where calls come from.
        size: What multiplies the writers' weights.
        progress: Whom to tell.

    Raises:
        CandidateError: The baseline failed. Any other candidate that fails leaves the experiment.
        ServerError: The server failed.
    """
    measured, present = Measured(workers=team.names), list(entrants)
    processor = _processor_s()
    started_s, number = perf_counter(), 0
    while True:
        order = list(present)
        Random(f"{plan.seed}/order/{number}").shuffle(order)  # noqa: S311 (reproducible on purpose)
        team.announce(number, order, size)  # before the burst is made, so that all make it at the same time
        burst = make(feed, plan.writers, number, size)
        for position, entrant in enumerate(order):
            where = (number, position, perf_counter() - started_s)
            try:
                _trial(plan, team, (entrant, entrants[entrant]), burst, where, measured)
            except CandidateError as failure:
                if entrant.template.candidate.name == BASELINE:
                    raise
                measured.failed[entrant.name] = failure
                present.remove(entrant)
        measured.examples |= {call.operation: call for call in burst.calls()}
        number += 1
        measured.blocks = max(0, number - WARMUP_BLOCKS)
        measured.elapsed_s = perf_counter() - started_s
        if measured.blocks and _enough(plan, present, measured, progress):
            measured.steal_share = _stolen(processor, _processor_s())
            measured.cycles = feed.cycles
            following = make(feed, plan.writers, number, size).calls()
            measured.examples |= {call.operation: call for call in following if call.operation in measured.examples}
            return measured


def _enough(plan: Plan, present: Sequence[Entrant], measured: Measured, progress: Progress) -> bool:
    names = [entrant.name for entrant in present]
    rates = measured.rates(names)
    progress.block(
        plan, measured.blocks, measured.elapsed_s, statistics.running_ratios(rates, names, baseline=BASELINE)
    )
    if statistics.widest_interval(rates, names, baseline=BASELINE, control=CONTROL) <= plan.precision:
        measured.stopped = "precision"
        return True
    return measured.elapsed_s >= plan.budget_s


def _processor_s() -> Mapping[str, float]:
    """Return the seconds that this machine's processors have spent, by kind."""
    spent: Mapping[str, float] = psutil.cpu_times()._asdict()
    return spent


def _stolen(before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """Return the share of processor time between two moments that a host gave to others; None where nobody says."""
    spent = {kind: after[kind] - before[kind] for kind in after if not kind.startswith("guest")}  # part of user, nice
    total = sum(spent.values())
    return spent["steal"] / total if "steal" in spent and total > 0 else None


def _trial(  # noqa: PLR0913, PLR0917 (one trial, in one place)
    plan: Plan,
    team: Team,
    pair: tuple[Entrant, Observer],
    burst: Burst,
    where: tuple[int, int, float],
    measured: Measured,
) -> None:
    """Execute one trial and keep what it says."""
    entrant, observer = pair
    block, position, started_s = where
    warmup = block < WARMUP_BLOCKS
    random = Random(f"{plan.seed}/jitter/{block}/{position}")  # noqa: S311 (reproducible on purpose)
    executed, samples = team.execute(entrant, burst, random, observer.begin(random))
    seen = observer.end(counted=not warmup)
    measured.trials[entrant.name].append(
        records.Trial(
            block=block,
            position=position,
            warmup=warmup,
            started_s=started_s,
            duration_s=executed.duration_s,
            operations=len(burst.operations),
            rows=burst.rows,
            retries=sum(executed.retried.values()),
            busy_share=max(executed.busy_shares),
            busy_shares=executed.busy_shares,
            writers_s=executed.writers_s,
            waits=seen.waits,
            counters=seen.counters,
        )
    )
    if not warmup:
        measured.add({(entrant.name, operation): [latencies_ns] for operation, latencies_ns in samples.items()})
        total = measured.retries[entrant.name]
        for key, count in executed.retried.items():
            total[key] = total.get(key, 0) + count
