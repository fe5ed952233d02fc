"""The section of ranks: throughput and lock waits side by side, their Pareto plot, and the table of both.

Owns what stands in the section and in its table. Must not word a verdict, nor rank.
"""

from collections.abc import Iterator, Sequence

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Estimate, LockStanding, Standing
from schemabench.report import contention, figures, verdict
from schemabench.report.drawings import Forest, Pareto, Point, Traded
from schemabench.report.letters import letters
from schemabench.report.text import name
from schemabench.report.tree import Beside, Cell, Chart, Column, Fold, Node, Paragraph, Section, Table, cells, columns
from schemabench.report.view import View
from schemabench.units import format_significant

AT_LEAST = ">="
"""Before a ratio of which only a lower bound is known."""
_CAPTION = "Candidates in order of rank; = marks a tie"
_THROUGHPUT = "Throughput, as a ratio to the baseline's"
_LOCK_WAITS = "Lock waits, as a share of the writers' time"
_PARETO = "Throughput against lock waits: best at the lower right; ringed: on the Pareto front"
_PLACES = 2
"""Decimals of ratios whose interval is not shown."""


def section(view: View) -> Section | None:
    """Return the ranks of an experiment; None where nothing was ranked."""
    if not view.ranked:
        return None
    locks = [result.lock_standing for result in view.results if result.lock_standing]
    nodes: list[Node] = []
    if charts := tuple(_forests(view, locks)):
        nodes.append(Beside(charts=charts))
    nodes.append(_table(view, locks))
    if ties := verdict.ties_across_ranks(view.experiment):
        told = Paragraph(text=f"Tied across ranks: {ties}.")
        nodes.append(Fold(summary="Candidates that tie although their ranks differ", nodes=(told,)))
    if plot := _pareto(view):
        nodes.append(plot)
    return Section(id="ranks", title="Ranks", nodes=tuple(nodes), brief=True)


def _table(view: View, locks: Sequence[LockStanding]) -> Table:
    """Return the table of everything that is ranked, in order of rank."""
    known = list(_columns(view, locks))
    return Table(
        caption=_CAPTION,
        columns=tuple(column for column, _ in known),
        rows=tuple(tuple(row) for row in zip(*(found for _, found in known), strict=True)),
        legend=tuple(_legend(view)),
    )


def _columns(view: View, locks: Sequence[LockStanding]) -> Iterator[tuple[Column, list[Cell]]]:
    """Yield columns with their cells, from left to right."""
    experiment, results = view.experiment, view.results
    standings = [standing for _, standing in view.ranked]
    shared = letters(standings) if len(standings) > 1 and not verdict.is_undecided(experiment) else {}
    if any(result.on_front for result in results):
        yield (
            Column(heading="front", short=" "),
            [Cell(text=verdict.FRONT if result.on_front else "") for result in results],
        )
    yield (
        Column(heading="rank"),
        [Cell(text=verdict.place(experiment, one, standings), sort=one.rank) for one in standings],
    )
    if shared:
        yield (
            Column(
                heading="group",
                short="=",
                legend="candidates that share a letter cannot be told apart",
                drop=6,
            ),
            [Cell(text=shared[one.name]) for one in standings],
        )
    yield Column(heading="candidate", is_name=True), [view.named(result) for result in results]
    yield (
        Column(
            heading="ratio [95 % interval]",
            short="ratio",
            align="right",
            legend="throughput over the baseline's, paired by block; -: too few data",
            drop_interval=4,
        ),
        [_ratio(standing, view.places) for standing in standings],
    )
    if any(result.rows_per_s for result in results):
        yield _rates("rows/s", [result.rows_per_s for result in results], drop=3)
        yield _rates("operations/s", [result.operations_per_s for result in results], drop=0)
    else:
        yield _rates("operations/s", [result.operations_per_s for result in results], drop=3)
    if locks:
        yield from _of_locks(view, locks)
    yield from _of_operations(view)
    yield Column(heading="what it is", prose=True, drop=0), [Cell(text=result.summary) for result in results]


