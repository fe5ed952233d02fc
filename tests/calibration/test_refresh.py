"""REFRESH against REFRESH CONCURRENTLY under readers: one blocks them, the other takes longer.

Source: the manual, "REFRESH MATERIALIZED VIEW": without CONCURRENTLY a refresh that affects many rows "will tend to
use fewer resources and complete more quickly, but could block other connections which are trying to read"; and
"Explicit Locking", section "Table-Level Locks": it takes ACCESS EXCLUSIVE, with CONCURRENTLY only EXCLUSIVE, which does
not conflict with the ACCESS SHARE of readers.

Every refresh here affects every row, since the rows below change before it.
"""

from collections.abc import Iterator
from itertools import cycle
from random import Random

import pytest
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.records import Contention, Experiment, Standing

OPERATIONS = """\
-- name: change
UPDATE sale SET amount = amount + 1;
-- name: refresh
REFRESH MATERIALIZED VIEW CONCURRENTLY total;
-- name: look
SELECT sum(amount) FROM total;
"""
VIEW = """\
CREATE TABLE sale (product integer PRIMARY KEY, amount bigint NOT NULL);
INSERT INTO sale SELECT product, 0 FROM generate_series(1, 2000) AS product;
CREATE MATERIALIZED VIEW total AS SELECT product, sum(amount) AS amount FROM sale GROUP BY product;
CREATE UNIQUE INDEX ON total (product);
"""
PLAIN = f"{VIEW}-- name: refresh\nREFRESH MATERIALIZED VIEW total;\n"


def burst(writer: str, _: Random) -> Iterator[Call]:
    """Yield looks, or changes and refreshes by turns."""
    if writer == "reader":
        return (Call("look", {}, rows=0) for _ in cycle([None]))
    return (Call(operation, {}, key="one", rows=0) for operation in cycle(["change", "refresh"]))


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank both."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": VIEW, "plain": PLAIN},
        writers=[
            Writer(name="refresher", kind="batch", weight=2, clients=1),
            Writer(name="reader", kind="reader", weight=120, clients=4),
        ],
        burst=burst,
        budget_s=12,
    )


def seen(experiment: Experiment, name: str) -> tuple[Standing, Contention]:
    """Return how much a candidate waited, and for what."""
    found = result(experiment, name)
    assert found.contention is not None
    return found.standings["lock_waits"], found.contention


def refresh_ns(experiment: Experiment, name: str) -> float:
    """Return how long a refresh takes, at the median."""
    (latency,) = [one for one in result(experiment, name).latencies if one.operation == "refresh"]
    assert latency.p50_ns is not None
    return latency.p50_ns


def test_readers_wait_for_a_plain_refresh(experiment: Experiment) -> None:
    _, contention = seen(experiment, "plain")
    first = contention.locks[0]

    assert (first.kind, first.mode, first.relation) == ("relation", "AccessShareLock", "total")
    assert (contention.pairs[0].waiting, contention.pairs[0].blocking) == ("look", "refresh")


def test_readers_never_wait_for_a_concurrent_refresh(experiment: Experiment) -> None:
    _, contention = seen(experiment, "baseline")

    assert [pair for pair in contention.pairs if pair.waiting == "look"] == []


def test_a_concurrent_refresh_is_waited_for_less(experiment: Experiment) -> None:
    concurrently, _ = seen(experiment, "baseline")
    plain, _ = seen(experiment, "plain")

    assert (concurrently.rank, plain.rank) == (1, 2)
    assert plain.to_baseline.low > 0


def test_a_concurrent_refresh_takes_longer(experiment: Experiment) -> None:
    assert refresh_ns(experiment, "baseline") > refresh_ns(experiment, "plain")
