"""Power of an experiment: the rates of false differences between equal candidates, and of detected known differences.

Usage: python benchmarks/detection.py [--kind read write drift] [--experiments 10] [--seconds 20] [--equal 1]
    [--differences 3 5 10]

Runs real experiments, each on fresh databases, of a baseline, a copy of it, and candidates that do about 3, 5 and 10 %
more work. Each experiment is 20 s long for each candidate; it is judged as a whole and as two experiments of 10 s, each
candidate alone against the baseline as in an experiment of two. Equal candidates are built each from its own file, as
candidates are, so that rows lie where they fall. Intervals know copies and neighbours, as in any report. There are
three kinds of work:

* read: an operation that only costs processor time, with that much more of it.
* write: upserts of one row, whose commits wait for the disk. More work is done inside the same statement, as long as
  3, 5 and 10 % of the time that the baseline's takes at full load; both times are measured at the start and printed.
  Other sessions may run meanwhile; hence the loss of throughput is a different figure, which is printed as well.
* drift: updates and scans of a table without vacuum, so that blocks resemble their neighbours more than other blocks.
  Only equal candidates take part.

Prints as its last line a JSON object with a key for each kind: the A/A false-positive rate of experiments of 10 s,
which share no trial, with its 95 % interval; and for each difference the share that was found at 10 and 20 s, with the
number of experiments behind each figure.

A rate of 5 % takes hundreds of verdicts to tell from one of 7 %. `--equal 5 --differences` measures that alone: the
baseline and five candidates that equal it, judged in three pairs that share no trial.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

import numpy as np
from scipy import stats

from schemabench import Call, Workload, Writer, sqlfile, statistics, workload
from schemabench import candidate as candidates
from schemabench.candidate import BASELINE
from schemabench.errors import WorkloadError
from schemabench.experiment import Noise, Plan, measure
from schemabench.progress import Silence
from schemabench.records import Experiment
from schemabench.server import Needs, Server, opened, serve
from schemabench.units import NANOSECONDS

WORK = 10_000
"""Rows that the baseline's operation generates and adds up: about 1 ms, beside which the rest hardly counts."""
KEYS = 2_000
"""Rows that are upserted; writers seldom meet at one."""
PILOT_S = 5.0
"""How long the time of the baseline's upsert is measured for."""
TIMES = 50
"""How often adding up is timed."""
SAME = "same"
CLIENTS = 8
TABLES = {
    "read": "",
    "write": """\
CREATE TABLE item (key integer PRIMARY KEY, times bigint NOT NULL, note text);
INSERT INTO item SELECT key, 0, repeat('x', 50) FROM generate_series(1, 2000) AS key;
""",
    "drift": """\
CREATE TABLE item (key integer PRIMARY KEY, times bigint NOT NULL) WITH (autovacuum_enabled = off);
CREATE INDEX ON item (times);
INSERT INTO item SELECT key, 0 FROM generate_series(1, 200) AS key;
""",
}
"""Kind -> what every candidate's file begins with."""
ADDED = "SELECT sum(value) FROM generate_series(1, 10000) AS value"
"""What takes the time of `WORK` rows."""
OPERATIONS = {
    "read": """\
-- name: work
SELECT sum(value) FROM generate_series(1, {rows}) AS value WHERE :key::integer > 0;
""",
    "write": """\
-- name: work
INSERT INTO item VALUES (:key::integer, 0, 'new') ON CONFLICT (key) DO UPDATE
SET times = item.times + 0 * (SELECT sum(value) FROM generate_series(1, {rows}) AS value);
""",
    "drift": """\
-- name: work
UPDATE item SET times = times + 1 WHERE key = 1 + :key::integer % 200;
SELECT sum(times) FROM item;
""",
}
"""Kind -> the one operation, which generates and adds up so many rows beside whatever else it does."""


