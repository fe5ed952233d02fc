"""A growth curve: experiments at a ladder of sizes, one after the other, within one budget.

Owns the order of the steps, and the division of the budget. Must not choose between gaps: `ladder` does; nor estimate
what a step needs: `Needs` does.

The first value, the middle and the last come first, in ascending order, so that databases of one step are grown into
those of the next. If the last value is to be forecast, it comes after others: those below it are measured with the time
and the disk that it does not need. A curve grows: however it ends, measured steps are kept.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from schemabench import machine
from schemabench.bench import kept
from schemabench.candidate import BASELINE
from schemabench.crossover import Laboratory
from schemabench.errors import CandidateError, SchemabenchError, WorkloadError
from schemabench.growth import edges, figures, ladder
from schemabench.growth.axis import CLIENTS, Over
from schemabench.growth.needs import INTENDED_STEPS, Needs
from schemabench.projection import FARTHEST
from schemabench.records import Edge, Experiment, Growth, GrowthStep
from schemabench.units import format_duration, plural
from schemabench.workload import authored

_SMALLEST_STEP = 1.25
"""A last step that is not this much larger than the one before it, since the machine holds no more, is not made."""
_ROOM = 1.5
"""A last value that is not this much larger than an edge leaves no room for steps between them."""
_SHARE_OF_LAST = 0.5
"""Of the budget, at most, for a last step that is to be forecast: the rest is for the steps before it, and what these
leave is for further ones after it."""
_GRACE = 2.0
"""How many times as long a step may go on that comes to too few blocks."""
_OVERTIME = 0.25
"""The same where the budget has no time left: a last step that lacks a block or two would be of no use."""
_MOST_GROWTH = 0.25
"""By which databases may grow while a step is measured: afterwards figures are of another size than the step's."""
_RUNGS = 3
"""Values on the way to one that is to be forecast: the first, the middle, and one halfway from there."""
_FORECAST_FROM, _FORECAST_FROM_CLIENTS = 4, 5
"""Steps before one that is forecast, so that a law with a slope may be: one is held out, and a law needs one more than
it has coefficients."""


