"""A count of rows that a trigger keeps against none, where commits take time: all writers of a table take turns.

Sources: the manual, "Explicit Locking", section "Row-Level Locks" (the counter's row is locked until its writer's
transaction ends, and so while its commit waits for the disk); "WAL Configuration" (`commit_delay`: commits at the same
time share a sync, which those that come one after another cannot).
"""

from collections.abc import Iterator
from itertools import repeat
from random import Random

import pytest
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.records import Experiment

WRITERS = 8
HALF = 0.5
EVENTS = "CREATE TABLE event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL);\n"
COUNTER = """\
CREATE TABLE counter (total bigint NOT NULL);
INSERT INTO counter VALUES (0);
CREATE FUNCTION count_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE counter SET total = total + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER counted AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION count_event();
"""


def burst(_: str, __: Random) -> Iterator[Call]:
    """Yield inserts."""
    return repeat(Call("add", {}))


@pytest.fixture(scope="module")
def experiment(paying: Laboratory) -> Experiment:
    """Rank both."""
    return paying.rank(
        operations="-- name: add\nINSERT INTO event (what) VALUES ('something');\n",
        candidates={"baseline": EVENTS, "counted": EVENTS + COUNTER},
        writers=[Writer(name="adding", kind="stream", weight=WRITERS, clients=WRITERS)],
        burst=burst,
        budget_s=10,
    )


def test_a_counter_kept_by_a_trigger_more_than_halves_throughput(experiment: Experiment) -> None:
    counted = result(experiment, "counted").standing

    assert counted is not None
    assert counted.rank == 2
    assert counted.to_baseline.value < HALF
    assert counted.to_baseline.high < 1


def test_the_wait_for_the_counter_is_laid_to_its_table(experiment: Experiment) -> None:
    seen = result(experiment, "counted").contention

    assert seen is not None
    # of who waits for a transaction that writes two tables, nobody says for which: who queues for the row, says it
    assert {lock.relation for lock in seen.locks if lock.kind == "tuple"} == {"counter"}
    assert (seen.pairs[0].waiting, seen.pairs[0].blocking) == ("add", "add")
