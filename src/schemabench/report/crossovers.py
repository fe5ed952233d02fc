"""The sections on when the answer changes: searches over cardinalities, and maps over two of their fields.

Owns their wording. Must not claim more than the intervals support.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from schemabench.records import Crossover, Estimate, MapCell, Noise, Probe, RatioMap, Run, Spot
from schemabench.report import brackets, figures, noise
from schemabench.report.drawings import Heat, Square
from schemabench.report.sizes import size, sizes
from schemabench.report.text import name
from schemabench.report.tree import Cell, Chart, Column, Node, Paragraph, Section, Table, cells
from schemabench.units import format_duration, plural

TIED = "="
"""Marks a ratio that cannot be told from 1."""
_LEGEND = ((TIED, "cannot be told from 1"), (figures.DASH, "not measured"))
_PLACES = 2
_STANDS = {"better": "leads", "worse": "trails", "tied": "cannot be told apart from the baseline"}


def sections(run: Run) -> list[Section]:
    """Return a section for each search and for each map."""
    return [
        *(_search(run, one, number) for number, one in enumerate(run.crossovers, start=1)),
        *(_map(one, number) for number, one in enumerate(run.maps, start=1)),
    ]


def _search(run: Run, crossover: Crossover, number: int) -> Section:
    spots = crossover.start, *crossover.found
    table = Table(
        caption="Measured in full",
        columns=(
            Column(heading="cardinality"),
            Column(heading=f"ratio [{_within(run, spots)}]", align="right"),
            Column(heading="compared with the baseline"),
            Column(heading="sizes", prose=True),
        ),
        rows=tuple(
            cells(
                name(spot.cardinality),
                Cell(text=f"{ratio(spot.ratio, at_least=spot.at_least)}{_mark(spot.side)}", sort=spot.ratio.value),
                spot.side,
                sizes(spot.values),
            )
            for spot in spots
        ),
        legend=_LEGEND[:1],
    )
    extent = Paragraph(text=looked(crossover), emphasis="small")
    nodes: tuple[Node, ...] = (Paragraph(text=sentence(crossover)), table, extent, *_beside(crossover.noise))
    title = f"When the answer changes: {name(crossover.workload)}, {name(crossover.candidate)} against the baseline"
    return Section(id=f"crossover-{number}", title=title, nodes=nodes, brief=True)


def _within(run: Run, spots: Iterable[Spot]) -> str:
    """Return what is beside the ratios of a search, which are those of candidates in experiments of the run."""
    ratios = {spot.ratio for spot in spots}
    return brackets.of_pairs(
        *(
            experiment
            for experiment in run.experiments
            if any(one.standing and one.standing.to_baseline in ratios for one in experiment.candidates)
        )
    )


def _map(drawn: RatioMap, number: int) -> Section:
    title = f"Throughput of {drawn.candidate} over the baseline's (ratio), by {drawn.first} and {drawn.second}"
    grid = _grid(drawn, title)
    shown: Node = grid
    if any(_shade(cell) is not None for cell in drawn.cells):
        shown = Chart(title=title, description=_described(drawn), drawing=_heat(drawn), table=grid)
    lacking = (Paragraph(text=text, emphasis="small") for text in unmeasured(drawn))
    return Section(
        id=f"map-{number}",
        title=f"When the answer changes: {name(drawn.workload)}, {name(drawn.first)} by {name(drawn.second)}",
        nodes=(Paragraph(text=about(drawn)), shown, *lacking, *_beside(drawn.noise)),
        brief=True,
    )


def _beside(one: Noise | None) -> list[Paragraph]:
    """Return a sentence on the noise beside all experiments; nothing without noise."""
    text = f"All of it was measured beside noise: {noise.fact(one)}." if one else ""
    return [Paragraph(text=text, emphasis="small")] if text else []


def _grid(drawn: RatioMap, title: str) -> Table:
    """Return a map as a table: the first axis goes down, the second to the right."""
    across = dict.fromkeys(cell.second for cell in drawn.cells)
    rows: dict[float, list[Cell]] = {}
    for cell in drawn.cells:
        value = cell.ratio.value if cell.ratio else None
        rows.setdefault(cell.first, [Cell(text=size(cell.first), sort=cell.first)]).append(
            Cell(text=figure(cell), sort=value)
        )
    return Table(
        caption=title,
        columns=(
            Column(heading=f"{drawn.first}, {drawn.second}:"),
            *(Column(heading=size(one), align="right") for one in across),
        ),
        rows=tuple(map(tuple, rows.values())),
        legend=_LEGEND,
    )


def _heat(drawn: RatioMap) -> Heat:
    return Heat(
        first=drawn.first,
        second=drawn.second,
        squares=tuple(
            Square(
                first=size(cell.first),
                second=size(cell.second),
                ratio=_shade(cell),
                label=_label(cell),
                told=figure(cell) if cell.ratio else cell.reason,
            )
            for cell in drawn.cells
        ),
    )


def _described(drawn: RatioMap) -> str:
    """Return the map in words."""
    sides = [cell.side for cell in drawn.cells]
    lacking = f"; {sides.count(None)} were not measured" if None in sides else ""
    return (
        f"Of {plural(len(sides), 'cell')}, {drawn.candidate} is better than the baseline in {sides.count('better')}, "
        f"worse in {sides.count('worse')}, and cannot be told apart in {sides.count('tied')}{lacking}."
    )


def _shade(cell: MapCell) -> float | None:
    """Return the ratio for a cell's colour; None if there is none to draw."""
    return cell.ratio.value if cell.ratio is not None and 0 < cell.ratio.value < math.inf else None


