"""The report of several runs side by side: which candidate leads in which, and where the winner changes.

Owns what stands in it, and in which order. Must not decide what may be compared or who wins, nor draw anything.
"""

from collections.abc import Iterator
from dataclasses import replace

from schemabench.candidate import BASELINE
from schemabench.records import THROUGHPUT, Criterion, Notice
from schemabench.report import brackets, criteria, figures, footnotes, tree, verdict, view, writers
from schemabench.report import reasons as differences
from schemabench.report.drawings import OverRuns, Point
from schemabench.report.footnotes import Numbers
from schemabench.report.matrix import conditions, traits, winner
from schemabench.report.matrix.model import Cell, Column, Comparison, Matrix
from schemabench.report.text import name
from schemabench.report.tree import Bullets, Chart, Document, Node, Notes, Paragraph, Part, Section, Table, cells
from schemabench.units import format_duration

_TITLE = "Candidate schemas over several runs"
_RATIO_LEGEND = "ratio to the baseline of the same run, paired by block"
_HELD = {
    brackets.INTERVAL: "its 95 % intervals hold jointly for the candidates of a run, not over runs",
    brackets.RANGE: "of a run with too few blocks for intervals (rank -), the observed range is in brackets",
}
_WINNER_LEGEND = (
    "it changes only if no leader of one run also leads in the other, among the candidates ranked in both; "
    "otherwise the runs cannot be told apart"
)
_CHART = "Throughput, as a ratio to the baseline's of the same run"


def document(comparison: Comparison) -> Document:
    """Return the report of a comparison."""
    known = _numbers(comparison)
    return Document(
        title=_TITLE,
        notes=Notes(items=footnotes.numbered(comparison.notices, known)),
        parts=tuple(_part(matrix, number, known) for number, matrix in enumerate(comparison.matrices, start=1)),
    )


def _part(matrix: Matrix, number: int, known: Numbers) -> Part:
    at = f" at {name(matrix.cardinality)}" if matrix.cardinality else ""
    sources = [column.source for column in matrix.columns]
    every = replace(sources[0].run, experiments=tuple(source.experiment for source in sources))
    limits = _marks(matrix.notices, known)
    return Part(
        id=f"matrix-{number}",
        title=f"{name(matrix.workload)}{at}, by {figures.listed(matrix.differ, len(matrix.differ))}",
        link=f"{matrix.workload} {matrix.cardinality}".strip(),
        verdict=tuple(
            Paragraph(
                text=" ".join(winner.sentences(matrix, criterion)),
                notes=limits,
                emphasis="strong" if criterion.name == THROUGHPUT.name else "",
            )
            for criterion in matrix.criteria
        ),
        answer=tuple(_reasons(matrix)),
        notes=Notes(items=footnotes.numbered(_notices(matrix), known)),
        sections=(
            Section(id="ranks", title="Ranks", nodes=tuple(_ranks(matrix, known)), brief=True),
            *_writers(matrix),
            Section(id="runs", title="The runs", nodes=(_runs(matrix),)),
        ),
        names=view.names(every, matrix.workload),
    )


def _reasons(matrix: Matrix) -> Iterator[Bullets]:
    """Yield what differs from the baseline in each candidate, and in which runs, a line for each."""
    lines = []
    for row in matrix.rows:
        groups: dict[str, list[str]] = {}
        for column in matrix.columns:
            experiment = column.source.experiment
            for result, _ in view.ranked(experiment):
                if result.name == row.candidate and (said := differences.of(experiment, result)):
                    groups.setdefault(said, []).append(column.label)
        lines += [
            f"{name(row.candidate)} {matrix.preposition} {traits.listed(labels)}: {said}"
            for said, labels in groups.items()
        ]
    if lines:
        yield Bullets(lead="What differs from the baseline:", items=tuple(lines))


