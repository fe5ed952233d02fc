"""Gain from workers and cost of their barrier: the same bursts by one process and by several, in shuffled blocks.

Usage: python benchmarks/workers.py [--slice 100ms] [--blocks 80] [--workers 1 2 4] [--case NAME ...]

Executes each burst with the connections in one process (0), in a leader without followers (1), and shared between a
leader and followers (2, 4), all over the server's own channel, as under `pytest -n`. The bursts are

    select_1_32      SELECT 1 over 32 connections, with the highest load on the client
    upsert_8_memory  the single-row upsert of load_generator.py over 8 connections, fsync off
    upsert_8_disk    the same, fsync on

Prints a line for each, and as its last line a JSON object: for each burst and number of workers the ratio of throughput
to that of 0, with its 95 % interval (the control's, a second column of 0, is the smallest detectable difference); the
operations per second; and in milliseconds per trial, median and 90th percentile of the blocks:

    barrier_ms   from telling `go` to the first start, and from the last response to the last `done`, beyond what 0
                 takes for the same (writing statistics down, sorting latencies)
    waiting_ms   from announcing the burst until everyone has generated and loaded it; an experiment generates once for
                 each block, and loads for each trial once all have reported the last

Both are differences to the mean of the block's two trials of 0, so that what drifts from block to block cancels.
"""

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter
from typing import NamedTuple

import numpy as np
from load_generator import KEYS, STATEMENTS, TABLE
from numpy.typing import NDArray

from schemabench import Call, Workload, Writer, candidate, sqlfile
from schemabench.errors import WorkloadError
from schemabench.experiment import Plan, entrant, filling
from schemabench.experiment.burst import Burst, Turn, make
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.feed import Feed
from schemabench.experiment.team import Executed, execute, together
from schemabench.experiment.template import Template
from schemabench.load import Limits
from schemabench.server import Needs, Server, serve
from schemabench.statistics import rank
from schemabench.units import parse_duration_s
from schemabench.workers.follower import follow
from schemabench.workers.leader import Leader, lead
from schemabench.workers.link import Link
from schemabench.workers.messages import Go, Message
from schemabench.workers.seat import Seat
from schemabench.workload import Found

ALONE, CONTROL = "0", "0 (control)"
RUN_ID = "workers"
_FIRST_CALLS = 2000
"""In the burst that tells how many calls a slice takes."""
_WARMUP_BLOCKS = 3
_PATIENCE_S = 10.0
"""How long followers may take to end once they are told that it is over."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One burst on one server."""

    name: str
    operation: str
    """One of load_generator.py's statements."""
    clients: int
    """Connections in all."""
    settings: tuple[tuple[str, str], ...] = ()
    """Of the server."""


CASES = (
    Case(name="select_1_32", operation="select_1", clients=32),
    Case(name="upsert_8_memory", operation="upsert", clients=8, settings=(("fsync", "off"),)),
    Case(name="upsert_8_disk", operation="upsert", clients=8),
)


@dataclass(frozen=True)
class Keys:
    """The cardinality."""

    keys: int = KEYS


class Cost(NamedTuple):
    """What one trial took, in seconds."""

    executing_s: float
    """From the first start to the last response."""
    waiting_s: float
    """Until everyone was ready."""
    rest_s: float
    """Between being ready and having everyone's outcome, while nobody executed."""


def burst(case: Keys, writer: str, _: int, random: Random) -> Iterator[Call]:
    """Yield calls without a key, which any connection may take."""
    while True:
        values = {"site": random.randint(1, case.keys), "value": random.randint(1, 1_000_000)}
        yield Call(writer, values if writer == "upsert" else {})


