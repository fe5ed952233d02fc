"""The source of calls: a workload's generator, or replayed files.

Owns the reading of input files, which are streamed and never entirely in memory. Must not know servers or candidates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, islice
from math import inf
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from schemabench.errors import UsageError, WorkloadError
from schemabench.experiment import folders
from schemabench.experiment.folders import Folder
from schemabench.experiment.parsed import SHOWN_CHARACTERS, BadLine, parsed, usable
from schemabench.naming import nearest
from schemabench.records import Notice
from schemabench.statements import Operation
from schemabench.units import plural
from schemabench.workload import (
    NO_PART,
    NOWHERE,
    Call,
    Found,
    Names,
    Rows,
    authored,
    check_calls,
    names_of,
)

SHOWN_BAD_LINES = 3
_ROWS_AT_ONCE = 1000
"""Rows of the background in memory at a time."""
_ROW_TYPES = {tuple, list}


class Chunk(NamedTuple):
    """Successive executions of one operation in the background, as many as fit into memory."""

    operation: str
    columns: Sequence[str]
    """The parameter of each value of a row."""
    rows: Sequence[Sequence[object]]
    """One row for each execution."""
    written: int
    """Logical rows that they write."""
    part: str = NO_PART
    """The part that they belong to."""

    def calls(self) -> Iterator[Call]:
        """Yield the executions one by one."""
        return (Call(self.operation, dict(zip(self.columns, row, strict=True)), part=self.part) for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Input:
    """The content of an input file, or of a folder of them, after it was read once."""

    path: Path
    good: int
    """Usable lines."""
    bad: int
    """Unusable lines."""
    first_bad: tuple[BadLine, ...]
    of_folder: tuple[Notice, ...] = ()
    """What is told of the folder's files."""

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is told of the folder's files, and a notice if lines were skipped."""
        if not self.bad:
            return self.of_folder
        shown = "; ".join(map(str, self.first_bad))
        text = f"{self.path.name}: {self.bad:,} of {plural(self.good + self.bad, 'line')} skipped: {shown}"
        return (*self.of_folder, Notice(code="bad-lines", text=text))