def _ranks(matrix: Matrix, known: Numbers) -> Iterator[Node]:
    """Yield a table for each criterion, and a chart of throughput."""
    for criterion in matrix.criteria:
        yield _table(matrix, criterion, known)
    points = tuple(_points(matrix))
    within = _within(matrix)
    if points:
        beside = brackets.with_article(within)
        said = "; ".join(f"{point.name} {point.text} ({run})" for run, point in points)
        yield Chart(
            title=_CHART,
            description=f"A point and {beside} for each candidate in each run, runs from top to bottom: {said}.",
            drawing=OverRuns(
                scale=criteria.scale(THROUGHPUT), runs=tuple(column.label for column in matrix.columns), points=points
            ),
            table=Table(
                caption=_CHART,
                columns=tree.columns("run", "candidate", f"ratio [{within}]", numbers=[f"ratio [{within}]"]),
                rows=tuple(
                    cells(run, name(point.name), tree.Cell(text=point.text, sort=point.figure.value))
                    for run, point in points
                ),
            ),
            repeats=True,
        )


def _table(matrix: Matrix, criterion: Criterion, known: Numbers) -> Table:
    """Return a row for each candidate and a column for each run, and below who is first in each."""
    leads = [column.leads[criterion.name] for column in matrix.columns]
    answers = (
        tree.Cell(text=winner.first(criterion), strong=True),
        *(tree.Cell(text=winner.mark(lead), strong=bool(lead.changed_from)) for lead in leads),
    )
    noted = tuple(tree.Cell(text="", notes=_marks(column.notices, known)) for column in matrix.columns)
    front = _front(matrix)
    shows_front = criterion.name == front[-1].name and any(cell.on_front for row in matrix.rows for cell in row.cells)
    return Table(
        caption=f"By {criterion.title}",
        columns=(
            tree.Column(heading=criterion.title),
            *(tree.Column(heading=column.label, drop_interval=1) for column in matrix.columns),
        ),
        rows=tuple(
            (
                tree.Cell(text=name(row.candidate), notes=_marks(row.notices, known)),
                *(
                    _cell(cell, column, criterion, known, marked=shows_front)
                    for cell, column in zip(row.cells, matrix.columns, strict=True)
                ),
            )
            for row in matrix.rows
        ),
        footer=(answers, *([(tree.Cell(text="footnotes"), *noted)] if any(cell.notes for cell in noted) else [])),
        legend=(
            (criterion.title, f"rank (=: tied) and {_legend(matrix, criterion)}"),
            *([(verdict.FRONT, criteria.front_legend(front))] if shows_front else []),
            (winner.first(criterion), _WINNER_LEGEND),
        ),
    )


def _legend(matrix: Matrix, criterion: Criterion) -> str:
    """Return what the figures beside the ranks are."""
    if criterion.compared != "ratio":
        return criteria.legend(criterion) or criterion.title
    within = _within(matrix)
    return "; ".join([_RATIO_LEGEND, *(told for held, told in _HELD.items() if held in within)])


def _within(matrix: Matrix) -> str:
    """Return what is in brackets beside ratios."""
    return brackets.of_pairs(*(column.source.experiment for column in matrix.columns))


def _front(matrix: Matrix) -> list[Criterion]:
    """Return the criteria of the Pareto front; throughput where there is none."""
    return [one for one in matrix.criteria if one.on_front] or [THROUGHPUT]


def _cell(cell: Cell, column: Column, criterion: Criterion, known: Numbers, *, marked: bool) -> tree.Cell:
    """Return rank, figure and the mark of the front, and the interval, as in `1= 3.1 % *`."""
    place = cell.places[criterion.name]
    figure, interval = _figure(cell, column, criterion)
    front = verdict.FRONT if cell.on_front and marked else ""
    return tree.Cell(
        text=" ".join(filter(None, (place.text, figure, front))),
        interval=interval,
        notes=_marks(cell.notices, known),
        strong=winner.is_first(cell, column, criterion),
    )


