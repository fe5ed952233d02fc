"""The section of ranks: every criterion side by side, the Pareto plots, and the table of all.

Owns what stands in the section and in its table. Must not word a verdict, nor rank.
"""

from collections.abc import Iterator, Sequence

from schemabench.candidate import BASELINE
from schemabench.records import LOCK_WAITS, THROUGHPUT, CandidateResult, Criterion, Estimate, Experiment, Standing
from schemabench.report import brackets, contention, criteria, figures, verdict
from schemabench.report.drawings import Forest, Pareto, Point, Traded
from schemabench.report.letters import letters
from schemabench.report.text import name
from schemabench.report.tree import Beside, Cell, Chart, Column, Fold, Node, Paragraph, Section, Table, cells, columns
from schemabench.report.view import View
from schemabench.units import format_significant

AT_LEAST = ">="
"""Before a ratio of which only a lower bound is known."""
_CAPTION = "Candidates in order of rank; = after a rank: others share it"


def section(view: View) -> Section | None:
    """Return the ranks of an experiment; None where nothing was ranked."""
    if not view.ranked:
        return None
    nodes: list[Node] = []
    if charts := tuple(_forests(view)):
        nodes.append(Beside(charts=charts))
    nodes.append(_table(view))
    if ties := verdict.ties_across_ranks(view.experiment):
        told = Paragraph(text=f"Tied across ranks: {ties}.")
        nodes.append(Fold(summary="Candidates that tie although their ranks differ", nodes=(told,)))
    nodes.extend(_fronts(view))
    return Section(id="ranks", title="Ranks", nodes=tuple(nodes), brief=True)


def _table(view: View) -> Table:
    """Return the table of everything that is ranked, in order of rank."""
    known = list(_columns(view))
    return Table(
        caption=_CAPTION,
        columns=tuple(column for column, _ in known),
        rows=tuple(tuple(row) for row in zip(*(found for _, found in known), strict=True)),
        legend=tuple(_legend(view)),
    )


def _columns(view: View) -> Iterator[tuple[Column, list[Cell]]]:
    """Yield columns with their cells, from left to right."""
    experiment, results = view.experiment, view.results
    standings = [standing for _, standing in view.ranked]
    shared = letters(standings) if len(standings) > 1 and not verdict.is_undecided(experiment) else {}
    if _has_front(view):
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
    within = brackets.of_pairs(experiment)
    beside = f"; in brackets: the {within}" if within == brackets.RANGE else ""
    yield (
        Column(
            heading=f"ratio [{within}]",
            short="ratio",
            align="right",
            legend=f"throughput over the baseline's, paired by block{beside}; -: too few data",
            drop_interval=4,
        ),
        [_ratio(standing, view.places) for standing in standings],
    )
    if any(result.rows_per_s for result in results):
        yield _rates(experiment, "rows/s", [result.rows_per_s for result in results], drop=3)
        yield _rates(experiment, "operations/s", [result.operations_per_s for result in results], drop=0)
    else:
        yield _rates(experiment, "operations/s", [result.operations_per_s for result in results], drop=3)
    for criterion in _others(view):
        yield from _by(view, criterion)
    yield from _of_operations(view)
    yield from _of_accepted(view)
    yield Column(heading="what it is", prose=True, drop=0), [Cell(text=result.summary) for result in results]


def _rates(
    experiment: Experiment, heading: str, rates: Sequence[Estimate | None], drop: int
) -> tuple[Column, list[Cell]]:
    column = Column(
        heading=f"{heading} [{brackets.of_rates(experiment)}]",
        short="ops/s" if heading == "operations/s" else heading,
        align="right",
        drop=drop,
        drop_interval=0,
    )
    return column, [
        Cell(text=figures.rate(one), interval=figures.rate_interval(one), sort=one.value if one else None)
        for one in rates
    ]


def _others(view: View) -> list[Criterion]:
    """Return the criteria besides throughput that any candidate is ranked by."""
    return [one for one in view.experiment.criteria if one.name != THROUGHPUT.name]


