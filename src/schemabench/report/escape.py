"""Text of unknown origin, made safe in GitHub's Markdown.

Owns the only way in which a name, SQL or a message reaches a page: it cannot become a table, a list or HTML. Must not
know the content. See the GitHub Flavored Markdown Spec, 0.29, sections 4.10, 6.1 to 6.3 and 6.11.
"""

import re
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from schemabench.report.characters import clean, clean_lines
from schemabench.report.text import Span, spans

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "$": "&#36;"}
"""Characters that a backslash does not reliably escape: in HTML, in table cells, around mathematics."""
_ACTIVE = re.compile(
    r"(?P<interval>\[[-+]?\d[-+\w.]*, [-+]?\d[-+\w.]*\](?![(\[:]))|[&<>|$\\`*\[\]~]|(?<![^\W_])_|_(?![^\W_])"
)
"""Text that may begin markup inside a line; an underscore within a word and an interval, as in `[1.2, 1.3]`, do not."""
_BLOCK = re.compile(r"^(?P<number>\d*)(?=(?:(?<=\d)[.)]|[+-]|#{1,6})(?:\s|$)|[=-]+$)")
"""Text that begins a heading, a list or a rule at the start of a line: the backslash goes after the number, if any."""
_PLAIN_CODE = re.compile(r"[^`|\\]+")
_TICKS = re.compile(r"`+")
_ALIGNED = {"l": "left", "r": "right"}


def line(text: str) -> str:
    """Return a text for use within a line: names as code, the rest escaped."""
    return "".join(map(_span, spans(text))).strip()


def prose(text: str) -> str:
    """Return a text for use at the start of a line."""
    return _BLOCK.sub(r"\g<number>\\", line(text))


def code(text: str) -> str:
    """Return a text on one line as a code span; nothing for an empty text."""
    shown = clean(text)
    if not shown or _PLAIN_CODE.fullmatch(shown):
        return f"`{shown}`" if shown else ""
    return f"<code>{_inert(shown)}</code>"


def fence(text: str, language: str = "") -> str:
    """Return a text of several lines as a code block."""
    lines = clean_lines(text)
    longest = max((len(ticks) for one in lines for ticks in _TICKS.findall(one)), default=0)
    ticks = "`" * max(3, longest + 1)
    return "\n".join([ticks + language, *lines, ticks])


def table(rows: Iterable[Sequence[str]], headings: Sequence[str], align: str) -> str:
    """Return a table.

    Args:
        rows: Their cells, in Markdown.
        headings: One per column, in Markdown.
        align: One letter per column: `l` for left, `r` for right.
    """
    drawn: str = tabulate(
        list(rows),
        headers=headings,
        tablefmt="pipe",
        colalign=[_ALIGNED[letter] for letter in align],
        disable_numparse=True,
    )
    return drawn


def _span(span: Span) -> str:
    """Return a part of a text; spaces at either end are kept as one."""
    if span.kind == "name":
        return code(span.text)
    before, after = (" " * some.isspace() for some in (span.text[:1], span.text[-1:]))
    shown = _inert(clean(span.text))
    return f"{before}{shown}{after}" if shown else before


def _inert(text: str) -> str:
    return _ACTIVE.sub(lambda match: match["interval"] or _ENTITIES.get(match[0], "\\" + match[0]), text)
