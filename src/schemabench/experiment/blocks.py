"""The blocks of an experiment: every entrant executes the same burst, in another order in each block.

Owns the schedule of trials, what is done between them, the calibration of the burst's size, who takes part, and the
stopping rule. Must not judge: what was measured goes to the statistics as it is, and what leaves early is `retiring`'s
to say. Source of the design: Montgomery, "Design and Analysis of
Experiments", chapter 4 (randomized complete block design); for the order within a block, see `order`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil
from random import Random
from time import perf_counter

import psutil

from schemabench import records, statistics
from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment import planning, retiring, sizing
from schemabench.experiment.burst import Burst, make
from schemabench.experiment.copies import Copies
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.measured import Measured
from schemabench.experiment.observer import Observer
from schemabench.experiment.order import Orders
from schemabench.experiment.plan import CONTROL, WARMUP_BLOCKS, Plan, Progress
from schemabench.experiment.retiring import Retired
from schemabench.experiment.sizing import Seen
from schemabench.experiment.team import Team
from schemabench.units import NANOSECONDS

CALIBRATION_TRIALS = 8
"""Trials at most, to find the size of the burst: doubling finds any size up to 10^8 calls."""
_CLOSE_ENOUGH = 0.7
"""A trial of this share of its length tells the rest by proportion."""
_LARGEST_STEP = 10
"""The first trials are slow (caches, plans): trust no larger proportion."""


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


@dataclass(kw_only=True)
class Blocks:
    """The blocks of one experiment; see `run`.

    Attributes:
        plan: What to do.
        team: Who executes bursts.
        entrants: Who takes part, the baseline first, each with who looks at it.
        feed: Where calls come from.
        calibrated: What multiplies the writers' weights, as calibration found it: no burst is larger.
        progress: Whom to tell.
        copies: When all get new copies of their databases.
        renew: What gives these entrants new copies, and returns why that was given up.
        compare: What compares the rows of an entrant with the baseline's, and returns how they differ.
    """

    plan: Plan
    team: Team
    entrants: Mapping[Entrant, Observer]
    feed: Feed
    calibrated: int
    progress: Progress
    copies: Copies
    renew: Callable[[Sequence[Entrant]], str]
    compare: Callable[[Entrant], str]
    measured: Measured = field(init=False)
    _present: list[Entrant] = field(init=False)
    _orders: Orders = field(init=False)
    _busy_s: dict[str, float] = field(default_factory=dict)
    """Entrant -> how long it executed bursts in this block."""
    _seen: Seen = field(init=False)
    """What the last block took."""
    _fresh: bool = False
    """Whether the next block is the first on new copies."""

    def __post_init__(self) -> None:
        first = sizing.first(self.plan, self.calibrated) if self.plan.budget_s else self.calibrated
        self.measured = Measured(workers=self.team.names, calibrated=self.calibrated, size=first)
        self._present = list(self.entrants)
        self._orders = Orders(self.plan.seed)

    def run(self) -> Measured:
        """Run blocks until every interval is narrow enough or the budget is spent; never because of a difference.

        A candidate that takes many times as long as the baseline leaves before; where all do, so does the baseline, as
        soon as it is known how much it differs from itself.

        Raises:
            CandidateError: The baseline failed. Any other candidate that fails leaves the experiment.
            ServerError: The server failed.
        """
        measured, processor = self.measured, _processor_s()
        started_s = perf_counter()
        while True:
            begun_s = perf_counter()
            self._block(begun_s - started_s)
            measured.elapsed_s += perf_counter() - begun_s
            self._let_go()
            if measured.blocks and self._enough():
                break
            if measured.executed <= WARMUP_BLOCKS and self.plan.budget_s:
                measured.size, measured.fitting_blocks = sizing.fitting(
                    self.plan, self.calibrated, self._seen, done=measured.executed, elapsed_s=measured.elapsed_s
                )
            if self.copies.due(measured, self._names):
                self._renew()
        measured.settle(self._names, WARMUP_BLOCKS)
        measured.block_s = self._seen.elapsed_s
        measured.steal_share = _stolen(processor, _processor_s())
        measured.cycles = self.feed.cycles
        following = make(self.feed, self.plan.writers, measured.bursts, measured.size).calls()
        measured.examples |= {call.operation: call for call in following if call.operation in measured.examples}
        return measured

    @property
    def _names(self) -> list[str]:
        return [entrant.name for entrant in self._present]

    def _block(self, started_s: float) -> None:
        """Have everyone who is left execute the next burst; look after their tables then."""
        measured, number, begun_s = self.measured, self.measured.executed, perf_counter()
        order = self._orders.following(self._present)
        sizes = [self.plan.lead_in * measured.size, measured.size] if self.plan.lead_in else [measured.size]
        # before the bursts are made, so that all make them at the same time
        numbered = list(enumerate(sizes, measured.bursts))
        self._busy_s = dict.fromkeys(self._names, 0.0)
        self.team.announce(number, numbered, order)
        *before, burst = [make(self.feed, self.plan.writers, place, size) for place, size in numbered]
        for position, entrant in enumerate(order):
            where = (number, position, started_s + perf_counter() - begun_s)
            with self._leaving(entrant):
                for untimed in before:
                    self._lead_in(entrant, untimed, self._random(number, position))
                self._trial(entrant, burst, where, lead_in_rows=sum(untimed.rows for untimed in before))
        for entrant in list(self._present):
            with self._leaving(entrant):
                self._look_after(entrant)
        busy_s = {name: self._busy_s[name] for name in self._names}
        self._seen = Seen(size=measured.size, busy_s=busy_s, elapsed_s=perf_counter() - begun_s)
        measured.examples |= {call.operation: call for call in burst.calls()}
        if number == 0:
            calls = planning.calls(self.plan, measured.examples)
            choices = {one.name: self.entrants[one].choices(calls) for one in self._present}
            measured.begun = planning.Begun(calls=calls, choices=choices)
        measured.executed += 1
        measured.bursts += len(sizes)
        self._fresh = False

    @contextmanager
    def _leaving(self, entrant: Entrant) -> Iterator[None]:
        """Have a candidate that fails leave the experiment, unless it is the baseline."""
        try:
            yield
        except CandidateError as failure:
            if entrant.template.candidate.name == BASELINE:
                raise
            self.measured.failed[entrant.name] = failure
            self._present.remove(entrant)

    def _lead_in(self, entrant: Entrant, burst: Burst, random: Random) -> None:
        """Execute a burst that is not timed."""
        try:
            executed, _ = self.team.execute(entrant, burst, random, None)
        except CandidateError:
            self.team.skip()
            raise
        self._busy_s[entrant.name] += executed.duration_s

    def _random(self, block: int, position: int) -> Random:
        return Random(f"{self.plan.seed}/jitter/{block}/{position}")  # noqa: S311 (reproducible on purpose)

    def _trial(self, entrant: Entrant, burst: Burst, where: tuple[int, int, float], lead_in_rows: int) -> None:
        """Execute one trial and keep what it says."""
        measured, observer = self.measured, self.entrants[entrant]
        block, position, started_s = where
        random = self._random(block, position)
        executed, samples = self.team.execute(entrant, burst, random, observer.begin(random))
        seen = observer.end()
        self._busy_s[entrant.name] += executed.duration_s
        measured.trials[entrant.name].append(
            records.Trial(
                block=block,
                position=position,
                warmup=self._fresh or block < WARMUP_BLOCKS,
                copy=measured.copies - 1,
                started_s=started_s,
                duration_s=executed.duration_s,
                operations=len(burst.operations),
                rows=burst.rows,
                lead_in_rows=lead_in_rows,
                retries=sum(executed.retried.values()),
                busy_share=max(executed.busy_shares),
                busy_shares=executed.busy_shares,
                writers_s=executed.writers_s,
                waits=seen.waits,
                counters=seen.counters,
            )
        )
        measured.tallies[entrant.name][block] = seen.tally
        measured.undone[entrant.name][block] = executed.retried
        measured.add({(entrant.name, operation): [(block, times)] for operation, times in samples.items()})

    def _look_after(self, entrant: Entrant) -> None:
        """Vacuum and analyze what the trial made due, and add what that took to what the trial cost."""
        if self.plan.upkeep == "autovacuum":
            return
        trials = self.measured.trials[entrant.name]
        trials[-1] = replace(trials[-1], counters={**trials[-1].counters, **self.entrants[entrant].look_after()})

    def _let_go(self) -> None:
        """Have candidates leave that would take the time of all others."""
        candidates = [one.name for one in self._present if one.template.candidate.name != BASELINE]
        found = retiring.find(self.measured.trials, self._names, candidates, self.measured.executed)
        for entrant in [one for one in self._present if one.name in found]:
            self.retire(entrant, found[entrant.name])

    def retire(self, entrant: Entrant, known: Retired) -> None:
        """Have a candidate leave after a block that it took part in; unlike one that failed, it is told about.

        Its rows are compared with the baseline's now, as long as both have executed the same bursts.

        Args:
            entrant: Who leaves.
            known: What its trials say.
        """
        self.progress.stage(self.plan, f"comparing the state of {entrant.name}, which leaves: {known}")
        with self._leaving(entrant):
            self.measured.retired[entrant.name] = replace(known, difference=self.compare(entrant))
            self._present.remove(entrant)

    def _renew(self) -> None:
        """Give everyone who is left a new copy of its database."""
        begun_s = perf_counter()
        self.progress.stage(self.plan, f"copying databases, for the copy {self.measured.copies + 1}")
        self.measured.not_copied = self.renew(self._present)
        self.measured.copies += not self.measured.not_copied
        self.measured.copying_s += perf_counter() - begun_s
        self.copies.renewed(self.measured, perf_counter() - begun_s)
        self._fresh = True

    def _enough(self) -> bool:
        plan, measured, names = self.plan, self.measured, self._names
        rates, copies = measured.rates(names), measured.copies_of_blocks(names[0])
        ratios = statistics.running_ratios(rates, names, baseline=BASELINE)
        self.progress.block(plan, measured.blocks, measured.elapsed_s, ratios)
        if measured.retired and set(names) == {BASELINE, CONTROL} and measured.blocks >= statistics.fewest_blocks(1):
            measured.stopped = "precision"
            return True
        width = statistics.widest_interval(rates, names, baseline=BASELINE, control=CONTROL, copies=copies)
        if width <= plan.precision and statistics.steady_from(rates, names, least=0, most=0, copies=copies)[1]:
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
