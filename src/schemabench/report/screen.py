"""A run on a terminal: for every experiment its verdict, its rank table, and what to keep in mind.

Owns the choice of columns. Must not word a verdict, nor need a terminal: lines of text come out.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from schemabench.records import CandidateResult, Experiment, Notice, Run, Standing
from schemabench.report import (
    adequacy,
    contention,
    costs,
    crossovers,
    figures,
    footnotes,
    reasons,
    settings,
    verdict,
    writers,
)
from schemabench.report.characters import clean, columns
from schemabench.report.footnotes import Numbers
from schemabench.report.layout import GAP, Column, block, labelled, shorten, table, wrap
from schemabench.units import format_significant

_NARROWEST = 40
"""Rank, name and ratio fit it; to a narrower terminal is written as if it were as wide."""
_SHORTEST_NAME = 16
"""Columns of figures are left out rather than shorten names further."""
_WIDEST_FIGURE = 21
"""More than any sane figure takes up: an interval with three decimals takes 14."""
_LEFT_OUT_FIRST = ("retries", "p95", "rate", "interval", "lock rank", "locks")
"""Columns that may go, in this order."""
_SHOWN_TIES = 3
"""Candidates whose ties are written out; the Markdown report holds all."""
_SHOWN_REASONS = 4
"""Candidates whose differences are written out, the first and the last by rank; likewise."""
_INDENT = "  "
_AT_LEAST = ">="
"""Before a ratio of which only a lower bound is known."""
_BOUND_LEGEND = "at least; the client limits the candidate, so that nobody is shown to be faster"
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
    searches = crossovers.terminal(run, width, clean)
    parts = [_notes(run.notices, known, width), *(drawn + searches or [["No experiment was run."]])]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _experiment(run: Run, experiment: Experiment, known: Numbers, width: int) -> list[str]:
    title = shorten(f"{experiment.workload} at {experiment.cardinality}", width)
    server = f"PostgreSQL {run.server.version}; " if run.server else ""
    marks = footnotes.marks([*run.notices, *experiment.notices], known)
    shown = _columns(experiment, verdict.ranked(experiment), known, width)
    sections = [
        [title, "=" * columns(title), *wrap(server + verdict.setting(experiment), width)],
        wrap(verdict.sentence(experiment, clean) + _bracketed(marks), width),
        _reasons(experiment, width),
        table(list(shown.values())),
        _legend(experiment, shown, width),
        _writers(experiment, width),
        _unranked(verdict.left_out(experiment), known, width),
        _notes(footnotes.of(experiment), known, width),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines).splitlines()


def _reasons(experiment: Experiment, width: int) -> list[str]:
    """Return what differs from the baseline, and where the time of the slowest goes."""
    lines = []
    if differing := reasons.lines(experiment, clean, clean):
        lines += wrap("what differs from the baseline:", width, indent=_INDENT)
        most = len(differing) > _SHOWN_REASONS
        for text in [*differing[: _SHOWN_REASONS - 1], "...", differing[-1]] if most else differing:
            first, *rest = wrap(text, width, indent=_INDENT * 2)
            lines += [_INDENT + first, *rest]
    why = contention.why(experiment, clean)
    return lines + (wrap(why, width, indent=_INDENT) if why else [])


def _columns(experiment: Experiment, ranked: Ranked, known: Numbers, width: int) -> dict[str, Column]:
    """Return the columns of the rank table that fit, from left to right; none without candidates."""
    if not ranked:
        return {}
    standings = [standing for _, standing in ranked]
    marks = [verdict.FRONT if result.on_front else " " for result, _ in ranked]
    places = _padded([verdict.place(experiment, standing, standings) for standing in standings])
    rank = Column(heading="rank", cells=[mark + place for mark, place in zip(marks, places, strict=True)])
    rest = _figures(experiment, ranked)
    widest = Column(heading="candidate", cells=[_name(result, known, width) for result, _ in ranked], align="left")
    needed = min(_SHORTEST_NAME, widest.width)
    for key in _LEFT_OUT_FIRST:
        if _room(width, [rank, *rest.values()]) < needed:
            rest.pop(key, None)
    room = _room(width, [rank, *rest.values()])
    names = [_name(result, known, room) for result, _ in ranked]
    return {"rank": rank, "candidate": replace(widest, cells=names), **rest}


def _room(width: int, parts: Sequence[Column]) -> int:
    """Return the columns that are left for names beside some others."""
    return width - sum(column.width + len(GAP) for column in parts)


def _padded(places: Sequence[str]) -> list[str]:
    """Return ranks with their digits below each other, whether shared or not."""
    return [f"{place.removesuffix('='):>2}{'=' if place.endswith('=') else ' '}" for place in places]


def _name(result: CandidateResult, known: Numbers, room: int) -> str:
    """Return a name with its footnotes' marks, the name shortened first."""
    marks = _bracketed(footnotes.marks(result.notices, known))
    return shorten(shorten(result.name, max(room - columns(marks), 0)) + marks, room)