def _rates(heading: str, rates: Sequence[Estimate | None], drop: int) -> tuple[Column, list[Cell]]:
    column = Column(
        heading=f"{heading} [95 % interval]",
        short="ops/s" if heading == "operations/s" else heading,
        align="right",
        drop=drop,
        drop_interval=0,
    )
    return column, [
        Cell(text=figures.rate(one), interval=figures.rate_interval(one), sort=one.value if one else None)
        for one in rates
    ]


def _of_locks(view: View, locks: Sequence[LockStanding]) -> Iterator[tuple[Column, list[Cell]]]:
    """Yield the columns of lock waits."""
    own = [result.lock_standing for result in view.results]
    pauses = contention.pauses(view.experiment)
    yield (
        Column(
            heading="lock waits [95 % interval]",
            short="locks",
            align="right",
            legend="share of the writers' time spent waiting for heavyweight locks or pausing before a retry"
            + (f"; {pauses}" if pauses else ""),
            drop=7,
            drop_interval=0,
        ),
        [
            Cell(text=figures.share(one.share.value), interval=figures.share_interval(one.share), sort=one.share.value)
            if one
            else Cell(text=figures.DASH)
            for one in own
        ],
    )
    yield (
        Column(heading="rank by lock waits", short="rank", drop=5),
        [
            Cell(text=verdict.place(view.experiment, one, locks), sort=one.rank) if one else Cell(text=figures.DASH)
            for one in own
        ],
    )


def _of_operations(view: View) -> Iterator[tuple[Column, list[Cell]]]:
    """Yield the columns of the slowest operation and of the one that is repeated most; none where nobody knows."""
    slowest = [figures.slowest(result) for result in view.results]
    if any(slowest):
        yield (
            Column(heading="p95", align="right", legend=_slowest(view.results), drop=2),
            [Cell(text=figures.time(one.p95_ns if one else None), sort=one.p95_ns if one else None) for one in slowest],
        )
    repeated = [figures.most_repeated(result) for result in view.results]
    if any(repeated):
        yield (
            Column(
                heading="retries",
                align="right",
                legend="per call, for the most retried operation",
                drop=1,
            ),
            [Cell(text=format_significant(one[1], 2) if one else "0", sort=one[1] if one else 0.0) for one in repeated],
        )


def _slowest(results: Sequence[CandidateResult]) -> str:
    """Return which operation is slowest for most candidates, where another is, and which could not be judged."""
    found: dict[str, list[str]] = {}
    for result in results:
        if latency := figures.slowest(result):
            found.setdefault(latency.operation, []).append(name(result.name))
    usual = max(found, key=lambda operation: len(found[operation]))
    others = [
        f"{name(operation)} in {figures.listed(names, len(names))}"
        for operation, names in found.items()
        if operation != usual
    ]
    unknown = {one.operation for result in results for one in result.latencies if one.p95_ns is None}
    too_few = [f"too few calls of {figures.listed(map(name, sorted(unknown)))}"] if unknown else []
    return "; ".join([f"of the slowest operation, {name(usual)}", *others, *too_few])


def _ratio(standing: Standing, places: int) -> Cell:
    value = standing.ratio.value
    if standing.name == BASELINE:
        return Cell(text=figures.BASELINE_RATIO, sort=value)
    if standing.at_least:
        return Cell(text=f"{AT_LEAST}{figures.ratio(standing.ratio.low, places)}x", sort=value)
    shown = figures.ratio(value, places)
    if shown == figures.DASH:
        return Cell(text=shown)
    return Cell(text=f"{shown}x", interval=figures.ratio_interval(standing.ratio, places), sort=value)


def _legend(view: View) -> Iterator[tuple[str, str]]:
    if any(standing.at_least for _, standing in view.ranked):
        yield (
            AT_LEAST,
            "lower bound; the load generator was the bottleneck, and no candidate is shown to be faster",
        )
    if any(result.on_front for result in view.results):
        yield verdict.FRONT, verdict.FRONT_LEGEND


