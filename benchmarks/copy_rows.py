"""COPY by the load loop, and of a background, compared with psql's own: the same rows, in alternating slices.

Usage: python benchmarks/copy_rows.py [--rows 200000] [--slices 15]

Prints the rows per second of each, and as its last line a JSON object with the ratio of the medians (schemabench over
psql) and the centre and 95 % interval of the ratios of neighbouring slices, for each comparison:

- `operation`: the load loop. Its rows are formatted beforehand, as all values are.
- `background, narrow` and `background, wide`: what fills a database. Its rows are formatted meanwhile, from Python
  values that exist before; the time of a background without rows is subtracted. Tables have a primary key and an index.
  With `binary`, the same by `COPY ... FROM STDIN (FORMAT binary)`; psql's stays text, which is what its users have.

psql reads a file in memory where /dev/shm is, and starts anew for each slice; the time of a psql that copies no row is
subtracted. All write the same rows over one connection.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from shutil import which
from time import perf_counter
from typing import Any

import numpy as np

from schemabench import candidate, sqlfile
from schemabench.encoding import Encoder, as_rows
from schemabench.errors import WorkloadError
from schemabench.experiment import filling
from schemabench.experiment.feed import Chunk
from schemabench.experiment.template import Template
from schemabench.load import Limits, Rows, Session, drive
from schemabench.server import Databases, Needs, Server, serve, several
from schemabench.server.dsn import opened
from schemabench.statistics import rank
from schemabench.units import NANOSECONDS

_BARE = "CREATE TABLE reading (sensor int NOT NULL, measured_at timestamptz NOT NULL, value double precision)"
_NARROW = """
CREATE TABLE reading (id bigint PRIMARY KEY, sensor int NOT NULL, value double precision);
CREATE INDEX ON reading (sensor);
"""
_WIDE = """
CREATE TABLE reading (id bigint PRIMARY KEY, sensor int NOT NULL, value double precision, measured_at timestamptz,
    site text, note text, valid bool, unit text, low double precision, high double precision);