class Feed:
    """The calls of one workload at one cardinality, block after block.

    Args:
        found: The workload.
        cardinality: Its size.
        seed: The seed of all random values.
        inputs: The files to replay, if any.
        goes_on: Whether a burst at a file's own pace goes on where the last one ended; else it takes the file from its
            start.

    Attributes:
        seed: The seed of all random values.
        cycles: How many times the replay was started, with its first file; 0 if nothing is replayed.
    """

    def __init__(
        self,
        found: Found,
        cardinality: Any,  # noqa: ANN401 (a workload's own type)
        seed: int,
        inputs: Mapping[str, folders.Input],
        *,
        goes_on: bool = False,
    ) -> None:
        self._found = found
        self._cardinality = cardinality
        self.seed = seed
        self._inputs = inputs
        self._goes_on = goes_on
        self._file: Iterator[Call] = iter(())
        self._ahead: list[Call] = []
        """The calls of the file that were read and not taken."""
        self._last_s = -inf
        """When the last call that was read is due, of a file that says it."""
        self._marks: list[int] = []
        """A digest of each chunk of the background, from the first time that it was made."""
        self.cycles = 0

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The workload's operations."""
        return self._found.operations

    @property
    def includes(self) -> Mapping[str, str]:
        """The operations whose answers may be old, as in `Model`."""
        return model.includes if (model := self._found.workload.model) else {}

    @property
    def counted(self) -> tuple[str, ...]:
        """The operations whose rows such answers count."""
        return model.counted if (model := self._found.workload.model) else ()

    @cached_property
    def _parts(self) -> Names:
        """What the part of a call of the background may be."""
        return self._found.parts(self._cardinality).every

    @cached_property
    def _parts_of(self) -> Mapping[str, Names]:
        """Writer -> what the part of its calls may be."""
        with authored(self._found, "writers"):
            return {writer.name: names_of(writer) for writer in self._found.workload.writers(self._cardinality)}

    def background(self) -> Iterator[Chunk]:
        """Yield what fills an empty database, in order.

        Raises:
            WorkloadError: The author's function failed, or makes calls or rows that do not fit the operations.
        """
        for number, chunk in enumerate(self._background()):
            # as far as it can be told at no cost: by the first row and the last
            mark = hash((*chunk[:2], chunk.part, len(chunk.rows), repr(chunk.rows[0]), repr(chunk.rows[-1])))
            if number == len(self._marks):
                self._marks.append(mark)
            elif self._marks[number] != mark:
                raise WorkloadError(
                    f"The background of {self._found.workload.name!r} is not the same for each candidate: what it "
                    f"calls {chunk.operation!r} with has changed",
                    checked=[f"now the first row is {repr(chunk.rows[0])[:SHOWN_CHARACTERS]}"],
                    remedies=[
                        "in `background`, take all random values from `random`, and use no clock",
                        "in `background`, change nothing that outlasts the call, such as a global variable",
                    ],
                )
            yield chunk

    def _background(self) -> Iterator[Chunk]:
        random = Random(f"{self.seed}/background")  # noqa: S311 (reproducible on purpose)
        with authored(self._found, "background"):
            for one in self._found.workload.background(self._cardinality, random):
                if isinstance(one, Rows):
                    yield from self._chunks(one)
                else:
                    check_calls(self._found, (one,), "background", self._parts)
                    yield Chunk(one.operation, tuple(one.values), [tuple(one.values.values())], one.rows, one.part)

    def background_rows(self) -> int | None:
        """Return the number of executions in the background, as far as the author says it.

        Raises:
            WorkloadError: The author's function failed.
        """
        count = self._found.workload.background_rows
        with authored(self._found, "background_rows"):
            return None if count is None else count(self._cardinality)

    def _chunks(self, many: Rows) -> Iterator[Chunk]:
        """Yield rows of the background, as many at a time as fit into memory."""
        columns = tuple(many.columns)
        check_calls(
            self._found, (Call(many.operation, dict.fromkeys(columns), part=many.part),), "background", self._parts
        )
        rows, width, before = iter(many.rows), len(columns), 0
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            if not set(map(type, some)) <= _ROW_TYPES or set(map(len, some)) != {width}:
                unfit = (n for n, row in enumerate(some) if not isinstance(row, tuple | list) or len(row) != width)
                wrong = next(unfit)
                has = (
                    f"has {plural(len(some[wrong]), 'value')}"
                    if isinstance(some[wrong], tuple | list)
                    else "is no tuple"
                )
                raise WorkloadError(
                    f"Row {before + wrong + 1:,} of {many.operation!r} in the background {has} "
                    f"for {plural(width, 'column')}: {', '.join(columns)}",
                    checked=[f"the row: {repr(some[wrong])[:SHOWN_CHARACTERS]}"],
                    remedies=["give each row, a tuple or a list, one value for each of `columns`"],
                )
            yield Chunk(many.operation, columns, some, len(some), many.part)
            before += len(some)

    def take(self, writer: str, block: int, count: int) -> list[Call]:
        """Return a writer's calls in a block.

        Raises:
            WorkloadError: The generator failed or ended early, or yields calls that do not fit the operations.
        """
        if self._is_replayed(writer):
            with authored(self._found, "replay"):
                calls = self._replayed(count)
        else:
            random = Random(f"{self.seed}/{writer}/{block}")  # noqa: S311 (reproducible on purpose)
            with authored(self._found, "burst"):
                burst = self._found.workload.burst(self._cardinality, writer, block, random)
                calls = list(islice(burst, count))
                _end_transaction(calls, burst)
        if len(calls) < count:
            raise WorkloadError(
                f"The burst of writer {writer!r} ended after {plural(len(calls), 'call')} in block {block}",
                remedies=["make the generator endless: schemabench takes as many calls as it needs"],
            )
        check_calls(self._found, calls, f"writer {writer!r}", self._parts_of.get(writer, NOWHERE))
        return calls

    def is_timed(self, writer: str) -> bool:
        """Return whether a writer's calls come from a file that says when they are due."""
        replay = self._found.workload.replay
        return replay is not None and replay.timed and self._is_replayed(writer)

    def due_within(self, writer: str, duration_s: float) -> list[Call]:
        """Return the next calls of a file that says when they are due, within a time from the first of them.

        Raises:
            WorkloadError: As `take` does; or a call does not say when it is due.
        """
        if not self._goes_on:
            self._file, self._ahead, self._last_s = iter(()), [], -inf
        calls: list[Call] = []
        began_at = self.cycles
        with authored(self._found, "replay"):
            while True:
                following = self._replayed(1)
                if self.cycles > began_at + 2 and following[0].at_s == calls[0].at_s:
                    raise WorkloadError(
                        f"The replay of {self._found.workload.name!r} is timed, and all of its calls are due at once",
                        remedies=["give calls an `at_s` that ascends", "leave out `timed`"],
                    )
                if following[0].at_s is None:
                    raise WorkloadError(
                        f"The replay of {self._found.workload.name!r} is timed, and its call of "
                        f"{following[0].operation!r} does not say when it is due",
                        remedies=["give every call `at_s`", "leave out `timed`"],
                    )
                if calls and following[0].at_s >= (calls[0].at_s or 0.0) + duration_s:
                    self._ahead = [*following, *self._ahead]
                    break
                calls += following
        check_calls(self._found, calls, f"writer {writer!r}", self._parts_of.get(writer, NOWHERE))
        return calls

    def _is_replayed(self, writer: str) -> bool:
        replay = self._found.workload.replay
        return replay is not None and replay.writer == writer and self._found.workload.name in self._inputs

    def _replayed(self, count: int) -> list[Call]:
        ahead = iter(self._ahead)
        stream: Iterator[Call] = chain(ahead, self._file)
        calls = list(islice(stream, count))
        while len(calls) < count:
            stream = self._file = self._begin()
            more = list(islice(stream, count - len(calls)))
            if not more:
                raise WorkloadError(f"The replay of {self._found.workload.name!r} yields no calls from its file")
            calls += more
        following = _end_transaction(calls, stream)
        self._ahead = [*following, *ahead]
        return calls

    def _begin(self) -> Iterator[Call]:
        """Start the file from its first line, or the first of several."""
        name, replay = self._found.workload.name, self._found.workload.replay
        assert replay is not None, "only a workload with a replay is replayed"
        others = {
            other: tuple(usable(path, taken.parse))
            for other, taken in replay.others.items()
            if isinstance(path := self._inputs.get(f"{name}.{other}"), Path)
        }
        cycle, given = self.cycles, self._inputs[name]
        self.cycles += 1
        if not isinstance(given, Folder):
            return self._onward(replay.calls(self._cardinality, usable(given, replay.parse), others, cycle))
        assert replay.series is not None, "only a workload with a series takes a folder"
        calls, cardinality = replay.series.calls, self._cardinality
        each = (calls(cardinality, usable(file.path, replay.parse), others, cycle, file.time) for file in given.files)
        return self._onward(chain.from_iterable(each))

    def _onward(self, calls: Iterator[Call]) -> Iterator[Call]:
        """Yield the calls of a cycle, due after those of the one before, whose last is due as the first of these is."""
        shift_s: float | None = None
        for call in calls:
            if call.at_s is None:
                yield call
                continue
            if shift_s is None:
                shift_s = max(0.0, self._last_s - call.at_s)
            self._last_s = call.at_s + shift_s
            yield call._replace(at_s=self._last_s) if shift_s else call


