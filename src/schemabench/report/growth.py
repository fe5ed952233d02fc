"""Growth curves: a part of the report for each, before the experiments of its steps.

Owns their wording. Must not claim more than the intervals support.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from schemabench.records import Estimate, Growth, GrowthStep, Measure, Projection, Run, StepFigures
from schemabench.report import figures, noise, view
from schemabench.report.drawings import Growing, Grown
from schemabench.report.sizes import size
from schemabench.report.text import name
from schemabench.report.tree import Beside, Bullets, Cell, Chart, Column, Node, Paragraph, Part, Section, Table, Terms
from schemabench.units import format_bytes, format_duration, format_significant

_ROUND_TRIP = "round_trip_ms"
_OVER = {"clients": "clients", _ROUND_TRIP: "round trip (ms)"}
_PLACES = 2


@dataclass(frozen=True, kw_only=True)
class _Criterion:
    """One figure of a step, as it is shown."""

    measure: Measure
    title: str
    heading: str
    of: Callable[[StepFigures], Estimate | None]
    one: Callable[[float], str]
    """A figure as text."""
    legend: str = ""


def _exact(value: float | None) -> Estimate | None:
    return None if value is None else Estimate(value=value, low=value, high=value)


_CRITERIA = (
    _Criterion(
        measure="calls_per_s",
        title="Throughput (calls per second)",
        heading="calls/s",
        of=lambda one: one.calls_per_s,
        one=lambda value: figures.rate(_exact(value)),
    ),
    _Criterion(
        measure="p50_ns",
        title="Service time of half of all calls (p50, ns)",
        heading="p50",
        of=lambda one: one.p50_ns,
        one=figures.time,
    ),
    _Criterion(
        measure="p99_ns",
        title="Service time of 99 % of all calls (p99, ns)",
        heading="p99",
        of=lambda one: one.p99_ns,
        one=figures.time,
    ),
    _Criterion(
        measure="wal_bytes_per_call",
        title="WAL per call (bytes)",
        heading="WAL per call",
        of=lambda one: one.wal_bytes_per_call,
        one=format_bytes,
    ),
    _Criterion(
        measure="bytes_per_row",
        title="Size per row, tables and indexes (bytes)",
        heading="size per row",
        of=lambda one: _exact(one.bytes_per_row),
        one=lambda value: f"{format_significant(value)} B",
        legend="tables and indexes, per row of the background, read once before the first block",
    ),
)
_TITLES = {one.measure: one for one in _CRITERIA}


def parts(run: Run) -> tuple[Part, ...]:
    """Return a part for each growth curve."""
    return tuple(_part(run, growth, number) for number, growth in enumerate(run.growths, start=1))


def steps_of(run: Run) -> frozenset[tuple[str, str]]:
    """Return the workload and the cardinality of each experiment that is a step of a growth curve."""
    return frozenset(
        (growth.workload, step.cardinality) for growth in run.growths for step in growth.steps if step.figures
    )


def _part(run: Run, growth: Growth, number: int) -> Part:
    sections = (_curves(growth), _projections(growth))
    return Part(
        id=f"growth-{number}",
        title=f"{name(growth.workload)} over {name(over(growth))}",
        link=f"{growth.workload} over {over(growth)}",
        setting=_setting(run, growth),
        verdict=(Paragraph(text=sentence(growth), emphasis="strong"),),
        answer=tuple(_answer(growth)),
        sections=tuple(one for one in sections if one),
        names=tuple(dict.fromkeys((*view.names(run, growth.workload), *_candidates(growth)))),
    )


def over(growth: Growth) -> str:
    """Return what a curve is over."""
    return _OVER.get(growth.over, growth.over)


def sentence(growth: Growth) -> str:
    """Return what became of the order of the candidates from the first step to the last."""
    certain = [one for one in growth.crossings if one.is_certain]
    measured = _measured(growth)
    if not measured:
        return "No step was measured."
    span = f"From {size(measured[0].value)} to {size(measured[-1].value)} {over(growth)}"
    if certain:
        return f"{span}, candidates change places beyond chance: {figures.plural(len(certain), 'crossing')}."
    if growth.crossings:
        return f"{span}, candidates may change places, but not beyond chance."
    return f"{span}, no two candidates change places."


def _setting(run: Run, growth: Growth) -> str:
    server = f"PostgreSQL {run.server.version}; " if run.server else ""
    return (
        f"{server}{figures.plural(len(_measured(growth)), 'step')} in {format_duration(growth.elapsed_s)} of "
        f"{format_duration(growth.budget_s)}; all else as {name(growth.cardinality)}"
    )


def _measured(growth: Growth) -> list[GrowthStep]:
    return [step for step in growth.steps if step.figures]


def _answer(growth: Growth) -> Iterator[Node]:
    if growth.crossings:
        yield Bullets(lead="Where lines cross:", items=tuple(map(str, _crossings(growth))))
    yield Terms(
        items=(
            ("marks", "; ".join(f"{one.title} at {_about(one.value)} {over(growth)}" for one in growth.edges)),
            ("rows", _loading(growth)),
            ("too few blocks", _few(growth)),
            ("not measured", "; ".join(f"{size(step.value)}: {step.reason}" for step in _unmeasured(growth))),
            ("ended", growth.ended),
            ("noise", noise.fact(growth.noise) if growth.noise else ""),
        )
    )


def _about(value: float) -> str:
    """Return a value that was not chosen, but estimated."""
    return size(float(f"{value:.3g}"))


def _unmeasured(growth: Growth) -> list[GrowthStep]:
    return [step for step in growth.steps if not step.figures]


def _crossings(growth: Growth) -> Iterator[str]:
    for one in growth.crossings:
        said = (
            f"{name(one.second)} overtakes {name(one.first)} between {size(one.low)} and {size(one.high)}: from "
            f"{figures.ratio_with_interval(one.before, _PLACES)} to {figures.ratio_with_interval(one.after, _PLACES)}"
        )
        yield said if one.is_certain else f"perhaps, {said}; within chance"


def _loading(growth: Growth) -> str:
    """Return which steps grew from others, and which were loaded from the first row on."""
    found = [(step, step.figures[0].loaded) for step in _measured(growth) if step.figures[0].loaded]
    grown = [(step, one) for step, one in found if one and one.own_rows < one.rows]
    fresh = [step for step, one in found if one and one.rows and one.own_rows == one.rows]
    said = []
    if grown:
        loaded, held = sum(one.own_rows for _, one in grown), sum(one.rows for _, one in grown)
        said.append(
            f"{figures.plural(len(grown), 'step')} grown from the databases of a smaller one, by {loaded:,} of "
            f"{held:,} rows"
        )
    if fresh:
        said.append(f"loaded from the first row on: {figures.listed([size(step.value) for step in fresh], len(fresh))}")
    return "; ".join(said)


def _few(growth: Growth) -> str:
    """Return the steps whose figures have no intervals."""
    few = [size(step.value) for step in _measured(growth) if not step.has_intervals]
    return f"at {figures.listed(few, len(few))}, what stands for intervals are ranges over blocks" if few else ""


def _curves(growth: Growth) -> Section | None:
    if not _measured(growth):
        return None
    charts = tuple(one for criterion in _CRITERIA if (one := _chart(growth, criterion)))
    speed, costs = ("p50_ns", "p99_ns"), ("wal_bytes_per_call", "bytes_per_row")
    nodes: tuple[Node, ...] = (
        _rates(growth),
        _table(growth, "Service times of all calls", [_TITLES[one] for one in speed]),
        _table(growth, "Costs", [_TITLES[one] for one in costs]),
        *([Beside(charts=charts)] if charts else []),
    )
    return Section(id="curves", title="Figures at each step", nodes=nodes, brief=True)


def _candidates(growth: Growth) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.candidate for step in growth.steps for one in step.figures))


def _each(growth: Growth) -> Iterator[tuple[GrowthStep, StepFigures]]:
    """Yield the figures of each candidate, step by step."""
    for candidate in _candidates(growth):
        for step in _measured(growth):
            yield from ((step, one) for one in step.figures if one.candidate == candidate)


def _named(growth: Growth) -> tuple[Column, Column]:
    return (
        Column(heading="candidate", is_name=True),
        Column(heading=over(growth), align="right", is_name=True),
    )


def _names(step: GrowthStep, own: StepFigures) -> tuple[Cell, Cell]:
    return Cell(text=name(own.candidate)), Cell(text=size(step.value), sort=step.value)


def _rates(growth: Growth) -> Table:
    ratios = {(one.candidate, one.high): one.ratio for one in growth.changes}
    criterion = _TITLES["calls_per_s"]
    return Table(
        caption=f"Throughput over {over(growth)}, with 95 % intervals over blocks",
        columns=(
            *_named(growth),
            Column(heading=criterion.heading, align="right"),
            Column(
                heading="to the step before",
                align="right",
                legend="calls/s over those of the step before; the interval holds no change of the machine in between",
            ),
        ),
        rows=tuple(
            (*_names(step, own), _cell(criterion, own), _change(ratios.get((own.candidate, step.value))))
            for step, own in _each(growth)
        ),
        legend=((figures.DASH, "not ranked"),),
    )


def _table(growth: Growth, caption: str, criteria: Sequence[_Criterion]) -> Table:
    return Table(
        caption=f"{caption} over {over(growth)}, with 95 % intervals over blocks",
        columns=(
            *_named(growth),
            *(Column(heading=one.heading, align="right", legend=one.legend) for one in criteria),
        ),
        rows=tuple((*_names(step, own), *(_cell(one, own) for one in criteria)) for step, own in _each(growth)),
        legend=((figures.DASH, "too few calls, not reported, or not ranked"),),
    )


def _cell(criterion: _Criterion, own: StepFigures) -> Cell:
    if (figure := criterion.of(own)) is None:
        return Cell(text=figures.DASH)
    return Cell(text=criterion.one(figure.value), interval=_interval(criterion, figure), sort=figure.value)


def _interval(criterion: _Criterion, figure: Estimate) -> str:
    """Return the interval of a figure, in the figure's own unit; nothing for one that was read once."""
    if figure.low == figure.high:
        return ""
    number, _, unit = criterion.one(figure.value).partition(" ")
    if not unit or " " in unit:
        return f"[{criterion.one(figure.low)}, {criterion.one(figure.high)}]"
    scale = float(number.replace(",", "")) / figure.value
    return f"[{format_significant(scale * figure.low)}, {format_significant(scale * figure.high)}]"


