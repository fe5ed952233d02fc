"""A comparison of runs as an HTML page, in the look of the page of one run.

Owns which cells the template may show. Must not word anything, nor know the page's style.
"""

from collections.abc import Iterable, Mapping

from markupsafe import Markup

from schemabench.records import Notice
from schemabench.report import verdict, writers
from schemabench.report.footnotes import Numbers
from schemabench.report.matrix import winner, wording
from schemabench.report.matrix.chart import chart
from schemabench.report.matrix.criteria import Criterion
from schemabench.report.matrix.model import Cell, Column, Comparison, Matrix
from schemabench.report.page import shell, tables
from schemabench.report.page.templates import render
from schemabench.report.page.wording import code, name, sentence

_GENERAL = "all"
"""What ids of notes on the whole comparison begin with."""


def html(comparison: Comparison) -> str:
    """Return matrices as one HTML page: who leads in which run first, then what it rests on."""
    known = wording.numbers(comparison)
    matrices = [
        _matrix(matrix, f"matrix-{number}", known) for number, matrix in enumerate(comparison.matrices, start=1)
    ]
    body = render(
        "matrix.html.j2",
        matrices=matrices,
        notes=_notes(comparison.notices, known, _GENERAL),
        front=verdict.FRONT,
        front_legend=verdict.FRONT_LEGEND,
        differences=wording.DIFFERENCES,
        winner_legend=wording.WINNER_LEGEND,
    )
    links = [("verdict", "Verdict"), *((str(one["anchor"]), str(one["link"])) for one in matrices)]
    return shell.document(wording.TITLE, links, body)


def _matrix(matrix: Matrix, anchor: str, known: Numbers) -> Mapping[str, object]:
    """Return what the template shows of a matrix."""
    return {
        "anchor": anchor,
        "link": f"{matrix.workload} {matrix.cardinality}".strip(),
        "title": sentence(wording.title(matrix, name)),
        "verdicts": [sentence(" ".join(winner.sentences(matrix, one, name))) for one in matrix.criteria],
        "marks": _marks(matrix.notices, known, anchor),
        "runs": [(column.label, _marks(column.notices, known, anchor)) for column in matrix.columns],
        "tables": [_table(matrix, criterion, known, anchor) for criterion in matrix.criteria],
        "firsts": wording.firsts(matrix).capitalize(),
        "reasons": [sentence(line) for line in wording.reasons(matrix, name, str)],
        "writers": _writers(matrix),
        "shows_front": wording.shows_front(matrix),
        "chart": chart(matrix),
        "notes": _notes(wording.notices(matrix), known, anchor),
        "facts": _facts(matrix),
    }


def _table(matrix: Matrix, criterion: Criterion, known: Numbers, anchor: str) -> Mapping[str, object]:
    """Return what the template shows of a matrix by a criterion."""
    leads = [column.leads[criterion] for column in matrix.columns]
    return {
        "title": criterion.title,
        "legend": sentence(wording.LEGENDS[criterion]),
        "first": criterion.first,
        "rows": [
            {
                "candidate": code(row.candidate),
                "marks": _marks(row.notices, known, anchor),
                "cells": [
                    _cell(cell, column, criterion) | {"marks": _marks(cell.notices, known, anchor)}
                    for cell, column in zip(row.cells, matrix.columns, strict=True)
                ],
            }
            for row in matrix.rows
        ],
        "leads": [(winner.mark(lead), bool(lead.changed_from)) for lead in leads],
    }


def _cell(cell: Cell, column: Column, criterion: Criterion) -> dict[str, object]:
    figure, interval = wording.figure(cell, column, criterion)
    return {
        "place": cell.places[criterion].text,
        "is_first": winner.is_first(cell, column, criterion),
        "figure": sentence(figure),
        "front": wording.front(cell, criterion),
        "interval": interval,
    }


def _writers(matrix: Matrix) -> Markup:
    """Return the table of each writer's own ratio; nothing where there is one writer."""
    found = wording.of_writers(matrix)
    columns = [
        tables.Column(heading="candidate"),
        tables.Column(heading="writer"),
        *(tables.Column(heading=column.label) for column in matrix.columns),
    ]
    rows = [(code(candidate), code(writer), *cells) for candidate, writer, cells in found]
    return tables.table(columns, rows, f"{writers.TITLE}: {writers.LEGEND}") if found else Markup()


def _facts(matrix: Matrix) -> Markup:
    """Return how each run was made, as a table."""
    columns = [tables.Column(heading=heading) for heading in wording.RUN_HEADINGS]
    return tables.table(columns, map(wording.run, matrix.columns), "How each run was made")


def _marks(notices: Iterable[Notice], known: Numbers, anchor: str) -> Markup:
    return render("marks.html.j2", numbers=sorted({known[notice] for notice in notices}), anchor=anchor)


def _notes(notices: Iterable[Notice], known: Numbers, anchor: str) -> Markup:
    return render("notes.html.j2", notes=[(known[notice], notice.text) for notice in notices], anchor=anchor)
