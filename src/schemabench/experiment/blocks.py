"""The blocks of an experiment: every entrant executes the same burst, in an order shuffled anew for each block.

Owns the schedule of trials, the calibration of the burst's size and the stopping rule. Must not judge: what was
measured goes to the statistics as it is. Source of the design: Montgomery, "Design and Analysis of Experiments",
chapter 4 (randomized complete block design).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from random import Random
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from schemabench import records, statistics
from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment.burst import Burst, make
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.plan import WARMUP_BLOCKS, Plan, Progress
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

    trials: dict[str, list[records.Trial]] = field(default_factory=lambda: defaultdict(list))
    """Entrant -> its trials in order."""
    samples_ns: dict[tuple[str, str], list[NDArray[np.int64]]] = field(default_factory=lambda: defaultdict(list))
    """(entrant, operation) -> service times of counted trials, an array for each."""
    retries: dict[tuple[str, str], int] = field(default_factory=dict)
    """(entrant, operation) -> attempts that were undone in counted trials."""
    failed: dict[str, CandidateError] = field(default_factory=dict)
    """Candidates that failed on the way and left the experiment."""
    blocks: int = 0
    """Counted blocks."""
    elapsed_s: float = 0.0
    stopped: str = "budget"

    def rates(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return bursts per second, of shape (counted blocks, entrants)."""
        columns = [[1 / trial.duration_s for trial in self.trials[name] if not trial.warmup] for name in names]
        return np.array(columns, dtype=np.float64).T


def calibrate(plan: Plan, entrant: Entrant, feed: Feed) -> int:
    """Return the size at which a burst takes about `plan.trial_s`, by trials on a scratch copy of the baseline."""
    size, random = 1, Random(plan.seed)  # noqa: S311 (reproducible on purpose)
    for trial in range(CALIBRATION_TRIALS):
        burst = make(feed, plan.writers, trial, size)  # the same blocks as later: the scratch copy is thrown away
        duration_s = entrant.execute(burst, random).duration_ns / NANOSECONDS
        proportion = plan.trial_s / duration_s
        if proportion < 1 / _CLOSE_ENOUGH:
            return max(1, round(size * proportion))
        size = ceil(size * min(proportion, _LARGEST_STEP))
    return size


def run(plan: Plan, entrants: Sequence[Entrant], feed: Feed, size: int, progress: Progress) -> Measured:
    """Run blocks until every interval is narrow enough or the budget is spent; never because of a difference.

    Raises:
        CandidateError: The baseline failed. Any other candidate that fails leaves the experiment.
        ServerError: The server failed.
    """
    measured, present = Measured(), list(entrants)
    started_s, number = perf_counter(), 0
    while True:
        burst = make(feed, plan.writers, number, size)
        order = list(present)
        Random(f"{plan.seed}/order/{number}").shuffle(order)  # noqa: S311 (reproducible on purpose)
        for position, entrant in enumerate(order):
            where = (number, position, perf_counter() - started_s)
            try:
                _trial(plan, entrant, burst, where, measured)
            except CandidateError as failure:
                if entrant.template.candidate.name == BASELINE:
                    raise
                measured.failed[entrant.name] = failure
                present.remove(entrant)
        number += 1
        measured.blocks = max(0, number - WARMUP_BLOCKS)
        measured.elapsed_s = perf_counter() - started_s
        if measured.blocks and _enough(plan, present, measured, progress):
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


def _trial(plan: Plan, entrant: Entrant, burst: Burst, where: tuple[int, int, float], measured: Measured) -> None:
    """Execute one trial and keep what it says."""
    block, position, started_s = where
    retried_before = entrant.retries()
    drive = entrant.execute(burst, Random(f"{plan.seed}/jitter/{block}/{position}"))  # noqa: S311 (reproducible)
    writers_s: dict[str, float] = defaultdict(float)
    for (_, writer), finished_ns in zip(entrant.sessions, drive.finished_ns, strict=True):
        writers_s[writer.name] = max(writers_s[writer.name], finished_ns / NANOSECONDS)
    retried = entrant.retries()
    trial = records.Trial(
        block=block,
        position=position,
        warmup=block < WARMUP_BLOCKS,
        started_s=started_s,
        duration_s=drive.duration_ns / NANOSECONDS,
        operations=len(burst.operations),
        rows=burst.rows,
        retries=sum(retried.values()) - sum(retried_before.values()),
        busy_share=min(1.0, drive.busy_ns / drive.duration_ns),
        writers_s=dict(writers_s),
    )
    measured.trials[entrant.name].append(trial)
    if not trial.warmup:
        _keep_latencies(entrant.name, burst, np.array(drive.latencies_ns, dtype=np.int64), measured.samples_ns)
        for operation, count in retried.items():
            key = entrant.name, operation
            measured.retries[key] = measured.retries.get(key, 0) + count - retried_before.get(operation, 0)


def _keep_latencies(
    name: str,
    burst: Burst,
    latencies_ns: NDArray[np.int64],
    samples_ns: Mapping[tuple[str, str], list[NDArray[np.int64]]],
) -> None:
    operations = np.array(burst.operations)
    for operation in np.unique(operations):
        samples_ns[name, str(operation)].append(latencies_ns[operations == operation])
