"""A map: a candidate against the baseline over two fields of the cardinality, or one and the round trip.

Owns the grid, the order of its cells and the division of the budget. Must not choose the fields: the workload's author
does, or who draws the map.

A map grows: however it ends, measured cells are kept, and those in the middle and at the corners come first. The time
to load a cell is estimated from its neighbours, so that no cell is started that would exceed the budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from statistics import fmean
from typing import Any

from schemabench import cardinality as cardinalities
from schemabench.bench import kept
from schemabench.candidate import BASELINE
from schemabench.cardinality import ROUND_TRIP, Axis
from schemabench.crossover.finding import leader
from schemabench.crossover.laboratory import Laboratory
from schemabench.crossover.pair import failure, is_bound, ratio, side
from schemabench.errors import CandidateError, SchemabenchError, UsageError, WorkloadError
from schemabench.naming import nearest
from schemabench.records import Experiment, MapCell, RatioMap
from schemabench.report import crossovers
from schemabench.units import format_duration
from schemabench.workload import authored

SHORTEST_CELL_S = 1.0
"""A shorter cell has too few blocks for an interval: it is left out."""
FIRST_SETUP_SHARE = 0.5
"""The share of a cell's time for loading, assumed until the first cell is measured."""

_MS_PER_S = 1000

Place = tuple[float, float]
"""A value on either axis."""


def draw_map(
    laboratory: Laboratory, shape: tuple[int, int], grow: Callable[[RatioMap], None], over: Sequence[Axis] = ()
) -> None:
    """Draw a map of a shape, and pass it to `grow` after each cell and once more at the end.

    If it ends before any cell was tried, there is no map to pass. The candidate is the selected one, or of several, the
    best at the start. Axes in `over` replace the workload's last ones. At least one cell is measured, however
    short the budget.

    Raises:
        UsageError: An axis is no field of the cardinality.
        WorkloadError: The workload names no axes, or one is invalid.
        SchemabenchError: The server fails, or no candidate was ranked at the start.
    """
    workload = laboratory.found.workload
    first, second = axes(laboratory, over)
    selected = [name for name in laboratory.bench.subject(workload.name).selected if name != BASELINE]
    candidate = selected[0] if len(selected) == 1 else leader(laboratory)[0]
    laboratory.bench.serve()  # so that the first cell's time does not include the start of the server
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


def axes(laboratory: Laboratory, over: Sequence[Axis]) -> tuple[Axis, Axis]:
    """Return the axes of a map: the workload's, of which those in `over` replace the last ones.

    Raises:
        UsageError: An axis is no field of the cardinality, or both are the same.
        WorkloadError: There are fewer than two, or one is invalid.
    """
    workload = laboratory.found.workload
    known = {ROUND_TRIP: 0.0, **cardinalities.values(workload.cardinalities[laboratory.start])}
    for axis in over:
        if axis.field not in known:
            fields = ", ".join("round-trip" if field == ROUND_TRIP else field for field in known)
            raise UsageError(
                f"There is no axis {axis.field!r} for a map of {workload.name!r}{nearest(axis.field, tuple(known))}",
                checked=[f"axes: {fields}"],
                remedies=["name one of these, as in --over round-trip=0ms..5ms"],
            )
        axis.check(known[axis.field])
    chosen = [*(one for one in workload.axes if one.field not in {axis.field for axis in over})][: 2 - len(over)]
    if len({axis.field for axis in (*chosen, *over)}) != 2:  # noqa: PLR2004 (a map has two)
        raise WorkloadError(
            f"A map of {workload.name!r} needs two different axes",
            remedies=[
                "define two: Workload(axes=(Axis(field=..., low=..., high=...), Axis(...)))",
                "name them: --over FIELD=LOW..HIGH --over round-trip=0ms..5ms",
            ],
        )
    first, second = (*chosen, *over)
    return first, second


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
        laboratory.doing = f"cell {len(self.cells) + 1} of {len(self.order)}, {self._named(place)}"
        try:
            sizes, round_trip_s = self._at(place)
            kept(partial(self._measured, place, sizes, round_trip_s, blocks_s), partial(self._keep, place))
        except (CandidateError, WorkloadError) as cause:
            self._fill(place, _empty(place, cause.what))

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
            noise=self.laboratory.noise,
        )

    def _keep(self, place: Place, experiment: Experiment) -> None:
        """Fill a place with what was measured there."""
        if experiment.is_interrupted:
            return
        if reason := failure(experiment, self.candidate):
            self._fill(place, _empty(place, reason))
        else:
            self.blocks_s.append(experiment.elapsed_s)
            self._fill(place, _full(place, experiment, self.candidate))

    def _fill(self, place: Place, cell: MapCell) -> None:
        """Add a cell, and tell of it."""
        self.cells[place] = cell
        reason = f", {cell.reason}" if cell.reason else ""
        self.laboratory.say(f"{self.laboratory.doing}: {crossovers.figure(cell)}{reason}")

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

    def _at(self, place: Place) -> tuple[Any, float | None]:
        """Return the cardinality at a place, and what its exchanges take longer; None for what the settings say.

        Raises:
            WorkloadError: The author's own check refuses these sizes.
        """
        laboratory = self.laboratory
        start = laboratory.found.workload.cardinalities[laboratory.start]
        values = dict(zip((axis.field for axis in self.axes), place, strict=True))
        round_trip_ms = None if hasattr(start, ROUND_TRIP) else values.pop(ROUND_TRIP, None)
        with authored(laboratory.found, "cardinalities"):
            return replace(start, **values), None if round_trip_ms is None else round_trip_ms / _MS_PER_S

    def _measured(
        self,
        place: Place,
        sizes: Any,  # noqa: ANN401 (a workload's own type)
        round_trip_s: float | None,
        blocks_s: float,
    ) -> Experiment:
        """Measure a place, and note how long it took apart from its blocks, even if it failed."""
        laboratory, experiment = self.laboratory, None
        began_s = laboratory.elapsed_s
        try:
            experiment = laboratory.measure(
                "map", sizes, [self.candidate], blocks_s, sampled=False, round_trip_s=round_trip_s
            )
        finally:
            took_s = laboratory.elapsed_s - began_s
            self.setups_s[place] = took_s - (min(blocks_s, experiment.elapsed_s) if experiment else 0.0)
        return experiment

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
