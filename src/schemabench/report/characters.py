"""Text of unknown origin, made safe to show.

Owns the rule that a name or a message may only occupy columns of a screen or page. Must not lay anything out.
"""

import unicodedata

TAB_COLUMNS = 4
_JOINERS = "\u200c\u200d"
"""Zero-width characters that are part of scripts and emoji; other invisible ones are escaped."""
_EMOJI_SELECTOR = "\ufe0f"
"""Turns the preceding character into an emoji, which many terminals draw one column wider."""
_WIDE = ("W", "F")
_FIRST_PICTURE = "\u2600"
"""From this code point on, symbols may be drawn wide, such as flags, and hexagrams since Unicode 16."""


def clean(text: str) -> str:
    """Return a text on one line, its whitespace collapsed, invisible and control characters as escapes."""
    return escaped(" ".join(text.split()))


def clean_lines(text: str) -> list[str]:
    """Return the lines of a text with their own spaces, invisible and control characters as escapes."""
    return [escaped(line.rstrip()) for line in text.expandtabs(TAB_COLUMNS).strip("\r\n").splitlines()]


def escaped(line: str) -> str:
    """Return a line with its invisible and control characters escaped."""
    return "".join(
        character if character.isprintable() or character in _JOINERS else _escape(character) for character in line
    )


def columns(text: str) -> int:
    """Return the width of a clean text in terminal columns, or one or two more if terminals differ.

    Wide and full-width characters take two columns, combining marks none (Unicode Standard Annex 11).
    """
    return sum(map(_columns, text))


def head(text: str, most: int) -> str:
    """Return the longest prefix of a clean text that fits into `most` columns."""
    taken = 0
    for index, character in enumerate(text):
        taken += _columns(character)
        if taken > most:
            return text[:index]
    return text


def tail(text: str, most: int) -> str:
    """Return the longest suffix of a clean text that fits into `most` columns and begins with no combining mark."""
    start, taken = len(text), 0
    for index in range(len(text) - 1, -1, -1):
        width = _columns(text[index])
        taken += width
        if taken > most:
            break
        if width and text[index] != _EMOJI_SELECTOR:
            start = index
    return text[start:]


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _columns(character: str) -> int:
    if character.isascii() or character == _EMOJI_SELECTOR:
        return 1
    category = unicodedata.category(character)
    if character in _JOINERS or category in {"Mn", "Me"}:
        return 0
    picture = category == "So" and character >= _FIRST_PICTURE
    return 2 if picture or unicodedata.east_asian_width(character) in _WIDE else 1