@dataclass(frozen=True, kw_only=True)
class Nothing:
    """A cardinality without sizes."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long the parts of an upsert take."""

    operation_s: float
    """The baseline's, at full load, in the median."""
    row_s: float
    """To generate one row and add it up."""


def burst(_cardinality: Nothing, _writer: str, _block: int, random: Random) -> Iterator[Call]:
    """Yield the one call, again and again."""
    while True:
        yield Call("work", {"key": random.randint(1, KEYS)})


def write(folder: Path, kind: str, texts: Mapping[str, str], rows: int) -> workload.Found:
    """Write the candidates, and return the workload."""
    operations = folder / "operations.sql"
    operations.write_text(OPERATIONS[kind].format(rows=rows))
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(f"-- candidate: {name}\n{TABLES[kind]}{text}")
    blocks = sqlfile.read(operations, WorkloadError).operations
    operations.unlink()
    detection = Workload(
        name="detection",
        summary=f"one operation to {kind}",
        cardinalities={"typical": Nothing()},
        writers=lambda _: (Writer(name="worker", kind="stream", weight=CLIENTS),),
        burst=burst,
    )
    return workload.Found(workload=detection, path=folder, operations=blocks)


def experiment(  # noqa: PLR0913 (what differs between experiments)
    server: Server,
    kind: str,
    texts: Mapping[str, str],
    rows: int,
    *,
    noise: Noise | None = None,
    race: int = 0,
    **limits: float,
) -> Experiment:
    """Make one experiment of candidates, each with what its file says beyond the table; beside noise, or as a race."""
    with tempfile.TemporaryDirectory() as folder:
        found = write(Path(folder), kind, texts, rows)
        plan = Plan(
            found=found,
            cardinality="typical",
            candidates=tuple(candidates.find(Path(folder)).values()),
            clients=CLIENTS,
            budget_s=limits["budget_s"],
            precision=1e-6,
            seed=int(limits["seed"]),
            noise=noise,
            race=race,
        )
        return measure(plan, server, Silence())


def pace(server: Server) -> Pace:
    """Measure how long an upsert takes at full load, and adding up alone."""
    pilot = experiment(server, "write", {BASELINE: ""}, 1, budget_s=PILOT_S, seed=0)
    (found,) = pilot.candidates
    p50_ns = found.latencies[0].p50_ns
    assert p50_ns, "a pilot of some seconds has enough calls for a median"
    took = []
    with opened(server.conninfo) as connection:
        for _ in range(TIMES):
            start = time.perf_counter()
            connection.execute(ADDED)
            took.append(time.perf_counter() - start)
    return Pace(operation_s=p50_ns / NANOSECONDS, row_s=median(took) / WORK)


def written(
    kind: str, equal: int, differences_percent: Sequence[int], known: Pace | None
) -> tuple[dict[str, str], int]:
    """Return what each candidate's file says beyond the table, and how many rows the baseline adds up."""
    least = WORK if known is None else 1
    whole = WORK if known is None else known.operation_s / known.row_s
    texts = dict.fromkeys([BASELINE, *same(equal)], "")
    for percent in differences_percent:
        texts[f"more_{percent}"] = OPERATIONS[kind].format(rows=least + round(whole * percent / 100))
    return texts, least


def rates(experiment: Experiment) -> tuple[dict[str, list[float]], list[int]]:
    """Return bursts per second in each counted trial, by candidate; and the number of each block's copy."""
    counted = {one.name: [trial for trial in one.trials if not trial.warmup] for one in experiment.candidates}
    by_name = {name: [1 / trial.duration_s for trial in trials] for name, trials in counted.items()}
    return by_name, [trial.copy for trial in counted[BASELINE]]


def same(equal: int) -> list[str]:
    """Return the names of candidates that equal the baseline."""
    return [f"{SAME}_{number}" for number in range(1, equal + 1)]


