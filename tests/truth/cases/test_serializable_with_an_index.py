"""Serializable transactions that read with an index and without: what each has read keeps others from writing it.

A sequential scan takes a predicate lock on the whole table, so that any two transactions, each of which writes a row,
have read what the other writes; a scan by an index takes locks on rows, and on pages of the index. Sources: the manual,
"Transaction Isolation", section "Serializable Isolation Level": a sequential scan will always necessitate a
relation-level predicate lock; src/backend/storage/lmgr/README-SSI.
"""

from collections.abc import Iterator
from random import Random

import pytest
from laboratory import Laboratory, amount, cost, result

from schemabench import Call, Writer
from schemabench.records import Contention, Experiment, Standing
from schemabench.report import reasons
from schemabench.report.text import plain

pytestmark = pytest.mark.long
ACCOUNTS = 2000
FAILURE = "serialization failure"
TABLE = """\
CREATE TABLE account (name text NOT NULL, balance bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO account SELECT 'a' || key, 0 FROM generate_series(0, 1999) AS key;
"""
OPERATIONS = """\
-- name: copy
SELECT balance FROM account WHERE name = :one::text;
UPDATE account SET balance = balance + 1 WHERE name = :other::text;
-- name: accounts
SELECT name, balance FROM account ORDER BY name;
"""
CANDIDATES = {"baseline": TABLE, "indexed": f"{TABLE}CREATE INDEX ON account (name);\n"}
CLIENTS = 4
BUDGET_S = 6.0
CALLS = 20
"""In each burst."""


def _burst(_: str, random: Random) -> Iterator[Call]:
    while True:
        one, other = random.sample(range(ACCOUNTS), 2)
        yield Call("copy", {"one": f"a{one}", "other": f"a{other}"})


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank both."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates=CANDIDATES,
        writers=[Writer(name="copying", kind="stream", weight=20, clients=CLIENTS)],
        burst=_burst,
        state=("accounts",),
        budget_s=BUDGET_S,
        calls=CALLS,
        isolation="serializable",
    )


def _contention(experiment: Experiment, name: str) -> Contention:
    found = result(experiment, name).contention
    assert found is not None
    return found


def _standing(experiment: Experiment) -> Standing:
    found = result(experiment, "indexed").standing
    assert found is not None
    return found


def test_an_index_makes_serializable_transactions_faster(experiment: Experiment) -> None:
    assert _standing(experiment).rank == 1
    assert _standing(experiment).to_baseline.low > 1.5


def test_without_it_transactions_fail_and_are_repeated(experiment: Experiment) -> None:
    assert {one.reason for one in result(experiment, "baseline").retries} == {FAILURE}
    assert amount(experiment, "baseline", "retries") > 0.1
    assert amount(experiment, "indexed", "retries") < 0.02
    assert cost(experiment, "indexed", "retries").differs


def test_it_is_sequential_scans_that_lock_the_whole_table(experiment: Experiment) -> None:
    assert amount(experiment, "baseline", "seq_scans") > 1.9
    assert amount(experiment, "indexed", "seq_scans") < 0.01


def test_what_is_lost_to_others_is_pauses_and_no_lock(experiment: Experiment) -> None:
    without, indexed = (_contention(experiment, name).classes for name in CANDIDATES)

    assert without["pause"] > 0.05
    assert without["Lock"] < 0.05
    assert indexed["pause"] < without["pause"] / 2


def test_the_report_names_what_differs(experiment: Experiment) -> None:
    (line,) = map(plain, reasons.lines(experiment))
    (notice,) = [one for one in result(experiment, "baseline").notices if one.code == "retries"]

    assert line.startswith("indexed: ")
    assert "sequential scans per call 0 instead of " in line
    assert f"({FAILURE}, " in notice.text
