"""The blocks of an experiment: every entrant executes the same burst, in another order in each block.

Owns the schedule of trials and the work between them. Must not judge: measurements go to the statistics unchanged.
`calibration` and `sizing` decide the size of bursts, `retiring` and `statistics.race` which candidates leave, and
`stopping` when blocks end. Source of the design: Montgomery, "Design and Analysis of Experiments", chapter 4
(randomized complete block design); for the order within a block, see `order`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from random import Random
from time import perf_counter

from schemabench import machine, records, statistics
from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment import bounds, forecasting, gates, planning, retiring, sizing, stopping
from schemabench.experiment.burst import Burst, Turn, make
from schemabench.experiment.copies import Copies
from schemabench.experiment.entrant import CONTROL, Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.measured import Measured
from schemabench.experiment.neighbours import Neighbours
from schemabench.experiment.observer import Observer
from schemabench.experiment.order import Orders
from schemabench.experiment.plan import Plan
from schemabench.experiment.retiring import WrongRows
from schemabench.experiment.shifts import Shifts
from schemabench.experiment.staleness import Freshness
from schemabench.experiment.team import Executed, Samples, Team
from schemabench.load import Passing, Talk
from schemabench.load.collecting import uncollected
from schemabench.load.session import Undone
from schemabench.monitor.counters import AT_THE_END, SIZES
from schemabench.progress import Progress


@dataclass(kw_only=True)
class Blocks:
    """The blocks of one experiment; see `run`.

    Attributes:
        plan: What to do.
        team: Executes bursts.
        entrants: The participants, the baseline first, each with its observer.
        feed: The source of calls.
        calibrated: The multiplier of the writers' weights, calibrated or given: no burst is larger. It grows where one
            process has calibrated, and several execute bursts in less time.
        progress: Shows the current stage.
        shifts: Opens and closes their sessions, where these are open by turns.
        copies: Decides when all entrants get new copies of their databases.
        renew: Copies these entrants' databases; returns why copying failed, or an empty text.
        wrong: Returns what is wrong with an entrant's rows after the same bursts as the baseline.
        neighbours: The noise, whose jobs are at work.
    """

    plan: Plan
    team: Team
    entrants: Mapping[Entrant, Observer]
    feed: Feed
    calibrated: int
    shifts: Shifts
    progress: Progress
    copies: Copies
    renew: Callable[[Sequence[Entrant]], str]
    wrong: Callable[[Entrant], WrongRows | None]
    neighbours: Neighbours
    measured: Measured = field(init=False)
    size: int = field(init=False)
    """The multiplier of the writers' weights in the next block."""
    _present: list[Entrant] = field(init=False)
    _orders: Orders = field(init=False)
    _glancing: bool = True
    """Whether the next block is a short probe of how long entrants take."""
    _counting: bool = False
    """Whether the next block counts, except for the first on new copies."""
    _fresh: bool = False
    """Whether the next block is the first on new copies."""
    _label: str = ""
    """The name of the current block."""
    doing: str = "the first block"
    """The current activity, in words."""
    _began_at: dict[str, float] = field(default_factory=dict)
    """Entrant -> the size of its databases when blocks began to count."""
    _over: bool = False
    """Whether the last block is done."""

    def __post_init__(self) -> None:
        self.measured = Measured(
            workers=self.team.names,
            not_copied=self.copies.hindrance,
            freshness=Freshness(self.plan, self.feed, self.team),
        )
        self.size = sizing.glance(self.plan, self.calibrated)
        self._present = list(self.entrants)
        self._orders = Orders(self.plan.seed)

    def run(self) -> Measured:
        """Run blocks until every interval is narrow enough or the budget is spent; never because of a difference.

        A race also ends when only the baseline is left in it, and any experiment when databases have grown too far.

        Raises:
            CandidateError: The baseline failed. Any other candidate that fails leaves the experiment.
            ServerError: The server failed.
            UsageError: By turns, the fewest blocks take far more than the budget.
        """
        measured, processor = self.measured, machine.processor_s()
        started_s = perf_counter()
        while True:
            begun_s = perf_counter()
            self._block(begun_s - started_s)
            block_s = perf_counter() - begun_s
            measured.elapsed_s += block_s
            self.neighbours.check(self._label)
            self._part()
            if not self._counting:
                self._fit(block_s)
            elif measured.blocks and self._is_over(block_s):
                break
            if self.copies.due(measured, self._names):
                self._renew()
        measured.settle(self._names)
        self._over, self.doing = True, "what comes after the last block"
        measured.steal_share = machine.stolen_share(processor, machine.processor_s())
        measured.cycles = self.feed.cycles
        return measured

    def look_ahead(self) -> None:
        """Take the calls that are explained from the burst that would come next: their rows are new.

        It is never executed. So nothing may be executed after it: later calls of a file may take what it gives.
        """
        measured = self.measured
        following = make(self.feed, self.plan.writers, measured.bursts, self.size).calls()
        measured.examples |= {call.operation: call for call in following if call.operation in measured.examples}

    def break_off(self) -> None:
        """At any point, count the finished blocks; the current one does not count."""
        if self.measured.executed and not self._over:
            self.measured.break_off()
            self.measured.settle(self._names)
            self.measured.cycles = self.feed.cycles

    @property
    def _freshness(self) -> Freshness:
        assert self.measured.freshness is not None, "made with the blocks"
        return self.measured.freshness

    @property
    def _names(self) -> list[str]:
        return [entrant.name for entrant in self._present]

    @uncollected()
    def _block(self, started_s: float) -> None:
        """Have every remaining entrant execute the next burst, then maintain their tables."""
        measured, number, begun_s = self.measured, self.measured.executed, perf_counter()
        self._label = f"block {measured.blocks + 1}" if self._counting else f"warm-up block {number + 1}"
        order = self._orders.following(self._present)
        turns = self._turns(number)
        # before the bursts are made, so that all workers make them at the same time
        self.shifts.announce(number, self._label, turns, order)
        sizes = {turn.burst: turn.size for turn in turns}
        bursts = {burst: make(self.feed, self.plan.writers, burst, size) for burst, size in sizes.items()}
        for position, entrant in enumerate(order):
            where = (number, position, started_s + perf_counter() - begun_s)
            self.doing = f"{self._label}: {entrant.name}"
            with self._leaving(entrant), self.shifts.executing(entrant), measured.taking(entrant.name):
                self._take_turns(entrant, turns, bursts, where)
        for entrant in list(self._present):
            with self._leaving(entrant):
                self._look_after(entrant)
                self._note_growth(entrant)
                entrant.companions.check()
        (timed,) = (bursts[turn.burst].calls() for turn in turns if turn.timed)
        measured.examples |= {call.operation: call for call in timed}
        if number == 0:
            calls = planning.calls(self.plan, measured.examples)
            choices = {one.name: self.entrants[one].choices(calls) for one in self._present}
            measured.begun = planning.Begun(calls=calls, choices=choices)
        measured.executed, measured.bursts = number + 1, measured.bursts + len(sizes)
        self.doing = f"block {measured.blocks + 1}" if self._counting else self.doing
        self._fresh = False

    def _turns(self, block: int) -> list[Turn]:
        """Return what every entrant executes in a block: a lead-in, then the trial, and each part alone.

        Parts execute a burst of their own, one after the other, so that all entrants end in the same state.
        """
        before = [self.plan.lead_in * self.size] if self.plan.lead_in else []
        lead_in = [Turn(number, size, timed=False) for number, size in enumerate(before, self.measured.bursts)]
        following = self.measured.bursts + len(lead_in)
        apart = self.plan.apart.values()
        turns = [Turn(following, self.size), *(Turn(following + 1, self.size, own, timed=False) for own in apart)]
        Random(f"{self.plan.seed}/turns/{block}").shuffle(turns)  # noqa: S311 (reproducible on purpose)
        return [*lead_in, *turns]

    def _fit(self, block_s: float) -> None:
        """Choose the size of bursts after an uncounted block; the next one counts if this one had the full size."""
        measured, plan = self.measured, self.plan
        first, by_turns = measured.executed == 1, self.shifts.by_turns
        if first and (text := forecasting.forecast_blocks(plan, block_s, by_turns=by_turns)):
            self.progress.say(f"{plan}: {text}")
        measured.warmup, self._counting = measured.executed, not self._glancing
        lasted = {name: self._lasted_s(measured.trials[name][-1]) for name in self._names}
        seen = sizing.Seen(size=self.size, trials_s=lasted, elapsed_s=block_s)
        self._glancing = self._glancing and not sizing.suffices(seen, measured.executed)
        if self._counting and len(measured.workers) > 1:
            took_s = max(measured.trials[name][-1].duration_s for name in (BASELINE, CONTROL))
            self.calibrated = sizing.together(plan, self.calibrated, self.size, took_s)
        if not self._glancing:
            self.size = sizing.fitting(plan, self.calibrated, seen, measured.spent_s)
            measured.shortened = self.calibrated if self.size < self.calibrated else 0

    def _lasted_s(self, trial: records.Trial) -> float:
        """Return for how long an entrant executed bursts in the block of a trial."""
        alone_s = sum(max(trial.alone_s[writer] for writer in own) for own in self.plan.apart.values())
        return trial.duration_s * (1 + self.plan.lead_in) + alone_s

    def _part(self) -> None:
        """Part with candidates that are proved to be too slow, by either rule."""
        far, beaten = self._far_slower(), self._beaten() if self.plan.race else {}
        for entrant in [one for one in self._present if one.name in far or one.name in beaten]:
            self.progress.stage(self.plan, f"comparing the state of {entrant.name}, which leaves")
            with self._leaving(entrant):
                on = None if entrant.name in far else beaten[entrant.name]
                self.measured.retire(entrant.name, self.wrong(entrant), on)
                self._present.remove(entrant)

    def _far_slower(self) -> set[str]:
        """Return the candidates that few trials prove to be much slower, unless the client limits them."""
        measured = self.measured
        most_s = retiring.PRESSING_SHARE * self.plan.budget_s
        pressing = [name for name in self._names if measured.taken_s[name] > most_s]
        if lagging := retiring.lagging(measured.trials, self._names, CONTROL, pressing):
            return set(lagging) - gates.limited(measured.since(retiring.FIRST_BLOCK), lagging)
        return set()  # in most blocks, and without going through all trials

    def _beaten(self) -> Mapping[str, statistics.Beaten]:
        """Return the candidates that are proved slower than the leader, unless the client limits them."""
        measured, names = self.measured, self._names
        return statistics.beaten(
            measured.rates(names),
            names,
            control=CONTROL,
            candidates=len(self.plan.candidates),
            places=self.plan.race,
            staying={BASELINE, *gates.limited(measured, names)},
            copies=measured.copies_of_blocks(BASELINE),
        )

    @contextmanager
    def _leaving(self, entrant: Entrant) -> Iterator[None]:
        """Remove a candidate that fails from the experiment, unless it is the baseline."""
        try:
            yield
        except CandidateError as failure:
            if entrant.template.candidate.name == BASELINE:
                raise
            self.measured.failed[entrant.name] = failure
            self._present.remove(entrant)

    def _take_turns(
        self, entrant: Entrant, turns: Sequence[Turn], bursts: Mapping[int, Burst], where: tuple[int, int, float]
    ) -> None:
        """Have an entrant execute the bursts of a block, and record them as one trial."""
        untimed_rows: dict[int, int] = {}
        alone_s: dict[str, float] = {}
        for place, turn in enumerate(turns, 1):
            burst = bursts[turn.burst].only(turn.writers)
            try:
                if turn.timed:
                    self._trial(entrant, burst, where)
                    continue
                executed, _ = self._execute(entrant, burst, self._random(*where[:2]), None)
                self._freshness.observe(entrant.name, burst, executed)
            except CandidateError:
                for _ in turns[place:]:
                    self.team.skip()
                raise
            untimed_rows[turn.burst] = untimed_rows.get(turn.burst, burst.rows) - executed.lost_rows
            alone_s |= {writer: executed.writers_s[writer] for writer in turn.writers}
        trials = self.measured.trials[entrant.name]
        trials[-1] = replace(trials[-1], lead_in_rows=sum(untimed_rows.values()), alone_s=alone_s)

    def _execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None
    ) -> tuple[Executed, Samples]:
        """Execute a burst completely.

        Raises:
            CandidateError: The server refused an operation, or a call or the trial exceeded its limit.
        """
        limits = bounds.limits(self.plan, self.measured, entrant, partial(self._tell, entrant))
        executed, samples = self.team.execute(entrant, burst, random, watch, limits)
        if executed.cut:
            raise bounds.cut_short(entrant, executed, len(burst.operations))
        return executed, samples

    def _tell(self, entrant: Entrant, passing: Passing) -> None:
        """Show the progress of a long trial."""
        self.doing = bounds.lasting(f"{self._label}: {entrant.name}", passing)
        self.progress.stage(self.plan, self.doing)

    def _random(self, block: int, position: int) -> Random:
        return Random(f"{self.plan.seed}/jitter/{block}/{position}")  # noqa: S311 (reproducible on purpose)

    def _trial(self, entrant: Entrant, burst: Burst, where: tuple[int, int, float]) -> None:
        """Execute and record one trial."""
        measured, observer = self.measured, self.entrants[entrant]
        block, position, started_s = where
        random = self._random(block, position)
        watch = observer.begin(random, self._expected_s(entrant))
        executed, samples = self._execute(entrant, burst, random, watch)
        self._freshness.keep(entrant.name, block, self._freshness.observe(entrant.name, burst, executed))
        seen = observer.end()
        measured.trials[entrant.name].append(
            records.Trial(
                block=block,
                position=position,
                warmup=self._fresh or not self._counting,
                copy=measured.copies - 1,
                started_s=started_s,
                duration_s=executed.duration_s,
                operations=len(burst.operations),
                rows=burst.rows - executed.lost_rows,
                retries=sum(executed.retried.values()),
                accepted=sum(executed.accepted.values()),
                paused_s=executed.paused_s,
                calls=dict(Counter(burst.operations)),
                undone=_by_operation(executed.retried),
                busy_share=max(executed.busy_shares),
                busy_shares=executed.busy_shares,
                writers_s=executed.writers_s,
                looks=seen.looks,
                waits=seen.waits,
                counters=seen.counters,
            )
        )
        measured.tallies[entrant.name][block] = seen.tally
        measured.companions[entrant.name][block] = entrant.companions.executions()
        measured.undone[entrant.name][block] = executed.retried
        measured.accepted[entrant.name][block] = executed.accepted
        measured.add({(entrant.name, operation): [(block, times)] for operation, times in samples.items()})

    def _expected_s(self, entrant: Entrant) -> float:
        """Return the expected length of an entrant's trial, by its last warm-up trial: its sampling rate stays even."""
        trials = self.measured.trials[entrant.name][: self.measured.warmup]
        if not trials:
            return self.plan.trial_s * self.size / self.calibrated
        per_call_s = trials[-1].duration_s / trials[-1].operations
        return per_call_s * self.size * sum(writer.weight for writer, _ in self.plan.writers)

    def _look_after(self, entrant: Entrant) -> None:
        """Vacuum and analyze the tables that are due, and add the cost to the trial's."""
        if self.plan.upkeep == "autovacuum":
            return
        trials = self.measured.trials[entrant.name]
        trials[-1] = replace(trials[-1], counters={**trials[-1].counters, **self.entrants[entrant].look_after()})

    def _renew(self) -> None:
        """Give every remaining entrant a new copy of its database."""
        begun_s = perf_counter()
        self.progress.stage(self.plan, f"copying databases (copy {self.measured.copies + 1})")
        self.measured.not_copied = self.renew(self._present)
        self.measured.copies += not self.measured.not_copied
        self.measured.copying_s += perf_counter() - begun_s
        self.copies.renewed(self.measured, perf_counter() - begun_s)
        self._fresh = True

    def _note_growth(self, entrant: Entrant) -> None:
        """Note by how much an entrant's databases have grown since blocks count, where that is limited."""
        if self.plan.most_growth < inf:
            sizes = self.entrants[entrant].sizes()
            now = sum(sizes.get(AT_THE_END[name], 0.0) for name in SIZES)
            if not self._counting:
                self._began_at[entrant.name] = now
            if began := self._began_at[entrant.name]:
                self.measured.grown_by[entrant.name] = now / began - 1

    def _is_over(self, block_s: float) -> bool:
        """Show progress, and return whether the last block was the last."""
        measured, names = self.measured, self._names
        ratios = statistics.running_ratios(measured.rates(names), names, baseline=BASELINE)
        self.progress.block(self.plan, measured.blocks, measured.spent_s, ratios)
        why = stopping.reason(self.plan, measured, names, block_s)
        measured.stopped = why or measured.stopped
        return bool(why)


def _by_operation(retried: Undone) -> dict[str, int]:
    """Return the number of rolled-back attempts at each operation, for any reason."""
    undone: Counter[str] = Counter()
    for (operation, _), count in retried.items():
        undone[operation] += count
    return {operation: count for operation, count in undone.items() if count}
