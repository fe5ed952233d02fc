"""Cost of more candidates, connections, operations and samples, and of larger run files: memory and time.

Usage: python benchmarks/scale.py [--candidates 4 16 64] [--connections 8 64 500] [--operations 10 100 1000]
    [--samples 7200 45000 180000] [--file 10 50 100] [--seconds 2] [--fsync off]

Each size is a process of its own. For candidates, connections and operations it makes a small experiment of upserts on
a server of its own, `--seconds` for each entrant: so many candidates with 4 clients, the baseline and its control with
so many connections in all, or the baseline, another candidate and 4 clients with so many operations, which take turns.
Then its report is drawn. `--fsync off` makes the calls as cheap as they can be. Samples are made up, ten to a trial
with eight sessions in each, and added up as those of an experiment are: 180,000 are an hour at 50 Hz, which no
benchmark waits for. A file is the run in `reports/example` with its trials repeated until it has so many MiB; it is
read and drawn.

Prints a line for each size, and as its last line a JSON object. For each kind and size:

    peak_mib        the largest memory of the process, the server's not included
    wall_s          the whole experiment, from building the databases to the record
    trials_s        the part of it that bursts took, those of calibration and warm-up included
    copying_s       the part of it in which databases were copied anew between blocks
    between_share   the share of the other time, from the first block's end to the last's, that was no trial's
    between_ms      the same in milliseconds for each block
    harness_share   processor time of the process outside of bursts, over the whole experiment
    report_s        drawing the report of an experiment as a page
    processor_s     what adding the samples up takes, or reading a file and drawing its reports
    read_s, terminal_s, page_s, table_s, compared_s, frame_s
                    parts of the latter: reading, the report for a terminal, the page, the CSV of all trials, the
                    comparison with itself, and the frame of trials of `load_run`

and for each kind, over its sizes, `memory` and `time`: the cost of each further unit from the second size to the last,
as a multiple of that from the first size to the second. 1 is linear growth. The time is that of a block between
trials, for operations the whole experiment with its report, or `processor_s`.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Any

from detection import KEYS, Nothing, write

from schemabench import Call, load_run, report, sqlfile
from schemabench import candidate as candidates
from schemabench.candidate import BASELINE
from schemabench.errors import WorkloadError
from schemabench.experiment import Plan, measure
from schemabench.experiment.burst import Burst
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.team import Alone, Executed
from schemabench.experiment.team import Samples as Times
from schemabench.load import Drive, Limits, Talk
from schemabench.monitor.attribution import Tally
from schemabench.monitor.sample import Lock, Sample, Samples, Seen
from schemabench.progress import Shown, Silence
from schemabench.records import Run, Trial
from schemabench.server import Needs, serve
from schemabench.workload import Found

KINDS = {
    "candidates": (4, 16, 64),
    "connections": (8, 64, 500),
    "operations": (10, 100, 1_000),
    "samples": (7_200, 45_000, 180_000),
    "file": (10, 50, 100),
}
TIMED = {"candidates": "between_ms", "connections": "between_ms", "operations": "wall_s"}
"""Kind -> the time that should grow as its sizes do; `processor_s` of the others."""
EXAMPLE = Path(__file__).parents[1] / "reports" / "example" / "pageviews_at_typical.json.gz"
FEW_CLIENTS = 4
"""Where candidates grow."""
SAMPLES_IN_TRIAL = 10
SESSIONS = 8
_KIB_IN_MIB = 1024
_LIMIT_S = 380
_SIZES = 3
"""So many tell how a cost grows."""
_LEAST_S = 10.0
"""Of an experiment whose bursts cannot be short."""


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


@contextmanager
def driving() -> Iterator[Callable[[], float]]:
    """Yield what tells how much processor time driving bursts has taken in this process so far."""
    spent_s, real = 0.0, Sessions.drive

    def drive(*given: Any, **named: Any) -> Drive:  # noqa: ANN401 (whatever it takes)
        nonlocal spent_s
        begun_s = process_time()
        try:
            return real(*given, **named)
        finally:
            spent_s += process_time() - begun_s

    Sessions.drive = drive  # type: ignore[method-assign]
    try:
        yield lambda: spent_s
    finally:
        Sessions.drive = real  # type: ignore[method-assign]


class Marks(Silence):
    """The end of each block: when it was, and what all trials had taken by then, both in seconds."""

    def __init__(self, team: Clocked) -> None:
        self._team = team
        self.ends: list[tuple[float, float]] = []

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Note the end of a block."""
        _ = plan, done, elapsed_s, ratios
        self.ends.append((perf_counter(), self._team.trials_s))