def _forests(view: View, locks: Sequence[LockStanding]) -> Iterator[Chart]:
    """Yield the plots of throughput and of lock waits."""
    experiment = view.experiment
    points = tuple(
        Point(name=one.name, figure=one.ratio, text=figures.stood(one, view.places), at_least=one.at_least)
        for one in (standing for _, standing in view.ranked)
        if figures.is_positive(one.ratio)
    )
    if points:
        band = experiment.control.ratio if experiment.control else None
        shown = figures.ratio_with_interval(band, view.places) if band else ""
        yield _forest(_THROUGHPUT, Forest(scale="ratio", points=points, line=1.0, band=band), shown)
    if locks:
        baseline = next((one.share for one in locks if one.name == BASELINE), None)
        band = _around(baseline, experiment.lock_control) if baseline else None
        points = tuple(
            Point(name=one.name, figure=one.share, text=figures.share_with_interval(one.share)) for one in locks
        )
        line = baseline.value if baseline else None
        shown = figures.share_with_interval(band) if band else ""
        yield _forest(_LOCK_WAITS, Forest(scale="share", points=points, line=line, band=band), shown)


def _forest(title: str, drawing: Forest, band: str) -> Chart:
    said = "; ".join(f"{point.name} {point.text}" for point in drawing.points)
    chance = f" The band, {band}, shows how far the baseline differs from itself by chance." if band else ""
    return Chart(
        title=title,
        description=f"A point and a 95 % interval for each candidate: {said}.{chance}",
        drawing=drawing,
        table=Table(
            caption=title,
            columns=columns("candidate", "value [95 % interval]", numbers=["value [95 % interval]"]),
            rows=tuple(
                cells(name(point.name), Cell(text=point.text, sort=point.figure.value)) for point in drawing.points
            ),
        ),
        repeats=True,
    )


def _around(baseline: Estimate, control: LockStanding | None) -> Estimate | None:
    """Return where the baseline's share would lie by chance: as far off as the control's."""
    if control is None:
        return None
    off = control.difference
    return Estimate(value=baseline.value, low=max(baseline.value + off.low, 0.0), high=baseline.value + off.high)


def _pareto(view: View) -> Chart | None:
    """Return the plot of both criteria; None where fewer than two candidates are ranked by both."""
    placed = [(result, standing, result.lock_standing) for result, standing in view.ranked if result.lock_standing]
    shown = [
        Traded(
            throughput=Point(name=result.name, figure=standing.ratio, text=_shortly(standing)),
            lock_waits=Point(name=result.name, figure=lock.share, text=figures.share_with_interval(lock.share)),
            on_front=result.on_front,
        )
        for result, standing, lock in placed
        if figures.is_positive(standing.ratio)
    ]
    if len(placed) < 2 or not shown:  # noqa: PLR2004 (two of them make a choice)
        return None
    front, beaten = ([one.throughput.name for one in shown if one.on_front is on] for on in (True, False))
    headings = ("candidate", "throughput over the baseline's", "lock waits [95 % interval]", "on the front")
    return Chart(
        title=_PARETO,
        description=(
            f"On the Pareto front, ringed: {figures.listed(front, len(front)) or 'none'}. Beaten in both criteria by "
            f"another candidate: {figures.listed(beaten, len(beaten)) or 'none'}."
        ),
        drawing=Pareto(points=tuple(shown)),
        table=Table(
            caption=_PARETO,
            columns=columns(*headings, numbers=headings[1:3]),
            rows=tuple(
                cells(
                    name(one.throughput.name),
                    Cell(text=one.throughput.text, sort=one.throughput.figure.value),
                    Cell(text=one.lock_waits.text, sort=one.lock_waits.figure.value),
                    "yes" if one.on_front else "no",
                )
                for one in shown
            ),
        ),
        repeats=True,
    )


def _shortly(standing: Standing) -> str:
    if standing.at_least:
        return figures.ratio_at_least(standing.ratio, _PLACES)
    return figures.multiple(standing.ratio.value)
