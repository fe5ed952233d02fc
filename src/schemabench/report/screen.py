"""Any document on a terminal: lines of text within the requested width.

Owns the omissions on a terminal: folds, charts, and columns without room. Must not need a terminal, nor know the
subject of a document.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemabench.report import layout, text, tree
from schemabench.report.characters import clean, columns
from schemabench.report.layout import GAP, block, labelled, shorten, wrap
from schemabench.report.tree import Cell, Column, Document, Node, Notes, Part, Table

_NARROWEST = 40
"""On a narrower terminal, lines have this width, too."""
_SHORTEST_NAME = 16
"""Columns are dropped rather than names shortened further."""
_WIDEST_CELL = 21
"""Words are wrapped at this width, and a figure with its interval where a terminal has no more room beside names."""
_SHOWN_ITEMS = 4
"""Limit of a list's items: the first ones, and the last."""
_VERBATIM_LINES = 12
_INDENT = "  "


def terminal(document: Document, width: int = 80) -> str:
    """Return a document as lines of text of at most `width` columns, but not fewer than 40.

    The last line has no line end, as `print` adds one.
    """
    width = max(width, _NARROWEST)
    parts = [_part(part, width) for part in document.parts if part.brief]
    parts += [
        _blocks([_heading(section.title, width), *_nodes(section.nodes, width)])
        for section in document.sections
        if section.brief
    ]
    lines = [_notes(document.notes, width), *([[document.empty]] if document.is_empty else parts)]
    return "\n\n".join("\n".join(part) for part in lines if part)


def _part(part: Part, width: int) -> list[str]:
    briefs = [block for section in part.sections if section.brief for block in _nodes(section.nodes, width)]
    return _blocks(
        [
            [*_heading(part.title, width), *(wrap(_plain(part.setting), width) if part.setting else [])],
            *_nodes(part.verdict, width),
            *_nodes(part.answer, width),
            *briefs,
            *_nodes(part.findings, width),
            _notes(part.notes, width),
        ]
    )


def _heading(title: str, width: int) -> list[str]:
    shown = shorten(_plain(title), width)
    return [shown, "=" * columns(shown)]


def _blocks(blocks: Sequence[Sequence[str]]) -> list[str]:
    """Return blocks of lines, an empty line between any two."""
    return "\n\n".join("\n".join(lines) for lines in blocks if lines).splitlines()


def _nodes(nodes: Sequence[Node], width: int) -> list[list[str]]:
    return [lines for node in nodes if (lines := _node(node, width))]


def _node(node: Node, width: int) -> list[str]:
    """Return the lines of a node; none for a node that a terminal omits."""
    lines: list[str] = []
    match node:
        case tree.Paragraph():
            lines = wrap(_plain(node.text) + _marks(node.notes), width)
        case tree.Bullets():
            lines = _bullets(node, width)
        case tree.Terms():
            lines = [
                line
                for term, said in node.items
                for line in labelled(f"{_plain(term)}: ", _plain(said) + _marks(node.notes.get(term, ())), width)
            ]
        case tree.Verbatim():
            lines = wrap(_plain(node.label) + _marks(node.notes), width) if node.label else []
            lines += block(node.text, width, indent=_INDENT, most=_VERBATIM_LINES)
        case Table():
            lines = _table(node, width)
        case tree.Chart() if not node.repeats:
            lines = _table(node.table, width)
        case tree.Beside():
            lines = _blocks(_nodes(node.charts, width))
    return lines


def _bullets(node: tree.Bullets, width: int) -> list[str]:
    items = node.items
    if len(items) > _SHOWN_ITEMS:
        items = (*items[: _SHOWN_ITEMS - 1], "...", items[-1])
    lines = wrap(_plain(node.lead), width)
    for item in items:
        first, *rest = wrap(_plain(item), width, indent=_INDENT * 2)
        lines += [_INDENT + first, *rest]
    return lines


