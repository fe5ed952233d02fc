"""The cost of the writes: counters in sentences and tables.

Owns the choice of the cost differences worth naming. Must not weigh one measure against another: only the reader knows
the price of a byte of WAL.
"""

from collections.abc import Iterator, Mapping, Sequence

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Cost, Experiment
from schemabench.report import brackets, figures
from schemabench.report.text import name
from schemabench.report.tree import Cell, Column, Paragraph, Section, Table, Tone
from schemabench.report.view import View, ranked

_NOTEWORTHY = 0.05
"""Share of the larger of two figures: a smaller difference, however certain, is irrelevant to the choice of a
schema."""
_AS_MULTIPLE = 2.0
"""From this ratio on, a multiple reads better than a percentage."""
_AS_FRACTION = 0.1
"""Below this ratio, too: 97 % less and 99 % less look alike, but differ threefold."""
_COUNTED = ("blocks", "rows", "count")
"""Units of countable things: fewer, not less."""
_PER = {"row": " per row", "operation": " per call", "update": "", "run": " in all", "end": " at the end"}
"""Text after a measure's title and before its figure; a share of updates needs none."""
_GROUPS = {"bytes": "Bytes", "blocks": "Blocks"}
_OTHERS = "Rows, counts and time"
_TONES = (0.0, 0.2, 0.5, 0.8)
"""The distance from which each tone is used: the deeper tones from ratios of 1.25, 2 and 5, and their inverses."""
_LESS: tuple[Tone, ...] = ("less-0", "less-1", "less-2", "less-3")
_MORE: tuple[Tone, ...] = ("more-0", "more-1", "more-2", "more-3")
_PLACES = 2
"""Decimals of ratios; counters would support more, but no decision needs them."""
_OF_COUNTERS = ("counters-missing", "data-in-memory")
"""Codes of notices that limit the validity of costs."""
_SIZES = ("table_size", "index_size")
"""Measures of the state after the last block."""


def section(view: View) -> Section | None:
    """Return the section on costs; None if nothing was counted."""
    results = [result for result in view.results if result.costs]
    if not results:
        return None
    limits = [notice for notice in (*view.run.notices, *view.experiment.notices) if notice.code in _OF_COUNTERS]
    left = "; or it is a total or a final size, and the candidate left early" if _left(view.experiment) else ""
    explained = Paragraph(
        text="Per row: per logical row written. At the end: after the last block. Each figure is followed by its "
        "ratio to the baseline's, paired by block. A mark shows a difference from the baseline that is beyond "
        "chance, and larger than that of the control, a second copy of the baseline. More is not always worse: "
        f"more HOT updates are better. A dash: the server does not provide the figure, or its divisor is zero{left}.",
        notes=view.marks(limits),
    )
    return Section(id="cost", title="Cost of the writes", nodes=(explained, *_tables(view, results)))


def _tables(view: View, results: Sequence[CandidateResult]) -> Iterator[Table]:
    """Yield tables of bytes, of blocks and of the rest: a row for each candidate, a column for each measure."""
    baseline = next((by_name(result) for result in results if result.name == BASELINE), {})
    for title, measures in groups(results):
        yield Table(
            caption=f"{title}, each figure with its ratio to the baseline's [{brackets.of_costs(view.experiment)}]",
            columns=(
                Column(heading="candidate"),
                *(Column(heading=heading(one), align="right") for one in measures),
            ),
            rows=tuple((view.named(result), *_cells(result, measures, baseline)) for result in results),
        )


def _cells(result: CandidateResult, measures: Sequence[Cost], baseline: Mapping[str, Cost]) -> Iterator[Cell]:
    costs = by_name(result)
    for measure in measures:
        cost = costs.get(measure.name)
        yield Cell(text=figures.DASH) if cost is None else _cell(cost, baseline)


def _cell(cost: Cost, baseline: Mapping[str, Cost]) -> Cell:
    return Cell(
        text=figures.amount(cost),
        below=figures.ratio_with_interval(cost.ratio, _PLACES) if cost.ratio else "",
        sort=cost.value,
        tone=_tone(cost, baseline),
    )


