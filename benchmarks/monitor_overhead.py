"""Overhead of the sampler: throughput with and without it, in shuffled blocks of one run.

Usage: python benchmarks/monitor_overhead.py [--slice 200ms] [--blocks 150] [--connections 8 32] [--hz 50 200]

Executes the single-row upsert of load_generator.py, prepared, on a server of its own, in blocks of one slice without
the sampler, one for each rate, and a second one without as the control. Prints a line for each number of connections,
and as its last line a JSON object: for each number of connections and each rate the ratio of throughput with the
sampler to that without, and its 95 % interval (the control's is the smallest detectable difference); and the number of
samples taken, late and lost.

Throughput always differs by several percent from slice to slice. Two more figures have far less noise. `stall` is the
share of throughput lost after samples: calls that began in the first quarter of the time from one sample to the next,
compared with the other three quarters, with a bootstrap interval over slices. `processor_share` is the share of the
server's sampling session in the processor time of server and client in the same slices, and `look_us` the time of one
sample.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from random import Random
from time import perf_counter_ns
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import psutil
import psycopg
from load_generator import STATEMENTS, TABLE, parameters

from schemabench.load import Limits, Request, Session, Talk, drive
from schemabench.load.talk import Pause
from schemabench.monitor.sampler import Sampler, mark
from schemabench.server import Needs, Server, serve
from schemabench.statistics import rank
from schemabench.units import NANOSECONDS, parse_duration_s

Figures: TypeAlias = npt.NDArray[np.float64]

OFF, CONTROL = "off", "off (control)"
_FIRST_CALLS = 2000
"""In the slice that tells how many calls a slice takes."""
_RESAMPLES = 5000


class Noted(list[Request]):
    """Requests of one session, each of which is noted when it begins: when the load loop takes it.

    Args:
        requests: In order.
        begun_ns: Where the moments go, of all sessions together.
    """

    def __init__(self, requests: Iterable[Request], begun_ns: list[int]) -> None:
        super().__init__(requests)
        self._begun_ns = begun_ns

    def __iter__(self) -> Iterator[Request]:
        """Yield the requests."""
        for request in super().__iter__():
            self._begun_ns.append(perf_counter_ns())
            yield request


class Bench:
    """Connections at work, with or without somebody watching.

    Attributes:
        looks: How many looks were taken, late and lost in the last slice.
        after: How many calls of the last slice began in the first quarter after a look, and in the other three.
    """

    def __init__(self, server: Server, connections: int) -> None:
        self._statement = next(one for one in STATEMENTS if one.name == "upsert")
        self._sessions = [Session.open(server.conninfo) for _ in range(connections)]
        for session in self._sessions:
            session.prepare(b"upsert", mark("upsert") + self._statement.sql)
        self._pids = [session.connection.backend_pid for session in self._sessions]
        self._begun_ns: list[int] = []
        self.looks: Counter[str] = Counter()
        self.after = np.zeros(2)

    def rate(self, calls: int, sampler: Sampler | None, hz: float, random: Random) -> float:
        """Execute so many calls; return how many per second."""
        self._begun_ns, looks_ns = [], list[int]()
        self.looks, self.after = Counter(), np.zeros(2)
        requests = list(self._requests(calls, random))
        queues = [
            (session, Noted(requests[first :: len(self._sessions)], self._begun_ns))
            for first, session in enumerate(self._sessions)
        ]
        watch = None
        if sampler:
            socket, talk = sampler.watch(self._pids, random)
            watch = socket, _noting(talk, looks_ns)
        done = drive(queues, calls=calls, limits=Limits(call_s=30), random=random, watch=watch)
        if sampler:
            samples = sampler.taken({})
            self.looks = Counter(
                taken=len(samples.taken), late=sum(one.late for one in samples.taken), lost=samples.lost
            )
            self.after = _after(np.array(looks_ns), np.array(self._begun_ns), NANOSECONDS / hz)
        return calls / done.duration_ns * NANOSECONDS

    def _requests(self, calls: int, random: Random) -> Iterator[Request]:
        for call in range(calls):
            yield call, "upsert", [(b"upsert", parameters(self._statement, random))]

    def close(self) -> None:
        """Close the connections."""
        for session in self._sessions:
            session.close()


def measure(
    server: Server, connections: int, rates_hz: list[float], *, slice_s: float, blocks: int
) -> dict[str, dict[str, float]]:
    """Return what each rate costs with so many connections."""
    rates = {f"{hz:g}": hz for hz in rates_hz}
    names = [OFF, CONTROL, *rates]
    random, rows = Random(1), []  # noqa: S311 (reproducible on purpose)
    with closing(Bench(server, connections)) as bench:
        samplers = {name: Sampler(server.conninfo, hz) for name, hz in rates.items()}
        looking = {name: psutil.Process(sampler.pid) for name, sampler in samplers.items()}
        postmaster = psutil.Process(next(iter(samplers.values())).pid).parent()
        assert postmaster is not None, "a session is a child of the server"
        busy = [psutil.Process(), *postmaster.children()]
        all_s = dict.fromkeys(names, 0.0)
        looks = {name: Counter[str]() for name in names}
        after: dict[str, list[Figures]] = {name: [] for name in names}
        calls = round(bench.rate(_FIRST_CALLS, None, 0, random) * slice_s)
        for name, sampler in samplers.items():
            bench.rate(calls, sampler, rates[name], random)  # what is done for the first time takes longer
        begun_s = {name: _spent_s(process) for name, process in looking.items()}
        for _ in range(blocks):
            order, row = list(names), {}
            random.shuffle(order)
            for name in order:  # all alike, so that none begins in a quieter moment
                before_s = sum(map(_spent_s, busy))
                row[name] = bench.rate(calls, samplers.get(name), rates.get(name, 0), random)
                all_s[name] += sum(map(_spent_s, busy)) - before_s
                looks[name].update(bench.looks)
                after[name].append(bench.after)
            rows.append([row[name] for name in names])
        spent_s = {name: _spent_s(process) - begun_s[name] for name, process in looking.items()}
        for sampler in samplers.values():
            sampler.close()
    ranking = rank(np.array(rows), names, baseline=OFF, control=CONTROL, seed=1)
    assert ranking.control is not None, "there is a control"
    found: dict[str, dict[str, float]] = {}
    for standing in (ranking.control, *ranking.standings):
        if standing.name != OFF:
            ratio = standing.to_baseline
            figures = {"ratio": round(ratio.value, 4), "low": round(ratio.low, 4), "high": round(ratio.high, 4)}
            found[standing.name] = figures
    for name in samplers:
        look_s = spent_s[name] / looks[name]["taken"]
        share = spent_s[name] / all_s[name]
        found[name] |= _stall(np.array(after[name]))
        found[name] |= {**looks[name], "look_us": round(look_s * 1e6), "processor_share": round(share, 4)}
    return found


def _noting(talk: Talk, looks_ns: list[int]) -> Talk:
    """Note when each look is due: it is taken after a whole batch of calls, and fewer begin next in any case."""
    for want in talk:
        if isinstance(want, Pause):
            looks_ns.append(want.until_ns)
        yield want


def _after(looks_ns: Figures, begun_ns: Figures, interval_ns: float) -> Figures:
    """Return how many calls began in the first quarter of an interval after a look, and how many in the rest."""
    looks_ns = looks_ns[looks_ns + interval_ns <= begun_ns[-1]]
    first, quarter, last = (np.searchsorted(begun_ns, looks_ns + part * interval_ns) for part in (0, 0.25, 1))
    return np.array([(quarter - first).sum(), (last - quarter).sum()])


def _stall(after: Figures) -> dict[str, float]:
    """Return which share of calls is missing, from the two counts of each slice, with an interval."""
    chosen = np.random.default_rng(1).integers(len(after), size=(_RESAMPLES, len(after)))
    counts = np.vstack([after.sum(axis=0), after[chosen].sum(axis=1)])
    expected = counts[:, 1] / 3
    shares = (expected - counts[:, 0]) / (4 * expected)
    figures = [float(shares[0]), *np.quantile(shares[1:], [0.025, 0.975]).tolist()]
    return dict(zip(("stall", "stall_low", "stall_high"), (round(figure, 4) for figure in figures), strict=True))


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
    with serve("embedded", Needs(clients=max(chosen.connections)), settings={}, run_id="overhead") as server:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute(TABLE)
        for connections in chosen.connections:
            found = measure(server, connections, chosen.hz, slice_s=chosen.slice, blocks=chosen.blocks)
            results[str(connections)] = found
            print(f"{connections} connections: {found}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