def _change(ratio: Estimate | None) -> Cell:
    if ratio is None:
        return Cell(text="")
    interval = figures.ratio_interval(ratio, _PLACES)
    return Cell(text=figures.multiple(ratio.value), interval=interval, sort=ratio.value)


def _chart(growth: Growth, criterion: _Criterion) -> Chart | None:
    points = [*_points(growth, criterion)]
    if not any(one.figure.low > 0 for one in points):
        return None
    table = Table(
        caption=criterion.title,
        columns=(*_named(growth), Column(heading=criterion.heading, align="right")),
        rows=tuple((Cell(text=name(one.name)), Cell(text=size(one.value)), Cell(text=one.text)) for one in points),
    )
    described = f"{criterion.title} of each candidate over {over(growth)}, as in the table above."
    drawing = Growing(
        over=over(growth),
        title=criterion.heading,
        points=tuple(one for one in points if one.figure.low > 0),
        marks=tuple((one.title, one.value) for one in growth.edges),
    )
    return Chart(title=criterion.title, description=described, drawing=drawing, table=table, repeats=True)


def _points(growth: Growth, criterion: _Criterion) -> Iterator[Grown]:
    for step in _measured(growth):
        for one in step.figures:
            if figure := criterion.of(one):
                text = f"{criterion.one(figure.value)} {_interval(criterion, figure)}".strip()
                yield Grown(name=one.candidate, value=step.value, figure=figure, text=text)
    for projection in growth.projections:
        if projection.measure == criterion.measure:
            for one in projection.points:
                text = f"{criterion.one(one.figure.value)} {_interval(criterion, one.figure)}, projected"
                yield Grown(name=projection.candidate, value=one.value, figure=one.figure, text=text, projected=True)


