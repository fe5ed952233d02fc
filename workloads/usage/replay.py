"""Daily rows per tenant as media_library's input: `base,name,date,trips,vehicles`.

Owns the validity of lines, and the meaning of their columns. Must not know operations.
"""

import csv
from datetime import date
from typing import NamedTuple

from schemabench import BadLineError

COLUMNS = "base -> site_id, date (MM/DD/YYYY) -> utc_date, trips -> media_count, vehicles -> bytes_stored"


class DailyRow(NamedTuple):
    """One line of a replayed file."""

    utc_date: date
    site_id: str
    media_count: int
    bytes_stored: int


HEADER = ("base", "name", "date", "trips", "vehicles")
LARGEST = 2**63 - 1  # what a bigint holds


def parse(line: str) -> DailyRow | None:
    """Read one line of daily rows per tenant, `base,name,date,trips,vehicles`.

    The date is MM/DD/YYYY, the numbers are whole and not negative; the name is not used and may hold quoted commas.

    Returns:
        The row; None for a blank line or a header.

    Raises:
        BadLineError: The line is none of these.
    """
    fields = _fields(line)
    if not fields or tuple(field.casefold() for field in fields) == HEADER:
        return None
    if len(fields) != len(HEADER):
        raise BadLineError(f"{len(fields)} columns, not {len(HEADER)}: {','.join(HEADER)}")
    base, _, day, trips, vehicles = fields
    if not base or "\0" in base:
        raise BadLineError(f"the base {base!r} cannot be a site's id")
    return DailyRow(_date(day), base, _number("trips", trips), _number("vehicles", vehicles))


def _fields(line: str) -> list[str]:
    stripped = line.lstrip("\ufeff").strip()  # Excel writes a byte order mark
    if not stripped:
        return []
    try:
        return [field.strip() for field in next(csv.reader([stripped], strict=True))]
    except csv.Error as cause:
        raise BadLineError(f"not CSV: {cause}") from cause


def _date(text: str) -> date:
    try:
        month, day, year = text.split("/")
        return date(int(year), int(month), int(day))
    except ValueError as cause:
        raise BadLineError(f"the date {text!r} is not MM/DD/YYYY") from cause


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise BadLineError(f"{name} is {text!r}, not a whole number of at least 0")
    if len(text) > len(str(LARGEST)) or int(text) > LARGEST:
        raise BadLineError(f"{name} is {text}, above {LARGEST}")
    return int(text)