def _label(cell: MapCell) -> str:
    """Return a cell's label: the ratio without its interval, or a dash."""
    if cell.ratio is None:
        return figures.DASH
    shown = f">={figures.multiple(cell.ratio.low)}" if cell.at_least else figures.multiple(cell.ratio.value)
    return f"{shown}{_mark(cell.side)}"


def sentence(crossover: Crossover) -> str:
    """Return the result of a search: whether the ranking flips, and where."""
    whom, start = name(crossover.candidate), crossover.start
    begun = f"{whom} {_stands(start)} at {name(start.cardinality)} ({ratio(start.ratio, at_least=start.at_least)})"
    if not crossover.found:
        return f"{begun}; no other cardinality was measured in full."
    others = [
        f"{_stands(spot)} at {name(spot.cardinality)} ({ratio(spot.ratio, at_least=spot.at_least)})"
        for spot in crossover.found
    ]
    if crossover.flips:
        head = "The ranking flips"
    elif any(spot.side != start.side for spot in crossover.found):
        head = "The ranking never flipped from one side to the other, but it changed"
    else:
        head = "The ranking never flipped"
    lower = any(spot.ratio.value < start.ratio.value for spot in crossover.found)
    nowhere = "" if lower else f" No cardinality was found at which it is worse than at {name(start.cardinality)}."
    return f"{head}: {begun} and {' and '.join(others)}.{nowhere}"


def looked(crossover: Crossover) -> str:
    """Return the extent of a search: the number of cardinalities, and their bounds."""
    probes = crossover.probes
    failed = sum(bool(probe.reason) for probe in probes)
    lacking = f"; {failed:,} of them gave no figure, the first because {_first(probes)}" if failed else ""
    bounds = f": {_bounds([probe.values for probe in probes])}" if probes else ""
    return (
        f"The search probed {plural(len(probes), 'cardinality', 'cardinalities')} in short trials "
        f"and measured {crossover.remeasured:,} of them in full, in {format_duration(crossover.elapsed_s)} with "
        f"Hypothesis {crossover.hypothesis} and seed {crossover.seed}{bounds}{lacking}.{_ended(crossover)}"
    )


def about(drawn: RatioMap) -> str:
    """Return the subject of a map, and how it was measured."""
    done = sum(cell.ratio is not None for cell in drawn.cells)
    number = "each cell was" if done == len(drawn.cells) else f"{done} of {plural(len(drawn.cells), 'cell')} were"
    measured = f"{number} measured for {format_duration(drawn.cell_s)} on average" if done else "no cell was measured"
    spent = f"{format_duration(drawn.elapsed_s)} of a budget of {format_duration(drawn.budget_s)}"
    return (
        f"Throughput of {name(drawn.candidate)} over the baseline's, with the other sizes as at "
        f"{name(drawn.cardinality)}; {measured}{f', in {spent}' if drawn.budget_s else ''}."
    )


def unmeasured(drawn: RatioMap) -> list[str]:
    """Return a sentence for each reason why cells were not measured, with the cells if there are several reasons."""
    reasons: dict[str, list[str]] = {}
    for cell in drawn.cells:
        if cell.ratio is None:
            where = place(drawn.first, drawn.second, cell.first, cell.second)
            reasons.setdefault(_head(cell.reason), []).append(where)
    if len(reasons) == 1:
        return [f"Not measured: {reason}." for reason in reasons]
    return [f"Not measured at {'; '.join(where)}: {reason}." for reason, where in reasons.items()]


def place(first: str, second: str, one: float, other: float) -> str:
    """Return the position of a cell, as in `rows 10 by reads 64`."""
    return f"{first} {size(one)} by {second} {size(other)}"


def figure(cell: MapCell) -> str:
    """Return the content of a cell: a ratio with its interval, marked if it cannot be told from 1, or a dash."""
    return figures.DASH if cell.ratio is None else f"{ratio(cell.ratio, at_least=cell.at_least)}{_mark(cell.side)}"


def ratio(estimate: Estimate, *, at_least: bool) -> str:
    """Return a ratio with its interval, or its lower bound if the load generator was the bottleneck."""
    return (figures.ratio_at_least if at_least else figures.ratio_with_interval)(estimate, _PLACES)


def _stands(spot: Spot) -> str:
    return _STANDS[spot.side]


def _mark(side: str | None) -> str:
    return f" {TIED}" if side == "tied" else ""


def _ended(crossover: Crossover) -> str:
    if not crossover.ended:
        return ""
    return f" The search ended early and may have missed something: {_head(crossover.ended)}."


def _first(probes: Sequence[Probe]) -> str:
    return _head(next(probe.reason for probe in probes if probe.reason))


def _head(reason: str) -> str:
    """Return the first line of a reason; the rest is in the run file."""
    return reason.partition("\n")[0].rstrip(":")


def _bounds(values: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{field} {_range([one[field] for one in values])}" for field in values[0])


def _range(some: Iterable[Any]) -> str:
    distinct = set(some)
    if all(isinstance(value, Real) for value in distinct):
        low, high = min(distinct), max(distinct)
        return size(low) if low == high else f"{size(low)} to {size(high)}"
    return " or ".join(sorted(map(str, distinct)))
