"""A queue that updates and deletes its jobs against rotated tables, with and without a held snapshot.

Sources: the manual, "Routine Vacuuming", section "Recovering Disk Space": a dead row cannot be removed while it is
still potentially visible to another transaction; PgQ, the queue of SkyTools, whose design rotates tables for that
reason (https://wiki.postgresql.org/wiki/PGQ_Tutorial).

A consumer of the queue reads its index from the start, where the jobs were that are done. Without the snapshot they are
soon removed; with it every one of them is read again by every consumer. Rotated tables are emptied by TRUNCATE, which
removes rows whoever may still see them.
"""

from collections.abc import Callable, Iterator
from itertools import count, cycle
from random import Random
from statistics import median

import pytest
import servers
from laboratory import Laboratory, amount, result

from schemabench import Call, Companion, Writer
from schemabench.records import Experiment
from schemabench.server import Server

CONSUMERS, JOBS = 8, 10
"""Connections, and jobs that each takes at once."""
ROUND_TRIP_S = 0.001
"""As in a network: most of a healthy queue's time, so that both do the same work in about the same time."""
NEARLY = 1.35
"""Within this factor both are as fast as each other, without the snapshot."""
FACTOR = 1.5
"""How many times as fast rotated tables are at least, with the snapshot, in the second half of the blocks."""
SOME = 0.1
"""The share of all jobs that may be dead rows before vacuum is due."""
HOLDER = Companion(name="old_snapshot", operation="look", holds=True, isolation="repeatable read")

OPERATIONS = """\
-- name: put
INSERT INTO job (batch, payload) SELECT :batch::bigint, 'something' FROM generate_series(1, 10);
-- name: take
UPDATE job SET consumer = :consumer::int WHERE id IN (
    SELECT id FROM job WHERE consumer IS NULL ORDER BY id LIMIT 10 FOR UPDATE SKIP LOCKED
) AND :batch::bigint IS NOT NULL;
-- name: finish
DELETE FROM job WHERE consumer = :consumer::int AND :batch::bigint IS NOT NULL;
-- name: rotate
-- nothing
-- name: look
SELECT 1;
"""
QUEUE = """\
CREATE TABLE job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, batch bigint NOT NULL, consumer int, payload text NOT NULL
);
CREATE INDEX ON job (consumer) WHERE consumer IS NOT NULL;
"""
ROTATED = """\
CREATE TABLE job_0 (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, batch bigint NOT NULL, payload text NOT NULL);
CREATE INDEX ON job_0 (batch);
CREATE TABLE job_1 (LIKE job_0 INCLUDING ALL);
CREATE TABLE job_2 (LIKE job_0 INCLUDING ALL);
CREATE TABLE step_0 (batch bigint NOT NULL, consumer int NOT NULL, is_done boolean NOT NULL);
CREATE TABLE step_1 (LIKE step_0);
CREATE TABLE step_2 (LIKE step_0);

-- name: put
INSERT INTO :"jobs" (batch, payload) SELECT :batch::bigint, 'something' FROM generate_series(1, 10);
-- name: take
WITH taken AS (INSERT INTO :"steps" VALUES (:batch::bigint, :consumer::int, false))
SELECT payload FROM :"jobs" WHERE batch = :batch::bigint;
-- name: finish
INSERT INTO :"steps" VALUES (:batch::bigint, :consumer::int, true);
-- name: rotate
TRUNCATE :"next_jobs", :"next_steps";
"""


def bursts() -> Callable[[str, Random], Iterator[Call]]:
    """Return what makes one burst after the other, each with the next of three tables."""
    batches, numbers = count(), count()

    def burst(_writer: str, _random: Random) -> Iterator[Call]:
        """Yield what consumers do, each over a connection of its own, after the next table was emptied."""
        number = next(numbers)
        following, current = (number + 1) % 3, number % 3
        yield Call("rotate", {"next_jobs": f"job_{following}", "next_steps": f"step_{following}"}, key="0", rows=0)
        for consumer, batch in zip(cycle(range(CONSUMERS)), batches, strict=False):
            values = {"consumer": consumer, "batch": batch, "jobs": f"job_{current}", "steps": f"step_{current}"}
            yield Call("put", values, key=str(consumer), rows=JOBS)
            yield Call("take", values, key=str(consumer), rows=0)
            yield Call("finish", values, key=str(consumer), rows=0)

    return burst


def ranked(laboratory: Laboratory, *, held: bool) -> Experiment:
    """Rank both."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": QUEUE, "rotated": ROTATED},
        writers=[Writer(name="consuming", kind="stream", weight=CONSUMERS * 3, clients=CONSUMERS)],
        burst=bursts(),
        budget_s=20,
        round_trip_s=ROUND_TRIP_S,
        companions=[HOLDER],
        without_companions=not held,
    )


@pytest.fixture(scope="module")
def vacuuming() -> Iterator[Server]:
    """Start a server on which tables are vacuumed between blocks, by autovacuum's rules, and at no other time."""
    settings = {"autovacuum_naptime": "1h", "fsync": "off", "full_page_writes": "off"}
    with servers.durable("embedded", settings=settings, clients=CONSUMERS, databases=4, run_id="queue") as server:
        yield server


@pytest.fixture(scope="module")
def held(vacuuming: Server, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Rank both beside a session that holds a snapshot."""
    return ranked(Laboratory(server=vacuuming, folders=tmp_path_factory), held=True)


@pytest.fixture(scope="module")
def free(vacuuming: Server, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Rank both without it."""
    return ranked(Laboratory(server=vacuuming, folders=tmp_path_factory), held=False)


def ratios(experiment: Experiment) -> list[float]:
    """Return how many times as fast the rotated tables are, block by block, in order."""
    queue, rotated = (
        [trial.duration_s for trial in result(experiment, name).trials if not trial.warmup]
        for name in ("baseline", "rotated")
    )
    return [slow / fast for slow, fast in zip(queue, rotated, strict=True)]


def test_without_the_snapshot_a_queue_is_as_fast_as_rotated_tables(free: Experiment) -> None:
    assert 1 / NEARLY < median(ratios(free)) < NEARLY


def test_with_the_snapshot_rotated_tables_are_faster_and_increasingly_so(held: Experiment) -> None:
    later = ratios(held)[len(ratios(held)) // 2 :]

    assert min(later) > 1
    assert median(later) > FACTOR


def test_dead_rows_of_a_queue_are_left_only_with_the_snapshot(held: Experiment, free: Experiment) -> None:
    written = sum(trial.rows for trial in result(held, "baseline").trials)

    assert amount(held, "baseline", "dead_rows_left") > written
    assert amount(free, "baseline", "dead_rows_left") < SOME * written


def test_rotated_tables_leave_no_dead_rows_either_way(held: Experiment, free: Experiment) -> None:
    assert amount(held, "rotated", "dead_rows_left") == 0
    assert amount(free, "rotated", "dead_rows_left") == 0


def test_consumers_of_the_queue_read_what_is_dead(held: Experiment, free: Experiment) -> None:
    assert amount(held, "baseline", "blocks_hit") > 2 * amount(free, "baseline", "blocks_hit")
    assert amount(held, "rotated", "blocks_hit") < 2 * amount(free, "rotated", "blocks_hit")
