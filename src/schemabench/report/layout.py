"""Lines for a terminal: shortened, wrapped, in columns, never wider than asked for.

Owns layout in terminal columns for any script; tabulate would count characters. Must not know records.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from schemabench.report.characters import clean, clean_lines, columns, head, tail
from schemabench.units import plural

GAP = "  "
"""Between two columns of a table."""
_CUT = "..."
_CARET = "^"
_SPACE = re.compile(r" (?!%)(?![^\[\]]{1,24}\])")
"""Points where a line may be broken: never between a figure and its percent sign, nor within an interval."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    heading: str
    cells: Sequence[str]
    align: Literal["left", "right"] = "right"

    @property
    def width(self) -> int:
        """The width of the widest cell."""
        return max(map(columns, (self.heading, *self.cells)))


def shorten(text: str, width: int) -> str:
    """Return a text on one line of at most `width` columns, shortened in the middle: names differ at their ends."""
    line = clean(text)
    if columns(line) <= width:
        return line
    left = head(line, max(width - len(_CUT), 0) // 2)
    return left + _CUT[:width] + tail(line, max(width - len(_CUT) - columns(left), 0))


def wrap(text: str, width: int, *, indent: str = "") -> list[str]:
    """Return a text as lines of at most `width` columns; all but the first begin with `indent`.

    The first line is wrapped as if it were indented, too: a caller can put a label of that width before it.
    """
    room = width - columns(indent)
    lines = [""]
    for word in _words(clean(text), room):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if columns(joined) <= room:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines[:1] + [indent + line for line in lines[1:]]


def labelled(label: str, text: str, width: int) -> list[str]:
    """Return a text after a label; further lines are indented by the label's width."""
    first, *rest = wrap(text, width, indent=" " * columns(label))
    return [label + first, *rest]


def block(text: str, width: int, *, indent: str, most: int) -> list[str]:
    """Return a text of several lines, indented and wrapped; a line with a caret below it is shortened.

    Args:
        text: The lines.
        width: The most columns of a line.
        indent: The beginning of every line.
        most: The most lines; if there are more, the last one states the number left out.
    """
    room = width - columns(indent)
    lines: list[str] = []
    source, begin = "", 0
    for line in clean_lines(text):
        if lines and line.strip() == _CARET:
            lines[begin:] = _pointed(source, line.index(_CARET), room)
        else:
            source, begin = line, len(lines)
            lines += [line] if columns(line) <= room else wrap(line, room)
    shown = lines if len(lines) <= most else [*lines[: most - 1], f"({plural(len(lines) - most + 1, 'more line')})"]
    return [(indent + line).rstrip() for line in shown]


def table(parts: Sequence[Column]) -> list[str]:
    """Return the lines of a table: headings, a rule, and one line for each row."""
    rows = zip(*([column.heading, "-" * column.width, *column.cells] for column in parts), strict=True)
    return [GAP.join(_padded(cell, column) for cell, column in zip(row, parts, strict=True)).rstrip() for row in rows]


def _pointed(source: str, index: int, room: int) -> list[str]:
    """Return a line and the caret below one of its characters; of a line too wide, the part around the caret."""
    before, after = source[:index].ljust(index), source[index:]
    most = max(room // 2, room - max(columns(after), len(_CARET)))
    if columns(before) > most:
        before = _CUT + tail(before, most - len(_CUT))
    most = room - columns(before)
    if columns(after) > most:
        after = head(after, most - len(_CUT)) + _CUT
    return [before + after, " " * columns(before) + _CARET]


def _padded(cell: str, column: Column) -> str:
    padding = " " * (column.width - columns(cell))
    return padding + cell if column.align == "right" else cell + padding


def _words(text: str, room: int) -> Iterable[str]:
    """Yield the words of a text, in pieces if they are wider than the room."""
    for word in _SPACE.split(text):
        rest = word
        while columns(rest) > room:
            piece = head(rest, room) or rest[0]
            yield piece
            rest = rest[len(piece) :]
        yield rest
