"""What the steps say beyond the last: projected figures, coefficients, and refusals.

Owns their tables. Must not fit anything.
"""

from schemabench.records import Estimate, Growth, Projection
from schemabench.report import figures
from schemabench.report.growth.forms import TITLES, about, interval, over
from schemabench.report.text import name
from schemabench.report.tree import Bullets, Cell, Column, Node, Paragraph, Section, Table
from schemabench.units import format_significant


def section(growth: Growth) -> Section | None:
    """Return what is projected, and what is not and why; None if nothing was asked for."""
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
                    f"{TITLES[one.measure].heading} of {name(one.candidate)}: {one.refused}" for one in refused
                ),
            )
        )
    if limits := dict.fromkeys(one.limit for one in growth.projections if one.limit):
        nodes.append(Paragraph(text=f"Why projections end where they do: {'; '.join(limits)}.", emphasis="small"))
    return Section(id="projection", title="What the steps say beyond the last", nodes=tuple(nodes), brief=True)


def _projected(growth: Growth, shown: list[Projection]) -> Table:
    rows = []
    for one in shown:
        criterion, last = TITLES[one.measure], one.points[-1]
        met = one.held_out.figure if one.held_out else None
        rows.append(
            (
                Cell(text=name(one.candidate)),
                Cell(text=criterion.heading),
                Cell(text=", ".join([one.law or "", *(f"({law})" for law in one.covers)])),
                Cell(text=about(last.value), sort=last.value),
                Cell(text=criterion.one(last.figure.value), interval=interval(criterion, last.figure)),
                Cell(text=criterion.one(met.value), interval=interval(criterion, met)) if met else Cell(text=""),
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
