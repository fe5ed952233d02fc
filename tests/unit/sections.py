"""Reads sections of a report as people do: their tables as rows of plain texts."""

from collections.abc import Callable
from dataclasses import replace

from fixed_run import RUN

from schemabench.records import Experiment, Run
from schemabench.report import csv
from schemabench.report.text import plain
from schemabench.report.tree import Cell, Section, Table
from schemabench.report.view import View


def tables(section: Callable[[View], Section | None], experiment: Experiment, run: Run = RUN) -> list[Table]:
    """Return all tables of a section of an experiment; none where there is no such section."""
    known = run if experiment in run.experiments else replace(run, experiments=(experiment,))
    found = section(View(experiment, known))
    return [] if found is None else list(csv.within(found.nodes))


def rows(table: Table) -> list[tuple[str, ...]]:
    """Return the texts of a table's cells, each with its interval."""
    return [tuple(map(shown, row)) for row in table.rows]


def headings(table: Table) -> list[str]:
    """Return the headings of a table's columns."""
    return [plain(column.heading) for column in table.columns]


def shown(cell: Cell) -> str:
    """Return a cell's text with its interval."""
    return plain(" ".join(filter(None, (cell.text, cell.interval))))
