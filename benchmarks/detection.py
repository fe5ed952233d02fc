"""What an experiment can see: how often equal candidates seem to differ, and how often known differences are found.

Usage: python benchmarks/detection.py [--experiments 9] [--seconds 40] [--equal 1] [--differences 3 5 10]

Runs real experiments, each on fresh databases, of a baseline, the same once more, and candidates whose one operation
does about 3, 5 and 10 % more work in SQL. Each experiment is 40 s long for each candidate; it is judged as a whole, as
two experiments of 20 s and as four of 10 s, each candidate alone against the baseline as in an experiment of two.
Prints as its last line a JSON object: the A/A false-positive rate over all of these, with the 95 % interval of those of
10 s, which share no trial; and for each difference the share that was found at 10, 20 and 40 s, with the number of
experiments behind each figure.

A rate of 5 % takes hundreds of verdicts to tell from one of 7 %. `--equal 5 --differences` measures that alone: the
baseline and five candidates that equal it, judged in three pairs that share no trial.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

import numpy as np
from scipy import stats

from schemabench import Call, Workload, Writer, sqlfile, statistics, workload
from schemabench import candidate as candidates
from schemabench.errors import WorkloadError
from schemabench.experiment import Plan, measure
from schemabench.records import Experiment
from schemabench.server import serve

WORK = 10_000
"""Rows that the baseline's operation generates and adds up: about 1 ms, beside which the rest hardly counts."""
SAME = "same"
TRIAL_S = 0.2
CLIENTS = 8


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """A cardinality without sizes."""


def burst(_cardinality: Nothing, _writer: str, _block: int, _random: Random) -> Iterator[Call]:
    """Yield the one call, again and again."""
    while True:
        yield Call("work", {}, rows=0)


WORKLOAD = Workload(
    name="detection",
    summary="one operation that only costs processor time",
    cardinalities={"typical": Nothing()},
    writers=lambda _: (Writer(name="worker", kind="stream", weight=CLIENTS),),
    burst=burst,
)


class Quiet:
    """Nobody watches."""

    def stage(self, plan: Plan, text: str) -> None:
        """Say nothing."""

    def block(self, plan: Plan, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Say nothing."""


def work(rows: int) -> str:
    """Return the operation that generates and adds up so many rows."""
    return f"-- name: work\nSELECT sum(value) FROM generate_series(1, {rows}) AS value;\n"


def write(folder: Path, equal: int, differences_percent: list[int]) -> workload.Found:
    """Write the candidates, and return the workload."""
    operations = folder / "operations.sql"
    operations.write_text(work(WORK))
    (folder / "baseline.sql").write_text("-- candidate: baseline\n")
    for name in same(equal):
        (folder / f"{name}.sql").write_text(f"-- candidate: {name}\n")
    for percent in differences_percent:
        more = work(round(WORK * (1 + percent / 100)))
        (folder / f"more_{percent}.sql").write_text(f"-- candidate: more_{percent}\n{more}")
    blocks = sqlfile.read(operations, WorkloadError).operations
    operations.unlink()
    return workload.Found(workload=WORKLOAD, path=folder, operations=blocks)


def rates(experiment: Experiment) -> dict[str, list[float]]:
    """Return the throughput of each counted trial, by candidate."""
    return {
        one.name: [1 / trial.duration_s for trial in one.trials if not trial.warmup] for one in experiment.candidates
    }


def same(equal: int) -> list[str]:
    """Return the names of candidates that equal the baseline."""
    return [f"{SAME}_{number}" for number in range(1, equal + 1)]


def pairs(equal: int, differences_percent: list[int]) -> list[tuple[str, str, str]]:
    """Return what is judged, and as what: each two that are compared, no equal candidate twice."""
    alike = ["baseline", *same(equal)]
    twins = [(SAME, *pair) for pair in zip(alike[::2], alike[1::2], strict=False)]
    return [*twins, *((f"more_{percent}", "baseline", f"more_{percent}") for percent in differences_percent)]


def judge(
    found: dict[str, list[float]], compared: list[tuple[str, str, str]], blocks: int, seed: int
) -> Iterator[tuple[str, bool]]:
    """Yield for each stretch of so many blocks and each pair whether the two were told apart."""
    for first in range(0, len(found["baseline"]) - blocks + 1, blocks):
        for kind, one, other in compared:
            columns = np.array([found[name][first : first + blocks] for name in (one, other)]).T
            ranking = statistics.rank(columns, [one, other], baseline=one, seed=seed)
            yield kind, not ranking.standings[0].tied_with


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", default=9, type=int)
    parser.add_argument("--seconds", default=40, type=int, help="length of an experiment for each candidate")
    parser.add_argument("--equal", default=1, type=int, help="how many candidates equal the baseline: an odd number")
    parser.add_argument("--differences", default=[3, 5, 10], type=int, nargs="*", help="of the others, in percent")
    chosen = parser.parse_args()
    if chosen.equal % 2 == 0:
        parser.error(f"--equal {chosen.equal}: with the baseline they are to make pairs; give an odd number")
    compared = pairs(chosen.equal, chosen.differences)
    verdicts: dict[tuple[str, int], list[bool]] = defaultdict(list)
    ratios: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        found = write(Path(folder), chosen.equal, chosen.differences)
        some = tuple(candidates.find(Path(folder)).values())
        entrants = len(some) + 1
        with serve("embedded", settings={}, clients=CLIENTS, databases=entrants + 1, run_id="detect") as server:
            for number in range(chosen.experiments):
                plan = Plan(
                    found=found,
                    cardinality="typical",
                    candidates=some,
                    clients=CLIENTS,
                    budget_s=chosen.seconds * entrants,
                    precision=1e-6,
                    seed=number,
                )
                experiment = measure(plan, server, Quiet())
                by_name = rates(experiment)
                blocks = len(by_name["baseline"])
                for name, some_rates in by_name.items():
                    ratios[name].append(median(np.array(some_rates) / np.array(by_name["baseline"])))
                for parts in (1, 2, 4):
                    for name, apart in judge(by_name, compared, blocks // parts, number):
                        verdicts[name, chosen.seconds // parts].append(apart)
                print(f"experiment {number + 1}: {blocks} blocks, {_shares(verdicts)}", flush=True)
    equal = [apart for (name, _), some_verdicts in verdicts.items() if name == SAME for apart in some_verdicts]
    print(
        json.dumps(
            {
                "aa_false_positive_rate": round(sum(equal) / len(equal), 3),
                "aa_experiments": len(equal),
                "aa_interval": _interval(verdicts[SAME, chosen.seconds // 4]),
                "found": _shares(verdicts),
                "experiments": {f"{seconds} s": len(verdicts[SAME, seconds]) for _, seconds in verdicts},
                "throughput_ratio": {name: round(median(some_ratios), 3) for name, some_ratios in ratios.items()},
            }
        )
    )


def _interval(apart: list[bool]) -> list[float]:
    """Return the 95 % interval (Clopper & Pearson 1934) of a rate."""
    limits = stats.binomtest(sum(apart), len(apart)).proportion_ci()
    return [round(limits.low, 3), round(limits.high, 3)]


def _shares(verdicts: Mapping[tuple[str, int], list[bool]]) -> dict[str, dict[str, float]]:
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for (name, seconds), some in sorted(verdicts.items(), key=lambda item: item[0][1]):
        shares[name][f"{seconds} s"] = round(sum(some) / len(some), 3)
    return dict(shares)


if __name__ == "__main__":
    main()