def _by(view: View, criterion: Criterion) -> Iterator[tuple[Column, list[Cell]]]:
    """Yield the columns of a criterion besides throughput: its figures, and its ranks."""
    standings = criteria.standings(view.experiment, criterion)
    own = [result.standings.get(criterion.name) for result in view.results]
    pauses = contention.pauses(view.experiment) if criterion.name == LOCK_WAITS.name else ""
    reasons = [
        *(["left the blocks early"] if any(result.retired for result in view.results) else []),
        *(["too few samples to tell"] if any(one and criteria.is_vague(criterion, one) for one in own) else []),
    ]
    dash = f"{figures.DASH}: {', or '.join(reasons)}" if reasons else ""
    yield (
        Column(
            heading=f"{criterion.title} [{brackets.of(criterion, view.experiment)}]",
            short=criteria.short(criterion),
            align="right",
            legend="; ".join(filter(None, (criteria.legend(criterion), pauses, dash))),
            drop=7,
            drop_interval=0,
        ),
        [_amount(criterion, one) for one in own],
    )
    yield (
        Column(heading=f"rank by {criterion.title}", short="rank", drop=5),
        [
            Cell(text=verdict.place(view.experiment, one, standings), sort=one.rank)
            if one and criterion.decides
            else Cell(text=figures.DASH)
            for one in own
        ],
    )


def _amount(criterion: Criterion, standing: Standing | None) -> Cell:
    if standing is None or criteria.is_vague(criterion, standing):
        return Cell(text=figures.DASH)
    text, interval = criteria.amount(criterion, standing.figure)
    return Cell(text=text, interval=interval, sort=standing.figure.value)