def _tone(cost: Cost, baseline: Mapping[str, Cost]) -> Tone:
    """Return direction and size of a figure's difference from the baseline's; nothing if the two tie."""
    if not cost.differs:
        return ""
    if cost.ratio is not None:
        more = cost.ratio.value > 1
    else:
        other = baseline.get(cost.name)
        more = (cost.value or 0.0) > (other.value or 0.0 if other else 0.0)
    depth = max((step for step, least in enumerate(_TONES) if distance(cost, baseline) >= least), default=0)
    return (_MORE if more else _LESS)[depth]


def noteworthy(result: CandidateResult, baseline: CandidateResult) -> list[Cost]:
    """Return the measures by which a candidate clearly differs from the baseline, the farthest apart first."""
    own = by_name(baseline)
    costs = [cost for cost in result.costs if cost.differs and distance(cost, own) >= _NOTEWORTHY]
    return sorted(costs, key=lambda cost: distance(cost, own), reverse=True)


def worded(cost: Cost, baseline: CandidateResult) -> str:
    """Return a difference, as in `38 % less WAL`, `3.10x the index growth` or `HOT share 0 % instead of 99 %`.

    Args:
        cost: A candidate's cost; its value and the baseline's are known.
        baseline: The baseline.
    """
    title = cost.title
    if cost.ratio is None:
        other = figures.amount(by_name(baseline)[cost.name])
        return f"{title}{_PER[cost.per]} {figures.amount(cost)} instead of {other}"
    ratio = cost.ratio.value
    if not _AS_FRACTION <= ratio < _AS_MULTIPLE:
        return f"{figures.multiple(ratio)} the {title}"
    less = "fewer" if cost.unit in _COUNTED else "less"
    return f"{100 * abs(ratio - 1):.0f} % {'more' if ratio > 1 else less} {title}"


def sizes(experiment: Experiment) -> str:
    """Return the sizes of each candidate's tables and indexes after the last block; empty if they are unknown."""
    left = _left(experiment)
    found = [(result.name, by_name(result)) for result, _ in ranked(experiment) if result.name not in left]
    known = [
        f"{name(one)} {' + '.join(figures.amount(costs[size]) for size in _SIZES)}"
        for one, costs in found
        if all(size in costs and costs[size].value is not None for size in _SIZES)
    ]
    without = f"; without those that left early, {figures.listed(map(name, left), len(left))}" if left else ""
    return f"tables + indexes at the end: {', '.join(known)}{without}" if known else ""


def _left(experiment: Experiment) -> list[str]:
    """Return the candidates that left the blocks early, of which no totals and no final sizes are known."""
    return [result.name for result, _ in ranked(experiment) if result.retired]


def by_name(result: CandidateResult) -> dict[str, Cost]:
    """Return a candidate's costs by the name of the measure."""
    return {cost.name: cost for cost in result.costs}


def distance(cost: Cost, baseline: Mapping[str, Cost]) -> float:
    """Return a figure's distance from the baseline's, 0 to 1: between shares, else relative to the larger figure."""
    if cost.ratio is not None:
        return 1 - min(cost.ratio.value, 1 / cost.ratio.value) if cost.ratio.value > 0 else 0.0
    other = baseline.get(cost.name)
    if cost.value is None or other is None or other.value is None:
        return 0.0
    whole = 1.0 if cost.unit == "share" else max(abs(cost.value), abs(other.value))
    return abs(cost.value - other.value) / whole if whole else 0.0


def groups(results: Sequence[CandidateResult]) -> list[tuple[str, list[Cost]]]:
    """Return the measures that are read together, with a title: bytes, blocks and the rest, if there are any.

    Each measure is represented by the first candidate's cost, for its title and unit only.
    """
    found: dict[str, list[Cost]] = {title: [] for title in (*_GROUPS.values(), _OTHERS)}
    for measure in {cost.name: cost for result in results for cost in result.costs}.values():
        found[_GROUPS.get(measure.unit, _OTHERS)].append(measure)
    return [(title, measures) for title, measures in found.items() if measures]


def heading(measure: Cost) -> str:
    """Return a measure's column heading, as in `WAL per row`."""
    return measure.title + _PER[measure.per]
