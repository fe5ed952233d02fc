"""What the steps say of the last one before it is measured, and beyond it: figures, coefficients, and refusals.

Owns their tables. Must not fit anything.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from schemabench.records import Estimate, Forecast, Growth, Projection
from schemabench.report import figures
from schemabench.report.growth.forms import TITLES, Criterion, about, candidates, interval, stated, values
from schemabench.report.sizes import size
from schemabench.report.text import name
from schemabench.report.tree import Bullets, Cell, Column, Node, Paragraph, Section, Table
from schemabench.units import format_significant, plural

_OTHERS = "In brackets: other laws that met the last of the steps, too. Intervals reach as far as theirs."
_WITH_INTERVALS = "with 95 % intervals of prediction"
_NO_FIT = "the law does not fit its steps"
_NO_FIGURE = "its throughput has an interval at no step"
_UNTESTED = (
    "No step was forecast before it was measured, so that nothing tells how well these laws predict: the curve ended "
    "before its last step, or nothing fitted that was a quarter larger than the steps before."
)
_FEW = 2
"""Candidates that are named even if they are all."""
_Some = TypeVar("_Some", Forecast, Projection)


def section(growth: Growth) -> Section | None:
    """Return what is projected, and what is not and why; None if nothing was asked for."""
    if not (growth.projections or growth.forecasts):
        return None
    nodes: list[Node] = [*_forecast(growth)]
    if shown := [one for one in growth.projections if one.points]:
        nodes += [_projected(growth, alike) for alike in _by_figure(shown)]
    if any(one.covers for one in growth.forecasts) or any(one.covers for one in shown):
        nodes.append(Paragraph(text=_OTHERS, emphasis="small"))
    if known := [one for one in growth.projections if one.parameters]:
        nodes += [_scalability(known), *_unfitted(growth, known)]
    if refused := [one for one in growth.projections if one.refused]:
        nodes.append(Bullets(lead="Not projected:", items=tuple(_refusals(growth, refused))))
    if limits := dict.fromkeys(one.limit for one in growth.projections if one.limit):
        nodes.append(Paragraph(text=f"Why projections end where they do: {'; '.join(limits)}.", emphasis="small"))
    return Section(id="projection", title="What the steps say beyond the last", nodes=tuple(nodes), brief=True)


def _forecast(growth: Growth) -> Iterator[Node]:
    """Yield what the other steps said of the last one, beside what was measured there."""
    if not growth.forecasts:
        yield Paragraph(text=_UNTESTED)
        return
    said = [one for one in growth.forecasts if one.figure]
    told = [one for one in said if one.held is not None]
    last, at = stated(growth, size(growth.forecasts[0].value)), growth.forecasts[0].at
    held = sum(one.held is True for one in told)
    outcome = f"{held} of {plural(len(told), 'forecast')} held, with the measured figure within the 95 % interval"
    if not told:
        lacking = figures.listed(_lacking(said))
        outcome = f"there is nothing to compare with, as {lacking}" if lacking else "none of it was measured"
    if said:
        yield Paragraph(text=f"Recorded at {at}, before the step at {last} was measured: {outcome}.")
        yield from (_said(growth, alike) for alike in _by_figure(said))
    if refused := [one for one in growth.forecasts if one.refused]:
        yield Bullets(lead=f"Not forecast of {last}:", items=tuple(_refusals(growth, refused)))


def _refusals(growth: Growth, refused: Sequence[Forecast | Projection]) -> Iterator[str]:
    """Yield each reason once, after the figures that it is of."""
    for reason in dict.fromkeys(one.refused for one in refused):
        alike = [one for one in refused if one.refused == reason]
        of = {
            measure: [one.candidate for one in alike if one.measure == measure]
            for measure in dict.fromkeys(one.measure for one in alike)
        }
        figures_of = (f"{TITLES[measure].heading} of {_named(growth, names)}" for measure, names in of.items())
        yield f"{'; '.join(figures_of)}: {reason}"


def _named(growth: Growth, names: Sequence[str]) -> str:
    """Return some candidates in words."""
    every = candidates(growth)
    is_all = len(names) == len(every) > _FEW
    return "all candidates" if is_all else ", ".join(map(name, names))


def _said(growth: Growth, said: Sequence[Forecast]) -> Table:
    """Return the forecasts of one figure."""
    criterion, rows = TITLES[said[0].measure], []
    for one in said:
        assert one.figure is not None, "only what was forecast has a row"
        rows.append(
            (
                Cell(text=name(one.candidate)),
                Cell(text=_laws(one)),
                _cell(criterion, one.figure),
                _cell(criterion, one.measured) if one.measured else Cell(text=figures.DASH),
                Cell(text={True: "yes", False: "no", None: ""}[one.held]),
            )
        )
    absent = "; ".join(("not measured, or without an interval", *_lacking(said)))
    return Table(
        caption=f"Forecast of {criterion.heading} at {stated(growth, size(said[0].value))}, {_WITH_INTERVALS}",
        columns=(
            Column(heading="candidate", is_name=True),
            Column(heading="law"),
            Column(heading="forecast", align="right"),
            Column(heading="measured", align="right", drop_interval=1),
            Column(heading="held"),
        ),
        rows=tuple(rows),
        legend=((figures.DASH, absent),) if any(one.measured is None for one in said) else (),
    )


def _lacking(said: Sequence[Forecast]) -> list[str]:
    """Return why measured figures tell nothing of a schema, each reason once."""
    return list(dict.fromkeys(one.lacking for one in said if one.lacking))


def _laws(one: Forecast | Projection) -> str:
    return ", ".join([one.law or "", *(f"({law})" for law in one.covers)])


def _cell(criterion: Criterion, figure: Estimate) -> Cell:
    return Cell(text=criterion.one(figure.value), interval=interval(criterion, figure), sort=figure.value)


def _by_figure(some: Sequence[_Some]) -> Iterator[Sequence[_Some]]:
    """Yield those of each figure, in order."""
    for measure in dict.fromkeys(one.measure for one in some):
        yield [one for one in some if one.measure == measure]


def _projected(growth: Growth, shown: Sequence[Projection]) -> Table:
    """Return the projections of one figure, as far as they reach."""
    criterion = TITLES[shown[0].measure]
    return Table(
        caption=f"Projected {criterion.heading}, {_WITH_INTERVALS}",
        columns=(
            Column(heading="candidate", is_name=True),
            Column(heading="law"),
            values(growth),
            Column(heading="projected", align="right"),
        ),
        rows=tuple(
            (
                Cell(text=name(one.candidate)),
                Cell(text=_laws(one)),
                Cell(text=about(one.points[-1].value), sort=one.points[-1].value),
                _cell(criterion, one.points[-1].figure),
            )
            for one in shown
        ),
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
        legend=((figures.DASH, "not determined by the steps, or more than ten times as far as the last"),),
    )


def _unfitted(growth: Growth, known: list[Projection]) -> Iterator[Paragraph]:
    """Yield which candidates the law was not fitted to, and why."""
    fitted = {one.candidate for one in known}
    refused = {one.candidate: one.refused or _NO_FIT for one in growth.projections if one.measure == "calls_per_s"}
    reasons = {who: refused.get(who, _NO_FIGURE) for who in candidates(growth) if who not in fitted}
    said = [
        f"{figures.listed(map(name, alike), len(alike))}: {reason}"
        for reason in dict.fromkeys(reasons.values())
        if (alike := [who for who, own in reasons.items() if own == reason])
    ]
    if said:
        yield Paragraph(text=f"Not fitted: {'; '.join(said)}.", emphasis="small")


def _parameter(figure: Estimate | None) -> Cell:
    if figure is None:
        return Cell(text=figures.DASH)
    low, high = format_significant(figure.low, 2), format_significant(figure.high, 2)
    return Cell(text=format_significant(figure.value, 2), interval=f"[{low}, {high}]", sort=figure.value)
