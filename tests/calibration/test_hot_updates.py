"""Room on a page makes updates HOT, and an index on the column that is updated forbids it.

Sources: the manual, "Heap-Only Tuples (HOT)": an update can be HOT if it modifies no column that an index refers to,
summarizing indexes (BRIN) excepted, and if there is room on the row's page; then it needs no new index entries. Also
src/backend/access/heap/README.HOT, and for `fillfactor` the manual's "CREATE TABLE", "Storage Parameters". That BRIN
does not count is new in PostgreSQL 16 (its release notes).

Every update is one of all rows of some pages at once. A page filled to 100 % has no room for the second version of
any; one filled to 70 % has it for three rows in seven. Both shares grow as updates spread rows out, and in the end
nearly all updates of either are HOT, as the manual says; the table is so large that an experiment ends long before.

Of WAL, theory promises that entries in four indexes are saved. Of throughput it promises nothing: a roomier table has
more pages.
"""

from collections.abc import Iterator
from random import Random

import pytest
from laboratory import Laboratory, amount, cost, result

from schemabench import Call, Writer
from schemabench.records import Experiment

ROWS, BATCH = 60_000, 200
"""A batch is three to five pages full."""
FIRST_PASS = 0.4
"""Of rows on a page filled to 70 %, at least so many find room there when all are updated: 3 in 7, rounded down."""
OPERATIONS = """\
-- name: reprice
UPDATE item SET price = price + 1 WHERE key BETWEEN :first::integer AND :last::integer;
"""
ITEMS = """\
CREATE TABLE item (key integer PRIMARY KEY, a integer, b integer, c integer, price bigint, rest text)
    WITH (fillfactor = {fillfactor});
CREATE INDEX ON item (a);
CREATE INDEX ON item (b);
CREATE INDEX ON item (c);
INSERT INTO item SELECT key, key, -key, key / 2, 0, repeat('x', 60) FROM generate_series(1, 60000) AS key;
"""
ROOMY = ITEMS.format(fillfactor=70)
CANDIDATES = {
    "baseline": ITEMS.format(fillfactor=100),
    "roomy": ROOMY,
    "indexed": f"{ROOMY}CREATE INDEX ON item (price);\n",
    "summarized": f"-- postgres: >= 16\n{ROOMY}CREATE INDEX ON item USING brin (price);\n",
}


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield updates of random batches; those of one batch stay on one connection, so that nobody waits."""
    while True:
        first = random.randrange(1, ROWS, BATCH)
        yield Call("reprice", {"first": first, "last": first + BATCH - 1}, key=str(first), rows=BATCH)


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank all."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates=CANDIDATES,
        writers=[Writer(name="repricing", kind="batch", weight=8, clients=2)],
        burst=burst,
        budget_s=9,
    )


def test_room_on_pages_makes_updates_hot(experiment: Experiment) -> None:
    full, roomy = (amount(experiment, name, "hot_share") for name in ("baseline", "roomy"))

    assert roomy > FIRST_PASS
    assert roomy > full
    assert cost(experiment, "roomy", "hot_share").differs


def test_hot_updates_write_less_wal(experiment: Experiment) -> None:
    ratio = cost(experiment, "roomy", "wal_bytes").ratio

    assert ratio is not None
    assert ratio.high < 1
    assert cost(experiment, "roomy", "wal_bytes").differs


def test_no_update_of_an_indexed_column_is_hot(experiment: Experiment) -> None:
    assert amount(experiment, "indexed", "hot_share") == 0


def test_a_brin_index_on_the_updated_column_leaves_updates_hot(experiment: Experiment) -> None:
    if reason := result(experiment, "summarized").reason:
        pytest.skip(reason)

    assert amount(experiment, "summarized", "hot_share") > FIRST_PASS