def _notes(notes: Notes, width: int) -> list[str]:
    return [line for number, said in notes.items for line in labelled(f"({number}) ", said, width)]


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A column, as far as there is room for it."""

    place: int
    column: Column
    with_interval: bool

    @property
    def heading(self) -> str:
        return _plain(self.column.short or self.column.heading)


def _table(table: Table, width: int) -> list[str]:
    """Return the lines of a table: caption, rows, and legend."""
    shown = _fitting(table, width)
    lines = wrap(_plain(table.caption) + _marks(table.notes), width) if table.caption else []
    for some in _parts(table, shown, width):
        lines += [*([""] if lines else []), *_rows(table, some, width)]
    legend = [(one.heading, one.column.legend) for one in shown if one.column.legend]
    said = [line for sign, about in (*table.legend, *legend) for line in labelled(f"{sign}: ", _plain(about), width)]
    return [*lines, "", *said] if said else lines


def _fitting(table: Table, width: int) -> list[_Shown]:
    """Return the columns that fit, after dropping optional ones in their order."""
    shown = [
        _Shown(place=place, column=column, with_interval=column.drop_interval != 0)
        for place, column in enumerate(table.columns)
        if column.drop != 0
    ]
    steps = sorted({step for one in shown for step in (one.column.drop, one.column.drop_interval) if step})
    for step in steps:
        if _least(table, shown, width) <= width:
            break
        shown = [
            replace(one, with_interval=one.with_interval and one.column.drop_interval != step)
            for one in shown
            if one.column.drop != step
        ]
    return shown


def _least(table: Table, shown: Sequence[_Shown], width: int) -> int:
    """Return the width of a table with names shortened as far as allowed."""
    widths = {one.place: _width(table, one, width) for one in shown}
    taken = sum(min(_SHORTEST_NAME, one) if place in table.names else one for place, one in widths.items())
    return taken + len(GAP) * (len(shown) - 1)


def _parts(table: Table, shown: Sequence[_Shown], width: int) -> Iterator[list[_Shown]]:
    """Yield the columns of each part, names first: a single part if all fit."""
    if _least(table, shown, width) <= width:
        yield list(shown)
        return
    names = [one for one in shown if one.place in table.names]
    some = list(names)
    for one in shown:
        if one in names:
            continue
        if len(some) > len(names) and _least(table, [*some, one], width) > width:
            yield some
            some = list(names)
        some.append(one)
    yield some


def _width(table: Table, shown: _Shown, width: int) -> int:
    """Return the width of a column: the footer is wrapped to the width of the rows."""
    figures, intervals = _halves(table, shown)
    whole = figures + bool(intervals) + intervals
    words = max(columns(shown.heading), *(columns(line) for row in table.rows for line in _below(row[shown.place])), 0)
    if shown.place in table.names:
        return max(whole, words)
    beside_names = width - len(table.names) * (_SHORTEST_NAME + len(GAP))
    most = max(_WIDEST_CELL, beside_names) if intervals else _WIDEST_CELL
    return max(min(whole, most), min(words, _WIDEST_CELL))


def _halves(table: Table, shown: _Shown) -> tuple[int, int]:
    """Return the widths of the figures and of the intervals next to them."""
    cells = [row[shown.place] for row in table.rows]
    figures = max((columns(_figure(cell)) for cell in cells), default=0)
    intervals = max((columns(cell.interval) for cell in cells), default=0) if shown.with_interval else 0
    return figures, intervals


def _rows(table: Table, shown: Sequence[_Shown], width: int) -> list[str]:
    """Return headings, a rule and rows; a row has as many lines as its highest cell."""
    widths = {one.place: _width(table, one, width) for one in shown}
    others = sum(taken for place, taken in widths.items() if place not in table.names) + len(GAP) * (len(shown) - 1)
    room = width - others
    for left, place in enumerate(reversed(table.names)):
        own = room - sum(min(widths[one], _SHORTEST_NAME) for one in table.names[: len(table.names) - 1 - left])
        widths[place] = max(min(widths[place], max(own, room // (len(table.names) - left))), 1)
        room -= widths[place]
    found = [
        [_lines(table, one, row[one.place], widths[one.place]) for one in shown] for row in (*table.rows, *table.footer)
    ]
    heights = [max(map(len, row)) for row in found]
    return layout.table(
        [
            layout.Column(
                heading=shorten(one.heading, widths[one.place]),
                cells=[
                    line
                    for row, height in zip(found, heights, strict=True)
                    for line in [*row[place], *[""] * (height - len(row[place]))]
                ],
                align=one.column.align,
            )
            for place, one in enumerate(shown)
        ]
    )


def _lines(table: Table, shown: _Shown, cell: Cell, width: int) -> list[str]:
    """Return the lines of a cell, none wider than its column."""
    if shown.place in table.names:
        marks = _marks(cell.notes)
        return [shorten(shorten(_plain(cell.text), max(width - columns(marks), 0)) + marks, width)]
    figures, intervals = _halves(table, shown)
    if intervals and cell.interval:
        figure = _figure(cell)
        padding = " " * (figures - columns(figure))
        line = f"{padding}{figure} {cell.interval}{' ' * (intervals - columns(cell.interval))}"
    else:
        line = _figure(cell) + " " * (intervals + 1 if intervals else 0)
    lines = [line] if columns(line) <= width else wrap(line, width)
    return [*lines, *(piece for below in _below(cell) for piece in wrap(below, width))]


def _figure(cell: Cell) -> str:
    return (_plain(cell.text) + _marks(cell.notes)).lstrip()


def _below(cell: Cell) -> list[str]:
    return [_plain(cell.below)] if cell.below else []


def _marks(notes: Sequence[int]) -> str:
    """Return the marks of footnotes, as in ` (1,3)`."""
    return f" ({','.join(map(str, notes))})" if notes else ""


def _plain(said: str) -> str:
    return clean(text.plain(said))
