"""Entries of a log, of csvlog and jsonlog alike.

Owns the two formats, told apart by the file's content. Must not know what a message says.
"""

import calendar
import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from time import strptime
from typing import NamedTuple

import msgspec

from schemabench.errors import UsageError
from schemabench.logs.files import LONGEST_BYTES, Damage, csv_records, lines

_FEWEST_FIELDS = 23
"""Of a record of csvlog: those of PostgreSQL 9.0 to 12. Later versions have up to 26."""
_BACKEND_TYPE = 23
_SHOWN = 80
_SECOND = len("2026-01-31 23:59:59")
_DECIMALS = 1_000
_STEP_S = 15 * 60
"""Offsets from UTC are multiples of it."""
_MOST_S = 26 * 60 * 60
"""No offset is larger."""


class Entry(NamedTuple):
    """One entry."""

    time_s: float
    """When it was written, in seconds, whatever the zone; only differences mean anything. The log has milliseconds."""
    session: str
    user: str
    database: str
    severity: str
    message: str
    detail: str
    backend: str
    """The kind of process; empty where the log does not say. Likewise below."""
    application: str
    number: int
    """The how-manyeth entry of its session, from 1; 0 where the log does not say."""


class _Json(msgspec.Struct):
    """An entry of jsonlog: what of it matters."""

    timestamp: str
    session_id: str = ""
    line_num: int = 0
    session_start: str = ""
    user: str = ""
    dbname: str = ""
    error_severity: str = ""
    message: str = ""
    detail: str = ""
    backend_type: str = ""
    application_name: str = ""


def entries(path: Path, damage: Damage, times: "Times | None" = None) -> Iterator[Entry]:
    """Yield the entries of a file.

    Args:
        path: The file: csvlog or jsonlog, plain or gzip.
        damage: Receives what cannot be read.
        times: Has read the times of the files before; None if there were none.

    Raises:
        UsageError: It cannot be read, or is none of these.
    """
    every = lines(path, damage)
    first = next((line for line in every if line.strip()), b"")
    if not first:
        return
    following = chain([first], every)
    if first.lstrip().startswith(b"{"):
        yield from _of_json(path, following, damage, times or Times())
    else:
        yield from _of_csv(path, following, damage, times or Times())


def _of_json(path: Path, some: Iterator[bytes], damage: Damage, times: "Times") -> Iterator[Entry]:
    decode = msgspec.json.Decoder(_Json).decode
    found = False
    for line in some:
        try:
            one = decode(line)
            entry = Entry(
                times(one.timestamp, one.session_id, one.session_start),
                one.session_id,
                one.user,
                one.dbname,
                one.error_severity,
                one.message,
                one.detail,
                one.backend_type,
                one.application_name,
                one.line_num,
            )
        except (msgspec.MsgspecError, ValueError):
            damage.broken += 1
            if not found and damage.broken > 1:
                raise _no_log(path, line) from None
            continue
        found = True
        yield entry


def _of_csv(path: Path, some: Iterator[bytes], damage: Damage, times: "Times") -> Iterator[Entry]:
    csv.field_size_limit(LONGEST_BYTES)
    found = False
    for record in csv_records(some, damage):
        try:
            entry = _of_row(next(csv.reader((record,))), times)
        except (ValueError, IndexError, StopIteration, csv.Error):
            damage.broken += 1
            if not found:
                raise _no_log(path, record.encode()) from None
            continue
        found = True
        yield entry


def _of_row(row: Sequence[str], times: "Times") -> Entry:
    """Return an entry of csvlog.

    Raises:
        IndexError: It has too few fields.
        ValueError: It does not begin with a time, or has no number.
    """
    application = row[_FEWEST_FIELDS - 1]
    backend = row[_BACKEND_TYPE] if len(row) > _BACKEND_TYPE else ""
    time_s = times(row[0], row[5], row[8])
    return Entry(time_s, row[5], row[1], row[2], row[11], row[13], row[14], backend, application, int(row[6]))


def _no_log(path: Path, line: bytes) -> UsageError:
    """Return the error for a file of another kind."""
    return UsageError(
        f"{path} is neither csvlog nor jsonlog",
        checked=[f"it begins with {line.decode(errors='replace').strip()[:_SHOWN]!r}"],
        remedies=[
            "have the server write one: log_destination = 'jsonlog' (from 15) or 'csvlog', logging_collector = on",
            "give the files with .json or .csv in the folder log_directory",
        ],
    )


class Times:
    """Reads times, the second of which is mostly that of the one before.

    A zone is a name, such as CET, that does not say how far from UTC it is. A session does: it has its start as a local
    time and, in its id, as seconds since 1970.
    """

    def __init__(self) -> None:
        self._second = self._zone = ""
        self._time_s = 0
        self._offsets_s: dict[str, int] = {}
        """Zone -> how far it is before UTC."""
        self._sure: set[str] = set()
        """Zones in which a session has begun; others are guessed."""

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

    def _offset_s(self, zone: str, local_s: int, session: str, start: str) -> int:
        if zone not in self._sure:
            begun, offset_s = _offset_s(session, start)
            if begun == zone:
                self._sure.add(zone)
                self._offsets_s[zone] = offset_s
            elif self._second:  # the clocks were changed, and no session has begun since
                passed_s = local_s - self._time_s
                self._offsets_s.setdefault(zone, round(passed_s / _STEP_S) * _STEP_S)
            else:
                self._offsets_s.setdefault(zone, offset_s)
        return self._offsets_s[zone]


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