def _end_transaction(calls: list[Call], following: Iterator[Call]) -> list[Call]:
    """Add the rest of the last call's transaction; return the call behind it that was read, if any."""
    while calls and calls[-1].transaction and (call := next(following, None)) is not None:
        if (call.transaction, call.key) != (calls[-1].transaction, calls[-1].key):
            return [call]
        calls.append(call)
    return []


def check_inputs(found: Found, inputs: Mapping[str, folders.Input]) -> tuple[Input, ...]:
    """Read a workload's input files once, before they are used.

    Raises:
        UsageError: A file is absent, empty, binary, truncated, or has no usable line; or the workload takes no such
            input: the error names the nearest that it takes.
    """
    name, replay = found.workload.name, found.workload.replay
    known = [] if replay is None else [name, *(f"{name}.{other}" for other in replay.others)]
    checked = []
    for key, given in inputs.items():
        if replay is None or key not in known:
            raise UsageError(
                f"The workload {name!r} takes no input {key!r}{nearest(key, known)}",
                checked=[f"inputs: {', '.join(known) or 'none'}"],
            )
        taken = replay if key == name else replay.others[key.removeprefix(f"{name}.")]
        checked.append(
            _all_checked(given, taken.parse, taken.columns)
            if isinstance(given, Folder)
            else _checked(given, taken.parse, taken.columns)
        )
    if inputs and name not in inputs:
        raise UsageError(f"{', '.join(inputs)} needs --replay {name}=PATH as well")
    return tuple(checked)


def _all_checked(folder: Folder, parse: Any, columns: str) -> Input:  # noqa: ANN401 (a workload's own type)
    """Read the files of a folder; bad lines tell of which file they are."""
    each = [_checked(file.path, parse, columns) for file in folder.files]
    first_bad = (line._replace(file=one.path.name) for one in each for line in one.first_bad)
    return Input(
        path=folder.path,
        good=sum(one.good for one in each),
        bad=sum(one.bad for one in each),
        first_bad=tuple(islice(first_bad, SHOWN_BAD_LINES)),
        of_folder=folder.notices,
    )


def _checked(path: Path, parse: Any, columns: str) -> Input:  # noqa: ANN401 (a workload's own type)
    """Read a file, unless this process has read it and it has not changed since."""
    try:
        found = path.stat()
        mark = found.st_size, found.st_mtime_ns
    except OSError:
        mark = 0, 0  # reading it says why
    return _read(path, mark, parse, columns)


@cache
def _read(path: Path, _mark: tuple[int, int], parse: Any, columns: str) -> Input:  # noqa: ANN401 (a workload's own type)
    """Read a file: at half a million lines a second, an hour of page views takes ten seconds."""
    good, bad = 0, 0
    first_bad: list[BadLine] = []
    for _, value in parsed(path, parse):
        if isinstance(value, BadLine):
            bad += 1
            if len(first_bad) < SHOWN_BAD_LINES:
                first_bad.append(value)
        else:
            good += 1
    if not good:
        raise UsageError(
            f"{path} has no usable line" if bad else f"{path} is empty",
            checked=[str(line) for line in first_bad],
            remedies=[f"use a file of this form: {columns}"],
        )
    return Input(path=path, good=good, bad=bad, first_bad=tuple(first_bad))
