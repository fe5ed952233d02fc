"""pgbench's own scripts, converted and executed, next to pgbench: on one server, in alternating slices of one run.

Usage: python benchmarks/pgbench_scripts.py [--slice 1s] [--slices 30] [--connections 8] [--scale 10]

Prints a line for each script, and as its last line a JSON object: for each, what `load_generator.py` prints of a
statement. The ratios are those of transactions per second, schemabench over pgbench.

The project is that of `schemabench init --pgbench`. Its calls are made and encoded as for a burst, its statements are
prepared under every session, and the load loop executes them; pgbench executes its builtin script of the name, with
`-M prepared -j 1`. Both use the same tables, which the project's own operations have filled, each reconnects for every
slice, and each comes first in every other pair.

A slice begins when every connection has executed one call: schemabench executes it beforehand, and pgbench's log of
transactions tells when that was. It ends when the first connection has executed all of its calls. So connecting,
preparing and waiting for the last are in neither. pgbench's processor time has its start in it. With
`XDG_CACHE_HOME=/dev/shm` the server's files are in memory, so that variations of the disk do not hide those of the
clients.
"""

import argparse
import json
import resource
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, count
from pathlib import Path
from random import Random

import psycopg
from load_generator import Slice, find_pgbench, pgbench_with, summary

from schemabench import pgbench, workload
from schemabench.errors import WorkloadError
from schemabench.experiment import burst
from schemabench.experiment.burst import Encoded
from schemabench.experiment.feed import Feed
from schemabench.experiment.forms import Form, forms, in_order
from schemabench.load import Limits, Request, Session, drive
from schemabench.pgbench.builtins import SCRIPTS
from schemabench.server import Needs, Server, serve
from schemabench.units import NANOSECONDS, parse_duration_s
from schemabench.workload import Call, Found

Client = Callable[..., Slice]
_FIRST = 200
"""Calls of each connection in the first pair, which warms up."""
MICROSECONDS = 1_000_000


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


def loop(server: Server, found: Found, numbers: Iterator[int], connections: int, *, each: int) -> Slice:
    """Let the load loop execute so many of the project's calls on each connection, after one that is not timed."""
    cardinality = found.workload.cardinalities["typical"]
    (writer,) = found.workload.writers(cardinality)
    feed = Feed(found, cardinality, 1, {})
    first, made = (
        burst.make(feed, [(writer, connections)], next(numbers), number * connections / writer.weight)
        for number in (1, each)
    )
    known = {name: tuple(forms(found.operations[name], {}, WorkloadError)) for name in set(made.operations)}
    sessions = [Session.open(server.conninfo) for _ in range(connections)]
    try:
        for session in sessions:
            for form in (form for some in known.values() for form in some):
                session.prepare(form.name, form.sql.decode())
        for part in (first, made):
            queues = [
                (session, [request(known[call.operation], call) for call in queue])
                for session, queue in zip(sessions, part.queues, strict=True)
            ]
            before = resource.getrusage(resource.RUSAGE_SELF)
            done = drive(queues, calls=len(part.operations), limits=Limits(call_s=30), random=Random(1))  # noqa: S311 (of retries)
            after = resource.getrusage(resource.RUSAGE_SELF)
    finally:
        for session in sessions:
            session.close()
    ends = [list(accumulate(done.latencies_ns[call.number] / NANOSECONDS for call in queue)) for queue in made.queues]
    return busy(ends, 0.0, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def logged(program: Path, server: Server, script: Path, connections: int, *, each: int) -> Slice:
    """Let pgbench execute as many on each connection, after one that is not timed."""
    log = script.parent / "log"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pgbench_with(program, server, script, connections, 1 + each, "--log", f"--log-prefix={log}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (written,) = script.parent.glob("log.*")
    lines = [line.split() for line in written.read_text().splitlines()]
    written.unlink()
    ends: dict[str, list[float]] = {}
    for client, _, _, _, seconds, microseconds, *_ in lines:
        ends.setdefault(client, []).append(int(seconds) + int(microseconds) / MICROSECONDS)
    begin = max(map(min, ends.values()))
    return busy(list(ends.values()), begin, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def busy(ends: Sequence[Sequence[float]], begin_s: float, cpu_s: float) -> Slice:
    """Return what was done while all connections were busy, by the ends of the calls of each; the CPU in proportion."""
    until_s = min(map(max, ends))
    operations = sum(begin_s < end_s <= until_s for some in ends for end_s in some)
    share = operations / sum(map(len, ends))
    return Slice(operations=operations, duration_s=until_s - begin_s, cpu_s=cpu_s * share)


def compare(ours: Client, theirs: Client, slice_s: float, slices: int, connections: int) -> dict[str, float]:
    """Let both clients work in turns; return the ratios."""
    each, pairs = _FIRST, []
    for number in range(slices + 1):
        done = {side: (ours, theirs)[side](each=each) for side in ((1, 0) if number % 2 else (0, 1))}
        each = max(2, round(done[1].rate * slice_s / connections))
        pairs.append((done[0], done[1]))
    return summary(pairs[1:])


def request(known: tuple[Form, ...], call: Encoded) -> Request:
    """Return a call as it is sent."""
    return call.number, call.operation, [form.step(some) for form, some in in_order(known, [call])]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slice", default="1s", type=parse_duration_s, help="about how long a slice is")
    parser.add_argument("--slices", default=30, type=int, help="pairs of slices")
    parser.add_argument("--connections", default=8, type=int)
    parser.add_argument("--scale", default=10, type=int, help="as of pgbench -i")
    chosen = parser.parse_args()
    program, results = find_pgbench(), {}
    with (
        serve("embedded", Needs(clients=chosen.connections), settings={}, run_id="pgscripts") as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        projects = {script: project(Path(folder) / script, script, chosen.scale) for script in SCRIPTS}
        fill(server, Path(folder) / SCRIPTS[0], projects[SCRIPTS[0]])
        for script, found in projects.items():
            path = Path(folder) / f"{script}.sql"
            path.write_text(f"\\set scale {chosen.scale}\n{pgbench.builtins.script(script)}")
            ours = partial(loop, server, found, count(), chosen.connections)
            theirs = partial(logged, program, server, path, chosen.connections)
            results[script] = compare(ours, theirs, chosen.slice, chosen.slices, chosen.connections)
            print(f"{script:14} {results[script]}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
