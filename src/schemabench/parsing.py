"""From the text of an option to its value.

Owns what is accepted, and the error for anything else: a ValueError with the text. Must not know any option.
"""

import argparse
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

from schemabench.units import parse_duration_s

_HIGHEST_HZ = 1000.0
"""A sample takes the server about 0.2 ms: at this rate, sampling would already take a fifth of one core."""

_LARGEST_BURST = 100_000_000
"""More calls than calibration comes to; each takes a few hundred bytes."""

_MOST_LATEST = 1_000_000
"""More files than any folder has: a century of hours."""

_TIMES = {"%Y-%m-%d": timedelta(days=1), "%Y-%m-%dT%H": timedelta(hours=1)}
"""How a date and an hour are written -> how long they last."""


class Span(NamedTuple):
    """A range of times."""

    start: datetime
    end: datetime
    """Exclusive."""


Value = TypeVar("Value")


def argument(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Return a parser of an option as one of an argument, whose errors argparse shows."""

    def parsed(text: str) -> Value:
        try:
            return parse(text)
        except ValueError as cause:
            raise argparse.ArgumentTypeError(str(cause)) from None

    return parsed


def duration_or_off(text: str) -> float:
    """Return seconds; 0 for `off`."""
    return 0.0 if text == "off" else parse_duration_s(text)


def size_bytes(text: str) -> int:
    """Return the bytes of a size as PostgreSQL writes it, as in `15GB`: units are multiples of 1024."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT])B", text)
    size = int(float(found[1]) * 1024 ** (1 + "kMGT".index(found[2]))) if found else 0
    if not size:
        raise ValueError(f"{text!r} is not a size such as 15GB or 500MB")
    return size


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within bounds."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ValueError(f"{text!r} is not a whole number from {low:,} to {high:,}")
        return number

    return parse


def count_or_calibrated(text: str) -> int:
    """Return a number of calls; 0 for `calibrated`."""
    return 0 if text == "calibrated" else whole(1, _LARGEST_BURST)(text)


def share(text: str) -> float:
    """Return a share above 0 and below 1, as in `0.03` or `3%`."""
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ValueError(f"{text!r} is not a share above 0 and below 1: write 0.03 or 3%")
    return share


def regression(text: str) -> tuple[str, float]:
    """Return a criterion and how much worse its figure may be, as a share; an empty name in `5%`, another in `wal=20%`.

    From 1 on, a share needs its percent sign, so that 5 is not taken for 500 %.
    """
    name, equals, after = text.rpartition("=")
    number = after.strip().removesuffix("%")
    try:
        allowed = float(number) / 100 if after.strip().endswith("%") else float(number)
    except ValueError:
        allowed = -1.0
    limit = math.inf if after.strip().endswith("%") else 1
    if not 0 <= allowed < limit or bool(equals) != bool(name.strip()):
        raise ValueError(f"{text!r} is not a share such as 5% or 0.05, nor one of a criterion, as in wal_bytes=20%")
    return name.strip().replace("-", "_"), allowed


def share_or_off(text: str) -> float:
    """Return a share; 0 for `off`."""
    return 0.0 if text == "off" else share(text)


def frequency(text: str) -> float:
    """Return a number per second; 0 is allowed."""
    try:
        hz = float(text)
    except ValueError:
        hz = -1.0
    if not 0 <= hz <= _HIGHEST_HZ:
        raise ValueError(f"{text!r} is not a number from 0 to {_HIGHEST_HZ:g}")
    return hz


def one_of(*words: str) -> Callable[[str], str]:
    """Return a parser that accepts one of a few words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return parse


def names(text: str) -> tuple[str, ...]:
    """Return names with commas between, each once; hyphens and underscores are alike."""
    names = tuple(dict.fromkeys(name.strip().replace("-", "_") for name in text.split(",")))
    if not all(names):
        raise ValueError(f"{text!r} is not a list of names with commas between")
    return names


def name_and_value(text: str) -> tuple[str, str]:
    """Return both sides of `NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not name.strip() or not equals:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    return name.strip(), value.strip()


def path(text: str) -> Path:
    """Return a path.

    A connection string in its place would become one, as in `postgresql:/user:password@host`, and be shown in errors.

    Raises:
        ValueError: It is a connection string; without the text, also where argparse shows the error.
    """
    if "://" in text:
        raise _NoPathError("it is a connection string, not a path")
    return Path(text)


class _NoPathError(argparse.ArgumentTypeError, ValueError):
    """An error whose words argparse shows instead of the text, which may hold a password."""


def path_or_none(text: str) -> Path | None:
    """Return a path; None for an empty text."""
    return path(text) if text else None


def path_or(*words: str) -> Callable[[str], Path | str]:
    """Return a parser of a path, or of one of some words."""
    return lambda text: text if text in words else path(text)


def number(text: str) -> float:
    """Return a number as reports write it, as in `50k`, `1.5M` and `20,000`, or as Python does.

    Raises:
        ValueError: It is none.
    """
    thousands = {"k": 1e3, "M": 1e6}.get(text[-1:])
    found = float((text[:-1] if thousands else text).replace(",", ""))
    return found * (thousands or 1.0)


def factor(text: str) -> float:
    """Return a positive number."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise ValueError(f"{text!r} is not a positive number")
    return number


def replay(text: str) -> tuple[str, Path]:
    """Return the name of an input and its file."""
    name, given = name_and_value(text)
    return name, path(given)


def replay_range(text: str) -> tuple[str, Span | int]:
    """Return the name of an input and a range of its files: from one time to another, or the number of latest ones."""
    name, given = name_and_value(text)
    latest = given.removeprefix("last-")
    return name, whole(1, _MOST_LATEST)(latest) if latest != given else span(given)


def span(text: str) -> Span:
    """Return a range of dates and hours, both ends included, as in `2016-09-01T22..2016-09-02`; or a single one."""
    first, dots, last = text.partition("..")
    start, end = _time(first)[0], _time(last if dots else first)[1]
    if start >= end:
        raise ValueError(f"{text!r} ends before it begins")
    return Span(start, end)


def _time(text: str) -> tuple[datetime, datetime]:
    """Return when a date or an hour begins and ends."""
    for written, length in _TIMES.items():
        try:
            start = datetime.strptime(text, written)  # noqa: DTZ007 (names of files tell no zone)
            return start, start + length
        except (ValueError, OverflowError):
            continue
    raise ValueError(f"{text!r} is neither a date nor an hour: write 2016-09-01 or 2016-09-01T05")


def report_path(text: str) -> Path:
    """Return the path of a report in a known format."""
    found = path(text)
    if found.suffix not in {".html", ".md", ".csv", ".json"}:
        raise ValueError(f"{text!r} ends in {found.suffix or 'nothing'}, not in .html, .md, .csv or .json")
    return found
