"""What stands in and around a matrix, alike in every format.

Owns titles, cells, footnote numbers and the facts of each run as text; `name` draws the name of a workload or of a
cardinality in the format at hand. Must not lay anything out.
"""

from collections.abc import Callable, Iterator, Mapping

from schemabench.records import Notice
from schemabench.report import figures, verdict, writers
from schemabench.report import reasons as differences
from schemabench.report.footnotes import Numbers
from schemabench.report.matrix import traits
from schemabench.report.matrix.criteria import LOCK_WAITS, THROUGHPUT, Criterion
from schemabench.report.matrix.model import Cell, Column, Comparison, Matrix
from schemabench.report.verdict import Name
from schemabench.units import format_duration

DIFFERENCES = "What differs from the baseline"
"""What stands above the lines of `reasons`."""
TITLE = "Candidate schemas over several runs"
LEGENDS: Mapping[Criterion, str] = {
    THROUGHPUT: (
        "ratio to the baseline of the same run, paired by block; its 95 % intervals hold jointly for the candidates of "
        "a run, not over runs"
    ),
    LOCK_WAITS: "share of the writers' time spent waiting for locks, or pausing before a retry",
}
"""What the figures beside the ranks are."""
WINNER_LEGEND = (
    "it changes only where, among the candidates that both runs ranked, no leader of the one leads in the other; else "
    "they cannot be told apart"
)
RUN_HEADINGS = (
    "run",
    "started (UTC)",
    "PostgreSQL",
    "clients",
    "blocks",
    "smallest difference beyond chance",
    "the baseline's rows/s",
    "file",
)
"""Of the rows that `run` returns."""


def title(matrix: Matrix, name: Name) -> str:
    """Return what a matrix is of, as in `usage at typical, by PostgreSQL version`."""
    at = f" at {name(matrix.cardinality)}" if matrix.cardinality else ""
    return f"{name(matrix.workload)}{at}, by {figures.listed(matrix.differ, len(matrix.differ))}"


def figure(cell: Cell, column: Column, criterion: Criterion) -> tuple[str, str]:
    """Return what a candidate's rank rests on, and its interval; nothing without a rank."""
    place = cell.places[criterion]
    return criterion.drawn(place.figure, column.source.experiment, place.at_least) if place.rank else ("", "")


def front(cell: Cell, criterion: Criterion) -> str:
    """Return the mark of the Pareto front beside the second rank, where both have been seen; empty off the front."""
    return verdict.FRONT if cell.on_front and criterion is LOCK_WAITS else ""


def shows_front(matrix: Matrix) -> bool:
    """Return whether any candidate has the mark in any run."""
    return any(cell.on_front for row in matrix.rows for cell in row.cells)


def firsts(matrix: Matrix) -> str:
    """Return what stands before the runs' answers, as in `winner, waits least`."""
    return ", ".join(criterion.first for criterion in matrix.criteria)


def reasons(matrix: Matrix, name: Name, text: Callable[[str], str]) -> list[str]:
    """Return what differs from the baseline in each candidate, and in which runs, a line for each.

    Args:
        matrix: Whose candidates, in order of its rows.
        name: How a candidate's name is drawn.
        text: How any other text of a record is drawn.
    """
    lines = []
    for row in matrix.rows:
        groups: dict[str, list[str]] = {}
        for column in matrix.columns:
            experiment = column.source.experiment
            for result, _ in verdict.ranked(experiment):
                if result.name == row.candidate and (said := differences.of(experiment, result, name, text)):
                    groups.setdefault(said, []).append(column.label)
        lines += [
            f"{name(row.candidate)} {matrix.preposition} {text(traits.listed(labels))}: {said}"
            for said, labels in groups.items()
        ]
    return lines


def of_writers(matrix: Matrix) -> list[tuple[str, str, list[str]]]:
    """Return candidate, writer, and the writer's own ratio in each run; nothing where there is one writer."""
    runs = [
        {
            (result.name, writer): cell
            for result, cells in writers.rows(column.source.experiment)
            for writer, cell in zip(writers.names(column.source.experiment), cells, strict=True)
        }
        for column in matrix.columns
    ]
    known = dict.fromkeys(key for shown in runs for key in shown)
    return [
        (*key, [shown.get(key, figures.DASH) for shown in runs])
        for row in matrix.rows
        for key in known
        if key[0] == row.candidate
    ]


def run(column: Column) -> tuple[str, ...]:
    """Return the facts of a run, in order of `RUN_HEADINGS`."""
    source, experiment = column.source, column.source.experiment
    server = source.run.server
    blind = experiment.smallest_difference
    baseline = [result for result, _ in verdict.ranked(experiment) if result.name == verdict.BASELINE]
    return (
        column.label,
        traits.started(source),
        f"{server.version} ({server.origin})" if server else figures.DASH,
        str(experiment.clients),
        f"{experiment.blocks:,} in {format_duration(experiment.elapsed_s)}",
        figures.DASH if blind is None else figures.percent(blind),
        figures.rate_with_interval(baseline[0].rows_per_s) if baseline else figures.DASH,
        source.file,
    )


def numbers(comparison: Comparison) -> Numbers:
    """Return the number of every notice, from 1, in the order in which they are shown."""
    every = [*comparison.notices, *(notice for matrix in comparison.matrices for notice in notices(matrix))]
    return {notice: number for number, notice in enumerate(dict.fromkeys(every), start=1)}


def notices(matrix: Matrix) -> list[Notice]:
    """Return the notices of a matrix and of all that is in it, each once, in order."""
    return list(dict.fromkeys(_every(matrix)))


def _every(matrix: Matrix) -> Iterator[Notice]:
    yield from matrix.notices
    for column in matrix.columns:
        yield from column.notices
    for row in matrix.rows:
        yield from row.notices
        for cell in row.cells:
            yield from cell.notices
