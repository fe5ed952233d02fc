"""One counter row against sixteen: a row is locked until its writer's transaction ends, so that writers take turns.

Sources: the manual, "Explicit Locking", section "Row-Level Locks" (such locks are released at transaction end, and
block writers of the same row); src/backend/access/heap/README.tuplock (whoever is first in a row's queue holds the
tuple lock and waits for the transaction that has the row; others wait for the tuple lock, or for that transaction too).

Each transaction goes on for 2 ms after its update, as one with more statements or a slow commit does: one row then
allows 500 of them a second, however fast the machine. Of sixteen slots, eight writers hold five or six at a time.
"""

from collections.abc import Iterator
from random import Random

import pytest
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.records import Contention, Experiment, Standing

SLOTS, WRITERS = 16, 8
TABLE = "CREATE TABLE counter (slot integer PRIMARY KEY, total bigint NOT NULL);\n"
OPERATIONS = """\
-- name: count
UPDATE counter SET total = total + 1 WHERE slot = :slot::integer;
SELECT pg_sleep(0.002);
-- name: total
SELECT sum(total) FROM counter;
"""
ONE_ROW = """\
INSERT INTO counter VALUES (0, 0);
-- name: count
UPDATE counter SET total = total + 1 WHERE slot = 0;
SELECT pg_sleep(0.002);
"""
SIXTEEN_SLOTS = "INSERT INTO counter SELECT slot, 0 FROM generate_series(0, 15) AS slot;\n"


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield increments of random slots."""
    while True:
        yield Call("count", {"slot": random.randrange(SLOTS)})


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank both."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": TABLE + ONE_ROW, "sixteen_slots": TABLE + SIXTEEN_SLOTS},
        writers=[Writer(name="counting", kind="stream", weight=2 * WRITERS, clients=WRITERS)],
        burst=burst,
        budget_s=10,
        state=("total",),
    )


def standings(experiment: Experiment, name: str) -> tuple[Standing, Standing, Contention]:
    """Return where a candidate stands, and what was seen of it."""
    found = result(experiment, name)
    assert found.standing is not None
    assert found.contention is not None
    return found.standing, found.standings["lock_waits"], found.contention


def test_sixteen_slots_are_faster_than_one_row(experiment: Experiment) -> None:
    one_row, _, _ = standings(experiment, "baseline")
    slots, _, _ = standings(experiment, "sixteen_slots")

    assert (slots.rank, one_row.rank) == (1, 2)
    assert slots.to_baseline.low > 1


def test_sixteen_slots_are_waited_for_less_than_one_row(experiment: Experiment) -> None:
    _, one_row, _ = standings(experiment, "baseline")
    _, slots, _ = standings(experiment, "sixteen_slots")

    assert (slots.rank, one_row.rank) == (1, 2)
    assert slots.to_baseline.high < 0
    assert slots.figure.high < one_row.figure.low


def test_sixteen_slots_alone_are_on_the_pareto_front(experiment: Experiment) -> None:
    assert [one.name for one in experiment.candidates if one.on_front] == ["sixteen_slots"]


def test_the_wait_for_one_row_is_laid_to_its_table_and_its_operation(experiment: Experiment) -> None:
    _, _, seen = standings(experiment, "baseline")

    assert {(lock.kind, lock.mode, lock.relation) for lock in seen.locks[:2]} == {
        ("tuple", "ExclusiveLock", "counter"),
        ("transactionid", "ShareLock", "counter"),
    }
    assert (seen.pairs[0].waiting, seen.pairs[0].blocking) == ("count", "count")


def test_all_writers_queue_for_the_one_row_but_the_one_that_has_it(experiment: Experiment) -> None:
    _, _, seen = standings(experiment, "baseline")

    assert WRITERS - 2 <= seen.deepest_queue < WRITERS, "one has the row, one may be waking up or wait on its own"
