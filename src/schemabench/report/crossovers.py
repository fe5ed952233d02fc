"""When the answer changes: searches and maps, as sentences and tables.

Owns their wording, alike in every format. Must not say more than the intervals do.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from schemabench.records import Crossover, Estimate, MapCell, Probe, RatioMap, Run, Spot
from schemabench.report import figures
from schemabench.report.characters import columns
from schemabench.report.layout import Column, labelled, shorten, table, wrap
from schemabench.report.sizes import size, sizes
from schemabench.units import format_duration

Name = Callable[[str], str]

TIED = "="
"""Beside a ratio that cannot be told from 1."""
LEGEND = f"{TIED}: cannot be told from 1; -: not measured"
_PLACES = 2
_INDENT = "  "
_STANDS = {"better": "leads", "worse": "trails", "tied": "cannot be told apart from the baseline"}


def sentence(crossover: Crossover, name: Name) -> str:
    """Return what a search found: whether the ranking flips, and where."""
    whom, start = name(crossover.candidate), crossover.start
    begun = f"{whom} {_stands(start)} at {name(start.cardinality)} ({ratio(start.ratio, at_least=start.at_least)})"
    if not crossover.found:
        return f"{begun}; it was measured in full nowhere else."
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
    nowhere = "" if lower else f" Nowhere did it look worse than at {name(start.cardinality)}."
    return f"{head}: {begun} and {' and '.join(others)}.{nowhere}"


def looked(crossover: Crossover) -> str:
    """Return how far a search looked: at how many cardinalities, and in which bounds."""
    probes = crossover.probes
    failed = sum(bool(probe.reason) for probe in probes)
    lacking = f"; at {failed:,} of them there was no figure, first since {_first(probes)}" if failed else ""
    bounds = f": {_bounds([probe.values for probe in probes])}" if probes else ""
    return (
        f"It looked at {len(probes):,} {'cardinality' if len(probes) == 1 else 'cardinalities'} in short trials and "
        f"measured {crossover.remeasured:,} of them in full, in {format_duration(crossover.elapsed_s)} with Hypothesis "
        f"{crossover.hypothesis} and seed {crossover.seed}{bounds}{lacking}.{_ended(crossover)}"
    )


def spots(crossover: Crossover, name: Name) -> list[list[str]]:
    """Return the rows of a table: where, the ratio with its interval, the cardinality."""
    return [
        [name(spot.cardinality), f"{ratio(spot.ratio, at_least=spot.at_least)}{_mark(spot.side)}", sizes(spot.values)]
        for spot in (crossover.start, *crossover.found)
    ]


def grid(drawn: RatioMap) -> tuple[list[str], list[list[str]]]:
    """Return the headings and rows of a map: the first axis goes down, the second to the right."""
    across = dict.fromkeys(cell.second for cell in drawn.cells)
    rows: dict[float, list[str]] = {}
    for cell in drawn.cells:
        rows.setdefault(cell.first, [size(cell.first)]).append(figure(cell))
    return [f"{drawn.first}, {drawn.second}:", *map(size, across)], list(rows.values())


def about(drawn: RatioMap, name: Name) -> str:
    """Return what a map shows, and how it was made."""
    done = sum(cell.ratio is not None for cell in drawn.cells)
    number = "each cell was" if done == len(drawn.cells) else f"{done} of {len(drawn.cells)} cells were"
    measured = f"{number} measured for {format_duration(drawn.cell_s)} on average" if done else "no cell was measured"
    spent = f"{format_duration(drawn.elapsed_s)} of a budget of {format_duration(drawn.budget_s)}"
    return (
        f"Throughput of {name(drawn.candidate)} over the baseline's, with the other sizes as at "
        f"{name(drawn.cardinality)}; {measured}{f', in {spent}' if drawn.budget_s else ''}."
    )


def unmeasured(drawn: RatioMap) -> list[str]:
    """Return a sentence for each reason for which cells were not measured; with the cells, where there are several."""
    reasons: dict[str, list[str]] = {}
    for cell in drawn.cells:
        if cell.ratio is None:
            where = place(drawn.first, drawn.second, cell.first, cell.second)
            reasons.setdefault(_head(cell.reason), []).append(where)
    if len(reasons) == 1:
        return [f"Not measured: {reason}." for reason in reasons]
    return [f"Not measured at {'; '.join(where)}: {reason}." for reason, where in reasons.items()]


def place(first: str, second: str, one: float, other: float) -> str:
    """Return where a cell is, as in `rows 10 by reads 64`."""
    return f"{first} {size(one)} by {second} {size(other)}"


def figure(cell: MapCell) -> str:
    """Return what a cell says: a ratio with its interval and whether it is told from 1, or a dash."""
    return figures.DASH if cell.ratio is None else f"{ratio(cell.ratio, at_least=cell.at_least)}{_mark(cell.side)}"


def terminal(run: Run, width: int, name: Name) -> list[list[str]]:
    """Return a part of lines for each search and each map."""
    return [_search(one, width, name) for one in run.crossovers] + [_map(one, width, name) for one in run.maps]


def ratio(estimate: Estimate, *, at_least: bool) -> str:
    """Return a ratio with its interval, or what it is at least where the client limited it."""
    return (figures.ratio_at_least if at_least else figures.ratio_with_interval)(estimate, _PLACES)


def _search(crossover: Crossover, width: int, name: Name) -> list[str]:
    title = shorten(f"{crossover.workload}: where does the answer change?", width)
    lines = [title, "=" * columns(title), *wrap(sentence(crossover, name), width), ""]
    for label, figure, fields in spots(crossover, name):
        lines += [*wrap(f"{label}  {figure}", width, indent=_INDENT), *labelled(_INDENT, fields, width)]
    return [*lines, "", *wrap(looked(crossover), width), *wrap(LEGEND, width)]


def _map(drawn: RatioMap, width: int, name: Name) -> list[str]:
    headings, rows = grid(drawn)
    title = shorten(f"{drawn.workload}: {drawn.first} by {drawn.second}", width)
    parts = [Column(heading=heading, cells=cells) for heading, *cells in zip(headings, *rows, strict=True)]
    lines = table(parts)
    if max(map(columns, lines)) > width:
        lines = [
            line
            for cell in drawn.cells
            for line in wrap(
                f"{place(drawn.first, drawn.second, cell.first, cell.second)}: {figure(cell)}",
                width,
                indent=_INDENT,
            )
        ]
    lacking = [line for text in unmeasured(drawn) for line in wrap(text, width, indent=_INDENT)]
    about_it = wrap(about(drawn, name), width)
    return [title, "=" * columns(title), *about_it, "", *lines, "", *wrap(LEGEND, width), *lacking]


def _stands(spot: Spot) -> str:
    return _STANDS[spot.side]


def _mark(side: str | None) -> str:
    return f" {TIED}" if side == "tied" else ""


def _ended(crossover: Crossover) -> str:
    if not crossover.ended:
        return ""
    return f" It ended before its time, so that there may be more to find: {_head(crossover.ended)}."


def _first(probes: Sequence[Probe]) -> str:
    return _head(next(probe.reason for probe in probes if probe.reason))


def _head(reason: str) -> str:
    """Return the first line of a reason; what it announces is in the run file."""
    return reason.partition("\n")[0].rstrip(":")


def _bounds(values: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{field} {_range([one[field] for one in values])}" for field in values[0])


def _range(some: Iterable[Any]) -> str:
    distinct = set(some)
    if all(isinstance(value, Real) for value in distinct):
        low, high = min(distinct), max(distinct)
        return size(low) if low == high else f"{size(low)} to {size(high)}"
    return " or ".join(sorted(map(str, distinct)))
