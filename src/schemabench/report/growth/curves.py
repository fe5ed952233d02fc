"""The figures at each step, as tables and charts.

Owns their columns. Must not word a verdict.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from schemabench.records import Estimate, Growth, GrowthStep, Run, StepFigures
from schemabench.report import figures
from schemabench.report.drawings import Growing, Grown
from schemabench.report.growth import lacking, steps
from schemabench.report.growth.forms import (
    CRITERIA,
    DOUBTFUL,
    LIMITED,
    PLACES,
    RANGE,
    TITLES,
    Criterion,
    axis,
    candidates,
    cell,
    extent,
    interval,
    measured,
    over,
)
from schemabench.report.sizes import size
from schemabench.report.text import name
from schemabench.report.tree import Beside, Cell, Chart, Column, Node, Section, Table

_TIMES = (TITLES["p50_ns"], TITLES["p99_ns"])
_COSTS = (TITLES["wal_bytes_per_call"], TITLES["bytes_per_row"])
_RANGES = "too few blocks to tell candidates apart, or it left after too few; with fewer than six, a range over blocks"
_LIMITS = "the load generator limited it: calls/s are a lower bound, and times include its delays"
_DOUBTS = "the baseline differs from itself at this step, and others may by as much: no crossing rests on it"
_NOT_DRAWN = ("0", "has no place on a logarithmic axis, and is not drawn")


def section(run: Run, growth: Growth) -> Section | None:
    """Return the figures at each step; None if no step was measured."""
    if not measured(growth):
        return None
    doubtful = steps.doubtful(run, growth)
    charts = tuple(one for criterion in CRITERIA if (one := _chart(growth, criterion, doubtful)))
    nodes: tuple[Node, ...] = (
        *([Beside(charts=charts)] if charts else []),
        _rates(growth, doubtful),
        _table(growth, doubtful, "Service times of all calls", _TIMES, lacking.times(run, growth)),
        _table(growth, doubtful, "Costs", _COSTS, "not reported, or not ranked"),
    )
    return Section(id="curves", title="Figures at each step", nodes=nodes, brief=True)


def _each(growth: Growth) -> Iterator[tuple[GrowthStep, StepFigures]]:
    """Yield the figures of each candidate, step by step."""
    for candidate in candidates(growth):
        for step in measured(growth):
            yield from ((step, one) for one in step.figures if one.candidate == candidate)


def _names(step: GrowthStep, own: StepFigures) -> tuple[Cell, Cell]:
    return Cell(text=name(own.candidate)), Cell(text=size(step.value), sort=step.value)


def _rates(growth: Growth, doubtful: Collection[float]) -> Table:
    ratios = {(one.candidate, one.high): one.ratio for one in growth.changes}
    criterion, finished = TITLES["calls_per_s"], "finished " if _interrupted(growth) else ""
    rows = tuple(
        (*_names(step, own), cell(criterion, step, own, doubtful), _change(ratios.get((own.candidate, step.value))))
        for step, own in _each(growth)
    )
    return Table(
        caption=_caption(growth, "Throughput"),
        columns=(
            *axis(growth),
            Column(heading=criterion.heading, align="right"),
            Column(
                heading="to the step before",
                align="right",
                legend=f"calls/s over those of the {finished}step before; the interval does not include changes of "
                "the machine in between",
            ),
        ),
        rows=rows,
        legend=_signs(
            growth,
            rows,
            f"no step before, {_interrupted(growth)}no sound figures at both, or not ranked",
        ),
    )


def _table(
    growth: Growth, doubtful: Collection[float], caption: str, criteria: Sequence[Criterion], absent: str
) -> Table:
    rows = tuple(
        (*_names(step, own), *(cell(one, step, own, doubtful) for one in criteria)) for step, own in _each(growth)
    )
    return Table(
        caption=_caption(growth, caption),
        columns=(
            *axis(growth),
            *(Column(heading=one.heading, align="right", legend=one.legend) for one in criteria),
        ),
        rows=rows,
        legend=_signs(growth, rows, absent),
    )


def _caption(growth: Growth, about: str) -> str:
    return f"{about} over {over(growth)}, with 95 % intervals over blocks"


def _interrupted(growth: Growth, last: str = "") -> str:
    """Return that a step may lack intervals since it was interrupted, before other reasons; empty if none was.

    Args:
        growth: The curve.
        last: What joins it to the one reason that follows; empty if there are more.
    """
    return f"interrupted, {last}" if any(step.is_interrupted for step in growth.steps) else ""


def _marks(growth: Growth, intervals: Sequence[str]) -> list[tuple[str, str]]:
    """Return the marks at the ends of some intervals, and what they mean."""
    signs = {one for text in intervals for one in text.rpartition("]")[2]}
    meant = ((RANGE, f"{_interrupted(growth, 'or ')}{_RANGES}"), (LIMITED, _LIMITS), (DOUBTFUL, _DOUBTS))
    return [one for one in meant if one[0] in signs]


def _signs(growth: Growth, rows: Sequence[Sequence[Cell]], absent: str) -> tuple[tuple[str, str], ...]:
    """Return what the signs in some rows mean, of those that there are.

    Args:
        growth: The curve.
        rows: Of a table.
        absent: What a dash means.
    """
    cells = [cell for row in rows for cell in row]
    dash = [(figures.DASH, absent)] if any(cell.text == figures.DASH for cell in cells) else []
    return (*dash, *_marks(growth, [cell.interval for cell in cells]))


def _change(ratio: Estimate | None) -> Cell:
    if ratio is None:
        return Cell(text=figures.DASH)
    return Cell(text=figures.multiple(ratio.value), interval=figures.ratio_interval(ratio, PLACES), sort=ratio.value)


def _chart(growth: Growth, criterion: Criterion, doubtful: Collection[float]) -> Chart | None:
    points = [*_points(growth, criterion, doubtful)]
    drawn = [one for one in points if one.figure.value > 0]
    if len(drawn) <= 1:
        return None
    signs = _marks(growth, [one.text for one in points])
    table = Table(
        caption=criterion.title,
        columns=(*axis(growth), Column(heading=criterion.heading, align="right")),
        rows=tuple((Cell(text=name(one.name)), Cell(text=size(one.value)), Cell(text=one.text)) for one in points),
        legend=(*signs, *([] if len(drawn) == len(points) else [_NOT_DRAWN])),
    )
    described = f"{criterion.title} of each candidate over {over(growth)}, as in the tables below."
    drawing = Growing(
        over=over(growth),
        title=criterion.axis or criterion.heading,
        points=tuple(replace(one, figure=_scaled(one.figure, criterion.factor)) for one in drawn),
        ends=(measured(growth)[0].value, measured(growth)[-1].value),
        marks=tuple((one.title, one.value) for one in growth.edges),
    )
    return Chart(title=criterion.title, description=described, drawing=drawing, table=table, repeats=True)


def _scaled(figure: Estimate, factor: float) -> Estimate:
    return Estimate(value=factor * figure.value, low=factor * figure.low, high=factor * figure.high)


def _points(growth: Growth, criterion: Criterion, doubtful: Collection[float]) -> Iterator[Grown]:
    for step in measured(growth):
        for one in step.figures:
            if figure := criterion.of(one):
                text = f"{criterion.one(figure.value)} {extent(criterion, step, one, doubtful)}".strip()
                yield Grown(name=one.candidate, value=step.value, figure=figure, text=text)
    for projection in growth.projections:
        if projection.measure == criterion.measure:
            for point in projection.points:
                own = point.figure
                text = f"{criterion.one(own.value)} {interval(criterion, own)}, projected"
                yield Grown(name=projection.candidate, value=point.value, figure=own, text=text, projected=True)
