"""Sentences of the reports as HTML: all of it escaped, names as code.

Owns how a name is marked within a sentence that other modules word. Must not word anything.
"""

from markupsafe import Markup, escape

from schemabench.report.characters import clean

_BEGIN, _END = "\ue000", "\ue001"
"""Around a name in a sentence, until all of it is escaped; for private use, so that `clean` leaves none in a name."""
_UNBROKEN_PERCENT = "\u00a0%"
"""So that a figure and its sign stand on one line."""


def name(text: object) -> str:
    """Return a name as `sentence` knows it: to be handed to the functions that word sentences."""
    return f"{_BEGIN}{clean(str(text))}{_END}"


def sentence(text: str) -> Markup:
    """Return a sentence with the names in it as code, and everything escaped."""
    escaped = str(escape(text.replace(" %", _UNBROKEN_PERCENT)))
    return Markup(escaped.replace(_BEGIN, "<code>").replace(_END, "</code>"))  # noqa: S704 (escaped right here)


def code(text: object) -> Markup:
    """Return a name as code; a dash where it is empty."""
    return sentence(name(text)) if str(text).strip() else Markup("-")
