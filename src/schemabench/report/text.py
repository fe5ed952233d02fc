"""Text of a report: a string with marks around names and changed words.

Owns the marks. Thanks to them a sentence is worded once, as an f-string, and each format draws names in its own way.
Must not know any format.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemabench.report.characters import clean

Kind = Literal["plain", "name", "changed"]

_MARKS: dict[Kind, tuple[str, str]] = {"name": ("\ue000", "\ue001"), "changed": ("\ue002", "\ue003")}
"""Delimiters of each kind of span: private-use characters, which `clean` escapes in names."""
_KINDS: dict[str, Kind] = {begin: kind for kind, (begin, _) in _MARKS.items()}
_SPAN = re.compile("|".join(f"{begin}[^{begin}{end}]*{end}" for begin, end in _MARKS.values()))


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of a text."""

    kind: Kind
    """name: of a candidate, an operation, a setting, a file; changed: words that another plan lacks."""
    text: str
    """On one line, without invisible characters in a name."""


def name(text: object) -> str:
    """Return a name for use in a sentence; nothing for an empty one."""
    shown = clean(str(text))
    begin, end = _MARKS["name"]
    return f"{begin}{shown}{end}" if shown else ""


def changed(text: str) -> str:
    """Return words, marked as missing in the compared text."""
    begin, end = _MARKS["changed"]
    return f"{begin}{text}{end}"


def spans(text: str) -> Iterator[Span]:
    """Yield the parts of a text, in order; together they are the text without marks."""
    start = 0
    for match in _SPAN.finditer(text):
        if match.start() > start:
            yield Span(kind="plain", text=text[start : match.start()])
        yield Span(kind=_KINDS[match[0][0]], text=match[0][1:-1])
        start = match.end()
    if start < len(text):
        yield Span(kind="plain", text=text[start:])


def plain(text: str) -> str:
    """Return a text without marks."""
    return "".join(span.text for span in spans(text))


def capital(text: str) -> str:
    """Return a sentence with its first letter as a capital; a name keeps its letters."""
    return text[:1].upper() + text[1:]
