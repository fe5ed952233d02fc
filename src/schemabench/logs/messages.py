"""What the message of an entry says: a statement, a duration, or something else.

Owns the words of the server. Must not know sessions.
"""

import re
from typing import NamedTuple

_MESSAGE = re.compile(
    r"(?:duration: (?P<ms>\d+(?:\.\d+)?) ms)?(?:  )?"
    r"(?:(?P<what>statement|execute)(?: (?P<name>[^:]*))?: (?P<sql>.*))?",
    re.DOTALL,
)
_PARAMETER = re.compile(r"\$\d+ = (?:NULL|'((?:[^']|'')*)')(?:, |$)")
_LABELS = ("parameters: ", "Parameters: ")
_PREPARING = ("  parse ", "  bind ")
_MOST_DIGITS = 40
"""Of a message: its duration ends before."""


class Message(NamedTuple):
    """A message about a statement."""

    ms: float | None
    """How long it took; None where that is not said."""
    what: str
    """statement, execute, or prepare, which stands for parse and bind; empty for a duration alone."""
    name: str
    """Of the prepared statement; empty for none."""
    sql: str


_PREPARED = Message(None, "prepare", "", "")


def parsed(message: str) -> Message | None:
    """Return what a message says of a statement; None if it is about something else.

    >>> parsed("duration: 0.5 ms  execute S_1: SELECT $1")
    Message(ms=0.5, what='execute', name='S_1', sql='SELECT $1')
    """
    if not message.startswith(("duration: ", "statement: ", "execute ")):
        return None
    if message.startswith(_PREPARING, message.find(" ms", 0, _MOST_DIGITS) + len(" ms")):
        return _PREPARED
    match = _MESSAGE.fullmatch(message)
    if match is None or not (match["ms"] or match["what"]):
        return None
    name = match["name"] or ""
    return Message(
        float(match["ms"]) if match["ms"] else None,
        match["what"] or "",
        "" if name == "<unnamed>" else name,
        match["sql"] or "",
    )


def parameters(detail: str) -> list[str | None] | None:
    """Return the values that a detail lists, in order; None if it lists none.

    >>> parameters("parameters: $1 = '7', $2 = NULL, $3 = 'it''s'")
    ['7', None, "it's"]
    """
    if not detail.startswith(_LABELS):
        return None
    listed = detail[len(_LABELS[0]) :]
    found: list[str | None] = []
    end = 0
    while match := _PARAMETER.match(listed, end):
        end = match.end()
        value = match[1]
        found.append(value.replace("''", "'") if value is not None and "''" in value else value)
    return found if end == len(listed) else None
