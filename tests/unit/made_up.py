"""A small made-up workload for tests that need one: operations as text, no server."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from schemabench import BadLineError, Call, OtherInput, Replay, Workload, Writer, candidate, sqlfile
from schemabench.candidate import Candidate
from schemabench.errors import WorkloadError
from schemabench.experiment import Plan
from schemabench.records import Trial
from schemabench.workload import Found

WARMUP_BLOCKS = 2
"""Blocks that do not count where nobody is far slower: a glance, and one of full size."""
OPERATIONS = """\
-- name: add
INSERT INTO item VALUES (:key::text, :value::bigint);
-- name: look
SELECT * FROM item WHERE key = :key::text;
-- name: items
SELECT * FROM item ORDER BY key, value;
"""
STREAM = Writer(name="stream", kind="stream", weight=3, clients=2)
READER = Writer(name="reader", kind="reader", weight=1)


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""

    keys: int = 5


def add(key: str, value: object) -> Call:
    """Return the call that adds an item; those of one key keep their order."""
    return Call("add", {"key": key, "value": value}, key=key)


def burst(sizes: Sizes, writer: str, block: int, random: Random) -> Iterator[Call]:
    """Yield calls without end."""
    for number in count():
        key = f"key {random.randrange(sizes.keys)}"
        yield add(key, block * 1000 + number) if writer == "stream" else Call("look", {"key": key}, rows=0)


def parse(line: str) -> tuple[str, int] | None:
    """Read `key,value`; pass over a header and blank lines."""
    if not line or line == "key,value":
        return None
    key, comma, value = line.partition(",")
    if not comma or not value.isdecimal():
        raise BadLineError(f"{value!r} is not a number")
    return key, int(value)


def replayed(
    _: Sizes, rows: Iterator[tuple[str, int]], others: Mapping[str, Sequence[str]], cycle: int
) -> Iterator[Call]:
    """Yield a call for each line whose key is not excluded."""
    for key, value in rows:
        if key not in others.get("excluded", ()):
            yield add(key, value + 1000 * cycle)


def _excluded(line: str) -> str:
    """Read a key to leave out, which has no comma in it."""
    if "," in line:
        raise BadLineError("a key has no comma in it")
    return line


REPLAY = Replay(
    writer="stream",
    columns="key,value",
    parse=parse,
    calls=replayed,
    others={"excluded": OtherInput(columns="keys to leave out", parse=_excluded)},
)


def workload(**changes: Any) -> Workload[Sizes]:  # noqa: ANN401 (any field)
    """Return the workload, with some of its fields changed."""
    fields: dict[str, Any] = {
        "name": "made_up",
        "summary": "a stream and a reader",
        "cardinalities": {"typical": Sizes()},
        "writers": lambda _: (STREAM, READER),
        "burst": burst,
        "state": ("items",),
        "replay": REPLAY,
    }
    return Workload(**fields | changes)


def found(folder: Path, operations: str = OPERATIONS, **changes: Any) -> Found:  # noqa: ANN401 (any field)
    """Return the workload as if it had been found in a folder."""
    path = folder / "operations.sql"
    path.write_text(operations, encoding="utf-8")
    return Found(
        workload=workload(**changes),
        path=folder / "__init__.py",
        operations=sqlfile.read(path, WorkloadError).operations,
    )


def candidates(folder: Path, *names: str) -> tuple[Candidate, ...]:
    """Return candidates of these names, the baseline first."""
    folder.mkdir(exist_ok=True)
    for name in ("baseline", *names):
        (folder / f"{name}.sql").write_text(f"-- summary: {json.dumps(name)}\nCREATE TABLE item (key text);\n")
    return tuple(candidate.find(folder).values())


def plan(folder: Path, *names: str, production_s: float | None = None, **changes: Any) -> Plan:  # noqa: ANN401 (any field)
    """Return a plan for candidates of these names and the baseline, with some of its fields changed.

    Args:
        folder: Where files go.
        names: Of the candidates.
        production_s: The seconds of production that the smallest burst, of 4 calls, stands for.
        changes: Fields of the plan.
    """
    fields: dict[str, Any] = {
        "found": found(folder, production_s=None if production_s is None else lambda _: production_s),
        "cardinality": "typical",
        "candidates": candidates(folder / "schemas", *names),
        "clients": 3,
        "budget_s": 60.0,
        "precision": 0.01,
        "seed": 1,
    }
    return Plan(**fields | changes)


Generator = Callable[[Sizes, str, int, Random], Iterator[Call]]
"""What makes bursts."""


def counted_trial(block: int, **changes: Any) -> Trial:  # noqa: ANN401 (any field)
    """Return a trial as an experiment makes them, of which some fields are not as usual."""
    fields: dict[str, Any] = {
        "block": block,
        "position": 0,
        "warmup": block < WARMUP_BLOCKS,
        "started_s": float(block),
        "duration_s": 0.2 * (1 + block % 5 / 100),
        "operations": 100,
        "rows": 80,
        "retries": 0,
        "busy_share": 0.3,
        "writers_s": {"stream": 0.2, "reader": 0.19},
        "looks": 10,
        "waits": {"running": 8, "Lock": 2},
        "counters": {"wal_bytes": 8000.0 + block, "rows_updated": 50.0, "rows_hot_updated": 40.0},
    }
    return Trial(**fields | changes)
