"""Times of a log as seconds, whatever the zone.

Owns what is known of zones. A zone is a name, such as CET, that does not say how far from UTC it is. A session does: it
has its start as a local time and, in its id, as seconds since 1970. Must not know entries.
"""

import calendar
import re
from collections.abc import Mapping
from time import strptime

_SECOND = len("2026-01-31 23:59:59")
_DECIMALS = 1_000
_STEP_S = 15 * 60
"""Offsets from UTC are multiples of it."""
_HOUR_S = 60 * 60
"""By so much clocks are put forward and back, nearly everywhere."""
_DISORDER_S = 1
"""Entries of several sessions are not quite in order."""
_MOST_S = 26 * 60 * 60
"""No offset is larger."""
_UNIVERSAL = {"UTC", "GMT", "Z"}
_NUMERIC = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?")
"""A zone without a name."""


class Times:
    """Reads times, the second of which is mostly that of the one before.

    Args:
        known: Zones that are known for sure -> how far they are before UTC, in seconds.
    """

    def __init__(self, known: Mapping[str, int] | None = None) -> None:
        self._second = self._zone = ""
        self._time_s = 0
        self._sure: dict[str, int] = dict(known or {})
        self._guessed: dict[str, int] = {}

    def __call__(self, text: str, session: str, start: str) -> float:
        """Return a time in seconds.

        Args:
            text: The time.
            session: The id of a session.
            start: When it began.

        Raises:
            ValueError: It is none.
        """
        second = text[:_SECOND]
        decimals, _, zone = text[_SECOND:].partition(" ")
        if second != self._second or zone != self._zone:
            local_s = _local_s(second)
            self._time_s = local_s - self._offset_s(zone, local_s, session, start)
            self._second, self._zone = second, zone
        return self._time_s + int(decimals.removeprefix(".") or "0") / _DECIMALS

    @property
    def is_sure(self) -> bool:
        """Whether the zone of the last time is known, rather than guessed."""
        return self._zone in self._sure

    @property
    def sure(self) -> Mapping[str, int]:
        """The zones that are known: in each of them a session has begun."""
        return self._sure

    @property
    def guessed(self) -> list[str]:
        """The names of the zones that were never known."""
        return [zone for zone in self._guessed if zone not in self._sure]

    def _offset_s(self, zone: str, local_s: int, session: str, start: str) -> int:
        if zone in self._sure:
            return self._sure[zone]
        begun, offset_s = _offset_s(session, start)
        said_s = _said_s(zone)
        if said_s is not None or begun == zone:
            self._sure[zone] = offset_s if said_s is None else said_s
            return self._sure[zone]
        if zone not in self._guessed:
            self._guessed[zone] = self._changed_s(local_s - self._time_s) if self._second else offset_s
        return self._guessed[zone]

    def _changed_s(self, passed_s: int) -> int:
        """Return the offset of a zone that a log has changed to, and in which no session has begun since.

        The clocks were put forward or back by an hour, if less than two hours have passed since the last entry;
        otherwise next to nothing has.

        Args:
            passed_s: From the last time, in UTC, to this one, as clocks have shown it.
        """
        for change_s in (_HOUR_S, -_HOUR_S):
            offset_s = self._known_s(self._zone) + change_s
            if -_DISORDER_S <= passed_s - offset_s < 2 * _HOUR_S:
                return offset_s
        return round(passed_s / _STEP_S) * _STEP_S

    def _known_s(self, zone: str) -> int:
        return self._sure[zone] if zone in self._sure else self._guessed[zone]


def _said_s(zone: str) -> int | None:
    """Return how far before UTC a zone is whose name says so; None of any other."""
    if zone in _UNIVERSAL:
        return 0
    match = _NUMERIC.fullmatch(zone)
    if match is None:
        return None
    offset_s = int(match["hours"]) * _HOUR_S + int(match["minutes"] or 0) * 60
    return -offset_s if match["sign"] == "-" else offset_s


def _offset_s(session: str, start: str) -> tuple[str, int]:
    """Return the zone in which a session has begun, and how far it was before UTC: 0 if the log does not say."""
    zone = start[_SECOND:].strip()
    try:
        offset_s = _local_s(start[:_SECOND]) - int(session.partition(".")[0], 16)
    except ValueError:
        return zone, 0
    return zone, offset_s if abs(offset_s) <= _MOST_S else 0


def _local_s(second: str) -> int:
    """Return a local time in seconds.

    Raises:
        ValueError: It is none.
    """
    return calendar.timegm(strptime(second, "%Y-%m-%d %H:%M:%S"))