def _figure(cell: Cell, column: Column, criterion: Criterion) -> tuple[str, str]:
    """Return what a candidate's rank rests on, and its interval; nothing without a rank."""
    place = cell.places[criterion.name]
    places = figures.decimals(column.source.experiment)
    return criteria.figure(criterion, place.standing, places) if place.standing else ("", "")


def _points(matrix: Matrix) -> Iterator[tuple[str, Point]]:
    """Yield what a log scale can hold, run by run."""
    for place, column in enumerate(matrix.columns):
        for row in matrix.rows:
            cell = row.cells[place]
            standing = cell.places[THROUGHPUT.name].standing
            if standing is None or standing.name == BASELINE or not figures.is_positive(standing.to_baseline):
                continue
            text, ratio = " ".join(_figure(cell, column, THROUGHPUT)), standing.to_baseline
            yield column.label, Point(name=row.candidate, figure=ratio, text=text, at_least=standing.at_least)


def _writers(matrix: Matrix) -> Iterator[Section]:
    """Yield each writer's own ratio in each run; nothing where there is one writer."""
    runs = [dict(writers.ratios(column.source.experiment)) for column in matrix.columns]
    known = dict.fromkeys(key for shown in runs for key in shown)
    rows = tuple(
        cells(name(row.candidate), name(writer), *(shown.get((who, writer), figures.DASH) for shown in runs))
        for row in matrix.rows
        for who, writer in known
        if who == row.candidate
    )
    if rows:
        headings = (
            *(tree.Column(heading=who, is_name=True) for who in ("candidate", "writer")),
            *tree.columns(*(column.label for column in matrix.columns)),
        )
        caption = writers.caption(*(column.source.experiment for column in matrix.columns))
        table = Table(caption=caption, columns=headings, rows=rows)
        yield Section(id="writers", title="Writer by writer", nodes=(table,), brief=True)


def _runs(matrix: Matrix) -> Table:
    """Return how each run was made."""
    headings = (
        "run",
        "started (UTC)",
        "PostgreSQL",
        "clients",
        "blocks",
        "half of the control's interval",
        "the baseline's rows/s",
        "file",
    )
    return Table(
        caption="How each run was made", columns=tree.columns(*headings), rows=tuple(map(_run, matrix.columns))
    )


def _run(column: Column) -> tuple[tree.Cell, ...]:
    source, experiment = column.source, column.source.experiment
    server, blind = source.run.server, experiment.smallest_difference
    baseline = view.baseline(experiment)
    rate = baseline.rows_per_s if baseline else None
    return cells(
        column.label,
        conditions.started(source),
        f"{server.version} ({server.origin})" if server else figures.DASH,
        experiment.clients,
        f"{experiment.blocks:,} in {format_duration(experiment.elapsed_s)}",
        figures.DASH if blind is None else figures.percent(blind),
        tree.Cell(text=figures.rate(rate), interval=figures.rate_interval(rate)),
        name(source.file),
    )


def _numbers(comparison: Comparison) -> Numbers:
    """Return the number of every notice, from 1, in the order in which they are shown."""
    every = [*comparison.notices, *(notice for matrix in comparison.matrices for notice in _notices(matrix))]
    return {notice: number for number, notice in enumerate(dict.fromkeys(every), start=1)}


def _notices(matrix: Matrix) -> list[Notice]:
    """Return the notices of a matrix and of all that is in it, each once, in order."""
    of_cells = (
        notice for row in matrix.rows for notice in (*row.notices, *(one for cell in row.cells for one in cell.notices))
    )
    of_runs = (notice for column in matrix.columns for notice in column.notices)
    return list(dict.fromkeys([*matrix.notices, *of_runs, *of_cells]))


def _marks(notices: tuple[Notice, ...], known: Numbers) -> tuple[int, ...]:
    return tuple(sorted({known[notice] for notice in notices}))
