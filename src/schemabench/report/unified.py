"""Unified differences between two texts, by lines and by words in them.

Owns the definition of a difference and the part of it that is shown. Must not know the meaning of the texts, nor draw
them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from schemabench.report import text
from schemabench.units import plural

_CONTEXT_LINES = 3
"""Lines of context around each difference, as in `diff -u`."""
_SIMILAR = 0.6
"""Share of the shorter line's characters, without spaces, that two lines must have in common to count as one changed
line, whose words are compared; with fewer in common, the marks would make the line unreadable."""
_LONGEST_LINE = 400
"""Characters: the words of longer lines are not compared, since that takes quadratic time."""
_MOST_WORDS = 600
"""Words, spaces and signs of a line, likewise of any two that are compared for their own sake."""
_LONG_TEXT = 2_000
"""Lines: in longer texts, frequent lines are ignored in the alignment, which would otherwise take ten times as long."""
_MOST_LINES = 600
"""Limit of one difference's lines: readers stop there, and the page stays small."""
_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a line."""

    text: str
    changed: bool
    """Whether the other line differs in this part."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a difference."""

    kind: Literal["same", "removed", "added", "gap"]
    """A gap stands for omitted lines, unchanged ones or those beyond the limit: its text states their number."""
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The line, with its changed parts marked."""
        return marked(self.parts)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The edits that turn one text into another."""

    lines: tuple[Line, ...]
    """Empty if the texts are equal."""
    removed: int
    """Number of added lines, including those not shown; likewise below."""
    added: int


def marked(parts: Sequence[Part]) -> str:
    """Return the parts of a line as a text with the changed ones marked."""
    return "".join(text.changed(part.text) if part.changed else part.text for part in parts)


def difference(old: Sequence[str], new: Sequence[str]) -> Difference:
    """Return the edits that turn `old` into `new`, with lines of context."""
    matcher = SequenceMatcher(None, old, new, autojunk=len(new) > _LONG_TEXT)
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    lines: list[Line] = []
    at = 0
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        lines += _gap(group[0][1] - at, "unchanged")
        lines += [line for code in group for line in _lines(code, old, new)]
        at = group[-1][2]
    if lines:
        lines += _gap(len(old) - at, "unchanged")
    return Difference(
        lines=(*lines[:_MOST_LINES], *_gap(len(lines) - _MOST_LINES, "more that are not shown")),
        removed=sum(end - start for _, start, end, _, _ in codes),
        added=sum(end - start for _, _, _, start, end in codes),
    )


def words(old: str, new: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return the parts of two lines, marked if the other line lacks them; of very long ones, all or nothing."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    if max(len(before), len(after)) > _MOST_WORDS:
        return _whole(old, changed=old != new), _whole(new, changed=old != new)
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return (
        _parts((before[start:end], tag) for tag, start, end, _, _ in codes),
        _parts((after[start:end], tag) for tag, _, _, start, end in codes),
    )


def _parts(pieces: Iterator[tuple[Sequence[str], str]]) -> tuple[Part, ...]:
    return tuple(Part(text="".join(piece), changed=tag != "equal") for piece, tag in pieces if piece)


def _gap(count: int, what: str) -> list[Line]:
    said = f"{plural(count, 'line')} {what}"
    return [Line(kind="gap", parts=(Part(text=said, changed=False),))] if count > 0 else []


def _lines(code: tuple[str, int, int, int, int], old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    """Yield the lines of one edit: removed lines, then added ones; the words of a changed line are compared."""
    tag, start, end, begin, finish = code
    if tag == "equal":
        yield from (Line(kind="same", parts=_whole(line)) for line in old[start:end])
        return
    removed, added = [], []
    for before, after in zip_longest(old[start:end], new[begin:finish]):
        goes, comes = _compared(before, after)
        removed += [Line(kind="removed", parts=goes)] if before is not None else []
        added += [Line(kind="added", parts=comes)] if after is not None else []
    yield from (*removed, *added)


def _compared(before: str | None, after: str | None) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return the parts of a line and of its replacement, if any."""
    if before and after and max(len(before), len(after)) <= _LONGEST_LINE:
        goes, comes = words(before, after)
        kept = sum(_size(part.text) for part in goes if not part.changed)
        if kept >= _SIMILAR * min(_size(before), _size(after)):
            return goes, comes
    return _whole(before or ""), _whole(after or "")


def _whole(line: str, *, changed: bool = False) -> tuple[Part, ...]:
    return (Part(text=line, changed=changed),) if line else ()


def _size(some: str) -> int:
    return sum(not character.isspace() for character in some)
