"""Entries of a log, of csvlog and jsonlog alike.

Owns the two formats, told apart by the file's content. Must not know what a message says.
"""

import csv
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from schemabench.errors import UsageError
from schemabench.logs.files import LONGEST_BYTES, Damage, csv_records, lines
from schemabench.logs.times import Times

_FEWEST_FIELDS = 23
"""Of a record of csvlog: those of PostgreSQL 9.0 to 12. Later versions have up to 26."""
_BACKEND_TYPE = 23
_SHOWN = 80


Form = Literal["csvlog", "jsonlog"]


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
    """The how-manyeth entry of its session in this format, from 1; 0 where the log does not say. Each format counts for
    itself, and only while it is on."""
    form: Form


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


def entries(path: Path, damage: Damage, times: Times | None = None) -> Iterator[Entry]:
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


def _of_json(path: Path, some: Iterator[bytes], damage: Damage, times: Times) -> Iterator[Entry]:
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
                "jsonlog",
            )
        except (msgspec.MsgspecError, ValueError):
            damage.broken += 1
            if not found and damage.broken > 1:
                raise _no_log(path, line) from None
            continue
        found = True
        yield entry


def _of_csv(path: Path, some: Iterator[bytes], damage: Damage, times: Times) -> Iterator[Entry]:
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


def _of_row(row: Sequence[str], times: Times) -> Entry:
    """Return an entry of csvlog.

    Raises:
        IndexError: It has too few fields.
        ValueError: It does not begin with a time, or has no number.
    """
    application = row[_FEWEST_FIELDS - 1]
    backend = row[_BACKEND_TYPE] if len(row) > _BACKEND_TYPE else ""
    time_s = times(row[0], row[5], row[8])
    return Entry(time_s, row[5], row[1], row[2], row[11], row[13], row[14], backend, application, int(row[6]), "csvlog")


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
