"""A queue's consumers that skip what others have locked against consumers that wait for it, where commits take time.

Sources: the manual, "SELECT", section "The Locking Clause": `SKIP LOCKED` is there to avoid lock contention with
multiple consumers of a queue-like table; "Explicit Locking", section "Row-Level Locks": a lock is held until its
transaction ends, and so while its commit waits for the disk.

Without `SKIP LOCKED` all consumers want the oldest job, and have one after another what they take and commit; with it
eight commit at once, and share syncs. One consumer alone never meets a lock: both do the same.
"""

from collections.abc import Iterator
from itertools import repeat
from random import Random

import pytest
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.records import Experiment, Standing

CONSUMERS = 8
FACTOR = 2.0
NEARLY = 0.1
"""What one consumer's ratio must not be shown to differ by."""
JOBS = """\
CREATE TABLE job (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text NOT NULL);
INSERT INTO job (what) SELECT 'something' FROM generate_series(1, 1000);
"""
OPERATIONS = """\
-- name: take
DELETE FROM job WHERE id = (SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE{clause});
INSERT INTO job (what) VALUES ('something');
"""


def burst(_: str, __: Random) -> Iterator[Call]:
    """Yield takings; for each a job is added, so that there is always one."""
    return repeat(Call("take", {}, rows=2))


def ranked(paying: Laboratory, consumers: int) -> Experiment:
    """Rank both with so many connections."""
    return paying.rank(
        operations=OPERATIONS.format(clause=""),
        candidates={"baseline": JOBS, "skip_locked": JOBS + OPERATIONS.format(clause=" SKIP LOCKED")},
        writers=[Writer(name="consuming", kind="stream", weight=consumers, clients=consumers)],
        burst=burst,
        budget_s=10,
    )


def standing(experiment: Experiment) -> Standing:
    """Return where those stand who skip."""
    found = result(experiment, "skip_locked").standing
    assert found is not None
    return found


@pytest.fixture(scope="module")
def many(paying: Laboratory) -> Experiment:
    """Rank both with eight consumers."""
    return ranked(paying, CONSUMERS)


def test_eight_consumers_that_skip_are_more_than_twice_as_fast(many: Experiment) -> None:
    assert standing(many).rank == 1
    assert standing(many).to_baseline.value > FACTOR
    assert standing(many).to_baseline.low > 1


def test_consumers_that_skip_do_not_wait_for_each_others_rows(many: Experiment) -> None:
    waiting, skipping = (result(many, name).standings["lock_waits"] for name in ("baseline", "skip_locked"))

    assert waiting is not None
    assert skipping is not None
    assert skipping.figure.high < waiting.figure.low


def test_one_consumer_has_nothing_to_skip(paying: Laboratory) -> None:
    ratio = standing(ranked(paying, 1)).to_baseline

    assert ratio.low < 1 + NEARLY
    assert ratio.high > 1 - NEARLY
