"""Deadlocks on a server whose `deadlock_timeout` is PostgreSQL's own: batches in any order beside batches in one."""

from collections.abc import Iterator
from random import Random

from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.load.session import DEADLOCK

KEYS, BATCH = 300, 10
ORDERED = " ORDER BY key"
OPERATIONS = """
-- name: count
INSERT INTO counter (key, n) SELECT key, 1 FROM unnest(:keys::int[]) AS key ORDER BY key
ON CONFLICT (key) DO UPDATE SET n = counter.n + 1;
-- name: counts
SELECT key, n FROM counter ORDER BY key;
"""
BASELINE = "CREATE TABLE counter (key int PRIMARY KEY, n bigint NOT NULL);\n"
UNORDERED = BASELINE + OPERATIONS.partition("-- name: counts")[0].replace(ORDERED, "")


def _batches(_: str, random: Random) -> Iterator[Call]:
    while True:
        yield Call("count", {"keys": random.sample(range(KEYS), BATCH)}, rows=BATCH)


def test_batches_in_any_order_are_slow_for_the_deadlock_detector_and_are_told_so(laboratory: Laboratory) -> None:
    experiment = laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": BASELINE, "unordered": UNORDERED},
        writers=[Writer(name="batches", kind="stream", weight=8, clients=8)],
        burst=_batches,
        state=("counts",),
        budget_s=15.0,
    )
    ordered, unordered = result(experiment, "baseline"), result(experiment, "unordered")
    assert unordered.standing is not None

    assert unordered.standing.ratio.value < 0.5
    assert sum(one.count for one in unordered.retries if one.reason == DEADLOCK) >= 1
    assert [one for one in ordered.retries if one.reason == DEADLOCK] == []
    (notice,) = [one for one in unordered.notices if one.code == "deadlock-timeout"]
    assert "deadlock_timeout, 1.00 s" in notice.text
    assert not [one for one in ordered.notices if one.code == "deadlock-timeout"]
