"""Deadlocks on a server whose `deadlock_timeout` is PostgreSQL's own: batches in any order beside batches in one.

Whoever locks rows in one order waits, and never in a circle; in any order two can wait for each other, and the server
looks for that only after a wait of `deadlock_timeout`. Sources: the manual, "Explicit Locking", section "Deadlocks";
"Lock Management", on `deadlock_timeout`.
"""

from collections.abc import Iterator
from random import Random

import pytest
from laboratory import Laboratory, amount, result

from schemabench import Call, Writer
from schemabench.load.session import DEADLOCK
from schemabench.records import CandidateResult, Experiment

pytestmark = pytest.mark.long

KEYS, BATCH = 300, 10
CALLS = 48
"""In each burst: of the size that suits the baseline, with a second for every deadlock, a trial may take a minute."""
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


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank batches in one order and in any."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": BASELINE, "unordered": UNORDERED},
        writers=[Writer(name="batches", kind="stream", weight=8, clients=8)],
        burst=_batches,
        state=("counts",),
        budget_s=12.0,
        calls=CALLS,
    )


def _deadlocked(found: CandidateResult) -> int:
    return sum(one.count for one in found.retries if one.reason == DEADLOCK)


def test_the_unordered_batches_deadlock_and_the_ordered_do_not(experiment: Experiment) -> None:
    assert _deadlocked(result(experiment, "unordered")) >= 1
    assert _deadlocked(result(experiment, "unordered")) == amount(experiment, "unordered", "deadlocks")
    assert _deadlocked(result(experiment, "baseline")) == amount(experiment, "baseline", "deadlocks") == 0


def test_batches_in_any_order_are_slow_for_the_deadlock_detector_and_are_told_so(experiment: Experiment) -> None:
    ordered, unordered = result(experiment, "baseline"), result(experiment, "unordered")
    assert unordered.standing is not None

    # its value alone: some bursts meet no deadlock, others several, and so few blocks leave the interval beyond 1
    assert unordered.standing.to_baseline.value < 0.5
    (notice,) = [one for one in unordered.notices if one.code == "deadlock-timeout"]
    assert "deadlock_timeout, 1.00 s" in notice.text
    assert not [one for one in ordered.notices if one.code == "deadlock-timeout"]


def test_they_wait_for_each_others_rows_until_the_server_looks(experiment: Experiment) -> None:
    contention = result(experiment, "unordered").contention
    assert contention is not None

    assert contention.classes["Lock"] > 0.5
    assert {lock.relation for lock in contention.locks} == {"counter"}
    assert {(pair.waiting, pair.blocking) for pair in contention.pairs} == {("count", "count")}
    assert contention.longest_wait_s > 0.5
