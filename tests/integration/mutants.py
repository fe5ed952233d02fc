"""Candidates that are wrong on purpose, as small as can be: each is a shipped candidate, and what is wrong with it.

Printed for each: whether the quick check finds it, after how many calls and how soon.
`python tests/integration/mutants.py` does that.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from schemabench import candidate, sqlfile, workload
from schemabench.candidate import Candidate
from schemabench.equivalence import EFFORTS, Oracle
from schemabench.errors import CandidateError
from schemabench.server import Needs, serve
from schemabench.workload import Found

ROOT = Path(__file__).parents[2]
MUTANTS = ROOT / "tests" / "mutants"
CRASHING = "unlogged_rows"
"""The mutant that only a crash finds out; see test_crash.py."""
PATIENT_S = 60.0
"""For a search that takes a second."""
_ORIGIN = "mutant of"
"""The header that names the candidate."""


def names() -> Iterator[tuple[str, str]]:
    """Yield (workload, mutant), sorted."""
    return ((path.parent.name, path.stem) for path in sorted(MUTANTS.glob("*/*.sql")))


def found(name: str) -> Found:
    """Return a shipped workload."""
    return workload.load(ROOT / "workloads", name)


def shipped(name: str) -> dict[str, Candidate]:
    """Return the shipped candidates of a workload."""
    return candidate.find(ROOT / "schemas" / name)


def mutant(name: str, which: str) -> Candidate:
    """Return a mutant of a workload as a candidate.

    Its schema is that of its origin and then its own statements; its blocks take the place of its origin's.
    """
    path = MUTANTS / name / f"{which}.sql"
    change = sqlfile.read(path, CandidateError)
    origin = shipped(name)[change.headers[_ORIGIN]]
    operations = {**origin.file.operations, **change.operations}
    blocks = (f"-- name: {block}\n{operation.text.sql}" for block, operation in operations.items())
    text = "\n".join([origin.file.preamble.sql, change.preamble.sql, *blocks])
    summary = change.headers["summary"]
    return replace(
        origin, name=which, summary=summary, expects="", bounds=(), file=sqlfile.parse(path, text, CandidateError)
    )


@cache
def oracle(name: str) -> Oracle:
    """Return the oracle of a workload at the effort of every run, with time enough on any machine."""
    subject = found(name)
    patient = replace(EFFORTS["quick"], search_s=PATIENT_S, shrink_s=PATIENT_S)
    return Oracle(subject, subject.workload.cardinalities["typical"], patient, seed=1)


def _main() -> None:
    sys.stdout.write("| mutant | caught | calls | seconds |\n|---|---|---|---|\n")
    with serve("embedded", Needs(clients=8), settings={}, run_id="mutants") as server:
        for name, which in (one for one in names() if one[1] != CRASHING):
            started_s = time.perf_counter()
            disagreement = oracle(name).check(mutant(name, which), server).disagreement
            seconds = time.perf_counter() - started_s
            calls = f"yes | {len(disagreement.calls)}" if disagreement else "no | "
            sys.stdout.write(f"| {name} {which} | {calls} | {seconds:.1f} |\n")


if __name__ == "__main__":
    _main()