def pairs(equal: int, differences_percent: Sequence[int]) -> list[tuple[str, str, str]]:
    """Return what is judged, and as what: each two that are compared, no equal candidate twice."""
    alike = [BASELINE, *same(equal)]
    twins = [(SAME, *pair) for pair in zip(alike[::2], alike[1::2], strict=False)]
    return [*twins, *((f"more_{percent}", BASELINE, f"more_{percent}") for percent in differences_percent)]


def judge(
    found: Mapping[str, Sequence[float]],
    copies: Sequence[int],
    compared: Sequence[tuple[str, str, str]],
    blocks: int,
    seed: int,
) -> Iterator[tuple[str, bool]]:
    """Yield for each stretch of so many blocks, and each pair, what the pair is and whether it was told apart."""
    for first in range(0, len(found[BASELINE]) - blocks + 1, blocks):
        stretch = slice(first, first + blocks)
        for what, one, other in compared:
            columns = np.array([found[name][stretch] for name in (one, other)]).T
            ranking = statistics.rank(columns, [one, other], baseline=one, seed=seed, copies=copies[stretch])
            yield what, not ranking.standings[0].tied_with


def detect(server: Server, kind: str, chosen: argparse.Namespace) -> dict[str, object]:
    """Measure one kind of work, and return what is printed of it."""
    differences = [] if kind == "drift" else chosen.differences
    known = pace(server) if kind == "write" else None
    compared = pairs(chosen.equal, differences)
    texts, rows = written(kind, chosen.equal, differences, known)
    verdicts: dict[tuple[str, int], list[bool]] = defaultdict(list)
    ratios: dict[str, list[float]] = defaultdict(list)
    for number in range(chosen.experiments):
        budget_s = chosen.seconds * (len(texts) + 1)
        by_name, copies = rates(experiment(server, kind, texts, rows, budget_s=budget_s, seed=number))
        blocks = len(by_name[BASELINE])
        for name, some_rates in by_name.items():
            ratios[name].append(median(np.array(some_rates) / np.array(by_name[BASELINE])))
        for parts in (1, 2):
            for name, apart in judge(by_name, copies, compared, blocks // parts, number):
                verdicts[name, chosen.seconds // parts].append(apart)
        print(
            f"{kind}: experiment {number + 1}: {blocks} blocks on {len(set(copies))} copies, {_shares(verdicts)}",
            flush=True,
        )
    equal = verdicts[SAME, chosen.seconds // 2]
    return {
        "aa_false_positive_rate": round(sum(equal) / len(equal), 3),
        "aa_experiments": len(equal),
        "aa_interval": _interval(equal),
        "found": _shares(verdicts),
        "experiments": {f"{seconds} s": len(verdicts[SAME, seconds]) for _, seconds in verdicts},
        "throughput_ratio": {name: round(median(some_ratios), 3) for name, some_ratios in ratios.items()},
        **({} if known is None else {"operation_ms": round(known.operation_s * 1e3, 3)}),
        **({} if known is None else {"rows_for_1_percent": round(known.operation_s / known.row_s / 100)}),
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", default=list(TABLES), choices=list(TABLES), nargs="+", help="of work; all without it")
    parser.add_argument("--experiments", default=10, type=int, help="of each kind")
    parser.add_argument("--seconds", default=20, type=int, help="length of an experiment for each candidate")
    parser.add_argument("--equal", default=1, type=int, help="how many candidates equal the baseline: an odd number")
    parser.add_argument("--differences", default=[3, 5, 10], type=int, nargs="*", help="of the others, in percent")
    chosen = parser.parse_args()
    if chosen.equal % 2 == 0:
        parser.error(f"--equal {chosen.equal}: with the baseline they are to make pairs; give an odd number")
    entrants = 1 + chosen.equal + len(chosen.differences) + 1
    with serve("embedded", Needs(clients=CLIENTS, databases=entrants + 1), settings={}, run_id="detect") as server:
        for notice in server.notices:
            print(notice.text)
        print(json.dumps({kind: detect(server, kind, chosen) for kind in chosen.kind}))


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