def _of_operations(view: View) -> Iterator[tuple[Column, list[Cell]]]:
    """Yield the columns of the slowest operation and of the one that is repeated most; none where nobody knows."""
    slowest = [figures.slowest(result) for result in view.results]
    if any(slowest):
        yield (
            Column(heading="p95", align="right", legend=_slowest(view.results), drop=2),
            [figures.time_cell(one.p95_ns if one else None) for one in slowest],
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


def _of_accepted(view: View) -> Iterator[tuple[Column, list[Cell]]]:
    """Yield the column of calls that count as done though nothing of them remains; none where there are none."""
    accepted = [figures.most_accepted(result) for result in view.results]
    if any(accepted):
        legend = "share of calls that were rolled back and count as done, for the operation with most of them"
        yield (
            Column(heading="accepted", align="right", legend=legend, drop=1),
            [Cell(text=figures.share(one[1]) if one else "0", sort=one[1] if one else 0.0) for one in accepted],
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
    value = standing.to_baseline.value
    if standing.name == BASELINE:
        return Cell(text=figures.BASELINE_RATIO, sort=value)
    if standing.at_least:
        return Cell(text=f"{AT_LEAST}{figures.ratio(standing.to_baseline.low, places)}x", sort=value)
    shown = figures.ratio(value, places)
    if shown == figures.DASH:
        return Cell(text=shown)
    return Cell(text=f"{shown}x", interval=figures.ratio_interval(standing.to_baseline, places), sort=value)


def _legend(view: View) -> Iterator[tuple[str, str]]:
    if any(standing.at_least for _, standing in view.ranked):
        yield (
            AT_LEAST,
            "lower bound; the load generator was the bottleneck, and no candidate is shown to be faster",
        )
    if _has_front(view):
        yield verdict.FRONT, criteria.front_legend(one for one in view.experiment.criteria if one.on_front)


def _forests(view: View) -> Iterator[Chart]:
    """Yield a plot for each criterion."""
    for criterion in view.experiment.criteria:
        points = tuple(_point(view, criterion, one) for one in _drawable(view, criterion))
        if points:
            baseline = next((one.figure for one in points if one.name == BASELINE), None)
            band = _band(criterion, baseline)
            drawing = Forest(
                scale=criteria.scale(criterion),
                points=points,
                line=baseline.value if baseline else None,
                band=band,
            )
            within = brackets.of(criterion, view.experiment)
            yield _forest(_caption(criterion), drawing, _drawn(criterion, band, view.places) if band else "", within)


def _drawable(view: View, criterion: Criterion) -> list[Standing]:
    """Return the standings by a criterion whose figures its scale can hold."""
    found = criteria.standings(view.experiment, criterion)
    ratios = criterion.compared == "ratio"
    return [one for one in found if not ratios or figures.is_positive(one.to_baseline)]


def _point(view: View, criterion: Criterion, standing: Standing) -> Point:
    ratios = criterion.compared == "ratio"
    return Point(
        name=standing.name,
        figure=criteria.drawn(criterion, standing),
        text=figures.stood(standing, view.places) if ratios else " ".join(criteria.amount(criterion, standing.figure)),
        at_least=standing.at_least,
    )


def _caption(criterion: Criterion) -> str:
    if criterion.compared == "ratio":
        return f"{_capital(criterion.title)}, as a ratio to the baseline's"
    of = ", as a share of the writers' time" if criterion.name == LOCK_WAITS.name else ""
    return f"{_capital(criterion.title)}{of}"


def _capital(title: str) -> str:
    return title[0].upper() + title[1:]


def _drawn(criterion: Criterion, band: Estimate, places: int) -> str:
    if criterion.compared == "ratio":
        return figures.ratio_with_interval(band, places)
    return " ".join(criteria.amount(criterion, band))


def _band(criterion: Criterion, baseline: Estimate | None) -> Estimate | None:
    """Return where the baseline's figure would lie by chance: as far off as the control's; None if nobody can tell."""
    if criterion.control is None or not criterion.decides:
        return None
    off = criterion.control.to_baseline
    if criterion.compared == "ratio":
        return off
    if baseline is None:
        return None
    return Estimate(value=baseline.value, low=max(baseline.value + off.low, 0.0), high=baseline.value + off.high)


def _forest(title: str, drawing: Forest, band: str, within: str) -> Chart:
    said = "; ".join(f"{point.name} {point.text}" for point in drawing.points)
    chance = f" The band, {band}, shows how far the baseline differs from itself by chance." if band else ""
    heading = f"value [{within}]"
    return Chart(
        title=title,
        description=f"A point and {brackets.with_article(within)} for each candidate: {said}.{chance}",
        drawing=drawing,
        table=Table(
            caption=title,
            columns=columns("candidate", heading, numbers=[heading]),
            rows=tuple(
                cells(name(point.name), Cell(text=point.text, sort=point.figure.value)) for point in drawing.points
            ),
        ),
        repeats=True,
    )


def _has_front(view: View) -> bool:
    """Return whether anybody is to be marked as on the Pareto front: with too few blocks, everybody would be."""
    return not verdict.is_undecided(view.experiment) and any(result.on_front for result in view.results)


def _fronts(view: View) -> Iterator[Chart]:
    """Yield a plot of the first criterion of the Pareto front against each other one; none with too few blocks."""
    if verdict.is_undecided(view.experiment):
        return
    first, *others = [one for one in view.experiment.criteria if one.on_front] or [THROUGHPUT]
    for second in others:
        if plot := _front(view, first, second):
            yield plot


def _front(view: View, first: Criterion, second: Criterion) -> Chart | None:
    """Return the plot of two criteria; None where fewer than two candidates are ranked by both."""
    one, other = ({each.name: each for each in _drawable(view, criterion)} for criterion in (first, second))
    placed = [result for result in view.results if {first.name, second.name} <= result.standings.keys()]
    shown = [
        Traded(
            first=_point(view, first, one[result.name]),
            second=_point(view, second, other[result.name]),
            on_front=result.on_front,
        )
        for result in placed
        if result.name in one and result.name in other
    ]
    if len(placed) < 2 or not shown:  # noqa: PLR2004 (two of them make a choice)
        return None
    side = "right" if first.better == "more" else "left"
    title = (
        f"{_capital(first.title)} against {second.title}: best at the "
        f"{'lower' if second.better == 'less' else 'upper'} {side}; ringed: on the Pareto front"
    )
    front, beaten = ([each.first.name for each in shown if each.on_front is on] for on in (True, False))
    within = (f"{one.title} [{brackets.of(one, view.experiment)}]" for one in (first, second))
    headings = ("candidate", *within, "on the front")
    return Chart(
        title=title,
        description=(
            f"On the Pareto front, ringed: {figures.listed(front, len(front)) or 'none'}. Beaten by another candidate: "
            f"{figures.listed(beaten, len(beaten)) or 'none'}."
        ),
        drawing=Pareto(first=criteria.scale(first), second=criteria.scale(second), points=tuple(shown)),
        table=Table(
            caption=title,
            columns=columns(*headings, numbers=headings[1:3]),
            rows=tuple(
                cells(
                    name(each.first.name),
                    Cell(text=each.first.text, sort=each.first.figure.value),
                    Cell(text=each.second.text, sort=each.second.figure.value),
                    "yes" if each.on_front else "no",
                )
                for each in shown
            ),
        ),
        repeats=True,
    )
