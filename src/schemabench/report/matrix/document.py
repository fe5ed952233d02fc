"""A comparison of runs as Markdown, to be pasted into a pull request.

Owns which cells the template may show. Must not word anything, nor hold the page's text: that is in `templates/`.
"""

from collections.abc import Iterable, Mapping

from schemabench.records import Notice
from schemabench.report import footnotes, verdict, writers
from schemabench.report.document import templates
from schemabench.report.escape import Markdown, code, prose
from schemabench.report.footnotes import Numbers
from schemabench.report.matrix import winner, wording
from schemabench.report.matrix.criteria import Criterion
from schemabench.report.matrix.model import Cell, Column, Comparison, Lead, Matrix

_TEMPLATE = "matrix.md.j2"


def markdown(comparison: Comparison) -> str:
    """Return matrices as GitHub Flavored Markdown."""
    known = wording.numbers(comparison)
    return (
        templates()
        .get_template(_TEMPLATE)
        .render(
            title=wording.TITLE,
            notes=_notes(comparison.notices, known),
            matrices=[_matrix(matrix, known) for matrix in comparison.matrices],
            front=verdict.FRONT,
            front_legend=verdict.FRONT_LEGEND,
            differences=wording.DIFFERENCES,
            writers_title=writers.TITLE,
            writers_legend=writers.LEGEND,
            winner_legend=wording.WINNER_LEGEND,
            run_headings=list(wording.RUN_HEADINGS),
        )
    )


def _matrix(matrix: Matrix, known: Numbers) -> Mapping[str, object]:
    """Return what the template shows of a matrix."""
    return {
        "title": Markdown(wording.title(matrix, code)),
        "verdicts": [Markdown(" ".join(winner.sentences(matrix, one, code))) for one in matrix.criteria],
        "marks": _marks(matrix.notices, known),
        "runs_with_marks": [prose(column.label) + _marks(column.notices, known) for column in matrix.columns],
        "tables": [(one.title, wording.LEGENDS[one], _rows(matrix, one, known)) for one in matrix.criteria],
        "reasons": [Markdown(line) for line in wording.reasons(matrix, code, prose)],
        "writers": [
            [code(one), code(writer), *map(Markdown, cells)] for one, writer, cells in wording.of_writers(matrix)
        ],
        "shows_front": wording.shows_front(matrix),
        "firsts": wording.firsts(matrix).capitalize(),
        "notes": _notes(wording.notices(matrix), known),
        "runs": [[*facts[:-1], code(facts[-1])] for facts in map(wording.run, matrix.columns)],
    }


def _rows(matrix: Matrix, criterion: Criterion, known: Numbers) -> list[list[Markdown]]:
    """Return a row for each candidate, and one of who is first."""
    candidates = [
        [
            Markdown(code(row.candidate) + _marks(row.notices, known)),
            *(_cell(cell, column, criterion, known) for cell, column in zip(row.cells, matrix.columns, strict=True)),
        ]
        for row in matrix.rows
    ]
    return [*candidates, [Markdown(f"**{criterion.first}**"), *(_lead(one.leads[criterion]) for one in matrix.columns)]]


def _cell(cell: Cell, column: Column, criterion: Criterion, known: Numbers) -> Markdown:
    """Return rank, figure, interval and the mark of the front, as in `**1=** 3.1 % [2.7, 3.6] *`."""
    place = cell.places[criterion].text
    shown = f"**{place}**" if winner.is_first(cell, column, criterion) else place
    parts = (shown, *wording.figure(cell, column, criterion), prose(wording.front(cell, criterion)))
    return Markdown(" ".join(filter(None, parts)) + _marks(cell.notices, known))


def _lead(lead: Lead) -> Markdown:
    said = prose(winner.mark(lead))
    return Markdown(f"**{said}**" if lead.changed_from else said)


def _marks(notices: Iterable[Notice], known: Numbers) -> Markdown:
    marks = footnotes.marks(notices, known)
    return Markdown(f" <sup>{marks}</sup>" if marks else "")


def _notes(notices: Iterable[Notice], known: Numbers) -> list[tuple[int, str]]:
    return [(known[notice], notice.text) for notice in notices]
