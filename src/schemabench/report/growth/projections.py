"""What the steps say of the last one before it is measured, and beyond it: figures, coefficients, and refusals.

Owns their tables. Must not fit anything.
"""

from collections.abc import Iterator, Sequence

from schemabench.records import Estimate, Forecast, Growth, Projection
from schemabench.report import figures
from schemabench.report.growth.forms import TITLES, about, candidates, interval, over
from schemabench.report.sizes import size
from schemabench.report.text import name
from schemabench.report.tree import Bullets, Cell, Column, Node, Paragraph, Section, Table
from schemabench.units import format_significant, plural

_OTHERS = "other laws that met the last of the steps, too, are in brackets"
_NO_FIT = "the law does not fit its steps"
_NO_FIGURE = "its throughput has an interval at no step"


def section(growth: Growth) -> Section | None:
    """Return what is projected, and what is not and why; None if nothing was asked for."""
    if not (growth.projections or growth.forecasts):
        return None
    nodes: list[Node] = [*_forecast(growth)]
    if shown := [one for one in growth.projections if one.points]:
        nodes.append(_projected(growth, shown))
    if known := [one for one in growth.projections if one.parameters]:
        nodes += [_scalability(known), *_unfitted(growth, known)]
    if refused := [one for one in growth.projections if one.refused]:
        nodes.append(Bullets(lead="Not projected:", items=tuple(_refusals(refused))))
    if limits := dict.fromkeys(one.limit for one in growth.projections if one.limit):
        nodes.append(Paragraph(text=f"Why projections end where they do: {'; '.join(limits)}.", emphasis="small"))
    return Section(id="projection", title="What the steps say beyond the last", nodes=tuple(nodes), brief=True)


def _forecast(growth: Growth) -> Iterator[Node]:
    """Yield what the other steps said of the last one, beside what was measured there."""
    if not growth.forecasts:
        return
    said = [one for one in growth.forecasts if one.figure]
    told = [one for one in said if one.held is not None]
    value, at = size(growth.forecasts[0].value), growth.forecasts[0].at
    held = sum(one.held is True for one in told)
    outcome = f"{held} of {plural(len(told), 'measured figure')} within the 95 % interval"
    if not told:
        lacking = figures.listed(_lacking(said))
        outcome = f"there is nothing to compare with, as {lacking}" if lacking else "none of it was measured"
    if said:
        yield Paragraph(text=f"Recorded at {at}, before {value} {over(growth)} were measured: {outcome}.")
        yield _said(growth, said)
    if refused := [one for one in growth.forecasts if one.refused]:
        yield Bullets(lead=f"Not forecast of {value} {over(growth)}:", items=tuple(_refusals(refused)))


def _refusals(refused: Sequence[Forecast | Projection]) -> Iterator[str]:
    """Yield each reason once, after the figures that it is of."""
    for reason in dict.fromkeys(one.refused for one in refused):
        alike = [one for one in refused if one.refused == reason]
        of = {
            measure: [name(one.candidate) for one in alike if one.measure == measure]
            for measure in dict.fromkeys(one.measure for one in alike)
        }
        figures_of = (f"{TITLES[measure].heading} of {', '.join(names)}" for measure, names in of.items())
        yield f"{'; '.join(figures_of)}: {reason}"


def _said(growth: Growth, said: list[Forecast]) -> Table:
    rows = []
    for one in said:
        criterion, own = TITLES[one.measure], one.figure
        assert own is not None, "only what was forecast has a row"
        rows.append(
            (
                Cell(text=name(one.candidate)),
                Cell(text=criterion.heading),
                Cell(text=_laws(one)),
                Cell(text=criterion.one(own.value), interval=interval(criterion, own)),
                Cell(text=criterion.one(one.measured.value), interval=interval(criterion, one.measured))
                if one.measured
                else Cell(text=figures.DASH),
                Cell(text={True: "yes", False: "no", None: ""}[one.held]),
            )
        )
    return Table(
        caption=f"The last step, {size(said[0].value)} {over(growth)}, as forecast from the others",
        columns=(
            Column(heading="candidate", is_name=True),
            Column(heading="figure", is_name=True),
            Column(heading="law", drop=1, legend=_OTHERS),
            Column(heading="forecast", align="right", legend="with its 95 % interval of prediction"),
            Column(heading="measured", align="right"),
            Column(heading="held", legend="whether the measured figure lies in the interval of the forecast one"),
        ),
        rows=tuple(rows),
        legend=((figures.DASH, "; ".join(("not measured, or without an interval", *_lacking(said)))),),
    )


def _lacking(said: Sequence[Forecast]) -> list[str]:
    """Return why measured figures tell nothing of a schema, each reason once."""
    return list(dict.fromkeys(one.lacking for one in said if one.lacking))


def _laws(one: Forecast | Projection) -> str:
    return ", ".join([one.law or "", *(f"({law})" for law in one.covers)])


def _projected(growth: Growth, shown: list[Projection]) -> Table:
    rows = []
    for one in shown:
        criterion, last = TITLES[one.measure], one.points[-1]
        rows.append(
            (
                Cell(text=name(one.candidate)),
                Cell(text=criterion.heading),
                Cell(text=_laws(one)),
                Cell(text=about(last.value), sort=last.value),
                Cell(text=criterion.one(last.figure.value), interval=interval(criterion, last.figure)),
            )
        )
    return Table(
        caption="Projections, with 95 % intervals of prediction",
        columns=(
            Column(heading="candidate", is_name=True),
            Column(heading="figure", is_name=True),
            Column(heading="law", drop=1, legend=_OTHERS),
            Column(heading=over(growth), align="right"),
            Column(heading="projected", align="right"),
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
