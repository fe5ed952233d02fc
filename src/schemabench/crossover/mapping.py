"""A map: a candidate against the baseline over the two most important fields of the cardinality.

Owns the grid, the order of its cells and the division of the budget. Must not choose the fields: the workload's author
does.

A map grows: however it ends, measured cells are kept, and those in the middle and at the corners come first. The time
to load a cell is estimated from its neighbours, so that no cell is started that would exceed the budget.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product
from statistics import fmean

from schemabench import cardinality as cardinalities
from schemabench.candidate import BASELINE
from schemabench.cardinality import Axis
from schemabench.crossover.finding import leader
from schemabench.crossover.laboratory import Laboratory
from schemabench.crossover.pair import failure, is_bound, ratio, side
from schemabench.errors import CandidateError, SchemabenchError, WorkloadError
from schemabench.records import Experiment, MapCell, RatioMap
from schemabench.report import crossovers
from schemabench.units import format_duration

SHORTEST_CELL_S = 1.0
"""A shorter cell has too few blocks for an interval: it is left out."""
FIRST_SETUP_SHARE = 0.5
"""The share of a cell's time for loading, assumed until the first cell is measured."""

Place = tuple[float, float]
"""A value on either axis."""


def draw_map(laboratory: Laboratory, shape: tuple[int, int], grow: Callable[[RatioMap], None]) -> None:
    """Draw a map of a shape, and pass it to `grow` after each cell and once more at the end.

    If it ends before any cell was tried, there is no map to pass. The candidate is the selected one, or of several, the
    best at the start. At least one cell is measured, however short the budget.

    Raises:
        WorkloadError: The workload names no axes.
        SchemabenchError: The server fails, or no candidate was ranked at the start.
    """
    workload = laboratory.found.workload
    if not workload.axes:
        raise WorkloadError(
            f"The workload {workload.name!r} has no axes for a map",
            remedies=["define two: Workload(axes=(Axis(field=..., low=..., high=...), Axis(...)))"],
        )
    selected = [name for name in laboratory.bench.subject(workload.name).selected if name != BASELINE]
    candidate = selected[0] if len(selected) == 1 else leader(laboratory)[0]
    laboratory.bench.serve()  # so that the first cell's time does not include the start of the server
    first, second = workload.axes
    drawing = _Drawing(laboratory=laboratory, candidate=candidate, axes=(first, second), shape=shape)

    def end(reason: str) -> None:
        if drawing.cells:
            grow(drawing.record(reason))

    try:
        while fitting := drawing.fitting():
            drawing.measure(fitting)
            grow(drawing.record("not reached yet"))
    except KeyboardInterrupt:
        end("the map was interrupted")
        raise
    except SchemabenchError as cause:
        end(f"the map ended first: {cause.what}")
        raise
    end(f"too little was left of the budget of {format_duration(laboratory.budget_s)} to load it")


