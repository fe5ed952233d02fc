"""How like its application a derived project is: mix, pace, busy keys, rows of each statement."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from applications import Seen, bare

from schemabench import workload as workloads

FORGET = """
    SELECT count(pg_stat_statements_reset(0, one.dbid, 0))
    FROM (SELECT DISTINCT dbid FROM pg_stat_statements WHERE dbid NOT IN (SELECT oid FROM pg_database)) AS one
"""
"""Forgets what runs before have executed."""
_ABOUT = re.compile(
    r"^-- (?P<calls>[\d,]+) calls?; on average [\d.e+-]+ ms; rows: (?P<rows>\d+(?:\.\d+)?(?:e[+-]\d+)?)\.", re.MULTILINE
)
_BLOCK = re.compile(r"^-- name: (?P<name>\w+)\n(?:-- \w+: .*\n)*(?P<sql>[^;]*);", re.MULTILINE)
_NAMED = re.compile(r"(?<!:):(?P<name>[a-z_]\w*)")


@dataclass(frozen=True, kw_only=True)
class Counted:
    """An operation, as the application's server has counted it."""

    name: str
    sql: str
    calls: int
    rows: float
    """Of each call."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What the bursts of a project are."""

    calls: Counter[str] = field(default_factory=Counter)
    """By operation."""
    keys: Mapping[tuple[str, str], Counter[str]] = field(default_factory=dict)
    """(operation, parameter) -> how often each value is sent."""
    seconds: float = 0.0
    """Of production, for so many calls."""


def counted(project: Path, name: str) -> dict[str, Counted]:
    """Return the operations of a project, by name."""
    text = (project / "workloads" / name / "operations.sql").read_text(encoding="utf-8")
    found = {}
    for about in _ABOUT.finditer(text):
        block = _BLOCK.search(text, about.end())
        assert block, "a block follows what is said of it"
        calls, rows = int(about["calls"].replace(",", "")), float(about["rows"])
        found[block["name"]] = Counted(name=block["name"], sql=block["sql"], calls=calls, rows=rows)
    return found


def made(project: Path, name: str, calls: int, seed: int) -> Made:
    """Return about so many calls of a project, of all writers in their proportions."""
    workload = workloads.load(project / "workloads", name).workload
    sizes = workload.cardinalities["typical"]
    writers = workload.writers(sizes)
    whole = sum(writer.weight for writer in writers)
    found, keys = Counter[str](), dict[tuple[str, str], Counter[str]]()
    for writer in writers:
        burst = workload.burst(sizes, writer.name, 0, Random(seed))  # noqa: S311 (reproducible on purpose)
        for call in islice(burst, calls * writer.weight // whole):
            found[call.operation] += 1
            for key, value in call.values.items():
                keys.setdefault((call.operation, key), Counter())[str(value)] += 1
    slice_s = workload.production_s(sizes) if workload.production_s else 0.0
    return Made(calls=found, keys=keys, seconds=slice_s * found.total() / whole)


def pairs(
    operations: Mapping[str, Counted], seen: Seen, made: Made
) -> dict[tuple[str, str], tuple[Counter[Any], Counter[str]]]:
    """Return, by operation and parameter, how often values were sent: by the application, and by the project."""
    found = {}
    for one in operations.values():
        sent = seen.keys.get(bare(one.sql), {})
        for place, parameter in enumerate(match["name"] for match in _NAMED.finditer(one.sql)):
            if place in sent and (one.name, parameter) in made.keys:
                found[one.name, parameter] = sent[place], made.keys[one.name, parameter]
    return found


def top(keys: Counter[Any], number: int) -> float:
    """Return the part of the calls that so many of the busiest keys have, of the calls with a key."""
    some = keys.copy()
    del some["None"]
    return sum(times for _, times in some.most_common(number)) / some.total()


def executed(conninfo: str) -> dict[str, tuple[int, float]]:
    """Return what runs executed, by bare statement: calls, and rows of each call.

    The server counts the statements of all databases, and those of runs are gone.
    """
    query = """
        SELECT s.query, sum(s.calls), sum(s.rows) FROM pg_stat_statements s
        WHERE s.dbid NOT IN (SELECT oid FROM pg_database) AND s.toplevel GROUP BY s.query
    """
    found: dict[str, tuple[int, float]] = {}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for sql, calls, rows in connection.execute(query):
            before, rate = found.get(bare(sql), (0, 0.0))
            total = before + int(calls)
            found[bare(sql)] = total, (before * rate + float(rows)) / total
    return found
