"""An index on the updated column: a btree forbids HOT updates in every version, BRIN since version 16 no longer.

An update that changes no column of an index, and finds room on the row's page, writes no index at all. Since version 16
columns that only a summarizing index has do not count, for such an index refers to blocks and not to rows. Sources: the
manual, "Heap-Only Tuples (HOT)"; the release notes of 16; src/backend/access/heap/README.HOT.
"""

import re
from collections.abc import Iterator, Mapping
from random import Random

import pytest
import servers
from laboratory import Laboratory, amount, cost, result

from schemabench import Call, Writer
from schemabench.records import Estimate, Experiment, Run
from schemabench.report import flavored, matrix, reasons
from schemabench.report.text import plain

OLD, NEW = 15, 18
ROWS, BATCH = 20_000, 100
ITEMS = """\
CREATE TABLE item (key integer PRIMARY KEY, a integer, b integer, c integer, price bigint, rest text)
    WITH (fillfactor = 45);
CREATE INDEX ON item (a);
CREATE INDEX ON item (b);
CREATE INDEX ON item (c);
INSERT INTO item SELECT key, key, -key, key / 2, 0, repeat('x', 60) FROM generate_series(1, 20000) AS key;
"""
"""On each page there is room for a second version of every row."""
OPERATIONS = """\
-- name: reprice
UPDATE item SET price = price + :raise::integer WHERE key BETWEEN :first::integer AND :last::integer;
-- name: items
SELECT key, price FROM item ORDER BY key;
"""
CANDIDATES = {
    "baseline": ITEMS,
    "btree": f"{ITEMS}CREATE INDEX ON item (price);\n",
    "brin": f"{ITEMS}CREATE INDEX ON item USING brin (price);\n",
}
LINE = re.compile(r"^- (`(?:btree|brin)` on PostgreSQL [^:]+): (.*)$", re.MULTILINE)
"""Of what a matrix says that differs from the baseline: who and where, and what."""
NO_HOT = re.compile(r"HOT updates 0 % instead of \d+ %")
BUDGET_S = 6.0
CALLS = 16
"""In each burst."""
CLIENTS, CONNECTIONS = 2, 16


def _burst(_: str, random: Random) -> Iterator[Call]:
    while True:
        first = random.randrange(1, ROWS, BATCH)
        values = {"raise": random.randrange(1, 10), "first": first, "last": first + BATCH - 1}
        yield Call("reprice", values, key=str(first), rows=BATCH)


def _run(major: int, folders: pytest.TempPathFactory) -> Run:
    """Return the run on a server of this version."""
    if major not in servers.FOUND:
        pytest.skip(f"no PostgreSQL {major} here")
    run_id = f"indexes-{major}"
    settings = {"autovacuum": "off"}
    with servers.serving(str(major), settings=settings, clients=CONNECTIONS, run_id=run_id) as server:
        experiment = Laboratory(server=server, folders=folders).rank(
            operations=OPERATIONS,
            candidates=CANDIDATES,
            writers=[Writer(name="repricing", kind="batch", weight=8, clients=CLIENTS)],
            burst=_burst,
            state=("items",),
            budget_s=BUDGET_S,
            calls=CALLS,
        )
        return Run(
            run_id=run_id,
            started=f"2026-02-16T09:{major}:00+00:00",
            version="0",
            command="pytest",
            machine={},
            options=(),
            server=server.record,
            experiments=(experiment,),
        )


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Rank all on the newest version."""
    return _run(NEW, tmp_path_factory)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Rank all on the last version to which BRIN was an index like any other."""
    return _run(OLD, tmp_path_factory)


def _only(run: Run) -> Experiment:
    (experiment,) = run.experiments
    return experiment


def _ratio(run: Run, name: str) -> Estimate:
    standing = result(_only(run), name).standing
    assert standing is not None
    return standing.to_baseline


def _wal(run: Run, name: str) -> Estimate:
    found = cost(_only(run), name, "wal_bytes").ratio
    assert found is not None
    return found


def _hot(run: Run) -> Mapping[str, float]:
    return {name: amount(_only(run), name, "hot_share") for name in CANDIDATES}


def test_since_16_an_update_stays_hot_with_brin_and_never_with_btree(new: Run) -> None:
    hot = _hot(new)

    assert hot["baseline"] > 0.8
    assert hot["brin"] > 0.8
    assert hot["btree"] == 0


def test_since_16_btree_is_slower_and_writes_more_wal_than_brin(new: Run) -> None:
    assert _ratio(new, "btree").high < 0.8
    assert _ratio(new, "btree").high < _ratio(new, "brin").low
    assert _wal(new, "btree").low > 1.5
    assert _wal(new, "brin").high < 1.2


def test_nobody_waits_for_a_row(new: Run) -> None:
    for name in CANDIDATES:
        contention = result(_only(new), name).contention
        assert contention is not None
        assert contention.classes["Lock"] < 0.02


@pytest.mark.long
def test_before_16_brin_costs_hot_updates_as_btree_does(old: Run) -> None:
    hot = _hot(old)

    assert hot["baseline"] > 0.8
    assert hot["brin"] == hot["btree"] == 0
    assert _ratio(old, "btree").high < 0.8
    assert _ratio(old, "brin").high < 0.8
    assert _wal(old, "brin").low > 1.5


def test_a_run_alone_names_hot_updates_for_btree_and_not_for_brin(new: Run) -> None:
    lines = dict(one.split(": ", 1) for one in map(plain, reasons.lines(_only(new))))

    assert NO_HOT.search(lines["btree"])
    assert not NO_HOT.search(lines.get("brin", ""))


@pytest.mark.long
def test_the_matrix_names_hot_updates_as_what_differs_but_for_brin_since_16(old: Run, new: Run) -> None:
    text = flavored.markdown(matrix.document(matrix.compare([("old.json", old), ("new.json", new)])))
    lines = {name: said for name, said in LINE.findall(text) if NO_HOT.search(said)}

    assert lines.keys() == {"`brin` on PostgreSQL 15", "`btree` on PostgreSQL 15", "`btree` on PostgreSQL 18"}