@dataclass(kw_only=True)
class _Drawing:
    """A map under construction.

    Attributes:
        laboratory: Makes the experiments.
        candidate: The candidate.
        axes: The first is vertical, the second horizontal.
        shape: The number of values on each axis.
        cells: The cells tried, measured or failed.
        setups_s: The time of each of them, without its blocks.
        blocks_s: The measuring time of those that did not fail.
        order: All places, in the order in which they are measured, with their positions on both axes, from 0 to 1.
    """

    laboratory: Laboratory
    candidate: str
    axes: tuple[Axis, Axis]
    shape: tuple[int, int]
    cells: dict[Place, MapCell] = field(default_factory=dict)
    setups_s: dict[Place, float] = field(default_factory=dict)
    blocks_s: list[float] = field(default_factory=list)
    order: dict[Place, tuple[float, float]] = field(init=False)

    def __post_init__(self) -> None:
        down, across = (axis.points(number) for axis, number in zip(self.axes, self.shape, strict=True))
        on_axes = {
            (one, other): (row / (len(down) - 1), column / (len(across) - 1))
            for (row, one), (column, other) in product(enumerate(down), enumerate(across))
        }
        places = list(reversed(on_axes))  # at equal distance, the larger first: the last cells are then not the slowest
        chosen = cardinalities.spread([on_axes[place] for place in places], len(places))
        self.order = {places[one]: on_axes[places[one]] for one in chosen}

    def fitting(self) -> list[Place]:
        """Return the places that there is time to load and measure, in order; the very first in any case."""
        left_s = self.laboratory.remaining_s
        found: list[Place] = []
        for place in self.order:
            least_s = self._setup_s(place) + SHORTEST_CELL_S
            if place not in self.cells and (least_s <= left_s or not (self.cells or found)):
                found.append(place)
                left_s -= least_s
        return found

    def measure(self, fitting: list[Place]) -> None:
        """Measure the first of the fitting places, for its share of the time."""
        place, laboratory = fitting[0], self.laboratory
        left_s = laboratory.remaining_s - sum(map(self._setup_s, fitting))
        blocks_s = max(SHORTEST_CELL_S, left_s / len(fitting))
        about = f"cell {len(self.cells) + 1} of {len(self.order)}, {self._named(place)}"
        laboratory.doing = about
        began_s, experiment, reason = laboratory.elapsed_s, None, ""
        try:
            experiment = self._measured(place, blocks_s)
            reason = failure(experiment, self.candidate)
        except (CandidateError, WorkloadError) as cause:
            reason = cause.what
        took_s = laboratory.elapsed_s - began_s
        self.setups_s[place] = took_s - (min(blocks_s, experiment.elapsed_s) if experiment else 0.0)
        if experiment is None or reason:
            self.cells[place] = _empty(place, reason)
        else:
            self.cells[place] = _full(place, experiment, self.candidate)
            self.blocks_s.append(experiment.elapsed_s)
        laboratory.say(f"{about}: {crossovers.figure(self.cells[place])}{f', {reason}' if reason else ''}")

    def record(self, rest: str) -> RatioMap:
        """Return the map so far.

        Args:
            rest: Why the remaining cells were not tried.
        """
        first, second = self.axes
        return RatioMap(
            workload=self.laboratory.workload,
            candidate=self.candidate,
            cardinality=self.laboratory.start,
            first=first.field,
            second=second.field,
            cells=tuple(self.cells.get(place) or _empty(place, rest) for place in sorted(self.order)),
            cell_s=fmean(self.blocks_s) if self.blocks_s else 0.0,
            budget_s=self.laboratory.budget_s,
            elapsed_s=self.laboratory.elapsed_s,
        )

    def _setup_s(self, place: Place) -> float:
        """Return the estimated time to load a place, from the times elsewhere.

        On each axis, it is the shortest time among the nearest places on that axis, because others may be slow for
        their position on the other axis. Of the two axes, the longer time counts.
        """
        if not self.setups_s:
            return FIRST_SETUP_SHARE * self.laboratory.remaining_s / len(self.order)
        return max(
            min((abs(self.order[one][axis] - own), setup_s) for one, setup_s in self.setups_s.items())[1]
            for axis, own in enumerate(self.order[place])
        )

    def _measured(self, place: Place, blocks_s: float) -> Experiment:
        start = self.laboratory.found.workload.cardinalities[self.laboratory.start]
        values = dict(zip((axis.field for axis in self.axes), place, strict=True))
        return self.laboratory.measure("map", replace(start, **values), [self.candidate], blocks_s, sampled=False)

    def _named(self, place: Place) -> str:
        return crossovers.place(self.axes[0].field, self.axes[1].field, *place)


def _empty(place: Place, reason: str) -> MapCell:
    first, second = place
    return MapCell(first=first, second=second, ratio=None, side=None, reason=reason)


def _full(place: Place, experiment: Experiment, candidate: str) -> MapCell:
    first, second = place
    return MapCell(
        first=first,
        second=second,
        ratio=ratio(experiment, candidate),
        side=side(experiment, candidate),
        at_least=is_bound(experiment, candidate),
    )
