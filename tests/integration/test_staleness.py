"""How old answers are, on a real server: what is not in them although it was committed is found, and nothing else."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from random import Random

import laboratory
import pytest

from schemabench import Call, Model, Workload, Writer
from schemabench.experiment import Plan, measure
from schemabench.progress import Silence
from schemabench.records import CandidateResult, Staleness
from schemabench.server import Server

OPERATIONS = """
-- name: add
INSERT INTO thing (part) VALUES (:part::int);

-- name: serve
-- nothing

-- name: ask
SELECT part, count(*) AS things FROM thing GROUP BY part ORDER BY part;

-- name: state
SELECT part, count(*) FROM thing GROUP BY part ORDER BY part;
"""
TABLE = "CREATE TABLE thing (part int NOT NULL);\n"
SERVED = f"{TABLE}CREATE TABLE served (part int PRIMARY KEY, things bigint NOT NULL);\n"
ASK = "-- name: ask\nSELECT part, things FROM served ORDER BY part;\n"
SERVE = """-- name: serve
INSERT INTO served SELECT part, count(*) FROM thing GROUP BY part
ON CONFLICT (part) DO UPDATE SET things = excluded.things;
"""
CANDIDATES = {
    "baseline": TABLE,
    "batched": f"{TABLE}-- name: add\n-- batch: 10\nINSERT INTO thing (part) SELECT unnest(:part::int[]);\n",
    "by_job": SERVED + SERVE + ASK,
    "never": SERVED + ASK,
}
JOB_EVERY, BACKGROUND = 50, 30
PER_S = 25  # additions in a second of production
SLICE_S = JOB_EVERY / PER_S


def _additions(count: int) -> Iterator[Call]:
    return (Call("add", {"part": number % 3}) for number in range(count))


def _burst(_: object, writer: str, _block: int, __: Random) -> Iterator[Call]:
    if writer == "reader":
        return cycle([Call("ask", {}, rows=0)])
    return cycle([*_additions(JOB_EVERY), Call("serve", {}, key="job", rows=0)])


def _results(server: Server, folder: Path, within_s: float, adequacy_s: float = 0.0) -> dict[str, CandidateResult]:
    model: Model[object, object] = Model(
        initial=object,
        calls=lambda _: pytest.fail("the model is not checked here"),
        apply=lambda *_: None,
        state=lambda _: {},
        fresh_within_s=within_s,
        includes={"ask": "things"},
        counted=("add",),
    )
    workload = Workload(
        name="served",
        summary="answers that may be old",
        cardinalities={"typical": laboratory.Sizes()},
        writers=lambda _: (
            Writer(name="writer", kind="stream", weight=JOB_EVERY + 1, clients=2),
            Writer(name="reader", kind="reader", weight=JOB_EVERY),
        ),
        burst=_burst,
        background=lambda *_: _additions(BACKGROUND),
        state=("state",),
        production_s=lambda _: SLICE_S,
        model=model,
    )
    plan = Plan(
        found=laboratory.found(folder, workload, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", CANDIDATES),
        clients=3,
        budget_s=0.5,
        precision=0.001,
        seed=1,
        burst=2 * (2 * JOB_EVERY + 1),
        lead_in=1.0,
        adequacy_s=adequacy_s,
    )
    return {one.name: one for one in measure(plan, server, Silence()).candidates}


def _in(result: CandidateResult, phase: str) -> Staleness:
    (found,) = [one for one in result.staleness if one.phase == phase]
    return found


def test_an_answer_that_lacks_what_was_committed_disqualifies_and_a_live_one_has_age_zero(
    server: Server, tmp_path: Path
) -> None:
    found = _results(server, tmp_path, within_s=3 * SLICE_S)

    for live in ("baseline", "batched"):
        assert found[live].status == "ranked"
        assert _in(found[live], "trials").oldest_s == 0
    assert found["by_job"].status == "ranked"
    assert 0 < _in(found["by_job"], "trials").oldest_s <= 3 * SLICE_S
    assert found["never"].status == "disqualified"
    assert "answers of 'ask' were" in found["never"].reason
    trials = found["never"].trials
    added = BACKGROUND + sum(one.rows + one.lead_in_rows for one in trials) - trials[-1].rows
    # All that was ever added before its last burst is missing.
    assert _in(found["never"], "trials").certain_s == pytest.approx(added / PER_S)


def test_a_job_too_rare_for_the_bound_is_caught(server: Server, tmp_path: Path) -> None:
    found = _results(server, tmp_path, within_s=SLICE_S / 10, adequacy_s=SLICE_S)

    assert found["by_job"].status == "disqualified"
    assert found["baseline"].status == "ranked"


@pytest.mark.thorough
def test_at_the_pace_of_production_ages_are_those_of_the_job(server: Server, tmp_path: Path) -> None:
    found = _results(server, tmp_path, within_s=2 * SLICE_S, adequacy_s=2 * SLICE_S)

    assert _in(found["baseline"], "adequacy").oldest_s == 0
    paced = _in(found["by_job"], "adequacy")
    assert 0.4 * SLICE_S < paced.oldest_s < 1.8 * SLICE_S
    assert found["by_job"].status == "ranked"
    assert found["never"].status == "disqualified"
