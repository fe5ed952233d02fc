"""Batch upserts of the same rows, in any order against in the order of keys: only the first can deadlock.

Source: the manual, "Explicit Locking", section "Deadlocks": the best defence is to be certain that everyone acquires
locks on several objects in a consistent order, and transactions that a deadlock aborts are to be repeated.

How long a deadlock takes is a setting of the server (`deadlock_timeout`), so that throughput is not asserted.
"""

from collections.abc import Iterator
from random import Random

import pytest
from laboratory import Laboratory, amount, result

from schemabench import Call, Writer
from schemabench.records import Experiment

KEYS, BATCH = 200, 50
"""Any two batches share a dozen rows."""
CLIENTS = 6
UPSERT = """\
-- name: upsert
INSERT INTO item (key, times) SELECT key, 1 FROM unnest(:keys::integer[]) AS key {order}
ON CONFLICT (key) DO UPDATE SET times = item.times + 1;
"""
STATE = "-- name: items\nSELECT key, times FROM item ORDER BY key;\n"
ITEMS = """\
CREATE TABLE item (key integer PRIMARY KEY, times bigint NOT NULL);
INSERT INTO item SELECT key, 0 FROM generate_series(1, 200) AS key;
"""


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield batches of random keys in random order."""
    while True:
        yield Call("upsert", {"keys": random.sample(range(1, KEYS + 1), BATCH)}, rows=BATCH)


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank both."""
    return laboratory.rank(
        operations=UPSERT.format(order="") + STATE,
        candidates={"baseline": ITEMS, "in_order": ITEMS + UPSERT.format(order="ORDER BY key")},
        writers=[Writer(name="upserting", kind="batch", weight=CLIENTS, clients=CLIENTS)],
        burst=burst,
        budget_s=10,
        state=("items",),
    )


def test_batches_in_any_order_deadlock(experiment: Experiment) -> None:
    assert amount(experiment, "baseline", "deadlocks") > 0


def test_batches_in_the_order_of_keys_do_not_deadlock(experiment: Experiment) -> None:
    assert amount(experiment, "in_order", "deadlocks") == 0


def test_the_client_repeats_as_many_attempts_as_the_server_counts_deadlocks(experiment: Experiment) -> None:
    (retries,) = result(experiment, "baseline").retries

    assert (retries.operation, retries.reason) == ("upsert", "deadlock")
    assert retries.count == amount(experiment, "baseline", "deadlocks")
    assert result(experiment, "in_order").retries == ()
