"""A growth curve: experiments at a ladder of sizes, one after the other, within one budget.

Owns the order of the steps after the first three, the division of the budget, and what the machine holds. Must not
choose between gaps: `ladder` does.

The ends and the middle come first, in ascending order, so that databases of one step are grown into those of the next.
A curve grows: however it ends, measured steps are kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log

import psutil

from schemabench import machine
from schemabench.candidate import BASELINE
from schemabench.crossover import Laboratory
from schemabench.errors import CandidateError, SchemabenchError, WorkloadError
from schemabench.growth import figures, ladder
from schemabench.growth.axis import CLIENTS, Over
from schemabench.records import Experiment, Growth, GrowthStep
from schemabench.units import format_bytes, format_duration
from schemabench.workload import authored

SHORTEST_STEP_S = 4.0
"""A shorter step has too few blocks for a useful interval."""
INTENDED_STEPS = 7
"""Steps among which the budget is divided; shorter ones leave time for more, down to the shortest."""
FIRST_SETUP_SHARE = 0.5
"""The share of a step's time for loading, assumed until the first step is measured."""
_SMALLEST_STEP = 1.5
"""A last step that is not this much larger than the one before it, since the machine holds no more, is not made."""
_WARM_UP = 2
"""Blocks before those that count: a short one, which shows how long trials take, and one more."""
_COPIES = 2
"""Of every database, at most, while a step is measured: the template and the entrant."""
_SHARE_OF_DISK = 0.8
"""Of the free space: WAL and temporary files need the rest."""


