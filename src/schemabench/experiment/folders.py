"""Folders of files to replay, each for one period of time: which files there are, and which of them are replayed.

Owns the names of files and the ranges of them. Must not read a file.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from schemabench.errors import UsageError
from schemabench.parsing import Span
from schemabench.records import Notice
from schemabench.units import first_of, plural
from schemabench.workload import FileSeries, Found

SHOWN_NAMES = 10
"""Names in a notice; more are counted."""
_PACKED = ".gz"
_EXAMPLE = datetime(2016, 9, 1, 1)  # noqa: DTZ001 (names of files tell no zone)
_NOTHING = timedelta()


class File(NamedTuple):
    """A file of a folder."""

    time: datetime
    """When its period starts."""
    path: Path


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The files of a folder that are replayed."""

    path: Path
    files: tuple[File, ...]
    """In order of time, at least one."""
    missing: int
    """Periods without a file, between the first and the last of the range."""
    first_missing: tuple[str, ...]
    """How the first of these files would be named."""
    strangers: tuple[str, ...]
    """Files whose names tell no time, by their paths in the folder, sorted."""
    example: str
    """How files are named."""

    @property
    def name(self) -> str:
        """The folder's name, and how much of it is replayed."""
        files = plural(len(self.files), "file")
        return f"{self.path.name}, {files} from {self.files[0].path.name} to {self.files[-1].path.name}"

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is told of files that are missing or have other names."""
        notices = []
        if self.missing:
            shown = first_of(self.first_missing, SHOWN_NAMES, count=self.missing)
            text = f"{self.path.name}: missing in the range: {shown}"
            notices.append(Notice(code="missing-files", text=text))
        if self.strangers:
            text = (
                f"{self.path.name}: left out, because not named as {self.example}: "
                f"{first_of(self.strangers, SHOWN_NAMES)}"
            )
            notices.append(Notice(code="files-left-out", text=text))
        return tuple(notices)


Input: TypeAlias = Path | Folder
"""What an input is read from: one file, or the files of a folder."""


def inputs(
    found: Found, replay: Iterable[tuple[str, Path]], ranges: Iterable[tuple[str, Span | int]]
) -> dict[str, Input]:
    """Return what a workload's inputs are read from, by name.

    Args:
        found: The workload.
        replay: Name and path of each input, also those of other workloads.
        ranges: Likewise the ranges of folders.

    Raises:
        UsageError: A range is given for a single file; or a folder cannot be searched, has no file in the range, or
            two for one period.
    """
    workload = found.workload
    series = workload.replay.series if workload.replay else None
    known, chosen = dict(ranges), dict[str, Input]()
    for name, path in replay:
        if name.partition(".")[0] != workload.name:
            continue
        if name == workload.name and series is not None and path.is_dir():
            chosen[name] = _chosen(path, series, known.get(name, series.latest))
        elif name in known:
            raise UsageError(
                f"--replay-range {name}=... is for a folder whose files tell their times, and {path} is none",
                remedies=["leave out --replay-range"],
            )
        else:
            chosen[name] = path
    return chosen


def _chosen(path: Path, series: FileSeries[Any], wanted: Span | int) -> Folder:
    """Return the files of a folder in a range."""
    files, strangers = _searched(path, series)
    if not files:
        raise UsageError(
            f"{path} has no file that is named as {_example(series)}",
            checked=[f"files there: {first_of(strangers, SHOWN_NAMES)}"] if strangers else [],
            remedies=["give a folder of such files", "give a single file, of any name"],
        )
    times = sorted(files)
    if isinstance(wanted, int):
        # from the oldest file on: a folder of a few hours lacks none of the hours before them
        wanted = Span(max(times[0], times[-1] - (wanted - 1) * series.every), times[-1] + series.every)
    taken = tuple(File(time, files[time]) for time in times if wanted.start <= time < wanted.end)
    if not taken:
        raise UsageError(
            f"{path} has no file from {wanted.start} to {wanted.end}",
            checked=[f"{plural(len(times), 'file')}, from {files[times[0]].name} to {files[times[-1]].name}"],
            remedies=["give a range in which there are files: --replay-range NAME=RANGE"],
        )
    first = taken[0].time - (taken[0].time - wanted.start) // series.every * series.every
    periods = -((first - wanted.end) // series.every)  # rounded up
    absent = (time for n in range(periods) if (time := first + n * series.every) not in files)
    return Folder(
        path=path,
        files=taken,
        missing=periods - sum((file.time - first) % series.every == _NOTHING for file in taken),
        first_missing=tuple(time.strftime(series.named) for time in islice(absent, SHOWN_NAMES)),
        strangers=tuple(strangers),
        example=_example(series),
    )


def _searched(path: Path, series: FileSeries[Any]) -> tuple[dict[datetime, Path], list[str]]:
    """Return the files of a folder by their times, and the names of those that tell none.

    Raises:
        UsageError: A folder cannot be searched, or two files are of one period.
    """
    files: dict[datetime, Path] = {}
    strangers = []
    for folder, _, names in os.walk(path, onerror=_refused):
        for one in (Path(folder, name) for name in names):
            try:
                time = datetime.strptime(one.name.removesuffix(_PACKED), series.named)  # noqa: DTZ007 (they tell no zone)
            except ValueError:
                strangers.append(str(one.relative_to(path)))
                continue
            if time in files:
                raise UsageError(
                    f"{path} has two files of one period: {files[time]} and {one}",
                    remedies=["move one of them out of the folder"],
                )
            files[time] = one
    return files, sorted(strangers)


def _refused(cause: OSError) -> None:
    raise UsageError(f"Cannot search {cause.filename}: {cause.strerror}", remedies=["check --replay NAME=PATH"])


def _example(series: FileSeries[Any]) -> str:
    return f"{_EXAMPLE.strftime(series.named)} or {_EXAMPLE.strftime(series.named)}{_PACKED}"
