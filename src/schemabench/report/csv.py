"""Any table of a document as comma-separated values.

Owns the conversion of cells to fields: a figure and its interval are separate fields. Must not know the subject of a
table.
"""

import csv as comma_separated
import io
from collections.abc import Iterator

from schemabench.report.text import plain
from schemabench.report.tree import Beside, Cell, Chart, Document, Fold, Nodes, Table


def csv(table: Table) -> str:
    """Return a table with a line of headings; a column with intervals is followed by a column of the intervals."""
    rows = [*table.rows, *table.footer]
    wide = [any(row[place].interval or row[place].below for row in rows) for place in range(len(table.columns))]
    text = io.StringIO()
    writer = comma_separated.writer(text, lineterminator="\n")
    headings = [plain(column.heading) for column in table.columns]
    writer.writerow([part for one, split in zip(headings, wide, strict=True) for part in _heading(one, split=split)])
    for row in rows:
        writer.writerow([part for cell, split in zip(row, wide, strict=True) for part in _cell(cell, split=split)])
    return text.getvalue()


def tables(document: Document) -> dict[str, Table]:
    """Return all tables of a document by name, including those behind charts.

    A name is the ids of part and section, as in `1-usage-typical-cost`; the second table of a section is
    `1-usage-typical-cost-2`. Those behind charts come last, so that the plain name is of what the section is about.
    """
    sections = [(f"{part.id}-{section.id}", section) for part in document.parts for section in part.sections]
    sections += [(section.id, section) for section in document.sections]
    return {
        f"{name}-{place}" if place > 1 else name: table
        for name, section in sections
        for place, table in enumerate(_shown_first(section.nodes), start=1)
    }


def within(nodes: Nodes) -> Iterator[Table]:
    """Yield all tables of some nodes, including those behind charts and in folds."""
    for node in nodes:
        match node:
            case Table():
                yield node
            case Chart():
                yield node.table
            case Beside():
                yield from within(node.charts)
            case Fold():
                yield from within(node.nodes)


def _shown_first(nodes: Nodes) -> list[Table]:
    """Return all tables of some nodes, those behind charts last."""
    behind = {id(chart.table) for chart in _charts(nodes)}
    return sorted(within(nodes), key=lambda table: id(table) in behind)


def _charts(nodes: Nodes) -> Iterator[Chart]:
    for node in nodes:
        match node:
            case Chart():
                yield node
            case Beside():
                yield from node.charts
            case Fold():
                yield from _charts(node.nodes)


def _heading(heading: str, *, split: bool) -> tuple[str, ...]:
    return (heading, f"{heading}: interval or ratio") if split else (heading,)


def _cell(cell: Cell, *, split: bool) -> tuple[str, ...]:
    shown = plain(cell.text)
    return (shown, plain(" ".join(filter(None, (cell.interval, cell.below))))) if split else (shown,)
