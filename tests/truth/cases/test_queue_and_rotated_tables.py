"""A queue whose jobs are marked and deleted against tables that are only added to, and emptied in turns.

Each mark and each deletion leaves a dead row behind, which index scans pass over until a vacuum removes it; TRUNCATE
removes all rows at once and leaves nothing. Sources: the manual, "Routine Vacuuming", section "Recovering Disk Space";
"SELECT", section "The Locking Clause", on SKIP LOCKED; PgQ, whose tables are rotated in this way, and whose batches are
what one snapshot sees and the one before did not ("System Information Functions", `pg_visible_in_snapshot`).
"""

from collections.abc import Iterator
from random import Random

import pytest
from laboratory import Laboratory, amount, cost, result

from schemabench import Call, Writer
from schemabench.records import Contention, Experiment, Standing
from schemabench.report import reasons
from schemabench.report.text import plain

pytestmark = pytest.mark.long
QUEUE = """\
CREATE TABLE job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state text NOT NULL DEFAULT 'new', worker integer, what text
);
CREATE INDEX ON job (state, id);
CREATE TABLE done (worker integer PRIMARY KEY, jobs bigint NOT NULL);
INSERT INTO done VALUES (0, 0), (1, 0);
"""
OPERATIONS = """\
-- name: add
INSERT INTO job (what) SELECT repeat('x', 100) FROM generate_series(1, 20);
-- name: take
UPDATE job SET state = 'taken', worker = :worker::integer
WHERE id IN (SELECT id FROM job WHERE state = 'new' ORDER BY id LIMIT 60 FOR UPDATE{clause});
WITH gone AS (DELETE FROM job WHERE state = 'taken' AND worker = :worker::integer RETURNING 1)
UPDATE done SET jobs = jobs + (SELECT count(*) FROM gone) WHERE worker = :worker::integer;
-- name: jobs
SELECT (SELECT count(*) FROM job) + (SELECT sum(jobs) FROM done);
"""
SKIPPING, WAITING = (OPERATIONS.format(clause=clause) for clause in (" SKIP LOCKED", ""))
ROTATED = """\
CREATE TABLE job_0 (by xid8 NOT NULL DEFAULT pg_current_xact_id(), what text);
CREATE TABLE job_1 (LIKE job_0 INCLUDING DEFAULTS);
CREATE TABLE job_2 (LIKE job_0 INCLUDING DEFAULTS);
CREATE VIEW job AS TABLE job_0 UNION ALL TABLE job_1 UNION ALL TABLE job_2;
CREATE TABLE place (current integer NOT NULL, seen pg_snapshot NOT NULL, jobs bigint NOT NULL, here bigint NOT NULL);
INSERT INTO place VALUES (0, pg_current_snapshot(), 0, 0);

CREATE FUNCTION add() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE (SELECT current FROM place)
        WHEN 0 THEN INSERT INTO job_0 (what) SELECT repeat('x', 100) FROM generate_series(1, 20);
        WHEN 1 THEN INSERT INTO job_1 (what) SELECT repeat('x', 100) FROM generate_series(1, 20);
        ELSE INSERT INTO job_2 (what) SELECT repeat('x', 100) FROM generate_series(1, 20);
    END CASE;
END $$;

-- Takes what is new, and goes on to the next table when this one is full: the one after that was read long ago.
CREATE FUNCTION take() RETURNS void LANGUAGE plpgsql AS $$
DECLARE held place; now pg_snapshot; found bigint;
BEGIN
    SELECT * INTO held FROM place FOR UPDATE;
    now := pg_current_snapshot();
    SELECT count(what) INTO found FROM job
    WHERE pg_visible_in_snapshot(by, now) AND NOT pg_visible_in_snapshot(by, held.seen);
    UPDATE place SET seen = now, jobs = jobs + found, here = here + found;
    IF held.here > 2000 THEN
        CASE held.current WHEN 0 THEN TRUNCATE job_2; WHEN 1 THEN TRUNCATE job_0; ELSE TRUNCATE job_1; END CASE;
        UPDATE place SET current = (current + 1) % 3, here = 0;
    END IF;
END $$;

-- name: add
SELECT add();
-- name: take
SELECT take();
-- name: jobs
SELECT (SELECT jobs FROM place)
    + (SELECT count(*) FROM job WHERE NOT pg_visible_in_snapshot(by, (SELECT seen FROM place)));
"""
CANDIDATES = {"baseline": QUEUE, "waiting": QUEUE + WAITING.partition("-- name: jobs")[0], "rotated": ROTATED}
WRITERS = (
    Writer(name="adding", kind="stream", weight=12, clients=2),
    Writer(name="taking", kind="stream", weight=4, clients=2),
)
BUDGET_S = 8.0
CALLS = 32
"""In each burst."""


def _burst(writer: str, random: Random) -> Iterator[Call]:
    while True:
        worker = random.randrange(2)
        yield (
            Call("add", {}, rows=20)
            if writer == "adding"
            else Call("take", {"worker": worker}, key=str(worker), rows=60)
        )


@pytest.fixture(scope="module")
def experiment(quick: Laboratory) -> Experiment:
    """Rank queues and tables that are rotated."""
    return quick.rank(
        operations=SKIPPING,
        candidates=CANDIDATES,
        writers=WRITERS,
        burst=_burst,
        state=("jobs",),
        budget_s=BUDGET_S,
        calls=CALLS,
    )


def _standing(experiment: Experiment, name: str) -> Standing:
    found = result(experiment, name).standing
    assert found is not None
    return found


def _contention(experiment: Experiment, name: str) -> Contention:
    found = result(experiment, name).contention
    assert found is not None
    return found


def test_tables_that_are_only_added_to_are_faster(experiment: Experiment) -> None:
    assert _standing(experiment, "rotated").rank == 1
    assert _standing(experiment, "rotated").to_baseline.low > 1.2


def test_they_have_hardly_any_dead_rows_and_less_wal(experiment: Experiment) -> None:
    queue, rotated = (amount(experiment, name, "rows_dead") for name in ("baseline", "rotated"))
    wal = cost(experiment, "rotated", "wal_bytes").ratio

    assert wal is not None
    assert queue > 0.5
    assert rotated < 0.05
    assert cost(experiment, "rotated", "rows_dead").differs
    assert wal.high < 0.7


def test_consumers_that_skip_wait_for_nobody_and_those_that_do_not_wait_for_each_other(experiment: Experiment) -> None:
    skipping, waiting = (_contention(experiment, name) for name in ("baseline", "waiting"))

    assert skipping.classes["Lock"] < 0.03
    assert waiting.classes["Lock"] > 0.05
    assert ("take", "take") in {(pair.waiting, pair.blocking) for pair in waiting.pairs}
    assert waiting.locks[0].relation == "job"


def test_consumers_of_rotated_tables_wait_for_their_place(experiment: Experiment) -> None:
    contention = _contention(experiment, "rotated")

    assert contention.locks[0].relation == "place"
    assert (contention.pairs[0].waiting, contention.pairs[0].blocking) == ("take", "take")


def test_the_report_names_dead_rows_and_wal(experiment: Experiment) -> None:
    lines = dict(one.split(": ", 1) for one in map(plain, reasons.lines(experiment)))

    assert "the dead rows" in lines["rotated"]
    assert "less WAL" in lines["rotated"]
