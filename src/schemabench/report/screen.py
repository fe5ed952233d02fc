"""A run on a terminal: for every experiment its verdict, its rank table, and what to keep in mind.

Owns the choice of columns. Must not word a verdict, nor need a terminal: lines of text come out.
"""

from collections import Counter
from collections.abc import Sequence

from schemabench.records import CandidateResult, Experiment, Notice, Run, Standing
from schemabench.report import figures, footnotes, verdict
from schemabench.report.characters import clean, columns
from schemabench.report.footnotes import Numbers
from schemabench.report.layout import GAP, Column, block, labelled, shorten, table, wrap

_NARROWEST = 40
"""Rank, name and ratio fit it; to a narrower terminal is written as if it were as wide."""
_SHORTEST_NAME = 16
"""Columns of figures are left out, the last first, rather than shorten names further."""
_WIDEST_FIGURE = 21
"""More than any sane figure takes up: an interval with three decimals takes 14."""
_SHOWN_TIES = 3
"""Candidates whose ties across ranks are written out; the Markdown report holds all."""
_REASON_LINES = 12
"""Of why a candidate was not ranked; the Markdown report holds all."""

Ranked = Sequence[tuple[CandidateResult, Standing]]


def terminal(run: Run, width: int = 80) -> str:
    """Return a run as lines of text, none wider than so many columns (or than 40, where fewer are asked for).

    The last line has no line end, as `print` adds one.
    """
    width = max(width, _NARROWEST)
    known = footnotes.numbers(run)
    drawn = [_experiment(run, experiment, known, width) for experiment in run.experiments]
    parts = [_notes(run.notices, known, width), *(drawn or [["No experiment was run."]])]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _experiment(run: Run, experiment: Experiment, known: Numbers, width: int) -> list[str]:
    title = shorten(f"{experiment.workload} at {experiment.cardinality}", width)
    server = f"PostgreSQL {run.server.version}; " if run.server else ""
    marks = footnotes.marks([*run.notices, *experiment.notices], known)
    sections = [
        [title, "=" * columns(title), *wrap(server + verdict.setting(experiment), width)],
        wrap(verdict.sentence(experiment, clean) + _bracketed(marks), width),
        _table(experiment, verdict.ranked(experiment), known, width),
        _legend(experiment, verdict.ranked(experiment), width),
        _unranked(verdict.unranked(experiment), known, width),
        _notes(footnotes.of(experiment), known, width),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines).splitlines()


def _table(experiment: Experiment, ranked: Ranked, known: Numbers, width: int) -> list[str]:
    if not ranked:
        return []
    standings = [standing for _, standing in ranked]
    rank = Column(
        heading="rank", cells=[f"{one.rank}{'=' if verdict.shared(one, standings) else ' '}" for one in standings]
    )
    rest = _figures(experiment, ranked)
    while (room := width - sum(column.width + len(GAP) for column in (rank, *rest))) < _SHORTEST_NAME and rest[1:]:
        del rest[-1]
    names = [_name(result, known, room) for result, _ in ranked]
    return table([rank, Column(heading="candidate", cells=names, align="left"), *rest])


def _name(result: CandidateResult, known: Numbers, room: int) -> str:
    """Return a name with its footnotes' marks, the name shortened first."""
    marks = _bracketed(footnotes.marks(result.notices, known))
    return shorten(shorten(result.name, max(room - columns(marks), 0)) + marks, room)


def _figures(experiment: Experiment, ranked: Ranked) -> list[Column]:
    """Return the columns beside rank and name, the most important first."""
    places = figures.decimals(experiment)
    rows = any(result.rows_per_s for result, _ in ranked)
    rates = [figures.rate(result.rows_per_s if rows else result.operations_per_s) for result, _ in ranked]
    latencies = [figures.slowest(result) for result, _ in ranked]
    times = [figures.time(latency.p95_ns if latency else None) for latency in latencies]
    ratios = _aligned([_ratio(standing, places) for _, standing in ranked])
    return [
        Column(heading="ratio", cells=_clipped(ratios)),
        Column(heading="95 % interval", cells=_clipped([_interval(one, places) for _, one in ranked]), align="left"),
        Column(heading="rows/s" if rows else "ops/s", cells=_clipped(rates)),
        Column(heading="slowest p95", cells=_clipped(times)),
    ]


def _ratio(standing: Standing, places: int) -> str:
    return figures.BASELINE_RATIO if standing.name == verdict.BASELINE else figures.ratio(standing.ratio.value, places)


def _interval(standing: Standing, places: int) -> str:
    return "" if standing.name == verdict.BASELINE else figures.ratio_interval(standing.ratio, places)


def _clipped(cells: Sequence[str]) -> list[str]:
    return [cell if len(cell) <= _WIDEST_FIGURE else shorten(cell, _WIDEST_FIGURE) for cell in cells]


def _aligned(cells: Sequence[str]) -> list[str]:
    """Return numbers with spaces after them, so that their decimal points stand below each other."""
    after = [len(cell.partition(".")[2]) + ("." in cell) for cell in cells]
    return [cell + " " * (max(after) - places) for cell, places in zip(cells, after, strict=True)]


def _legend(experiment: Experiment, ranked: Ranked, width: int) -> list[str]:
    """Return what the table's figures are, and how far they reach."""
    if not ranked:
        return []
    notes = [
        ("ratio: ", "of throughput to the baseline's, by block; =: tied; -: too few data"),
        ("slowest p95: ", _slowest(ranked)),
        ("tied across ranks: ", verdict.ties_across_ranks(experiment, clean, _SHOWN_TIES)),
        ("headroom: ", verdict.adequacy(experiment, clean)),
        ("control: ", verdict.control(experiment)),
    ]
    return [line for label, text in notes if text for line in labelled(label, text, width)]


def _slowest(ranked: Ranked) -> str:
    """Return which operation is slowest for most candidates, where another is, and which could not be judged."""
    found = {result.name: latency.operation for result, _ in ranked if (latency := figures.slowest(result))}
    if not found:
        return ""
    (usual, _), *_ = Counter(found.values()).most_common(1)
    others = [f"{operation} in {name}" for name, operation in found.items() if operation != usual]
    unknown = {one.operation for result, _ in ranked for one in result.latencies if one.p95_ns is None}
    too_few = [f"too few calls of {figures.listed(sorted(unknown))}"] if unknown else []
    return "; ".join([f"of {usual}", *others, *too_few])


def _unranked(results: Sequence[CandidateResult], known: Numbers, width: int) -> list[str]:
    lines = []
    for result in results:
        marks = _bracketed(footnotes.marks(result.notices, known))
        lines += wrap(f"not ranked: {result.name}{marks}, {result.status}", width, indent="  ")
        lines += block(result.reason, width, indent="  ", most=_REASON_LINES)
    return lines


def _notes(notices: Sequence[Notice], known: Numbers, width: int) -> list[str]:
    return [line for notice in notices for line in labelled(f"({known[notice]}) ", notice.text, width)]


def _bracketed(marks: str) -> str:
    return f" ({marks})" if marks else ""
