"""Durations, sizes and rates: from text, and to text.

Owns parsing and formatting of figures with a unit. Must round only shown figures, never stored ones.
"""

import math
import re
from collections.abc import Sequence

NANOSECONDS = 1_000_000_000
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[a-z]+)?\s*", re.ASCII)


def parse_duration_s(text: str) -> float:
    """Return the seconds of a text such as `45s`, `2min`, `1.5h`, `200ms` or `30` (seconds).

    Raises:
        ValueError: The text is not a positive number with a known unit.
    """
    match = _DURATION.fullmatch(text)
    unit = (match["unit"] or "s") if match else ""
    if match is None or unit not in _SECONDS:
        raise ValueError(f"{text!r} is not a duration: write a number and one of {', '.join(_SECONDS)}, as in 45s")
    seconds = float(match["number"]) * _SECONDS[unit]
    if not 0 < seconds < math.inf:
        raise ValueError(f"{text!r} is not a duration: it must be positive and finite")
    return seconds


_HOURS_FROM = 100
"""Minutes from which on durations are in hours."""


def format_duration(seconds: float) -> str:
    """Return a duration in the largest unit that keeps it at one or above, as in `1.2 ms` or `3 min 20 s`."""
    if seconds >= _HOURS_FROM * _SECONDS["min"]:
        hours, rest = divmod(round(seconds / _SECONDS["min"]), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    if seconds >= _SECONDS["min"]:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{format_significant(seconds / size)} {unit}"
    return f"{format_significant(seconds * NANOSECONDS)} ns"


def format_significant(value: float, digits: int = 3) -> str:
    """Return a number with about `digits` significant digits, no exponent, and commas between thousands."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def format_percent(share: float) -> str:
    """Return a share in percent with two significant digits, as in `2.6 %`."""
    return f"{format_significant(100 * share, 2)} %"


def format_count(value: float) -> str:
    """Return a count or a rate with an SI prefix and three significant digits, as in `12.3k`."""
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{format_significant(value / size)}{prefix}"
    return format_significant(value)


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return a count with its noun, as in `1 block` or `1,240 rows`.

    Args:
        count: How many.
        noun: What, for one.
        nouns: What, for all other counts; the noun with an s, unless given.
    """
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def first_of(
    texts: Sequence[str],
    most: int,
    *,
    count: int | None = None,
    between: str = ", ",
    rest: str = " and {:,} more",
) -> str:
    """Return the first texts, and how many more there are, as in `a, b and 3 more`.

    Args:
        texts: In order.
        most: How many to show.
        count: How many there are, where `texts` are not all.
        between: What stands between two.
        rest: What stands after the last one that is shown, with the number of the others.
    """
    others = (len(texts) if count is None else count) - most
    return between.join(texts[:most]) + (rest.format(others) if others > 0 else "")


_EXACT_FROM = 100
"""Bytes from which on digits behind the point are none of the three that are shown."""


def format_bytes(size: float) -> str:
    """Return a size in binary units, as in `1.5 MiB`; fractions of a byte, of a mean, as in `14.4 B`."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(size) >= factor:
            return f"{format_significant(size / factor)} {unit}"
    whole = abs(size) >= _EXACT_FROM or size % 1 == 0
    return f"{size:.0f} B" if whole else f"{format_significant(size)} B"
