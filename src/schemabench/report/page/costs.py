"""What the writes of each candidate cost: tables whose cells are tinted by how far they are from the baseline's.

Owns how far and which way a figure is, as a tint and as a sign. Must not call more of anything better or worse.
"""

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from schemabench.records import CandidateResult, Cost, Experiment, Run
from schemabench.report import costs, figures, verdict
from schemabench.report.page import wording
from schemabench.report.page.footnotes import marks
from schemabench.report.page.section import Section
from schemabench.report.page.tables import Cell, Column, table
from schemabench.report.page.templates import render

_TINTS = (0.0, 0.2, 0.5, 0.8)
"""The distance from which on each tint is used: the deeper ones from ratios of 1.25, 2 and 5, and of one over these."""
_PLACES = 2
"""Decimals of ratios; counters are so steady that more would say more than anyone acts on."""
_OF_COUNTERS = ("counters-missing", "data-in-memory")
"""Codes of notices that limit what costs say."""
_ABSENT = Markup('<span class="absent">-</span>')


def section(experiment: Experiment, run: Run) -> Section | None:
    """Return what the writes cost; None where nothing was counted."""
    results = [result for result, _ in verdict.ranked(experiment) if result.costs]
    if not results:
        return None
    baseline = next((costs.by_name(result) for result in results if result.name == verdict.BASELINE), {})
    names = {result.name: wording.code(result.name) + marks(result.notices, experiment, run) for result in results}
    limits = [notice for notice in (*run.notices, *experiment.notices) if notice.code in _OF_COUNTERS]
    html = render(
        "costs.html.j2",
        tables=[_table(title, measures, results, names, baseline) for title, measures in costs.groups(results)],
        tints=len(_TINTS),
        limits=marks(limits, experiment, run),
    )
    return Section(id="cost", title="Cost", html=html)


def _table(
    title: str,
    measures: Sequence[Cost],
    results: Iterable[CandidateResult],
    names: Mapping[str, Markup],
    baseline: Mapping[str, Cost],
) -> Markup:
    columns = [Column(heading="candidate"), *(Column(heading=costs.heading(one), number=True) for one in measures)]
    rows = [[names[result.name], *_cells(result, measures, baseline)] for result in results]
    return table(columns, rows, caption=f"{title}, each figure with its ratio to the baseline's [95 % interval]")


def _cells(result: CandidateResult, measures: Sequence[Cost], baseline: Mapping[str, Cost]) -> list[Cell]:
    own = costs.by_name(result)
    return [_cell(own.get(measure.name), baseline) for measure in measures]


def _cell(cost: Cost | None, baseline: Mapping[str, Cost]) -> Cell:
    """Return a figure, sorted by its size, and its ratio; with a tint and a sign where it was told apart."""
    if cost is None or (amount := figures.amount(cost)) == figures.DASH:
        return Cell(text=_ABSENT)
    more = cost.differs and _is_more(cost, baseline)
    text = render(
        "cost.html.j2",
        amount=amount,
        ratio=figures.ratio_with_interval(cost.ratio, _PLACES) if cost.ratio else "",
        differs=cost.differs,
        more=more,
    )
    kind = f"{'more' if more else 'less'}-{_tint(cost, baseline)}" if cost.differs else ""
    return Cell(text=text, sort=cost.value, kind=kind)


def _is_more(cost: Cost, baseline: Mapping[str, Cost]) -> bool:
    if cost.ratio is not None:
        return cost.ratio.value > 1
    other = baseline.get(cost.name)
    return (cost.value or 0) > ((other.value or 0) if other else 0)


def _tint(cost: Cost, baseline: Mapping[str, Cost]) -> int:
    """Return which tint a figure has, from 0, the faintest."""
    distance = costs.distance(cost, baseline)
    return sum(distance >= least for least in _TINTS) - 1
