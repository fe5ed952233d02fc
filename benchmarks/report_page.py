"""Cost of a run's HTML page: time to build and size, compared with the same run as JSON.

Usage: python benchmarks/report_page.py [--workloads 2] [--candidates 8] [--blocks 60] [--times 5]

The run is synthetic, of the requested size: the SQL is that of the candidates in `schemas/usage`, figures come from a
fixed seed, and every part of a record that the page draws is filled as in a real run. Also runs `schemabench report
RUN.json -o RUN.html`, with its processor time and wall time. Prints as its last line a JSON object: seconds and bytes,
medians over the times, and their ratios to JSON's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from random import Random
from statistics import median

from schemabench import records, report
from schemabench.records import (
    LOCK_WAITS,
    THROUGHPUT,
    WAIT_CLASSES,
    CandidateResult,
    Contention,
    Cost,
    Estimate,
    Experiment,
    Latency,
    LockWait,
    Run,
    ServerRecord,
    Standing,
    StatementPlan,
    Trial,
    WaitPair,
)
from schemabench.report import document, page
from schemabench.statistics.summary import CURVE

SEED = 1
OPERATIONS, MEASURES, MOST_WAITS = 8, 15, 5
"""As many as the usage workload and its counters have."""
SCHEMAS = Path(__file__).parents[1] / "schemas" / "usage"
PLAN_NODES = 6
TRIAL_S = 0.2
ROWS = 2400


def synthetic(workloads: int, candidates: int, blocks: int) -> Run:
    """Return a run of the given shape, the same each time."""
    random = Random(SEED)  # noqa: S311 (figures to draw, not secrets)
    return Run(
        run_id="synthetic",
        started="2026-02-16T09:30:00+00:00",
        version="0",
        command="python benchmarks/report_page.py",
        machine={},
        options=(),
        server=ServerRecord(origin="none", version="18.6", version_num=180006, settings=()),
        experiments=tuple(_experiment(f"workload_{number}", candidates, blocks, random) for number in range(workloads)),
    )


def _experiment(workload: str, candidates: int, blocks: int, random: Random) -> Experiment:
    texts = sorted(SCHEMAS.glob("*.sql"), key=lambda path: path.stem != "baseline")
    paths = list(islice(cycle(texts), candidates))
    names = [path.stem if number < len(texts) else f"{path.stem}_{number}" for number, path in enumerate(paths)]
    results = [_candidate(name, path, blocks, random) for name, path in zip(names, paths, strict=True)]
    return Experiment(
        workload=workload,
        summary="made up to be drawn",
        cardinality="typical",
        values={},
        digest="0",
        replay={},
        seed=SEED,
        clients=8,
        writers=(),
        operations=OPERATIONS,
        rows=ROWS,
        blocks=blocks,
        warmup_blocks=2,
        budget_s=45.0,
        precision=0.02,
        elapsed_s=45.0,
        stopped="budget",
        candidates=tuple(results),
        criteria=tuple(replace(one, control=results[0].standings[one.name]) for one in (THROUGHPUT, LOCK_WAITS)),
        smallest_difference=0.03,
    )


def _candidate(name: str, path: Path, blocks: int, random: Random) -> CandidateResult:
    ratio = 1.0 if name == "baseline" else random.uniform(0.5, 2.0)
    share = random.uniform(0.0, 0.3)
    rate = _around(ratio * ROWS / TRIAL_S)
    return CandidateResult(
        name=name,
        summary="a candidate whose figures are made up",
        expects="nothing",
        path=str(path),
        sql=path.read_text(encoding="utf-8"),
        status="ranked",
        standings={
            "throughput": Standing(name=name, figure=rate, to_baseline=_around(ratio), rank=1, tied_with=()),
            "lock_waits": Standing(
                name=name, figure=_around(share), to_baseline=_around(share - 0.1), rank=1, tied_with=()
            ),
        },
        operations_per_s=rate,
        rows_per_s=rate,
        attempts_per_s=rate,
        on_front=random.random() < 1 / 2,
        contention=_contention(share, random),
        costs=tuple(
            Cost(
                name=f"measure_{number}",
                title=f"measure {number}",
                unit="bytes",
                per="row",
                value=1000 * random.random(),
                ratio=_around(random.uniform(0.5, 2.0)),
                differs=True,
            )
            for number in range(MEASURES)
        ),
        plans=tuple(_plan(number, random) for number in range(OPERATIONS)),
        latencies=tuple(_latency(f"operation_{number}", random) for number in range(OPERATIONS)),
        trials=tuple(_trial(block, TRIAL_S / ratio, random) for block in range(blocks + 2)),
    )


def _around(value: float) -> Estimate:
    return Estimate(value=value, low=value - abs(value) / 25, high=value + abs(value) / 25)


def _contention(share: float, random: Random) -> Contention:
    rest = (1 - share) / (len(WAIT_CLASSES) - 1)
    waits = [share / 2 ** (number + 1) for number in range(MOST_WAITS)]
    return Contention(
        samples=2000,
        late=3,
        lost=1,
        observations=16_000,
        classes={kind: share if kind == "Lock" else rest for kind in WAIT_CLASSES},
        events=(),
        locks=tuple(
            LockWait(
                kind="tuple",
                mode="ShareLock",
                relation=f"relation_{number}",
                partitions=8,
                share=part,
                longest_s=random.random(),
            )
            for number, part in enumerate(waits)
        ),
        pairs=tuple(
            WaitPair(waiting=f"operation_{number}", blocking="operation_0", share=part)
            for number, part in enumerate(waits)
        ),
        deepest_queue=5,
        longest_wait_s=1.0,
    )


def _plan(number: int, random: Random) -> StatementPlan:
    nodes = " <- ".join(f"Index Scan on relation_{random.randrange(PLAN_NODES)}" for _ in range(PLAN_NODES))
    whole = {"Node Type": "Index Scan", "Plan Rows": 100, "Shared Hit Blocks": 12, "Index Cond": "(site_id = $1)"}
    for _ in range(PLAN_NODES):
        whole = {**whole, "Plans": [whole]}
    return StatementPlan(
        operation=f"operation_{number}", position=0, nodes=nodes, summary=nodes, same=False, plan=[{"Plan": whole}]
    )


def _latency(operation: str, random: Random) -> Latency:
    median_ns = random.uniform(1e5, 1e7)
    curve = tuple((level, median_ns / (2 * (1 - level))) for level in CURVE)
    known = dict(curve)
    return Latency(
        operation=operation,
        count=100_000,
        p50_ns=known[0.5],
        p95_ns=known[0.95],
        p99_ns=known[0.99],
        max_ns=curve[-1][1],
        retries=0,
        curve=curve,
    )


def _trial(block: int, duration_s: float, random: Random) -> Trial:
    return Trial(
        block=block,
        position=0,
        warmup=block < 2,  # noqa: PLR2004 (as `warmup_blocks` above)
        started_s=block * 1.7,
        duration_s=duration_s * random.uniform(0.8, 1.25),
        operations=1000,
        rows=ROWS,
        retries=0,
        busy_share=0.4,
        writers_s={},
        waits=dict.fromkeys(WAIT_CLASSES, 3),
        counters={f"counter_{number}": random.random() for number in range(MEASURES)}
        | {"checkpoints": float(block % 20 == 0), "autovacuums": float(block % 15 == 0)},
    )


def measure(run: Run, times: int) -> dict[str, float]:
    """Return what page and JSON of a run take, in this process and by the command line."""
    html = page.html(document(run))  # what is loaded only once
    text = _json(run)
    page_s = median(_timed(lambda: page.html(document(run))) for _ in range(times))
    json_s = median(_timed(lambda: _json(run)) for _ in range(times))
    with tempfile.TemporaryDirectory() as folder:
        run_file = Path(folder, "run.json")
        report.write_json({}, run, run_file)
        before_s = _processor_s()
        command_s = median(_timed(lambda: _command(run_file)) for _ in range(times))
        processor_s = (_processor_s() - before_s) / times
    return {
        "page_s": page_s,
        "json_s": json_s,
        "times_json": page_s / json_s,
        "page_bytes": len(html.encode()),
        "json_bytes": len(text.encode()),
        "size_over_json": len(html.encode()) / len(text.encode()),
        "command_s": command_s,
        "command_processor_s": processor_s,
    }


def _json(run: Run) -> str:
    return json.dumps(records.to_builtins(run), indent=2)


def _command(run_file: Path) -> None:
    subprocess.run(  # noqa: S603 (this interpreter, and a file of ours)
        [sys.executable, "-m", "schemabench", "report", str(run_file), "-o", str(run_file.with_suffix(".html"))],
        check=True,
    )


def _processor_s() -> float:
    """Return the processor time of all commands so far."""
    spent = os.times()
    return spent.children_user + spent.children_system


def _timed(act: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    act()
    return time.perf_counter() - began_s


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", default=2, type=int)
    parser.add_argument("--candidates", default=8, type=int)
    parser.add_argument("--blocks", default=60, type=int)
    parser.add_argument("--times", default=5, type=int)
    chosen = parser.parse_args()
    found = measure(synthetic(chosen.workloads, chosen.candidates, chosen.blocks), chosen.times)
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()
