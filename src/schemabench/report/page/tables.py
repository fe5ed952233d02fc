"""Tables of the page, which a reader can sort by any column.

Owns how a table is drawn, and what its columns are sorted by. Must not know what stands in it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from schemabench.report.page import wording
from schemabench.report.page.templates import render

_DIGITS = 6
"""Of what a column is sorted by: more than any cell shows."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    heading: str
    """With its unit, as in `rows/s [95 % interval]`."""
    number: bool = False
    """Whether it holds figures: set flush right, sorted by size."""
    prose: bool = False
    """Whether it holds sentences, which need room."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell that is sorted by something else than its text, or drawn in a class of its own."""

    text: object
    """Escaped unless it is `Markup`."""
    sort: float | None = None
    """What its column is sorted by; None sorts last."""
    kind: str = ""
    """A class of the style sheet, as in `differs`."""

    @property
    def key(self) -> str:
        """What its column is sorted by, as it stands in the page; empty for nothing."""
        return f"{self.sort:.{_DIGITS}g}" if self.sort is not None and math.isfinite(self.sort) else ""


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]], caption: str) -> Markup:
    """Return a table; the first cell of every row is its heading.

    Args:
        columns: From left to right.
        rows: One cell for each column: a `Cell`, or what is to be shown, by which it is then sorted.
        caption: What the table shows, in a sentence without its full stop.
    """
    cells = [[cell if isinstance(cell, Cell) else _plain(cell) for cell in row] for row in rows]
    assert all(len(row) == len(columns) for row in cells), f"a row of {caption!r} has not {len(columns)} cells"
    headed = [(column, wording.sentence(column.heading)) for column in columns]
    return render("table.html.j2", columns=headed, rows=cells, caption=caption)


def _plain(value: object) -> Cell:
    return Cell(text=value, sort=float(value) if isinstance(value, int | float) else None)
