"""A comparison of runs on a terminal: a table of candidates by runs, and what to keep in mind.

Owns the layout. Must not word anything, nor need a terminal: lines of text come out.
"""

from collections.abc import Iterator, Sequence

from schemabench.report import footnotes, layout, verdict, writers
from schemabench.report.characters import clean, columns
from schemabench.report.footnotes import Numbers
from schemabench.report.layout import labelled, shorten, wrap
from schemabench.report.matrix import winner, wording
from schemabench.report.matrix.criteria import THROUGHPUT, Criterion
from schemabench.report.matrix.model import Cell, Column, Comparison, Matrix

_NARROWEST = 40
"""A name and one run fit it; to a narrower terminal is written as if it were as wide."""
_WIDEST_NAME = 24
"""Longer names are cut in the middle, so that runs have room."""
_NARROWEST_RUN = 13
"""What `PostgreSQL 15` takes, or `12= 31 % *`."""

_INDENT = "  "
_WIDEST_PLACE = 3
"""What `12=` takes: figures stand below each other."""

Line = tuple[str, Sequence[Sequence[str]]]
"""A name, and for each run the lines of its cell."""


def terminal(comparison: Comparison, width: int = 80) -> str:
    """Return matrices as lines of text, none wider than so many columns (or than 40, where fewer are asked for).

    The last line has no line end, as `print` adds one.
    """
    width = max(width, _NARROWEST)
    known = wording.numbers(comparison)
    general = [line for notice in comparison.notices for line in labelled(f"({known[notice]}) ", notice.text, width)]
    parts = [general, *(_matrix(matrix, known, width) for matrix in comparison.matrices)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _matrix(matrix: Matrix, known: Numbers, width: int) -> list[str]:
    title = shorten(wording.title(matrix, clean), width)
    marks = _bracketed(footnotes.marks(matrix.notices, known))
    sections = [
        [title, "=" * columns(title)],
        *(wrap(" ".join(winner.sentences(matrix, one, clean)) + marks, width) for one in matrix.criteria),
        *_tables(matrix, known, width),
        _legend(matrix, width),
        _writers(matrix, width),
        _reasons(matrix, width),
        [line for notice in wording.notices(matrix) for line in labelled(f"({known[notice]}) ", notice.text, width)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines).splitlines()


def _legend(matrix: Matrix, width: int) -> list[str]:
    """Return what stands in the tables."""
    notes = [
        *((f"{one.title}: ", f"rank (=: tied) and {wording.LEGENDS[one]}") for one in matrix.criteria),
        (f"{verdict.FRONT}: ", verdict.FRONT_LEGEND if wording.shows_front(matrix) else ""),
        (f"{wording.firsts(matrix)}: ", wording.WINNER_LEGEND),
    ]
    return [line for label, text in notes if text for line in labelled(label, text, width)]


def _writers(matrix: Matrix, width: int) -> list[str]:
    """Return each writer's own ratio in each run; nothing where there is one writer."""
    lines = []
    for candidate, writer, cells in wording.of_writers(matrix):
        shown = "; ".join(f"{column.label} {cell}" for column, cell in zip(matrix.columns, cells, strict=True))
        first, *rest = wrap(f"{clean(candidate)}, {clean(writer)}: {shown}", width, indent=_INDENT * 2)
        lines += [_INDENT + first, *rest]
    return [*wrap(f"{writers.TITLE}: {writers.LEGEND}", width, indent=_INDENT), *lines] if lines else []


def _reasons(matrix: Matrix, width: int) -> list[str]:
    """Return what differs from the baseline, candidate by candidate."""
    lines = []
    for text in wording.reasons(matrix, clean, clean):
        first, *rest = wrap(text, width, indent=_INDENT * 2)
        lines += [_INDENT + first, *rest]
    return [f"{wording.DIFFERENCES}:", *lines] if lines else []


def _tables(matrix: Matrix, known: Numbers, width: int) -> Iterator[list[str]]:
    """Yield a table for each criterion; several below each other where the runs do not fit side by side."""
    names = [_name(row.candidate, footnotes.marks(row.notices, known)) for row in matrix.rows]
    headings = [heading for criterion in matrix.criteria for heading in (criterion.title, criterion.first)]
    widest = max(map(columns, (*names, *headings)))
    widths = [_width(matrix, place, width - widest - len(layout.GAP)) for place in range(len(matrix.columns))]
    for criterion in matrix.criteria:
        lines = [
            *zip(names, _cells(matrix, criterion, known, widths), strict=True),
            *_answers(matrix, criterion, known, widths),
        ]
        for part in _parts(widths, width - widest):
            labels = [shorten(run.label, room) for run, room in zip(matrix.columns[part], widths[part], strict=True)]
            yield _table(f"{criterion.title:<{widest}}", labels, [(name, cells[part]) for name, cells in lines])


def _width(matrix: Matrix, place: int, most: int) -> int:
    """Return the columns that a run takes, with its label and intervals on one line each, if there are as many."""
    run = matrix.columns[place]
    intervals = [_interval(row.cells[place], run, criterion) for criterion in matrix.criteria for row in matrix.rows]
    return min(max(_NARROWEST_RUN, *map(columns, (run.label, *intervals))), most)


def _parts(widths: Sequence[int], room: int) -> Iterator[slice]:
    """Yield which runs stand side by side, as many as there is room for, and one at least."""
    start = 0
    while start < len(widths):
        end, left = start + 1, room - len(layout.GAP) - widths[start]
        while end < len(widths) and (left := left - len(layout.GAP) - widths[end]) >= 0:
            end += 1
        yield slice(start, end)
        start = end


def _cells(matrix: Matrix, criterion: Criterion, known: Numbers, widths: Sequence[int]) -> list[list[list[str]]]:
    """Return the lines of every cell, row by row."""
    return [
        [
            [*_standing(cell, run, criterion, known, room), *filter(None, [_interval(cell, run, criterion)])]
            for cell, run, room in zip(row.cells, matrix.columns, widths, strict=True)
        ]
        for row in matrix.rows
    ]


def _answers(matrix: Matrix, criterion: Criterion, known: Numbers, widths: Sequence[int]) -> Iterator[Line]:
    """Yield what each run says of who is first, then its footnotes, wrapped to the widths of the runs."""
    leads = [winner.mark(run.leads[criterion]) for run in matrix.columns]
    marks = [_apart(_bracketed(footnotes.marks(run.notices, known))).strip() for run in matrix.columns]
    for name, texts in ((criterion.first, leads), ("footnotes", marks)):
        yield name, [wrap(text, room) if text else [] for text, room in zip(texts, widths, strict=True)]


def _table(title: str, labels: Sequence[str], lines: Sequence[Line]) -> list[str]:
    """Return the lines of a table of runs; rows in which they all have nothing to say are left out."""
    said = [(name, cells) for name, cells in lines if any(cells)]
    heights = [max(map(len, cells)) for _, cells in said]
    parts = [layout.Column(heading=title, cells=_stacked([[name] for name, _ in said], heights), align="left")]
    for place, label in enumerate(labels):
        cells = _stacked([cells[place] for _, cells in said], heights)
        parts.append(layout.Column(heading=label, cells=cells, align="left"))
    return layout.table(parts)


def _stacked(cells: Sequence[Sequence[str]], heights: Sequence[int]) -> list[str]:
    """Return the lines of cells below each other, each filled up to its row's height."""
    return [
        line for lines, height in zip(cells, heights, strict=True) for line in [*lines, *[""] * (height - len(lines))]
    ]


def _standing(cell: Cell, run: Column, criterion: Criterion, known: Numbers, width: int) -> list[str]:
    """Return rank, figure, the mark of the front and footnotes, on one line where they fit it."""
    place = cell.places[criterion].text
    figure, _ = wording.figure(cell, run, criterion)
    marks = _apart(_bracketed(footnotes.marks(cell.notices, known)))
    if not figure:
        return wrap(place + marks, width)
    front = f" {wording.front(cell, criterion)}".rstrip()
    return labelled(f"{place:<{_WIDEST_PLACE}} ", figure + front + marks, width)


def _interval(cell: Cell, run: Column, criterion: Criterion) -> str:
    """Return the interval of a ratio; as on the terminal of one run, none of lock waits."""
    _, interval = wording.figure(cell, run, criterion)
    return interval if criterion is THROUGHPUT else ""


def _name(name: str, marks: str) -> str:
    return shorten(name, _WIDEST_NAME) + _bracketed(marks)


def _bracketed(marks: str) -> str:
    return f" ({marks})" if marks else ""


def _apart(marks: str) -> str:
    """Return marks that may stand on several lines, each number whole."""
    return marks.replace(",", ", ")
