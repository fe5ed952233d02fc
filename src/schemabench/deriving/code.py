"""Python as text: expressions in lines that a person reads.

Owns the layout. Must not know what is written.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

WIDTH = 110
_INDENT = "    "
_DIGITS = 6
"""Significant ones of a float."""


class Name(str):
    """A word that is written without quotes."""

    __slots__ = ()


@dataclass(frozen=True)
class Made:
    """A call that makes something."""

    name: str
    positional: Sequence[Any] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


def made(name: str, *positional: Any, **keywords: Any) -> Made:  # noqa: ANN401 (whatever Python can write)
    """Return a call."""
    return Made(name, positional, keywords)


def apart(name: str, taken: Container[str]) -> str:
    """Return a name, with the first number that makes it different from those taken, if it is one of them.

    >>> apart("line", {"line", "line_2"})
    'line_3'
    """
    found, number = name, 2
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found


def rendered(value: Any, indent: int = 0, before: int = 0, after: int = 1) -> str:  # noqa: ANN401 (likewise)
    """Return an expression.

    Args:
        value: What it makes.
        indent: The indentation of the line that it begins in, in steps.
        before: The characters of that line before it.
        after: The characters behind it.
    """
    flat = _flat(value)
    if before + len(flat) + after <= WIDTH or not isinstance(value, Made | tuple | list | Mapping):
        return flat
    inner = _INDENT * (indent + 1)
    opening, closing = _brackets(value)
    parts = _parts(value)
    if all(not isinstance(part, Made | tuple | list | Mapping) for _, part in parts) and isinstance(
        value, tuple | list
    ):
        lines = _lines([_flat(part) for _, part in parts], WIDTH - len(inner))
    else:
        lines = [f"{label}{rendered(part, indent + 1, len(inner) + len(label))}," for label, part in parts]
    return "\n".join([opening, *(inner + line for line in lines), _INDENT * indent + closing])


def _lines(words: Sequence[str], width: int) -> list[str]:
    """Return words with commas in lines of a width."""
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) + 2 > width:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word},"
    return lines


def _brackets(value: Any) -> tuple[str, str]:  # noqa: ANN401 (likewise)
    if isinstance(value, Made):
        return f"{value.name}(", ")"
    if isinstance(value, Mapping):
        return "{", "}"
    return ("(", ")") if isinstance(value, tuple) else ("[", "]")


def _parts(value: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 (likewise)
    """Return what stands in brackets: (what comes before it, the part)."""
    if isinstance(value, Made):
        return [*(("", one) for one in value.positional), *((f"{key}=", one) for key, one in value.keywords.items())]
    if isinstance(value, Mapping):
        return [(f"{_flat(key)}: ", one) for key, one in value.items()]
    return [("", one) for one in value]


def _flat(value: Any) -> str:  # noqa: ANN401, C901, PLR0911 (likewise; one line for each type)
    match value:
        case Made() | list() | Mapping() | tuple():
            opening, closing = _brackets(value)
            comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
            return opening + ", ".join(label + _flat(part) for label, part in _parts(value)) + comma + closing
        case Name():
            return str.__str__(value)
        case str():
            return text(value)
        case bool() | None:
            return str(value)
        case float():
            return repr(float(f"{value:.{_DIGITS}g}"))
        case int():
            return f"{value:_}" if abs(value) >= 10_000 else str(value)  # noqa: PLR2004 (longer ones are hard to read)
        case Decimal():
            return f'Decimal("{value}")'
        case datetime():
            zone = ", tzinfo=UTC" if value.tzinfo else ""
            parts = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
            while len(parts) > 3 and not parts[-1]:  # noqa: PLR2004 (year, month and day are always there)
                parts.pop()
            return f"datetime({', '.join(map(str, parts))}{zone})"
        case date():
            return f"date({value.year}, {value.month}, {value.day})"
        case _:
            return repr(value)


def text(content: str) -> str:
    """Return a text in double quotes."""
    quoted = repr(content)
    return quoted if quoted[0] == '"' else '"' + quoted[1:-1].replace('"', '\\"').replace("\\'", "'") + '"'
