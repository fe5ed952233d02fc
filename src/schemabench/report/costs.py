"""The price of a write: what counters say, in words and as tables.

Owns which differences of cost are worth naming. Must not weigh one measure against another: whoever reads knows what
a byte of WAL is worth there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from schemabench.records import CandidateResult, Cost, Experiment
from schemabench.report import figures
from schemabench.report.escape import Markdown, code, prose
from schemabench.report.verdict import Name, ranked

_NOTEWORTHY = 0.05
"""Of the larger of two figures: a smaller difference decides between no two schemas, however certain it is."""
_AS_MULTIPLE = 2.0
"""From here on a multiple reads better than a percentage."""
_AS_FRACTION = 0.1
"""Below it, too: 97 % less and 99 % less look alike, and are not."""
_COUNTED = ("blocks", "rows", "count")
"""Units of which there are fewer, not less."""
_PER = {"row": " per row", "operation": " per call", "update": "", "run": " in all", "end": " at the end"}
"""What follows a measure's title where its figure stands; a share of updates says so itself."""
_GROUPS = {"bytes": "Bytes", "blocks": "Blocks"}
_OTHERS = "Rows, counts and time"
_SIZES = ("table_size", "index_size")
"""Measures of what there is after the last block."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Measures that are read together."""

    title: str
    headings: tuple[str, ...]
    """In Markdown."""
    rows: list[tuple[object, ...]]

    @property
    def align(self) -> str:
        """One letter per column, as `escape.table` takes them."""
        return "l" + "r" * len(self.headings[1:])


def noteworthy(result: CandidateResult, baseline: CandidateResult) -> list[Cost]:
    """Return the measures by which a candidate clearly differs from the baseline, the farthest apart first."""
    own = by_name(baseline)
    costs = [cost for cost in result.costs if cost.differs and distance(cost, own) >= _NOTEWORTHY]
    return sorted(costs, key=lambda cost: distance(cost, own), reverse=True)


def worded(cost: Cost, baseline: CandidateResult, text: Callable[[str], str]) -> str:
    """Return a difference, as in `38 % less WAL`, `3.10x the index growth` or `HOT share 0 % instead of 99 %`.

    Args:
        cost: Of a candidate; its value is known, and the baseline's by the same measure.
        baseline: The baseline.
        text: How the title of a measure is drawn.
    """
    title = text(cost.title)
    if cost.ratio is None:
        other = figures.amount(by_name(baseline)[cost.name])
        return f"{title}{_PER[cost.per]} {figures.amount(cost)} instead of {other}"
    ratio = cost.ratio.value
    if not _AS_FRACTION <= ratio < _AS_MULTIPLE:
        return f"{figures.multiple(ratio)} the {title}"
    less = "fewer" if cost.unit in _COUNTED else "less"
    return f"{100 * abs(ratio - 1):.0f} % {'more' if ratio > 1 else less} {title}"


def sizes(experiment: Experiment, name: Name) -> str:
    """Return how large the tables and indexes of each candidate are after the last block; empty where nobody knows."""
    found = [(result.name, by_name(result)) for result, _ in ranked(experiment)]
    known = [
        f"{name(one)} {' + '.join(figures.amount(costs[size]) for size in _SIZES)}"
        for one, costs in found
        if all(size in costs and costs[size].value is not None for size in _SIZES)
    ]
    return f"tables + indexes at the end: {', '.join(known)}" if known else ""


def by_name(result: CandidateResult) -> dict[str, Cost]:
    """Return what a candidate costs, by the name of the measure."""
    return {cost.name: cost for cost in result.costs}


def distance(cost: Cost, baseline: Mapping[str, Cost]) -> float:
    """Return how far a figure is from the baseline's, 0 to 1: of the whole for shares, else of the larger one."""
    if cost.ratio is not None:
        return 1 - min(cost.ratio.value, 1 / cost.ratio.value) if cost.ratio.value > 0 else 0.0
    other = baseline.get(cost.name)
    if cost.value is None or other is None or other.value is None:
        return 0.0
    whole = 1.0 if cost.unit == "share" else max(abs(cost.value), abs(other.value))
    return abs(cost.value - other.value) / whole if whole else 0.0


def groups(results: Sequence[CandidateResult]) -> list[tuple[str, list[Cost]]]:
    """Return the measures that are read together, under a title: bytes, blocks and the rest, as far as there are any.

    Each measure is the first candidate's cost by it: for its title and unit, not for its figure.
    """
    found: dict[str, list[Cost]] = {title: [] for title in (*_GROUPS.values(), _OTHERS)}
    for measure in {cost.name: cost for result in results for cost in result.costs}.values():
        found[_GROUPS.get(measure.unit, _OTHERS)].append(measure)
    return [(title, measures) for title, measures in found.items() if measures]


def heading(measure: Cost) -> str:
    """Return what a measure is called above its figures, as in `WAL per row`."""
    return measure.title + _PER[measure.per]


def tables(results: Sequence[CandidateResult]) -> list[Table]:
    """Return tables of bytes, of blocks and of the rest: a row for each candidate, a column for each measure.

    A figure stands with its ratio to the baseline's, if any, and is bold where the two were told apart.
    """
    return [
        Table(
            title=title,
            headings=("candidate", *(prose(heading(measure)) for measure in measures)),
            rows=[(code(result.name), *_cells(result, measures)) for result in results if result.costs],
        )
        for title, measures in groups(results)
    ]


def _cells(result: CandidateResult, measures: Sequence[Cost]) -> list[object]:
    costs = by_name(result)
    return [_cell(costs[measure.name]) if measure.name in costs else figures.DASH for measure in measures]


def _cell(cost: Cost) -> Markdown:
    found = [figures.amount(cost), *([f"({figures.multiple(cost.ratio.value)})"] if cost.ratio else [])]
    return Markdown(" ".join([*found[:-1], f"**{found[-1]}**" if cost.differs else found[-1]]))
