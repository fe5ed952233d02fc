"""What looking costs: throughput with the sampler against without, in shuffled blocks of one run.

Usage: python benchmarks/monitor_overhead.py [--slice 200ms] [--blocks 150] [--connections 8 32] [--hz 50 200]

Executes the single-row upsert of load_generator.py, prepared, on a server of its own, in blocks of one slice without
the sampler, one for each rate, and a second one without as the control. Prints a line for each number of connections,
and as its last line a JSON object: for each number of connections and each rate the ratio of throughput with the
sampler to without and its 95 % interval (the control's is what this run could have seen at the best); how many looks
were taken, late and lost; and, since it has far less noise than throughput, the processor time that the server spent
on a look, with its share of all that server and client spent in the same slices: where processors are what limits
throughput, that share is what looking costs.
"""

import argparse
import json
from collections import Counter
from contextlib import closing
from random import Random

import numpy as np
import psutil
import psycopg
from load_generator import STATEMENTS, TABLE, parameters

from schemabench.load import Session, drive
from schemabench.monitor.sampler import Sampler, mark
from schemabench.server import Server, serve
from schemabench.statistics import rank
from schemabench.units import NANOSECONDS, parse_duration_s

OFF, CONTROL = "off", "off (control)"
_FIRST_CALLS = 2000
"""In the slice that tells how many calls a slice takes."""


class Bench:
    """Connections at work, with or without somebody watching."""

    def __init__(self, server: Server, connections: int) -> None:
        self._statement = next(one for one in STATEMENTS if one.name == "upsert")
        self._sessions = [Session.open(server.conninfo) for _ in range(connections)]
        for session in self._sessions:
            session.prepare(b"upsert", mark("upsert") + self._statement.sql)
        self._pids = [session.connection.backend_pid for session in self._sessions]
        self.looks: Counter[str] = Counter()

    def rate(self, calls: int, sampler: Sampler | None, random: Random) -> float:
        """Execute so many calls; return how many per second."""
        requests = iter([(call, "upsert", [(b"upsert", parameters(self._statement, random))]) for call in range(calls)])
        queues = [(session, requests) for session in self._sessions]
        watch = sampler.watch(self._pids, random) if sampler else None
        done = drive(queues, calls=calls, limit_s=30, random=random, watch=watch)
        if sampler:
            samples = sampler.taken({})
            self.looks.update(taken=len(samples.taken), late=sum(one.late for one in samples.taken), lost=samples.lost)
        return calls / done.duration_ns * NANOSECONDS

    def close(self) -> None:
        """Close the connections."""
        for session in self._sessions:
            session.close()


def measure(
    server: Server, connections: int, rates_hz: list[float], *, slice_s: float, blocks: int
) -> dict[str, dict[str, float]]:
    """Return what each rate costs with so many connections."""
    names = [OFF, CONTROL, *(f"{hz:g}" for hz in rates_hz)]
    random, rows = Random(1), []  # noqa: S311 (reproducible on purpose)
    with closing(Bench(server, connections)) as bench:
        samplers = {f"{hz:g}": Sampler(server.conninfo, hz) for hz in rates_hz}
        looking = {name: psutil.Process(sampler.pid) for name, sampler in samplers.items()}
        postmaster = psutil.Process(next(iter(samplers.values())).pid).parent()
        assert postmaster is not None, "a session is a child of the server"
        busy = [psutil.Process(), *postmaster.children()]
        all_s = dict.fromkeys(samplers, 0.0)
        looks = {name: Counter[str]() for name in samplers}
        calls = round(bench.rate(_FIRST_CALLS, None, random) * slice_s)
        for sampler in samplers.values():
            bench.rate(calls, sampler, random)  # plans turn generic after five looks
        begun_s = {name: _spent_s(process) for name, process in looking.items()}
        for _ in range(blocks):
            order, row = list(names), {}
            random.shuffle(order)
            for name in order:
                bench.looks = looks.get(name, Counter())
                before_s = sum(map(_spent_s, busy)) if name in samplers else 0.0
                row[name] = bench.rate(calls, samplers.get(name), random)
                if name in samplers:
                    all_s[name] += sum(map(_spent_s, busy)) - before_s
            rows.append([row[name] for name in names])
        spent_s = {name: _spent_s(process) - begun_s[name] for name, process in looking.items()}
        for sampler in samplers.values():
            sampler.close()
    ranking = rank(np.array(rows), names, baseline=OFF, control=CONTROL, seed=1)
    assert ranking.control is not None, "there is a control"
    found = {}
    for standing in (ranking.control, *ranking.standings):
        if standing.name != OFF:
            ratio = standing.ratio
            figures = {"ratio": round(ratio.value, 4), "low": round(ratio.low, 4), "high": round(ratio.high, 4)}
            found[standing.name] = figures
    for hz in rates_hz:
        name = f"{hz:g}"
        look_s = spent_s[name] / looks[name]["taken"]
        share = spent_s[name] / all_s[name]
        found[name] |= {**looks[name], "look_us": round(look_s * 1e6), "processor_share": round(share, 4)}
    return found


def _spent_s(process: psutil.Process) -> float:
    """Return the processor time that a process has spent, user and system."""
    return float(sum(process.cpu_times()[:2]))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slice", default="200ms", type=parse_duration_s, help="about how long a slice is")
    parser.add_argument("--blocks", default=150, type=int)
    parser.add_argument("--connections", default=[8, 32], type=int, nargs="+")
    parser.add_argument("--hz", default=[50.0, 200.0], type=float, nargs="+")
    chosen = parser.parse_args()
    results = {}
    with serve("embedded", settings={}, clients=max(chosen.connections), run_id="overhead") as server:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute(TABLE)
        for connections in chosen.connections:
            found = measure(server, connections, chosen.hz, slice_s=chosen.slice, blocks=chosen.blocks)
            results[str(connections)] = found
            print(f"{connections} connections: {found}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
