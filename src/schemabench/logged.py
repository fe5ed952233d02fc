"""Replays of what a server has logged: the files that `schemabench init --from-log` writes, as calls.

Owns what becomes of keys when a file is replayed, again and again. Must not know where a log comes from.

    replay = logged.replay("sessions", rows={"customers": tables.customers})
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from schemabench.errors import WorkloadError
from schemabench.logs.form import FORMAT, Line
from schemabench.values import Table
from schemabench.workload import BadLineError, Call, Given, Replay

COLUMNS = "JSON lines of `schemabench init --from-log`: a header, then session, time and calls of each request"
_UUID = "uuid"


def replay(writer: str, rows: Mapping[str, Table]) -> Replay[Any]:
    """Return how a file replaces a writer's generator.

    Args:
        writer: The name of the writer.
        rows: Name -> the rows of the background that stand for those that the log names and does not make. The n-th
            row of a table that is named is the n-th of the background; where there is none, values stay as they are.
    """

    def calls(sizes: Any, lines: Iterator[Line], _: Mapping[str, Sequence[Any]], cycle: int) -> Iterator[Call]:  # noqa: ANN401 (the author's own cardinality)
        return _Cycle(sizes, rows, cycle).calls(lines)

    return Replay(writer=writer, columns=COLUMNS, parse=parse, calls=calls, timed=True)


_decode = msgspec.json.Decoder(Line).decode


def parse(line: str) -> Line | None:
    """Return one line of a file; None for a blank one.

    Raises:
        BadLineError: It is of another form.
    """
    if not line.strip():
        return None
    try:
        found = _decode(line)
    except msgspec.MsgspecError as cause:
        raise BadLineError(f"it is no line of a replay: {cause}") from None
    if found.schemabench_log > FORMAT:
        raise BadLineError(f"it is of version {found.schemabench_log}, newer than this version of schemabench")
    if not found.schemabench_log and not found.calls:
        raise BadLineError("it has no calls")
    return found


class _Cycle:
    """Makes the calls of a file for one time that it is replayed.

    Args:
        sizes: The cardinality.
        rows: As for `replay`.
        cycle: How many times it was replayed before.
    """

    def __init__(self, sizes: Any, rows: Mapping[str, Table], cycle: int) -> None:  # noqa: ANN401 (likewise)
        self._sizes = sizes
        self._rows = rows
        self._cycle = cycle
        self._row = cache(self._made_up)

    def calls(self, lines: Iterator[Line]) -> Iterator[Call]:
        """Yield the calls."""
        header = next(lines, None)
        if header is None or not header.schemabench_log:
            raise WorkloadError(
                "The first line of the replayed file is no header",
                remedies=["keep the first line of the file that `schemabench init --from-log` wrote"],
            )
        reads, begin_s = frozenset(header.reads), self._cycle * header.span_s
        for number, line in enumerate(lines):
            transaction = f"{self._cycle} {number}" if line.transaction else ""
            for operation, values, gives in line.calls:
                yield Call(
                    operation,
                    {name: self._value(value) for name, value in values.items()},
                    key=line.session,
                    rows=0 if operation in reads else 1,
                    transaction=transaction,
                    gives={column: f"{self._cycle} {name}" for column, name in gives.items()},
                    at_s=begin_s + line.at,
                )

    def _value(self, value: Any) -> object:  # noqa: ANN401 (what JSON has)
        """Return a value: as it is, or what stands for it."""
        match value:
            case {"given": str(name)}:
                return Given(f"{self._cycle} {name}", self._own(value))
            case {"row": int(place), "of": str(name), "column": str(column)}:
                row = self._row(name, place)
                return row[column] if column in row else value.get("known")
            case {"known": _}:
                return self._own(value)
            case list():
                return [None if one is None else str(one) for one in map(self._plain, value)]
            case _:
                return value

    def _plain(self, value: Any) -> object:  # noqa: ANN401 (likewise)
        found = self._value(value)
        return found.known if isinstance(found, Given) else found

    def _own(self, value: Mapping[str, Any]) -> object:
        """Return a key that the application made: another one each time, since rows of the last time are there."""
        known, step = value.get("known"), value.get("step")
        if not self._cycle or step is None or not isinstance(known, str):
            return known
        if isinstance(step, int):
            return str(int(known) + self._cycle * step)
        if step == _UUID:
            return str(UUID(int=UUID(known).int ^ Random(self._cycle).getrandbits(60)))  # noqa: S311 (reproducible on purpose)
        return f"{known}~{self._cycle}"

    def _made_up(self, name: str, place: int) -> Mapping[str, Any]:
        """Return the row of the background that stands for one that the log names; nothing where there is none."""
        table = self._rows.get(name)
        size = table.size(self._sizes) if table else 0
        return table.row(place % size, self._sizes) if table and size else {}