def _figures(experiment: Experiment, ranked: Ranked) -> dict[str, Column]:
    """Return the columns beside rank and name, from left to right, by what `_LEFT_OUT_FIRST` calls them."""
    places = figures.decimals(experiment)
    rows = any(result.rows_per_s for result, _ in ranked)
    rates = [figures.rate(result.rows_per_s if rows else result.operations_per_s) for result, _ in ranked]
    latencies = [figures.slowest(result) for result, _ in ranked]
    times = [figures.time(latency.p95_ns if latency else None) for latency in latencies]
    ratios = _aligned([_ratio(standing, places) for _, standing in ranked])
    intervals = [_interval(standing, places) for _, standing in ranked]
    return {
        "ratio": Column(heading="ratio", cells=_clipped(ratios)),
        "interval": Column(heading="95 % interval", cells=_clipped(intervals), align="left"),
        "rate": Column(heading="rows/s" if rows else "ops/s", cells=_clipped(rates)),
        **_lock_waits(experiment, ranked),
        "p95": Column(heading="p95", cells=_clipped(times)),
        **_retries(ranked),
    }


def _retries(ranked: Ranked) -> dict[str, Column]:
    """Return the column of retries per call; none where nothing was repeated."""
    repeated = [figures.most_repeated(result) for result, _ in ranked]
    if not any(repeated):
        return {}
    cells = [format_significant(one[1], 2) if one else "0" for one in repeated]
    return {"retries": Column(heading="retries", cells=cells)}


def _lock_waits(experiment: Experiment, ranked: Ranked) -> dict[str, Column]:
    """Return the columns of lock waits; none where nothing was sampled."""
    standings = [result.lock_standing for result, _ in ranked]
    known = [standing for standing in standings if standing]
    if not known:
        return {}
    shares = [figures.share(one.share.value) if one else figures.DASH for one in standings]
    places = _padded([verdict.place(experiment, one, known) if one else figures.DASH for one in standings])
    return {
        "locks": Column(heading="locks", cells=shares),
        "lock rank": Column(heading="rank", cells=places),
    }


def _ratio(standing: Standing, places: int) -> str:
    if standing.name == verdict.BASELINE:
        return figures.BASELINE_RATIO
    if standing.at_least:
        return f"{_AT_LEAST}{figures.ratio(standing.ratio.low, places)}"
    return figures.ratio(standing.ratio.value, places)


def _interval(standing: Standing, places: int) -> str:
    if standing.at_least:
        return "lower bound"
    return "" if standing.name == verdict.BASELINE else figures.ratio_interval(standing.ratio, places)


def _clipped(cells: Sequence[str]) -> list[str]:
    return [cell if len(cell) <= _WIDEST_FIGURE else shorten(cell, _WIDEST_FIGURE) for cell in cells]


def _aligned(cells: Sequence[str]) -> list[str]:
    """Return numbers with spaces after them, so that their decimal points stand below each other."""
    after = [len(cell.partition(".")[2]) + ("." in cell) for cell in cells]
    return [cell + " " * (max(after) - places) for cell, places in zip(cells, after, strict=True)]


