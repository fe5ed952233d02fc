"""Cost of the installed plugin for a pytest session without evaluations, compared with a session without the plugin.

Usage: python benchmarks/guest.py [--rounds 30] [--tests 20]

A project that does not use schemabench runs its tests in shuffled rounds: with `-p no:schemabench`, a second time like
that as the control, and with the installed plugin; in one process, and with two workers. Each session is a separate
process, timed from start to end. The first reading of the modules is not counted.

Prints as its last line a JSON object: for each kind of session, and for `with` and `control` compared with `without`,

    time, time_low, time_high   the ratio of wall time, with its 95 % interval
    more_ms, low_ms, high_ms    the difference of wall time, median of the rounds, with its 95 % interval
    processor_ms                the difference of processor time, workers included, median of the rounds
    memory, more_mib            ratio and difference of the largest process's memory

and fails if `with` takes significantly more than 50 ms longer.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import perf_counter
from typing import NamedTuple

LIMIT_MS = 50.0
"""What a guest may take of a session's time."""
WITHOUT, CONTROL, WITH = "without", "control", "with"
SWITCHED_OFF = ("-p", "no:schemabench")
COLUMNS = {WITHOUT: SWITCHED_OFF, CONTROL: SWITCHED_OFF, WITH: ()}
SESSIONS = {"alone": (), "two_workers": ("-n", "2", "--dist", "loadfile")}
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
_TESTS = "import pytest\n\n@pytest.mark.parametrize('number', range({tests}))\ndef test_number(number):\n    pass\n"
_FILES = 4
_KIB_IN_MIB = 1024
_WARMUP_ROUNDS = 1


class Taken(NamedTuple):
    """What one session took."""

    wall_s: float
    processor_s: float
    memory_kib: float


def run(folder: Path, arguments: Sequence[str]) -> Taken:
    """Run pytest in a project, to its end.

    Raises:
        RuntimeError: Its tests did not pass.
    """
    command = [sys.executable, *PYTEST, *arguments, str(folder)]
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
    begun_s = perf_counter()
    process = os.posix_spawn(sys.executable, command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(process, 0)
    wall_s = perf_counter() - begun_s
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return Taken(wall_s=wall_s, processor_s=used.ru_utime + used.ru_stime, memory_kib=used.ru_maxrss)


def measure(folder: Path, arguments: Sequence[str], rounds: int) -> list[list[Taken]]:
    """Return what one kind of session takes in each round, with and without the plugin, in the order of `COLUMNS`."""
    random = Random(1)  # noqa: S311 (reproducible on purpose)
    rows = []
    for _ in range(_WARMUP_ROUNDS + rounds):
        order = list(COLUMNS)
        random.shuffle(order)
        taken = {name: run(folder, [*arguments, *COLUMNS[name]]) for name in order}
        rows.append([taken[name] for name in COLUMNS])
    return rows[_WARMUP_ROUNDS:]


def _summary(rows: Sequence[Sequence[Taken]]) -> dict[str, dict[str, float]]:
    """Return the figures of all rounds, each with what the `COLUMNS` took."""
    # a process begins with the memory that its parent had: this one is small until all are over
    import numpy as np  # noqa: PLC0415
    from scipy.stats import bootstrap  # noqa: PLC0415

    from schemabench.statistics import rank  # noqa: PLC0415

    taken = np.array(rows)
    names = list(COLUMNS)
    wall_s, processor_s, memory_kib = (taken[:, :, place] for place in range(len(Taken._fields)))
    ranking = rank(1 / wall_s, names, baseline=WITHOUT, control=CONTROL, seed=1)
    assert ranking.control is not None, "there is a control"
    ratios = {standing.name: standing.to_baseline for standing in (*ranking.standings, ranking.control)}
    found = {}
    for name in (CONTROL, WITH):
        column, usual = names.index(name), names.index(WITHOUT)
        more_ms = (wall_s[:, column] - wall_s[:, usual]) * 1e3
        interval = bootstrap((more_ms,), np.median, rng=1).confidence_interval
        memory = np.median(memory_kib, axis=0)
        found[name] = {
            "time": round(1 / ratios[name].value, 3),
            "time_low": round(1 / ratios[name].high, 3),
            "time_high": round(1 / ratios[name].low, 3),
            "more_ms": round(float(np.median(more_ms)), 1),
            "low_ms": round(float(interval.low), 1),
            "high_ms": round(float(interval.high), 1),
            "processor_ms": round(float(np.median(processor_s[:, column] - processor_s[:, usual])) * 1e3, 1),
            "memory": round(float(memory[column] / memory[usual]), 3),
            "more_mib": round(float(memory[column] - memory[usual]) / _KIB_IN_MIB, 2),
        }
    return found


def main() -> int:
    """Measure, and print; return 1 where the limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", default=30, type=int)
    parser.add_argument("--tests", default=20, type=int, help="of the project, in all")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_FILES):
            text = _TESTS.format(tests=chosen.tests // _FILES)
            (Path(folder) / f"test_{number}.py").write_text(text, encoding="utf-8")
        rows = {name: measure(Path(folder), arguments, chosen.rounds) for name, arguments in SESSIONS.items()}
    results = {name: _summary(one) for name, one in rows.items()}
    for name, found in results.items():
        print(f"{name}: {found}")
    print(json.dumps(results))
    return int(any(found[WITH]["low_ms"] > LIMIT_MS for found in results.values()))


if __name__ == "__main__":
    sys.exit(main())
