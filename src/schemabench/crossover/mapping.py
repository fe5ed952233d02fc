"""A map: a candidate against the baseline over the two fields of a cardinality that matter most.

Owns the grid and how its budget is shared out. Must not choose the fields: the workload's author does.
"""

from dataclasses import replace
from itertools import product

from schemabench.candidate import BASELINE
from schemabench.crossover.finding import failure, leader, ratio, side
from schemabench.crossover.laboratory import Laboratory
from schemabench.errors import CandidateError, WorkloadError
from schemabench.records import MapCell, RatioMap

SHORTEST_CELL_S = 1.0
"""Below this a cell has too few blocks for an interval; the map then takes longer than its budget."""


def draw_map(laboratory: Laboratory, shape: tuple[int, int]) -> RatioMap:
    """Return a map of so many values on either axis.

    The candidate is the one that is selected; of several, the best at the start.

    Raises:
        WorkloadError: The workload names no axes.
        SchemabenchError: The server fails, or no candidate was ranked at the start.
    """
    workload = laboratory.found.workload
    if not workload.axes:
        raise WorkloadError(
            f"The workload {workload.name!r} names no axes to draw a map over",
            remedies=["name two: Workload(axes=(Axis(field=..., low=..., high=...), Axis(...)))"],
        )
    first, second = workload.axes
    selected = [name for name in laboratory.bench.subject(workload.name).selected if name != BASELINE]
    candidate = selected[0] if len(selected) == 1 else leader(laboratory)[0]
    places = list(product(first.points(shape[0]), second.points(shape[1])))
    cells: list[MapCell] = []
    spent_s, setup_s = 0.0, 0.0
    for number, (one, other) in enumerate(places):
        laboratory.doing = f"cell {number + 1} of {len(places)}"
        cell_s = max(SHORTEST_CELL_S, laboratory.remaining_s / (len(places) - number) - setup_s)
        began_s = laboratory.elapsed_s
        cells.append(_cell(laboratory, candidate, {first.field: one, second.field: other}, cell_s))
        setup_s = max(0.0, laboratory.elapsed_s - began_s - cell_s)
        spent_s += cell_s
    return RatioMap(
        workload=workload.name,
        candidate=candidate,
        cardinality=laboratory.start,
        first=first.field,
        second=second.field,
        cells=tuple(cells),
        cell_s=spent_s / len(places),
    )


def _cell(laboratory: Laboratory, candidate: str, place: dict[str, float], budget_s: float) -> MapCell:
    start = laboratory.found.workload.cardinalities[laboratory.start]
    one, other = place.values()
    try:
        experiment = laboratory.measure("map", replace(start, **place), [candidate], budget_s, sampled=False)
    except (CandidateError, WorkloadError) as cause:
        return MapCell(first=one, second=other, ratio=None, side=None, reason=cause.what)
    if reason := failure(experiment, candidate):
        return MapCell(first=one, second=other, ratio=None, side=None, reason=reason)
    return MapCell(first=one, second=other, ratio=ratio(experiment, candidate), side=side(experiment, candidate))