def _legend(experiment: Experiment, shown: Collection[str], width: int) -> list[str]:
    """Return what the table's figures are, and how far they reach.

    Args:
        experiment: Whose table it is.
        shown: What `_LEFT_OUT_FIRST` calls the columns that are there; empty without a table.
        width: The most columns of a line.
    """
    if not shown:
        return []
    ranked = verdict.ranked(experiment)
    locks = f"share of the writers' time spent waiting for locks{', and the rank by it' * ('lock rank' in shown)}"
    notes = [
        ("ratio: ", "of throughput to the baseline's, by block; =: tied; -: too few data"),
        (f"{_AT_LEAST}: ", _BOUND_LEGEND if any(standing.at_least for _, standing in ranked) else ""),
        ("locks: ", locks if "locks" in shown else ""),
        ("pauses: ", contention.pauses(experiment, clean) if "locks" in shown else ""),
        (f"{verdict.FRONT}: ", verdict.FRONT_LEGEND if any(result.on_front for result, _ in ranked) else ""),
        ("p95: ", _slowest(ranked) if "p95" in shown else ""),
        ("retries: ", "for each call, of the operation that is repeated most" if "retries" in shown else ""),
        ("tied across ranks: ", verdict.ties_across_ranks(experiment, clean, _SHOWN_TIES)),
        ("sizes: ", costs.sizes(experiment, clean)),
        ("headroom: ", verdict.headroom(experiment, clean)),
        ("drift: ", verdict.drift(experiment, clean)),
        ("adequacy: ", adequacy.sentence(experiment, clean)),
        ("control: ", verdict.control(experiment)),
        ("control, locks: ", contention.control(experiment)),
        ("equivalence: ", verdict.equivalence(experiment)),
        ("settings: ", settings.sentence(experiment, clean)),
    ]
    return [line for label, text in notes if text for line in labelled(label, text, width)]


def _slowest(ranked: Ranked) -> str:
    """Return which operation is slowest for most candidates, where another is, and which could not be judged."""
    found: dict[str, list[str]] = {}
    for result, _ in ranked:
        if latency := figures.slowest(result):
            found.setdefault(latency.operation, []).append(result.name)
    if not found:
        return ""
    usual = max(found, key=lambda operation: len(found[operation]))
    others = [
        f"{operation} in {figures.listed(names, len(names))}"
        for operation, names in found.items()
        if operation != usual
    ]
    unknown = {one.operation for result, _ in ranked for one in result.latencies if one.p95_ns is None}
    too_few = [f"too few calls of {figures.listed(sorted(unknown))}"] if unknown else []
    return "; ".join([f"of the slowest operation, {usual}", *others, *too_few])


def _writers(experiment: Experiment, width: int) -> list[str]:
    """Return each writer's own ratio, candidate by candidate; nothing where there is one writer."""
    lines = []
    for text in writers.lines(experiment, clean):
        first, *rest = wrap(text, width, indent=_INDENT * 2)
        lines += [_INDENT + first, *rest]
    return [*wrap(f"{writers.TITLE}: {writers.LEGEND}", width, indent=_INDENT), *lines] if lines else []


def _unranked(groups: Sequence[Sequence[CandidateResult]], known: Numbers, width: int) -> list[str]:
    lines = []
    for results in groups:
        names = [result.name + _bracketed(footnotes.marks(result.notices, known)) for result in results]
        who = figures.listed(names, len(names))
        lines += wrap(f"not ranked: {who}, {results[0].status}", width, indent=_INDENT)
        lines += block(results[0].reason, width, indent=_INDENT, most=_REASON_LINES)
    return lines


def _notes(notices: Sequence[Notice], known: Numbers, width: int) -> list[str]:
    ordered = sorted((known[notice], notice.text) for notice in notices)
    return [line for number, text in ordered for line in labelled(f"({number}) ", text, width)]


def _bracketed(marks: str) -> str:
    return f" ({marks})" if marks else ""
