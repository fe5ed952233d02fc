"""Text of unknown origin, made safe in Markdown as GitHub reads it.

Owns the one way in which a name, SQL or a message reaches a page: neither a table, nor a list, nor HTML can come of
it. Must not know what is written. See the GitHub Flavored Markdown Spec, 0.29, sections 4.10, 6.1 to 6.3 and 6.11.
"""

import re
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from schemabench.report.characters import clean, clean_lines

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "$": "&#36;"}
"""Characters that a backslash does not reliably disarm: in HTML, in cells of a table, around mathematics."""
_ACTIVE = re.compile(r"[&<>|$\\`*\[\]~]|(?<![^\W_])_|_(?![^\W_])")
"""What may begin markup inside a line; an underscore within a word does not."""
_BLOCK = re.compile(r"^(?P<number>\d*)(?=(?:(?<=\d)[.)]|[+-]|#{1,6})(?:\s|$)|[=-]+$)")
"""What begins a heading, a list or a rule at the start of a line: a backslash goes after the number, if any."""
_PLAIN_CODE = re.compile(r"[^`|\\]+")
_TICKS = re.compile(r"`+")
_ALIGNED = {"l": "left", "r": "right"}


class Markdown(str):
    """Text that is Markdown already, and must not be escaped again."""

    __slots__ = ()


def prose(text: object) -> Markdown:
    """Return a text on one line, shown as it is wherever it stands; Markdown passes as it is."""
    return text if isinstance(text, Markdown) else Markdown(_BLOCK.sub(r"\g<number>\\", _inline(text)))


def code(text: object) -> Markdown:
    """Return a text on one line as a code span; nothing for an empty one."""
    line = clean(str(text))
    if not line or _PLAIN_CODE.fullmatch(line):
        return Markdown(f"`{line}`" if line else "")
    return Markdown(f"<code>{_inline(line)}</code>")


def fence(text: str, language: str = "") -> Markdown:
    """Return a text of several lines as a code block."""
    lines = clean_lines(text)
    longest = max((len(ticks) for line in lines for ticks in _TICKS.findall(line)), default=0)
    ticks = "`" * max(3, longest + 1)
    return Markdown("\n".join([ticks + language, *lines, ticks]))


def table(rows: Iterable[Sequence[object]], headings: Sequence[str], align: str) -> Markdown:
    """Return a table.

    Args:
        rows: Their cells; what is not Markdown yet is shown as it is.
        headings: One per column, in Markdown.
        align: One letter per column: `l` for left, `r` for right.
    """
    drawn = tabulate(
        [[_inline(cell) for cell in row] for row in rows],
        headers=headings,
        tablefmt="pipe",
        colalign=[_ALIGNED[letter] for letter in align],
        disable_numparse=True,
    )
    return Markdown(drawn)


def _inline(text: object) -> Markdown:
    """Return a text as it can stand within a line; Markdown passes as it is."""
    if isinstance(text, Markdown):
        return text
    return Markdown(_ACTIVE.sub(lambda match: _ENTITIES.get(match[0], "\\" + match[0]), clean(str(text))))