@dataclass(kw_only=True)
class Curve:
    """A growth curve under construction.

    Attributes:
        laboratory: Makes the experiments.
        over: The axis.
        measured: Value -> its experiment.
        tried: Value -> its step, in the order in which they were tried.
        setups_s: Value -> the time apart from its blocks.
        ended: Why there are no more steps; empty while there are.
    """

    laboratory: Laboratory
    over: Over
    measured: dict[float, Experiment] = field(default_factory=dict)
    tried: dict[float, GrowthStep] = field(default_factory=dict)
    setups_s: dict[float, float] = field(default_factory=dict)
    ended: str = ""

    def run(self, grow: Callable[[], None]) -> None:
        """Measure steps while there is time; call `grow` after each, and at the end.

        At least one step is measured, however short the budget.

        Raises:
            SchemabenchError: The server fails.
        """
        try:
            while (value := self._following()) is not None:
                self._measure(value)
                grow()
        except KeyboardInterrupt:
            self.ended = "it was interrupted"
            raise
        except SchemabenchError as cause:
            self.ended = cause.what
            raise
        finally:
            grow()

    def record(self) -> Growth:
        """Return the curve so far."""
        measured = sorted(self.measured.items())
        steps = [self.tried[value] for value, _ in measured]
        return Growth(
            workload=self.laboratory.workload,
            cardinality=self.laboratory.start,
            over=self.over.field,
            steps=tuple(self.tried[value] for value in sorted(self.tried)),
            order=tuple(self.tried),
            changes=tuple(figures.changes(steps)),
            crossings=tuple(figures.crossings(measured)),
            edges=tuple(figures.edges(self.over, measured, self._memory_bytes())),
            budget_s=self.laboratory.budget_s,
            elapsed_s=self.laboratory.elapsed_s,
            ended=self.ended,
            noise=self.laboratory.noise,
        )

    def _following(self) -> float | None:
        """Return the next value; None if there is none, or no time for it."""
        if not self.tried:
            return self.over.start
        value = self._first_three()
        if value is None:
            readings = [
                figures.reading(one, experiment)
                for one, experiment in sorted(self.measured.items())
                if figures.has_intervals(experiment)
            ]
            value = ladder.following(self.over, readings) if len(readings) > 1 else None
            if value is None or value in self.tried:
                gaps = "there is no gap left that is wide enough for a step"
                self.ended = gaps if len(readings) > 1 else "fewer than two steps have intervals"
                return None
        if lacking := self._lacking(value):
            self.ended = f"the step at {self.over.shown(value)} {lacking}"
            return None
        return value

    def _first_three(self) -> float | None:
        """Return the middle, then the last value that the machine holds; None once they are tried."""
        middle = self.over.between(self.over.start, self.over.end)
        if middle is not None and middle not in self.tried and not self._lacking(middle):
            return middle
        if any(value > (middle or self.over.start) for value in self.tried):
            return None
        largest = max(self.tried)
        value: float | None = self.over.end
        if lacking := self._lacking(self.over.end):
            self.tried[self.over.end] = GrowthStep(value=self.over.end, cardinality="", reason=f"it {lacking}")
        while value is not None and self._lacking(value):
            value = self.over.between(largest, value)
            value = value if value is not None and value > _SMALLEST_STEP * largest else None
        return value

    def _measure(self, value: float) -> None:
        laboratory = self.laboratory
        left = max(1, INTENDED_STEPS - len(self.measured))
        blocks_s = max(self._least_s(value), laboratory.remaining_s / left - self._setup_s(value))
        name = self.over.shown(value)
        laboratory.doing = f"step {len(self.measured) + 1}, {name}"
        began_s = laboratory.elapsed_s
        selected = laboratory.bench.subject(laboratory.workload).selected
        try:
            with authored(laboratory.found, "cardinalities"):
                cardinality, other = self.over.at(laboratory.found.workload.cardinalities[laboratory.start], value)
            experiment = laboratory.measure(name, cardinality, selected, blocks_s, **other)
        except (CandidateError, WorkloadError) as cause:
            if not self.measured:
                raise
            self.tried[value] = GrowthStep(value=value, cardinality=name, reason=cause.what)
            laboratory.say(f"{name}: {cause.what}")
            return
        laboratory.keep(experiment)
        self.setups_s[value] = laboratory.elapsed_s - began_s - experiment.elapsed_s
        self.measured[value] = experiment
        self.tried[value] = figures.step(value, experiment)
        laboratory.say(f"{name}: {_told(self.tried[value])}, in {format_duration(laboratory.elapsed_s - began_s)}")

    def _lacking(self, value: float) -> str:
        """Return what there is too little of for a step, in words; empty if there is enough."""
        needed_s, left_s = self._setup_s(value) + self._least_s(value), self.laboratory.remaining_s
        if needed_s > left_s:
            needed, budget = format_duration(needed_s), format_duration(self.laboratory.budget_s)
            return f"would take about {needed}, with {format_duration(max(0.0, left_s))} left of the budget of {budget}"
        needed_bytes, free_bytes = self._disk(value)
        if free_bytes is not None and needed_bytes > _SHARE_OF_DISK * free_bytes:
            return f"would need about {format_bytes(needed_bytes)} of disk, with {format_bytes(free_bytes)} free"
        return ""

    def _disk(self, value: float) -> tuple[float, int | None]:
        """Return the estimated bytes of a step's databases, and those free; None if the disk is not this machine's."""
        server = self.laboratory.bench.serve()
        nearest = self._nearest(value)
        if server.data is None or nearest is None:
            return 0.0, None
        free: int = psutil.disk_usage(str(server.data)).free
        return _COPIES * self._scale(nearest, value) * figures.together_bytes(self.measured[nearest]), free

    def _setup_s(self, value: float) -> float:
        """Return the estimated time of a step apart from its blocks, from that of the nearest smaller one."""
        nearest = self._nearest(value)
        if nearest is None:
            return FIRST_SETUP_SHARE * self.laboratory.budget_s / INTENDED_STEPS
        return self._scale(nearest, value) * self.setups_s[nearest]

    def _least_s(self, value: float) -> float:
        """Return the estimated time of the fewest blocks with intervals: as blocks grew so far, but not above that."""
        nearest = self._nearest(value)
        if nearest is None:
            return SHORTEST_STEP_S
        own = self.measured[nearest]
        before = max((one for one in self.measured if one < nearest), default=None)
        exponent = 0.0
        if before is not None and nearest > before > 0:
            grown = _block_s(own) / _block_s(self.measured[before])
            exponent = min(1.0, max(0.0, log(grown) / log(nearest / before)))
        block_s: float = _block_s(own) * self._scale(nearest, value) ** exponent
        return max(SHORTEST_STEP_S, (own.blocks_needed + _WARM_UP) * block_s)

    def _nearest(self, value: float) -> float | None:
        """Return the largest measured value up to one, or the smallest of all; None if there is none."""
        known = sorted(self.measured)
        return max((one for one in known if one <= value), default=known[0] if known else None)

    def _scale(self, nearest: float, value: float) -> float:
        """Return how much larger databases are than at another step, at most: sizes grow with the axis, or do not."""
        grows = self.over.field not in {CLIENTS, "round_trip_ms"} and nearest > 0
        return max(1.0, value / nearest) if grows else 1.0

    def _memory_bytes(self) -> int | None:
        return machine.memory_bytes() if self.measured and self.laboratory.bench.serve().is_local else None


def _block_s(experiment: Experiment) -> float:
    """Return the mean time of a block."""
    return experiment.elapsed_s / (experiment.blocks + experiment.warmup_blocks)


def _told(step: GrowthStep) -> str:
    """Return the rates of the baseline and of the fastest candidate, in words."""
    rates = {one.candidate: one.calls_per_s.value for one in step.figures if one.calls_per_s}
    if not rates:
        return "no candidate was ranked"
    best = max(rates, key=lambda name: rates[name])
    own = f"{BASELINE} {rates[BASELINE]:,.0f} calls/s" if BASELINE in rates else f"{BASELINE} was not ranked"
    return own if best == BASELINE else f"{own}, {best} {rates[best]:,.0f}"
