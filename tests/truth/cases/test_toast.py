"""A counter beside a large value or inside it: the first keeps the value where it is, the second writes it anew.

An update that leaves a value out of line as it is copies only the pointer to it; one that makes a new value of it
writes all of its chunks, however small the change. Sources: the manual, "TOAST": during an update, values of
unchanged fields are preserved as they are; src/backend/access/table/toast_helper.c.
"""

from collections.abc import Iterator
from random import Random

import pytest
from laboratory import Laboratory, amount, cost, result

from schemabench import Call, Writer
from schemabench.records import Contention, Estimate, Experiment
from schemabench.report import reasons
from schemabench.report.text import plain

pytestmark = pytest.mark.long
DOCUMENTS = 8
BODY = "(SELECT string_agg(md5((key * 10000 + part)::text), '') FROM generate_series(1, 1500) AS part)"
"""48 kB that do not compress."""
INSIDE = """\
CREATE TABLE document (key integer PRIMARY KEY, content jsonb NOT NULL);
INSERT INTO document
SELECT key, jsonb_build_object('views', 0, 'body', {body}) FROM generate_series(1, 8) AS key;
""".replace("{body}", BODY)
BESIDE = """\
CREATE TABLE document (key integer PRIMARY KEY, views integer NOT NULL, content jsonb NOT NULL);
INSERT INTO document
SELECT key, 0, jsonb_build_object('body', {body}) FROM generate_series(1, 8) AS key;
""".replace("{body}", BODY)
OPERATIONS = """\
-- name: view
UPDATE document SET content = jsonb_set(content, '{views}', to_jsonb((content ->> 'views')::integer + 1))
WHERE key = :key::integer;
-- name: views
SELECT key, (content ->> 'views')::integer FROM document ORDER BY key;
"""
OWN = """\
-- name: view
UPDATE document SET views = views + 1 WHERE key = :key::integer;
-- name: views
SELECT key, views FROM document ORDER BY key;
"""
CANDIDATES = {"baseline": INSIDE, "beside": BESIDE + OWN}
CLIENTS = 4
BUDGET_S = 6.0
CALLS = 40
"""In each burst."""


def _burst(_: str, random: Random) -> Iterator[Call]:
    while True:
        yield Call("view", {"key": random.randint(1, DOCUMENTS)})


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank a counter in the document and one beside it."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates=CANDIDATES,
        writers=[Writer(name="viewing", kind="stream", weight=20, clients=CLIENTS)],
        burst=_burst,
        state=("views",),
        budget_s=BUDGET_S,
        calls=CALLS,
    )


def _contention(experiment: Experiment, name: str) -> Contention:
    found = result(experiment, name).contention
    assert found is not None
    return found


def _ratio(experiment: Experiment, name: str) -> Estimate:
    found = cost(experiment, "beside", name).ratio
    assert found is not None
    return found


def test_who_keeps_the_large_value_is_faster(experiment: Experiment) -> None:
    standing = result(experiment, "beside").standing

    assert standing is not None
    assert standing.rank == 1
    assert standing.to_baseline.low > 1.3


def test_whoever_rewrites_it_writes_all_of_it_to_the_wal(experiment: Experiment) -> None:
    assert amount(experiment, "baseline", "wal_bytes") > 48_000
    assert _ratio(experiment, "wal_bytes").high < 0.1
    assert cost(experiment, "beside", "wal_bytes").differs


def test_whoever_waits_waits_for_the_row_of_a_document(experiment: Experiment) -> None:
    inside = _contention(experiment, "baseline")

    assert inside.classes["Lock"] > 0.03
    assert {lock.relation for lock in inside.locks} == {"document"}
    assert {(pair.waiting, pair.blocking) for pair in inside.pairs} == {("view", "view")}


def test_the_report_names_the_wal(experiment: Experiment) -> None:
    (line,) = map(plain, reasons.lines(experiment))

    assert line.startswith("beside: ")
    assert "WAL" in line
