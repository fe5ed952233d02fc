"""Cost of more candidates, connections and samples: memory and time of schemabench itself at growing sizes.

Usage: python benchmarks/scale.py [--candidates 4 16 64] [--connections 8 64 500] [--samples 7200 45000 180000]
    [--seconds 0.6]

Each size is a process of its own. For candidates and connections it makes a small experiment of upserts on a server of
its own, `--seconds` for each entrant: so many candidates with 4 clients, or the baseline and its control with so many
connections in all. Samples are made up, ten to a trial with eight sessions in each, and added up as those of an
experiment are: 180,000 are an hour at 50 Hz, which no benchmark waits for.

Prints a line for each size, and as its last line a JSON object. For each kind and size:

    peak_mib        the largest memory of the process, the server's not included
    wall_s          the whole experiment, from building the databases to the record
    trials_s        the part of it that bursts took, those of calibration and warm-up included
    copying_s       the part of it in which databases were copied anew between blocks
    between_share   the share of the other time, from the first block's end to the last's, that was no trial's
    between_ms      the same in milliseconds for each block
    processor_s     what adding the samples up takes

and for each kind, over its sizes, `memory` and `time`: the cost of each further unit from the second size to the last,
as a multiple of that from the first size to the second. 1 is linear growth. The time is that of a block between
trials, or that of adding samples up, without making them.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from time import perf_counter, process_time

from detection import write

from schemabench import candidate as candidates
from schemabench.candidate import BASELINE
from schemabench.experiment import Plan, measure
from schemabench.experiment.burst import Burst
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.team import Alone, Executed
from schemabench.experiment.team import Samples as Times
from schemabench.load import Limits, Talk
from schemabench.monitor.attribution import Tally
from schemabench.monitor.sample import Lock, Sample, Samples, Seen
from schemabench.progress import Shown, Silence
from schemabench.server import serve

KINDS = {"candidates": (4, 16, 64), "connections": (8, 64, 500), "samples": (7_200, 45_000, 180_000)}
FEW_CLIENTS = 4
"""Where candidates grow."""
SAMPLES_IN_TRIAL = 10
SESSIONS = 8
_KIB_IN_MIB = 1024
_LIMIT_S = 380


class Clocked(Alone):
    """Executes bursts in this process, and adds their time up."""

    trials_s = 0.0

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None, limits: Limits
    ) -> tuple[Executed, Times]:
        """Execute a burst."""
        executed, times = super().execute(entrant, burst, random, watch, limits)
        self.trials_s += executed.duration_s
        return executed, times


class Marks(Silence):
    """The end of each block: when it was, and what all trials had taken by then, both in seconds."""

    def __init__(self, team: Clocked) -> None:
        self._team = team
        self.ends: list[tuple[float, float]] = []

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Note the end of a block."""
        _ = plan, done, elapsed_s, ratios
        self.ends.append((perf_counter(), self._team.trials_s))


def experiment(entrants: int, clients: int, budget_s: float) -> dict[str, float]:
    """Make an experiment, and return what it took; the control is one of the entrants."""
    names = [BASELINE, *(f"candidate_{number}" for number in range(2, entrants))]
    settings, scratch = {"fsync": "off"}, 1
    with (
        tempfile.TemporaryDirectory() as folder,
        serve("embedded", settings=settings, clients=clients, databases=entrants + scratch, run_id="scale") as server,
    ):
        found = write(Path(folder), "write", dict.fromkeys(names, ""), rows=1)
        plan = Plan(
            found=found,
            cardinality="typical",
            candidates=tuple(candidates.find(Path(folder)).values()),
            clients=clients,
            budget_s=budget_s,
            precision=1e-6,
            seed=1,
            sample_hz=50.0,
        )
        team = Clocked(plan)
        marks = Marks(team)
        begun_s = perf_counter()
        record = measure(plan, server, marks, team)
        wall_s = perf_counter() - begun_s
    if len(marks.ends) < 2:  # noqa: PLR2004 (an end and a later one)
        raise SystemExit(f"{entrants} entrants had one block only: more --seconds")
    (first_s, first_trials_s), (last_s, last_trials_s) = marks.ends[0], marks.ends[-1]
    blocks_s = last_s - first_s - record.copying_s
    between_s = blocks_s - (last_trials_s - first_trials_s)
    return {
        "wall_s": wall_s,
        "trials_s": team.trials_s,
        "blocks": len(marks.ends),
        "copying_s": record.copying_s,
        "between_share": between_s / blocks_s,
        "between_ms": between_s / (len(marks.ends) - 1) * 1e3,
    }


def adding(samples: int) -> dict[str, float]:
    """Make samples up, trial by trial, keep a tally of each, and add all up; return the processor time of adding."""
    lock = Lock(kind="tuple", mode="ExclusiveLock", target="tuple", relation=1, waited_s=0.01)
    working = [Seen(pid, "work", "lwlock", "WALWrite", None, ()) for pid in range(1, SESSIONS)]
    seen = (*working, Seen(SESSIONS, "work", "lock", "tuple", lock, (1,)))
    tallies, whole, spent_s = [], Tally(), 0.0
    for _ in range(samples // SAMPLES_IN_TRIAL):
        taken = Samples(taken=tuple(Sample(seen=seen, late=False) for _ in range(SAMPLES_IN_TRIAL)), lost=0)
        begun_s = process_time()
        tallies.append(Tally())
        tallies[-1].add(taken)
        spent_s += process_time() - begun_s
    begun_s = process_time()
    for tally in tallies:
        whole.merge(tally)
    whole.contention({})
    return {"processor_s": spent_s + process_time() - begun_s, "kept": len(tallies)}


def one(kind: str, size: int, seconds: float) -> dict[str, float]:
    """Return what one size took, in this process."""
    if kind == "candidates":
        found = experiment(size + 1, FEW_CLIENTS, seconds * (size + 1))
    elif kind == "connections":
        found = experiment(2, size // 2, seconds * 2)
    else:
        found = adding(size)
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_IN_MIB, **found}


def growth(sizes: Sequence[int], costs: Sequence[float]) -> float | None:
    """Return the cost of a unit from the second size to the last, over that from the first to the second."""
    (first, second, last), (low, middle, high) = sizes, costs
    early = (middle - low) / (second - first)
    return round((high - middle) / (last - second) / early, 2) if early > 0 else None


def main() -> None:
    """Measure each size in a process of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for kind, sizes in KINDS.items():
        parser.add_argument(f"--{kind}", default=sizes, type=int, nargs="*", help="three sizes, or none")
    parser.add_argument("--seconds", default=0.6, type=float, help="for each entrant of an experiment")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(one(chosen.one[0], int(chosen.one[1]), chosen.seconds)))
        return
    results: dict[str, object] = {}
    for kind in KINDS:
        rows = []
        for size in getattr(chosen, kind):
            command = [sys.executable, __file__, "--one", kind, str(size), "--seconds", str(chosen.seconds)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_LIMIT_S)  # noqa: S603 (this file)
            rows.append({name: round(value, 3) for name, value in json.loads(done.stdout.splitlines()[-1]).items()})
            print(f"{size} {kind}: {rows[-1]}", flush=True)
        if rows:
            sizes, timed = getattr(chosen, kind), "processor_s" if kind == "samples" else "between_ms"
            results[kind] = {
                "sizes": dict(zip(map(str, sizes), rows, strict=True)),
                "memory": growth(sizes, [row["peak_mib"] for row in rows]),
                "time": growth(sizes, [row[timed] for row in rows]),
            }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
