"""A comparison of runs on a terminal: a table of candidates by runs, and what to keep in mind.

Owns the layout. Must not word anything, nor need a terminal: lines of text come out.
"""

from collections.abc import Iterator, Sequence

from schemabench.report import footnotes, layout
from schemabench.report.characters import clean, columns
from schemabench.report.footnotes import Numbers
from schemabench.report.layout import labelled, shorten, wrap
from schemabench.report.matrix import winner, wording
from schemabench.report.matrix.model import Cell, Column, Comparison, Matrix

_NARROWEST = 40
"""A name and one run fit it; to a narrower terminal is written as if it were as wide."""
_WIDEST_NAME = 24
"""Longer names are cut in the middle, so that runs have room."""
_NARROWEST_RUN = 13
"""What an interval with three decimals takes, or `PostgreSQL 15`."""

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
    verdict = " ".join(winner.sentences(matrix, clean)) + _bracketed(footnotes.marks(matrix.notices, known))
    sections = [
        [title, "=" * columns(title)],
        wrap(verdict, width),
        *_tables(matrix, known, width),
        [
            *labelled("cells: ", f"rank (=: tied) and {wording.RATIO_LEGEND}", width),
            *labelled("winner: ", wording.WINNER_LEGEND, width),
        ],
        [line for notice in wording.notices(matrix) for line in labelled(f"({known[notice]}) ", notice.text, width)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines).splitlines()


def _tables(matrix: Matrix, known: Numbers, width: int) -> Iterator[list[str]]:
    """Yield the matrix as a table; as several below each other where the runs do not fit side by side."""
    names = [_name(row.candidate, footnotes.marks(row.notices, known)) for row in matrix.rows]
    widest = max(map(columns, (*names, "candidate")))
    widths = [min(max(columns(run.label), _NARROWEST_RUN), width - widest - len(layout.GAP)) for run in matrix.columns]
    start = 0
    while start < len(widths):
        end, room = start + 1, width - widest - len(layout.GAP) - widths[start]
        while end < len(widths) and (room := room - len(layout.GAP) - widths[end]) >= 0:
            end += 1
        yield _table(matrix, names, known, slice(start, end), widths[start:end])
        start = end


def _table(matrix: Matrix, names: Sequence[str], known: Numbers, part: slice, widths: Sequence[int]) -> list[str]:
    """Return the lines of a table of some of the runs, each in a column of its width."""
    runs = matrix.columns[part]
    lines: list[Line] = [
        (name, [_cell(cell, run, known) for cell, run in zip(row.cells[part], runs, strict=True)])
        for name, row in zip(names, matrix.rows, strict=True)
    ]
    lines.append(("winner", [wrap(winner.mark(run), room) for run, room in zip(runs, widths, strict=True)]))
    if any(run.notices for run in runs):
        marks = [_bracketed(footnotes.marks(run.notices, known)).strip() for run in runs]
        lines.append(
            ("footnotes", [wrap(mark.replace(",", ", "), room) for mark, room in zip(marks, widths, strict=True)])
        )
    heights = [max(map(len, cells), default=1) for _, cells in lines]
    parts = [layout.Column(heading="candidate", cells=_stacked([[name] for name, _ in lines], heights), align="left")]
    for place, (run, room) in enumerate(zip(runs, widths, strict=True)):
        cells = _stacked([cells[place] for _, cells in lines], heights)
        parts.append(layout.Column(heading=shorten(run.label, room), cells=cells, align="left"))
    return layout.table(parts)


def _stacked(cells: Sequence[Sequence[str]], heights: Sequence[int]) -> list[str]:
    """Return the lines of cells below each other, each filled up to its row's height."""
    return [
        line for lines, height in zip(cells, heights, strict=True) for line in [*lines, *[""] * (height - len(lines))]
    ]


def _cell(cell: Cell, run: Column, known: Numbers) -> list[str]:
    """Return rank and ratio, and the interval below."""
    ratio, interval = wording.ratio(cell, run)
    first = f"{cell.place:<3} {ratio}" if ratio else cell.place
    return [first.rstrip() + _bracketed(footnotes.marks(cell.notices, known)), *([interval] if interval else [])]


def _name(name: str, marks: str) -> str:
    return shorten(name, _WIDEST_NAME) + _bracketed(marks)


def _bracketed(marks: str) -> str:
    return f" ({marks})" if marks else ""
