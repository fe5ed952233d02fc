"""A comparison of runs as Markdown, to be pasted into a pull request.

Owns which cells the template may show. Must not word anything, nor hold the page's text: that is in `templates/`.
"""

from collections.abc import Iterable, Mapping

from schemabench.records import Notice
from schemabench.report import footnotes
from schemabench.report.document import templates
from schemabench.report.escape import Markdown, code, prose
from schemabench.report.footnotes import Numbers
from schemabench.report.matrix import winner, wording
from schemabench.report.matrix.model import Cell, Column, Comparison, Matrix

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
            ratio_legend=wording.RATIO_LEGEND,
            winner_legend=wording.WINNER_LEGEND,
            run_headings=list(wording.RUN_HEADINGS),
        )
    )


def _matrix(matrix: Matrix, known: Numbers) -> Mapping[str, object]:
    """Return what the template shows of a matrix."""
    candidates = [
        [
            Markdown(code(row.candidate) + _marks(row.notices, known)),
            *(_cell(cell, column, known) for cell, column in zip(row.cells, matrix.columns, strict=True)),
        ]
        for row in matrix.rows
    ]
    return {
        "title": Markdown(wording.title(matrix, code)),
        "verdict": Markdown(" ".join(winner.sentences(matrix, code))),
        "marks": _marks(matrix.notices, known),
        "headings": ["candidate", *(prose(column.label) + _marks(column.notices, known) for column in matrix.columns)],
        "rows": [*candidates, [Markdown("**winner**"), *map(_winner, matrix.columns)]],
        "notes": _notes(wording.notices(matrix), known),
        "runs": [[*facts[:-1], code(facts[-1])] for facts in map(wording.run, matrix.columns)],
    }


def _cell(cell: Cell, column: Column, known: Numbers) -> Markdown:
    """Return rank, ratio and interval, as in `**1=** 1.31x [1.26, 1.36]`."""
    place = f"**{cell.place}**" if winner.leads(cell, column) else cell.place
    return Markdown(" ".join(filter(None, (place, *wording.ratio(cell, column)))) + _marks(cell.notices, known))


def _winner(column: Column) -> Markdown:
    said = prose(winner.mark(column))
    return Markdown(f"**{said}**" if column.changed_from else said)


def _marks(notices: Iterable[Notice], known: Numbers) -> Markdown:
    marks = footnotes.marks(notices, known)
    return Markdown(f" <sup>{marks}</sup>" if marks else "")


def _notes(notices: Iterable[Notice], known: Numbers) -> list[tuple[int, str]]:
    return [(known[notice], notice.text) for notice in notices]
