"""pgbench's own scripts, converted and executed, next to pgbench: on one server, in alternating slices of one run.

Usage: python benchmarks/pgbench_scripts.py [--slice 400ms] [--slices 60] [--connections 8] [--scale 10]

Prints a line for each script, and as its last line a JSON object: for each, what `load_generator.py` prints of a
statement. The ratios are those of transactions per second, schemabench over pgbench.

The project is that of `schemabench init --pgbench`. Its calls are made and encoded as for a burst, its statements are
prepared under every session, and the load loop executes them; pgbench executes its builtin script of the name, with
`-M prepared -j 1`. Both use the same tables, which the project's own operations have filled. Slices, their order and
the cost of a start are as in `load_generator.py`. With `XDG_CACHE_HOME=/dev/shm` the server's files are in memory, so
that variations of the disk do not hide those of the clients.
"""

import argparse
import json
import resource
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import psycopg
from load_generator import Slice, compare, find_pgbench
from load_generator import pgbench as run_pgbench

from schemabench import pgbench, workload
from schemabench.errors import WorkloadError
from schemabench.experiment import burst
from schemabench.experiment.burst import Encoded
from schemabench.experiment.feed import Feed
from schemabench.experiment.forms import Form, forms, in_order
from schemabench.load import Limits, Request, Session, drive
from schemabench.pgbench.builtins import SCRIPTS
from schemabench.server import Server, serve
from schemabench.units import NANOSECONDS, parse_duration_s
from schemabench.workload import Call, Found


def project(folder: Path, script: str, scale: int) -> Found:
    """Convert a script, and return its workload."""
    for path, content in pgbench.convert([script], given=[f"scale={scale}"], schema=None, name="").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    (name,) = workload.names(folder / "workloads")
    return workload.load(folder / "workloads", name)


def fill(server: Server, folder: Path, found: Found) -> None:
    """Make the tables, with the rows of the project's background."""
    cardinality = found.workload.cardinalities["typical"]
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute((folder / "schemas" / found.workload.name / "baseline.sql").read_bytes())
        for call in found.workload.background(cardinality, Random(0)):  # noqa: S311 (it draws nothing)
            assert isinstance(call, Call), "the server makes the rows"
            (statement,) = found.operations[call.operation].statements
            connection.execute(statement.render({}).sql.replace("$1", "%s").encode(), [call.values["scale"]])
        connection.execute("VACUUM (ANALYZE)")


def loop(server: Server, found: Found, numbers: Iterator[int], connections: int, each: int) -> Slice:
    """Let the load loop execute so many of the project's calls on each connection."""
    cardinality = found.workload.cardinalities["typical"]
    (writer,) = found.workload.writers(cardinality)
    calls = each * connections
    feed = Feed(found, cardinality, 1, {})
    made = burst.make(feed, [(writer, connections)], next(numbers), calls / writer.weight)
    known = {name: tuple(forms(found.operations[name], {}, WorkloadError)) for name in set(made.operations)}
    sessions = [Session.open(server.conninfo) for _ in range(connections)]
    try:
        for session in sessions:
            for form in (form for some in known.values() for form in some):
                session.prepare(form.name, form.sql.decode())
        queues = [
            (session, [request(known[call.operation], call) for call in queue])
            for session, queue in zip(sessions, made.queues, strict=True)
        ]
        before = resource.getrusage(resource.RUSAGE_SELF)
        done = drive(queues, calls=calls, limits=Limits(call_s=30), random=Random(1))  # noqa: S311 (of retries)
        after = resource.getrusage(resource.RUSAGE_SELF)
    finally:
        for session in sessions:
            session.close()
    return Slice(
        operations=calls,
        duration_s=done.duration_ns / NANOSECONDS,
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


def request(known: tuple[Form, ...], call: Encoded) -> Request:
    """Return a call as it is sent."""
    return call.number, call.operation, [form.step(some) for form, some in in_order(known, [call])]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slice", default="400ms", type=parse_duration_s, help="about how long a slice is")
    parser.add_argument("--slices", default=60, type=int, help="pairs of slices")
    parser.add_argument("--connections", default=8, type=int)
    parser.add_argument("--scale", default=10, type=int, help="as of pgbench -i")
    chosen = parser.parse_args()
    program, results = find_pgbench(), {}
    with (
        serve("embedded", settings={}, clients=chosen.connections, run_id="pgscripts") as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        projects = {script: project(Path(folder) / script, script, chosen.scale) for script in SCRIPTS}
        fill(server, Path(folder) / SCRIPTS[0], projects[SCRIPTS[0]])
        for script, found in projects.items():
            path = Path(folder) / f"{script}.sql"
            path.write_text(f"\\set scale {chosen.scale}\n{pgbench.builtins.script(script)}")
            ours = partial(loop, server, found, count(), chosen.connections)
            theirs = partial(run_pgbench, program, server, path, chosen.connections)
            results[script] = compare(ours, theirs, chosen.slice, chosen.slices, chosen.connections)
            print(f"{script:14} {results[script]}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