CREATE INDEX ON reading (sensor);
"""
_AT = datetime(2026, 2, 16, tzinfo=UTC)
_STARTS = 5
_PART_ROWS = 1000
_MEMORY = Path("/dev/shm")  # noqa: S108 (a file of this process alone, in a folder of its own)
_QUICKLY = "SET synchronous_commit TO off; "
"""As while a background is loaded."""


@dataclass(frozen=True)
class Comparison:
    """One thing that is compared with psql."""

    name: str
    table: str
    columns: tuple[str, ...]
    row: Callable[[int], tuple[object, ...]]
    background: bool
    suffix: str = ""


_NARROW_COLUMNS = ("id", "sensor", "value")
_WIDE_COLUMNS = (*_NARROW_COLUMNS, "measured_at", "site", "note", "valid", "unit", "low", "high")
_BINARY = " (FORMAT binary)"


def _narrow(number: int) -> tuple[object, ...]:
    return number, number % 977, number / 7


def _wide(number: int) -> tuple[object, ...]:
    texts = (f"site-{number % 31}", "a reading like others, " * 4)
    return *_narrow(number), _AT, *texts, number % 2 == 0, "K", number / 9, 0.5


_COMPARISONS = (
    Comparison("operation", _BARE, ("sensor", "measured_at", "value"), lambda n: (n % 977, _AT, n / 7), False),  # noqa: FBT003
    *(
        Comparison(f"background, {name}", table, columns, row, True, suffix)  # noqa: FBT003
        for suffix, name, table, columns, row in (
            ("", "narrow", _NARROW, _NARROW_COLUMNS, _narrow),
            ("", "wide", _WIDE, _WIDE_COLUMNS, _wide),
            (_BINARY, "narrow, binary", _NARROW, _NARROW_COLUMNS, _narrow),
            (_BINARY, "wide, binary", _WIDE, _WIDE_COLUMNS, _wide),
        )
    ),
)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--slices", type=int, default=15)
    chosen = parser.parse_args()
    psql = which("psql") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))), None)
    if psql is None:
        print("psql is not installed", file=sys.stderr)
        return 2
    found = {}
    memory = _MEMORY if _MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        serve("embedded", Needs(clients=4), settings={}, run_id="copy_rows") as server,
    ):
        for comparison in _COMPARISONS:
            with closing(_Both(comparison, chosen.rows, psql, server, Path(folder))) as both:
                rates = np.array([both.slice(number) for number in range(chosen.slices)])
            found[comparison.name] = _told(comparison.name, rates)
    print(json.dumps(found))
    return 0


class _Both:
    """Copies the same rows by schemabench and by psql."""

    def __init__(self, comparison: Comparison, rows: int, psql: str, server: Server, folder: Path) -> None:
        self._comparison, self._psql, self._server = comparison, psql, server
        self._rows: Sequence[tuple[object, ...]] = [comparison.row(number) for number in range(rows)]
        encode, names = Encoder({}), comparison.columns
        encoded = (encode("load", dict(zip(names, row, strict=True))).values() for row in self._rows)
        self._chunks = as_rows(list(one) for one in encoded)
        self._copy = f"COPY reading ({', '.join(names)}) FROM STDIN"
        self._path, empty = folder / "rows.tsv", folder / "none.tsv"
        self._path.write_bytes(b"".join(self._chunks))
        empty.touch()
        self._database = server.create("copied")
        self._conninfo = server.conninfo_for(self._database.name)
        self._admin = opened(self._conninfo)
        self._admin.execute(comparison.table.encode())
        self._session = Session.open(self._conninfo)
        (folder / "baseline.sql").write_text(comparison.table, encoding="utf-8")
        (folder / "operations.sql").write_text(f"-- name: load\n{self._copy}{comparison.suffix};\n", encoding="utf-8")
        self._baseline = candidate.find(folder)["baseline"]
        self._operations = sqlfile.read(folder / "operations.sql", WorkloadError).operations
        self._psql_s = statistics.median(self._by_psql(empty) for _ in range(_STARTS))
        self._ours_s = (
            statistics.median(self._by_background(()) for _ in range(_STARTS)) if comparison.background else 0.0
        )

    def slice(self, number: int) -> tuple[float, float]:
        """Return the rows per second of schemabench and of psql."""
        took_s = {}
        for who in ("ours", "theirs") if number % 2 else ("theirs", "ours"):
            self._admin.execute("TRUNCATE reading")
            if who == "theirs":
                took_s[who] = self._by_psql(self._path) - self._psql_s
            elif self._comparison.background:
                took_s[who] = self._by_background(self._rows) - self._ours_s
            else:
                took_s[who] = self._by_loop()
        return len(self._rows) / took_s["ours"], len(self._rows) / took_s["theirs"]

    def close(self) -> None:
        """Drop the database."""
        self._session.close()
        self._admin.close()
        several.drop(self._server, [self._database])

    def _by_loop(self) -> float:
        rows = Rows(b"copy", (), self._copy.encode(), self._chunks)
        driven = drive([(self._session, [(0, "copy", [rows])])], calls=1, random=Random(1), limits=Limits())  # noqa: S311 (nothing is retried)
        return driven.duration_ns / NANOSECONDS

    def _by_background(self, rows: Sequence[tuple[object, ...]]) -> float:
        """Return the time of what a background does between the schema and VACUUM."""
        template = Template(
            candidate=self._baseline,
            operations=self._operations,
            server=self._server,
            databases=Databases(label="copied", by_part={"": self._database}),
        )
        names = self._comparison.columns
        some = (rows[at : at + _PART_ROWS] for at in range(0, len(rows), _PART_ROWS))
        chunks = (Chunk("load", names, chunk, len(chunk)) for chunk in some)
        started_s = perf_counter()
        filling.load(template, chunks)
        return perf_counter() - started_s

    def _by_psql(self, path: Path) -> float:
        copy = f"\\copy {self._copy[5:-11]} FROM '{path}'"
        settings = ["-c", _QUICKLY] if self._comparison.background else []
        command = [self._psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self._conninfo, *settings, "-c", copy]
        started_s = perf_counter()
        subprocess.run(command, check=True, env=os.environ, timeout=120)  # noqa: S603 (a program of the machine's)
        return perf_counter() - started_s


def _told(name: str, rates: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> dict[str, Any]:
    standings = rank(rates, ("schemabench", "psql"), baseline="psql", seed=1).standings
    paired = next(one.to_baseline for one in standings if one.name == "schemabench")
    ours, theirs = (float(median) for median in np.median(rates, axis=0))
    print(f"{name}: schemabench {ours:,.0f} rows/s, psql {theirs:,.0f} rows/s")
    return {"ratio": round(ours / theirs, 3), "paired": [round(v, 3) for v in (paired.low, paired.value, paired.high)]}


if __name__ == "__main__":
    sys.exit(main())
