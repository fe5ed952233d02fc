"""Lines of web server logs in the common and the combined format.

Owns what a line is, and which lines are broken. Must not know operations.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from schemabench import BadLineError

COLUMNS = 'common or combined log format: `host ident user [time] "request" status bytes ...`'
KEPT = ""
"""What stands for a line that is not broken where only broken ones are wanted."""

# The same pattern is in schemas/access_log/raw_lines.sql. What the combined format adds is not used.
_LINE = re.compile(r'^([^ ]+) [^ ]+ [^ ]+ \[([^\]]+)\] "(?:[^"\\]|\\.)*" [0-9]{3} ([0-9]+|-)(?: .*)?$')
_TIME = re.compile(r"^(\d\d)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)([0-5]\d)$", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_HOST_BYTES = 1_000  # an index entry of Postgres has at most 2,704
_MOST_BYTES_DIGITS = 15  # what a bigint holds, with room to sum


class Line(NamedTuple):
    """A line that can be used."""

    text: str
    host: str
    logged_at: datetime
    sent: int
    """Bytes; 0 for a dash."""


def parse(text: str) -> Line | None:
    """Parse a line; return None for a blank one.

    Raises:
        BadLineError: It is broken.
    """
    if not text.strip():
        return None
    text = text.rstrip("\r\n")
    if "\0" in text:
        raise BadLineError("it holds a NUL, which Postgres cannot store")
    match = _LINE.match(text)
    if match is None:
        raise BadLineError('not `host ident user [time] "request" status bytes`')
    host, time, sent = match.groups()
    if len(host.encode()) > _MOST_HOST_BYTES:
        raise BadLineError(f"the host has {len(host.encode())} bytes, more than {_MOST_HOST_BYTES}")
    if len(sent) > _MOST_BYTES_DIGITS:
        raise BadLineError(f"the bytes are a number of more than {_MOST_BYTES_DIGITS} digits: {sent[:40]}")
    return Line(text, host, _time(time), 0 if sent == "-" else int(sent))


def parse_broken(text: str) -> str | None:
    """Return a line that is broken as it is, `KEPT` for one that is not, None for a blank one.

    Raises:
        BadLineError: Postgres could not hold it.
    """
    try:
        return KEPT if parse(text) else None
    except BadLineError:
        if "\0" in text:
            raise
        return text.rstrip("\r\n")


def _time(text: str) -> datetime:
    match = _TIME.match(text)
    if match is None or match[2] not in _MONTHS:
        raise BadLineError(f"the time {text[:40]!r} is not DD/Mon/YYYY:HH:MM:SS +ZZZZ")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        numbers = int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second)
        return datetime(*numbers, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        raise BadLineError(f"the time {text!r} does not exist: {cause}") from cause


def common(host: str, logged_at: datetime, request: str, status: int, sent: int) -> str:
    """Return a line in the common format, as a server in the zone of its time writes it."""
    time = f"{logged_at:%d}/{_MONTHS[logged_at.month - 1]}/{logged_at:%Y:%H:%M:%S %z}"
    return f'{host} - - [{time}] "{request}" {status} {sent or "-"}'
