"""Departures of flights as votes: a departure is a vote for its carrier, cast at the airport that it leaves.

The columns are those of nycflights13. Owns the validity of lines, and the meaning of their columns. Must not know
operations.
"""

from datetime import datetime
from typing import NamedTuple

from schemabench import BadLineError

HEADER = [
    *("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay"),
    *("carrier", "flight", "tailnum", "origin", "dest", "air_time", "distance", "hour", "minute", "time_hour"),
]
COLUMNS = "flights of nycflights13: origin -> kiosk, carrier -> choice, time_hour -> voted_at"
KIOSK, CHOICE, TIME = (HEADER.index(name) for name in ("origin", "carrier", "time_hour"))


class Vote(NamedTuple):
    """One line of a replayed file."""

    kiosk: str
    choice: str
    voted_at: datetime


def parse(line: str) -> Vote | None:
    """Read one line of departures.

    Returns:
        The vote; None for a blank line or a header.

    Raises:
        BadLineError: The line is none of these.
    """
    fields = [field.strip() for field in line.lstrip("\ufeff").split(",")]
    if fields in ([""], HEADER):
        return None
    if len(fields) != len(HEADER):
        raise BadLineError(f"{len(fields)} columns, not {len(HEADER)}")
    if not fields[KIOSK] or not fields[CHOICE] or "\0" in line:
        raise BadLineError(f"the origin {fields[KIOSK]!r} or the carrier {fields[CHOICE]!r} is no name")
    try:
        voted_at = datetime.fromisoformat(fields[TIME])
    except ValueError as cause:
        raise BadLineError(f"the time {fields[TIME]!r} is not of the form 2013-01-01T10:00:00Z") from cause
    if voted_at.tzinfo is None:
        raise BadLineError(f"the time {fields[TIME]!r} has no zone")
    return Vote(fields[KIOSK], fields[CHOICE], voted_at)