@dataclass(kw_only=True)
class Curve:
    """A growth curve under construction.

    Attributes:
        laboratory: Makes the experiments.
        over: The axis.
        holds_back_last: Whether the last value is to be forecast, and so comes after others.
        needs: What steps need, by those that were measured.
        tried: Value -> its step, in the order in which they were tried.
        ended: Why there are no more steps; empty while there are.
        unprepared: Why the last value comes before the steps that a forecast of it needs; empty unless it does.
    """

    laboratory: Laboratory
    over: Over
    holds_back_last: bool = False
    needs: Needs = field(init=False)
    tried: dict[float, GrowthStep] = field(default_factory=dict)
    ended: str = ""
    unprepared: str = ""
    _aim: float | None = None
    """The last value, as far as it is known now."""
    _last: float | None = None
    """The last value, once no other comes before it; the largest measured one if no larger one is within reach."""

    def __post_init__(self) -> None:
        self.needs = Needs(laboratory=self.laboratory, over=self.over)

    @property
    def measured(self) -> dict[float, Experiment]:
        """Value -> its experiment."""
        return self.needs.measured

    def run(self, grow: Callable[[], None], forecast: Callable[[float], None] = lambda _: None) -> None:
        """Measure steps while there is time; call `grow` after each, and at the end.

        At least one step is measured, however short the budget.

        Args:
            grow: Records the curve so far.
            forecast: Called with the last value before it is measured, if it is to be forecast.

        Raises:
            SchemabenchError: The server fails.
        """
        try:
            while (value := self._following()) is not None:
                if self.holds_back_last and value == self._last:
                    forecast(value)
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
            crossings=tuple(figures.crossings([one for one in measured if figures.has_intervals(one[1])])),
            edges=tuple(self._edges()),
            budget_s=self.laboratory.budget_s,
            elapsed_s=self.laboratory.elapsed_s,
            ended=self.ended,
            noise=self.laboratory.noise,
        )

    def _following(self) -> float | None:
        """Return the next value; None if there is none, or no time for it."""
        if not self.tried:
            return self.over.start
        if self._last is None and (value := self._on_the_way()) is not None:
            return value
        value = self._gap()
        if value is None:
            self.ended = self._gapless()
        elif lacking := self.needs.lacking(value, self.laboratory.remaining_s):
            self.ended = f"the step at {self.over.worded(value)} {lacking}"
            return None
        return value

    def _on_the_way(self) -> float | None:
        """Return the next value up to the last one, which is lowered to what the machine holds; None after that one."""
        reached, end = max(self.measured), self.over.end
        self._aim, lacking = reached, ""
        for most_s in (self._most_s, self._most_alone_s):
            value, lacking = self.needs.farthest(reached, most_s)
            if value is not None and (value == end or value >= _SMALLEST_STEP * reached):
                self._aim = value
                break
        before = self._before(self._aim) if self._aim > reached else None
        lacks = self.needs.lacking(before, self._left_s()) if before is not None else ""
        if before is not None and not lacks:
            return before
        if self._aim < end:
            self.tried[end] = GrowthStep(value=end, cardinality="", reason=lacking)
        self._last = self._aim
        self.unprepared = self._unprepared(
            f"when it was begun, a step at {self.over.worded(before)} {lacks}" if before else ""
        )
        return None if self._last in self.tried else self._last

    def _before(self, last: float) -> float | None:
        """Return the next value before the last one; None if that is next."""
        if len(self.tried) < (_RUNGS if self.holds_back_last else _RUNGS - 1):
            return self.over.between(max(self.tried), last)
        if not self.holds_back_last or len(self.tried) >= INTENDED_STEPS - 1:
            return None
        return self._on_towards(last, self._sizes()) or self._gap()

    def _on_towards(self, last: float, sizes: Mapping[float, int]) -> float | None:
        """Return the next value on the way to the last one, if the others are too far from it for a projection.

        They are if it is too many times the largest of them, or if they do not show what comes beyond an edge that lies
        before it.

        Args:
            last: The last value.
            sizes: Of the other values: as of `edges.shown`.
        """
        before = (one for one in self._edges() if _ROOM * one.value <= last)
        is_far = last > FARTHEST * max(sizes) or any(not edges.shown(one, sizes) for one in before)
        return self.over.between(max(sizes), last) if is_far else None

    def _unprepared(self, lacking: str) -> str:
        """Return that the last value comes too soon for a forecast, with the reason and what to do; empty if not.

        Args:
            lacking: What there was too little of for another step before it, in words; empty if there was none to make.
        """
        known = sum(map(figures.has_intervals, self.measured.values()))
        if not self.holds_back_last or known >= self._forecast_from:
            return ""
        failed = sum(value < (self._last or 0.0) for value in self.tried.keys() - self.measured.keys())
        if lacking:
            why = f"{lacking}. A larger --budget or a smaller --to leaves time for more"
        elif known < len(self.measured):
            why = "others have too few blocks for intervals. A larger --budget has room for more"
        elif failed:
            why = f"{plural(failed, 'step')} before it failed. Mend what made them fail, as the curve tells"
        else:
            why = "no gap is wide enough for another. A larger --to leaves room for more"
        return f"it comes after {known or 'none'} of the {self._forecast_from} steps that a forecast needs: {why}"

    @property
    def _forecast_from(self) -> int:
        """Steps before one that is forecast."""
        return _FORECAST_FROM_CLIENTS if self.over.field == CLIENTS else _FORECAST_FROM

    def _gap(self) -> float | None:
        """Return the value in the gap that says most; None if none is wide enough, or fewer than two steps tell."""
        readings = [figures.reading(self.tried[one]) for one in sorted(self.measured) if self.tried[one].has_intervals]
        return ladder.following(self.over, readings, self.tried) if len(readings) > 1 else None

    def _gapless(self) -> str:
        """Return why there is no gap for a further step."""
        if len(self.measured) == 1:
            return "no step but the first could be measured"  # each of the others has its reason
        if sum(map(figures.has_intervals, self.measured.values())) > 1:
            return "no gap is left that is wide enough for a step, and whose middle was not tried"
        return "fewer than two steps have intervals: a longer --budget has room for more blocks"

    def _most_s(self, last: float) -> float:
        """Return the seconds that the last step may take, after the steps that a forecast of it still needs."""
        if not self.holds_back_last:
            return self._most_alone_s(last)
        others_s = sum(map(self.needs.seconds, self._needed_before(last)))
        return min(self._most_alone_s(last), (self.laboratory.remaining_s - others_s) / (1 + _OVERTIME))

    def _needed_before(self, last: float) -> Iterator[float]:
        """Yield values that a forecast of the last one still needs, about as `_before` will choose them."""
        sizes = self._sizes()
        for rung in range(len(self.tried), INTENDED_STEPS - 1):
            if ahead := self.over.between(max(sizes), last) if rung < _RUNGS else self._on_towards(last, sizes):
                sizes[ahead] = 0
                yield ahead
            elif rung < self._forecast_from:
                yield self.over.between(self.over.start, max(sizes)) or max(sizes)

    def _most_alone_s(self, _: float) -> float:
        """Return the seconds that the last step may take if it comes next."""
        left_s, budget_s = self.laboratory.remaining_s, self.laboratory.budget_s
        return min(left_s, _SHARE_OF_LAST * budget_s) if self.holds_back_last else left_s

    def _left_s(self) -> float:
        """Return the seconds left for steps now: without those of one that is to be forecast, which is to come."""
        is_to_come = self.holds_back_last and self._last is None and self._aim is not None
        reserved_s = (1 + _OVERTIME) * self.needs.seconds(self._aim) if is_to_come and self._aim else 0.0
        return self.laboratory.remaining_s - reserved_s

    def _each_s(self, value: float) -> float:
        """Return the seconds for a step, as one of those that are intended now."""
        to_come = 1 if self.holds_back_last and self._last is None else 0
        each_s = self._left_s() / max(1, INTENDED_STEPS - to_come - len(self.measured))
        is_forecast = self.holds_back_last and value == self._last
        return min(each_s, _SHARE_OF_LAST * self.laboratory.budget_s) if is_forecast else each_s

    def _measure(self, value: float) -> None:
        laboratory = self.laboratory
        needs = self.needs
        setup_s = needs.setup_s(value)
        blocks_s = max(needs.least_s(value), self._each_s(value) - setup_s)
        left_s = self._left_s() - setup_s - blocks_s
        if self._last is None and not self.holds_back_last:
            left_s /= 2  # the last value is to come
        grace_s = max(_OVERTIME * blocks_s, min(_GRACE * blocks_s, left_s))
        name = self.over.shown(value)
        laboratory.doing = f"step {len(self.measured) + 1}, {self.over.worded(value)}"
        began_s = laboratory.elapsed_s
        selected = laboratory.bench.subject(laboratory.workload).selected
        try:
            with authored(laboratory.found, "cardinalities"):
                cardinality, other = self.over.at(laboratory.found.workload.cardinalities[laboratory.start], value)
            kept(
                lambda: laboratory.measure(
                    name, cardinality, selected, blocks_s, grace_s=grace_s, most_growth=_MOST_GROWTH, **other
                ),
                lambda experiment: self._keep(value, experiment, began_s),
            )
        except (CandidateError, WorkloadError) as cause:
            if not self.measured:
                raise
            self.tried[value] = GrowthStep(value=value, cardinality=name, reason=cause.what)
            laboratory.say(f"{self.over.worded(value)}: {cause.what}")

    def _keep(self, value: float, experiment: Experiment, began_s: float) -> None:
        """Record the experiment of a step, and tell of it."""
        laboratory = self.laboratory
        laboratory.keep(experiment)
        took_s = laboratory.elapsed_s - began_s
        self.needs.setups_s[value] = took_s - experiment.elapsed_s
        self.measured[value] = experiment
        self.tried[value] = step = figures.step(value, experiment)
        laboratory.say(f"{self.over.worded(value)}: {_told(step)}, in {format_duration(took_s)}")

    def _sizes(self) -> dict[float, int]:
        """Return value -> bytes of all databases at its step; 0 where none were measured."""
        measured = {value: edges.together_bytes(one) for value, one in self.measured.items()}
        return {**dict.fromkeys(self.tried, 0), **measured}

    def _edges(self) -> Iterator[Edge]:
        return edges.edges(self.over, sorted(self.measured.items()), self._memory_bytes())

    def _memory_bytes(self) -> int | None:
        return machine.memory_bytes() if self.measured and self.laboratory.bench.serve().is_local else None


def _told(step: GrowthStep) -> str:
    """Return the rates of the baseline and of the fastest candidate, in words."""
    rates = {one.candidate: one.calls_per_s.value for one in step.figures if one.calls_per_s}
    if not rates:
        return "no candidate was ranked"
    best = max(rates, key=lambda name: rates[name])
    own = f"{BASELINE} {rates[BASELINE]:,.0f} calls/s" if BASELINE in rates else f"{BASELINE} was not ranked"
    return own if best == BASELINE else f"{own}, {best} {rates[best]:,.0f}"