def _projections(growth: Growth) -> Section | None:
    if not growth.projections:
        return None
    nodes: list[Node] = []
    if shown := [one for one in growth.projections if one.points]:
        nodes.append(_projected(growth, shown))
    if known := [one for one in growth.projections if one.parameters]:
        nodes.append(_scalability(known))
    if refused := [one for one in growth.projections if one.refused]:
        nodes.append(
            Bullets(
                lead="Not projected:",
                items=tuple(
                    f"{_TITLES[one.measure].heading} of {name(one.candidate)}: {one.refused}" for one in refused
                ),
            )
        )
    if limits := dict.fromkeys(one.limit for one in growth.projections if one.limit):
        nodes.append(Paragraph(text=f"Why projections end where they do: {'; '.join(limits)}.", emphasis="small"))
    return Section(id="projection", title="What the steps say beyond the last", nodes=tuple(nodes), brief=True)


def _projected(growth: Growth, shown: list[Projection]) -> Table:
    rows = []
    for one in shown:
        criterion, last = _TITLES[one.measure], one.points[-1]
        met = one.held_out.figure if one.held_out else None
        rows.append(
            (
                Cell(text=name(one.candidate)),
                Cell(text=criterion.heading),
                Cell(text=", ".join([one.law or "", *(f"({law})" for law in one.covers)])),
                Cell(text=_about(last.value), sort=last.value),
                Cell(text=criterion.one(last.figure.value), interval=_interval(criterion, last.figure)),
                Cell(text=criterion.one(met.value), interval=_interval(criterion, met)) if met else Cell(text=""),
                Cell(text=criterion.one(one.measured.value)) if one.measured else Cell(text=""),
            )
        )
    return Table(
        caption="Projections, with 95 % intervals of prediction",
        columns=(
            Column(heading="candidate", is_name=True),
            Column(heading="figure", is_name=True),
            Column(heading="law", drop=1, legend="other laws that met the last step, too, are in brackets"),
            Column(heading=over(growth), align="right"),
            Column(heading="projected", align="right"),
            Column(
                heading="last step predicted",
                short="held out",
                align="right",
                drop=0,
                legend="the last step, from the steps before it",
            ),
            Column(heading="measured there", short="measured", align="right", drop=0),
        ),
        rows=tuple(rows),
    )


def _scalability(known: list[Projection]) -> Table:
    names = ("sigma", "kappa", "knee", "peak")
    return Table(
        caption="The universal scalability law, fitted to all steps",
        columns=(
            Column(heading="candidate", is_name=True),
            Column(heading="contention", align="right", legend="the share of a call for which clients wait in line"),
            Column(heading="coherency", align="right", legend="what each pair of clients costs, as a share of a call"),
            Column(heading="knee", align="right", legend="clients from which on more of them wait rather than add"),
            Column(heading="peak", align="right", legend="clients with the highest throughput"),
        ),
        rows=tuple(
            (Cell(text=name(one.candidate)), *(_parameter(one.parameters.get(parameter)) for parameter in names))
            for one in known
        ),
        legend=((figures.DASH, "not determined by the steps"),),
    )


def _parameter(figure: Estimate | None) -> Cell:
    if figure is None:
        return Cell(text=figures.DASH)
    low, high = format_significant(figure.low, 2), format_significant(figure.high, 2)
    return Cell(text=format_significant(figure.value, 2), interval=f"[{low}, {high}]", sort=figure.value)