def planned(case: Case, folder: Path) -> Plan:
    """Return the experiment, the same in every process, from the files that `write` left."""
    workload = Workload(
        name=case.name,
        summary="bursts of one statement",
        cardinalities={"typical": Keys()},
        writers=lambda _: (Writer(name=case.operation, kind="stream", weight=1, clients=case.clients),),
        burst=burst,
    )
    operations = sqlfile.read(folder / "operations.sql", WorkloadError).operations
    return Plan(
        found=Found(workload=workload, path=Path(__file__), operations=operations),
        cardinality="typical",
        candidates=tuple(candidate.find(folder / "schemas").values()),
        clients=case.clients,
        budget_s=0.0,
        precision=0.0,
        seed=1,
    )


def write(folder: Path) -> None:
    """Write the schema and the operations down."""
    (folder / "schemas").mkdir()
    (folder / "schemas" / "baseline.sql").write_text(f"{TABLE};\n", encoding="utf-8")
    texts = {one.name: one.sql.replace("$1", ":site").replace("$2", ":value") for one in STATEMENTS}
    blocks = [f"-- name: {name}\n{text};\n" for name, text in texts.items()]
    (folder / "operations.sql").write_text("".join(blocks), encoding="utf-8")


def attend(case: Case, folder: Path, conninfo: str, seat: Seat) -> None:
    """Follow, in a process of its own, until it is over."""
    with closing(Link(conninfo, seat.run_id, seat.number)) as link:
        follow(planned(case, folder), link, seat)


class ClockedLink(Link):
    """A leader's link that remembers when it last told `go`."""

    went_s = 0.0

    def tell(self, message: Message) -> None:
        """Send a message."""
        if isinstance(message, Go):
            self.went_s = perf_counter()
        super().tell(message)


class Alone:
    """All connections in one process: what `Leader` does for several, with the clock read on the way."""

    def __init__(self, one: Entrant) -> None:
        self._entrant = one

    def trial(self, _: int, burst: Burst) -> Cost:
        """Execute a burst."""
        begun_s = perf_counter()
        loaded = self._entrant.sessions.load(burst)
        ready_s = perf_counter()
        part, _samples = execute(self._entrant, loaded, Random(1), Limits())  # noqa: S311 (nothing is retried)
        self._entrant.sessions.flush_statistics()
        return _cost(begun_s, ready_s, together([part]))


class Together:
    """A process that leads, and others that follow."""

    def __init__(self, one: Entrant, leader: Leader, link: ClockedLink, size: int) -> None:
        self._entrant, self._leader, self._link, self._size = one, leader, link, size
        leader.join([one])

    def trial(self, block: int, burst: Burst) -> Cost:
        """Execute a burst."""
        begun_s = perf_counter()
        self._leader.announce(block, f"block {block + 1}", [Turn(block, self._size)], [self._entrant])
        executed, _samples = self._leader.execute(self._entrant, burst, Random(1), None, Limits())  # noqa: S311 (as above)
        return _cost(begun_s, self._link.went_s, executed)


def _cost(begun_s: float, ready_s: float, executed: Executed) -> Cost:
    rest_s = perf_counter() - ready_s - executed.duration_s
    return Cost(executing_s=executed.duration_s, waiting_s=ready_s - begun_s, rest_s=rest_s)


class Bench:
    """All teams at one server, each with connections of its own to the same database."""

    def __init__(self, case: Case, server: Server, stack: ExitStack) -> None:
        self._case, self._server, self._stack = case, server, stack
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write(self._folder)
        self.plan = planned(case, self._folder)
        self.feed = Feed(self.plan.found, self.plan.values, self.plan.seed, {})
        (baseline,) = self.plan.candidates
        self._template = filling.build(baseline, self.plan.found.operations, server, ())

    def enter(self, positions: Sequence[int]) -> Entrant:
        """Connect to the database."""
        template: Template = self._template
        writers = [self.plan.connections[position] for position in positions]
        return self._stack.enter_context(
            closing(entrant.enter(template, candidate.BASELINE, template.databases, writers))
        )

    def team(self, workers: int, size: int) -> Together:
        """Start the processes of a team."""
        seat = Seat(number=0, names=tuple(f"gw{number}" for number in range(workers)), run_id=RUN_ID, folder="")
        conninfo = self._server.conninfo_for(self._server.create(f"team_{workers}").name)
        link = self._stack.enter_context(closing(ClockedLink(conninfo, seat.run_id, seat.number)))
        for number in range(1, workers):
            one = Seat(number=number, names=seat.names, run_id=RUN_ID, folder="")
            process = multiprocessing.get_context("spawn").Process(
                target=attend, args=(self._case, self._folder, conninfo, one), daemon=True
            )
            process.start()
            self._stack.callback(process.join, _PATIENCE_S)
        leader = self._stack.enter_context(lead(self.plan, link, seat))
        return Together(self.enter(leader.positions), leader, link, size)