def many(folder: Path, texts: Mapping[str, str], operations: int) -> Found:
    """Write candidates, and return a workload of so many upserts."""
    found = write(folder, "write", texts, rows=1)
    (work,) = found.operations.values()
    path = folder / "many.sql"
    path.write_text("".join(f"-- name: work_{number}\n{work.text.sql}\n" for number in range(operations)))
    known = sqlfile.read(path, WorkloadError).operations
    path.unlink()

    def burst(_cardinality: Nothing, _writer: str, block: int, random: Random) -> Iterator[Call]:
        for number in count(block):
            yield Call(f"work_{number % operations}", {"key": random.randint(1, KEYS)})

    return replace(found, operations=known, workload=replace(found.workload, burst=burst))


def experiment(entrants: int, clients: int, budget_s: float, fsync: str, operations: int = 1) -> dict[str, float]:
    """Make an experiment, and return what it took; the control is one of the entrants."""
    names = [BASELINE, *(f"candidate_{number}" for number in range(2, entrants))]
    settings, scratch = {"fsync": fsync}, 1
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(
            "embedded", Needs(clients=clients, databases=entrants + scratch), settings=settings, run_id="scale"
        ) as server,
    ):
        texts = dict.fromkeys(names, "")
        found = many(Path(folder), texts, operations) if operations > 1 else write(Path(folder), "write", texts, rows=1)
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
        with driving() as driven_s:
            begun_s, worked_s = perf_counter(), process_time()
            record = measure(plan, server, marks, team)
            wall_s, worked_s = perf_counter() - begun_s, process_time() - worked_s
            harness_s = worked_s - driven_s()
        run = replace(report.read(EXAMPLE), experiments=(record,))
        begun_s = process_time()
        report.write(run, Path(folder) / "run.html")
        report_s = process_time() - begun_s
    if len(marks.ends) < 2:  # noqa: PLR2004 (an end and a later one)
        raise SystemExit(f"{entrants} entrants had one block only: more --seconds")
    (first_s, first_trials_s), (last_s, last_trials_s) = marks.ends[0], marks.ends[-1]
    blocks_s = last_s - first_s - record.copying_s
    between_s = blocks_s - (last_trials_s - first_trials_s)
    return {
        "wall_s": wall_s,
        "trials_s": team.trials_s,
        "harness_share": harness_s / wall_s,
        "report_s": report_s,
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


def reading(mebibytes: int) -> dict[str, float]:
    """Write a run file of so many MiB, and return what reading it and drawing it takes."""
    whole = report.read(EXAMPLE)
    (own,) = whole.experiments
    blocks = 1 + max(trial.block for result in own.candidates for trial in result.trials)

    def repeated(times: int) -> Run:
        results = tuple(
            replace(
                result,
                trials=tuple(_later(trial, again * blocks) for again in range(times) for trial in result.trials),
            )
            for result in own.candidates
        )
        return replace(whole, experiments=(replace(own, candidates=results, blocks=own.blocks * times),))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.json"
        sizes = []
        for times in (1, 2):
            report.write_json({}, repeated(times), path)
            sizes.append(path.stat().st_size)
        times = 1 + (mebibytes * 2**20 - sizes[0]) // (sizes[1] - sizes[0])
        report.write_json({}, repeated(times), path)
        # reading alone is what a user's process does
        command = [sys.executable, __file__, "--read", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_LIMIT_S)  # noqa: S603 (this file)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _later(trial: Trial, blocks: int) -> Trial:
    return replace(trial, block=trial.block + blocks)


def drawing(path: Path) -> dict[str, float]:
    """Read a run file, draw its reports, and return what each took."""
    took: dict[str, float] = {}

    def timed(name: str, done: Callable[[], Any]) -> Any:  # noqa: ANN401 (whatever it returns)
        begun_s = process_time()
        result = done()
        took[name] = process_time() - begun_s
        return result

    run = timed("read_s", lambda: report.read(path))
    timed("terminal_s", lambda: report.terminal(run))
    timed("page_s", lambda: report.write(run, path.with_suffix(".html")))
    timed("table_s", lambda: report.write(run, path.with_suffix(".csv")))
    timed(
        "compared_s",
        lambda: report.shown(report.compared(report.compare([("one", run), ("other", replace(run, run_id="other"))]))),
    )
    timed("frame_s", lambda: load_run(path).trials)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_IN_MIB
    return {"processor_s": sum(took.values()), **took, "drawn_peak_mib": peak_mib}


def one(kind: str, size: int, seconds: float, fsync: str) -> dict[str, float]:
    """Return what one size took, in this process."""
    if kind == "candidates":
        found = experiment(size + 1, FEW_CLIENTS, seconds * (size + 1), fsync)
    elif kind == "connections":
        found = experiment(2, size // 2, seconds * 2, fsync)
    elif kind == "operations":
        found = experiment(3, FEW_CLIENTS, max(_LEAST_S, seconds * 3), fsync, size)
    elif kind == "file":
        found = reading(size)
        return {"peak_mib": found.pop("drawn_peak_mib"), **found}
    else:
        found = adding(size)
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_IN_MIB, **found}


def growth(sizes: Sequence[int], costs: Sequence[float]) -> float | None:
    """Return the cost of a unit from the second size to the last, over that from the first to the second.

    None for other than three sizes, and where there is no cost from the first to the second.
    """
    if len(sizes) != _SIZES:
        return None
    (first, second, last), (low, middle, high) = sizes, costs
    early = (middle - low) / (second - first)
    return round((high - middle) / (last - second) / early, 2) if early > 0 else None


def main() -> None:
    """Measure each size in a process of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for kind, sizes in KINDS.items():
        about = "sizes: three, to see how costs grow; or none"
        parser.add_argument(f"--{kind}", default=sizes, type=int, nargs="*", help=about)
    parser.add_argument("--seconds", default=2.0, type=float, help="for each entrant of an experiment")
    parser.add_argument("--fsync", default="on", choices=["on", "off"], help="of the server of experiments")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.read:
        print(json.dumps(drawing(chosen.read)))
        return
    if chosen.one:
        print(json.dumps(one(chosen.one[0], int(chosen.one[1]), chosen.seconds, chosen.fsync)))
        return
    results: dict[str, object] = {}
    for kind in KINDS:
        rows = []
        for size in getattr(chosen, kind):
            command = [sys.executable, __file__, "--one", kind, str(size)]
            command += ["--seconds", str(chosen.seconds), "--fsync", chosen.fsync]
            done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_LIMIT_S)  # noqa: S603 (this file)
            rows.append({name: round(value, 3) for name, value in json.loads(done.stdout.splitlines()[-1]).items()})
            print(f"{size} {kind}: {rows[-1]}", flush=True)
        if rows:
            sizes, timed = getattr(chosen, kind), TIMED.get(kind, "processor_s")
            results[kind] = {
                "sizes": dict(zip(map(str, sizes), rows, strict=True)),
                "memory": growth(sizes, [row["peak_mib"] for row in rows]),
                "time": growth(sizes, [row[timed] for row in rows]),
            }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
