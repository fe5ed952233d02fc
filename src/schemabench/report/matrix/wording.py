"""What stands in and around a matrix, alike in every format.

Owns titles, cells, footnote numbers and the facts of each run as text; `name` draws the name of a workload or of a
cardinality in the format at hand. Must not lay anything out.
"""

from collections.abc import Iterator

from schemabench.records import Notice
from schemabench.report import figures, verdict
from schemabench.report.footnotes import Numbers
from schemabench.report.matrix import traits
from schemabench.report.matrix.model import Cell, Column, Comparison, Matrix
from schemabench.report.verdict import Name
from schemabench.units import format_duration

TITLE = "Candidate schemas over several runs"
RATIO_LEGEND = (
    "throughput over that of the baseline of the same run, paired by block, with its 95 % interval; intervals hold "
    "jointly for the candidates of a run, not over runs"
)
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
    "smallest visible difference",
    "the baseline's rows/s",
    "file",
)
"""Of the rows that `run` returns."""


def title(matrix: Matrix, name: Name) -> str:
    """Return what a matrix is of, as in `usage at typical, by PostgreSQL version`."""
    at = f" at {name(matrix.cardinality)}" if matrix.cardinality else ""
    return f"{name(matrix.workload)}{at}, by {figures.listed(matrix.differ, len(matrix.differ))}"


def ratio(cell: Cell, column: Column) -> tuple[str, str]:
    """Return a candidate's ratio and its interval; `1x` alone for the baseline, nothing without a rank."""
    if cell.ratio is None:
        return (f"{figures.BASELINE_RATIO}x" if cell.rank else "", "")
    places = figures.decimals(column.source.experiment)
    shown = figures.ratio(cell.ratio.value, places)
    return (shown if shown == figures.DASH else f"{shown}x", figures.ratio_interval(cell.ratio, places))


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