def measure(case: Case, server: Server, workers: Sequence[int], *, slice_s: float, blocks: int) -> dict[str, object]:
    """Return what each number of workers brings and costs."""
    random, rows = Random(1), []  # noqa: S311 (reproducible on purpose)
    with ExitStack() as stack:
        bench = Bench(case, server, stack)
        alone = Alone(bench.enter(range(case.clients)))
        for size in (_FIRST_CALLS, _FIRST_CALLS):  # the second time with generic plans
            seconds = alone.trial(0, make(bench.feed, bench.plan.writers, 0, size)).executing_s
        size = max(1, round(_FIRST_CALLS / seconds * slice_s))
        teams = {ALONE: alone, CONTROL: alone} | {str(number): bench.team(number, size) for number in workers}
        for block in range(_WARMUP_BLOCKS + blocks):
            own = make(bench.feed, bench.plan.writers, block, size)
            order = list(teams)
            random.shuffle(order)
            costs = {name: teams[name].trial(block, own) for name in order}
            rows.append([costs[name] for name in teams])
    return _summary(np.array(rows[_WARMUP_BLOCKS:]), list(teams), size)


def _summary(costs: NDArray[np.float64], names: list[str], size: int) -> dict[str, object]:
    """Return the figures of all columns; `costs` has the shape (blocks, names, fields of `Cost`)."""
    rates = size / costs[:, :, Cost._fields.index("executing_s")]
    ranking = rank(rates, names, baseline=ALONE, control=CONTROL, seed=1)
    assert ranking.control is not None, "there is a control"
    beyond = costs - costs[:, [names.index(ALONE), names.index(CONTROL)]].mean(axis=1, keepdims=True)
    found: dict[str, object] = {"calls": size}
    for standing in sorted((*ranking.standings, ranking.control), key=lambda one: names.index(one.name)):
        column, ratio = names.index(standing.name), standing.to_baseline
        found[standing.name] = {
            "per_s": round(float(np.median(rates[:, column]))),
            "ratio": round(ratio.value, 3),
            "low": round(ratio.low, 3),
            "high": round(ratio.high, 3),
            "barrier_ms": _milliseconds(beyond[:, column, Cost._fields.index("rest_s")]),
            "waiting_ms": _milliseconds(beyond[:, column, Cost._fields.index("waiting_s")]),
        }
    return found


def _milliseconds(seconds: NDArray[np.float64]) -> list[float]:
    """Return median and 90th percentile in milliseconds."""
    return [round(float(one) * 1e3, 2) for one in np.percentile(seconds, [50, 90])]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slice", default="100ms", type=parse_duration_s, help="about how long a trial is")
    parser.add_argument("--blocks", default=80, type=int)
    parser.add_argument("--workers", default=[1, 2, 4], type=int, nargs="+")
    names = [case.name for case in CASES]
    parser.add_argument("--case", default=names, choices=names, nargs="+")
    chosen = parser.parse_args()
    results = {}
    for case in (case for case in CASES if case.name in chosen.case):
        teams = len(chosen.workers) + 1
        with serve(
            "embedded", Needs(clients=case.clients, databases=teams), settings=dict(case.settings), run_id=RUN_ID
        ) as server:
            results[case.name] = measure(case, server, chosen.workers, slice_s=chosen.slice, blocks=chosen.blocks)
        print(f"{case.name}: {results[case.name]}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
