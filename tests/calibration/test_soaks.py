"""Soaks whose drifts are known: bloat without vacuums, pending lists, freezing, and a machine that slows down.

Sources: the manual, "Routine Vacuuming": without vacuums, updates that are not HOT leave dead rows behind and make
tables and indexes grow; a table whose oldest row is older than `autovacuum_freeze_max_age` transactions is vacuumed,
also if autovacuum is off for it. "GIN Indexes", section "GIN Fast Update Technique": new entries go to a pending list,
which the insertion that makes it exceed `gin_pending_list_limit` moves into the index, so that "an update will be
noticeably slower".

Of soaks with equal candidates, one in twenty tells some drift: as in `test_equal_candidates`, two of them must not tell
the same one.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle, pairwise
from random import Random
from statistics import median

import programs
import pytest
import servers
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.candidate import BASELINE
from schemabench.progress import Shown, Silence
from schemabench.records import Experiment, SoakFigures, SoakSlice

SOAK_S = 6.0
CLIENTS = 2
ROWS = 400
SETTINGS = {
    "autovacuum_naptime": "1s",  # given, so it is not slowed: each table is looked at every second
    "autovacuum_vacuum_cost_delay": "0",
    "autovacuum_vacuum_insert_threshold": "-1",
    "fsync": "off",
}
TENDED = "autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0"
SOME = 5
"""Turns at either end, whose median is looked at."""

COUNTER = f"""
CREATE TABLE counter (key integer PRIMARY KEY, value bigint NOT NULL) WITH (options);
INSERT INTO counter SELECT key, 0 FROM generate_series(1, {ROWS}) AS key;
CREATE INDEX ON counter (value);
"""  # noqa: S608 (a constant)
COUNTING = """
-- name: count
UPDATE counter SET value = value + 1 WHERE key = :key::integer;
-- name: total
SELECT sum(value) FROM counter;
"""
"""No update is HOT; the total reads every page."""
WORDS = """
CREATE TABLE note (words integer[] NOT NULL);
CREATE INDEX note_words ON note USING gin (words) WITH (options);
"""
WRITING = """
-- name: note
INSERT INTO note SELECT array_agg(word) FROM generate_series(:from::integer, :from::integer + 50) AS word;
"""
SLOTS = """
CREATE TABLE slot (key integer PRIMARY KEY, value bigint NOT NULL) WITH (options);
INSERT INTO slot SELECT key, 0 FROM generate_series(1, 100) AS key;
"""
AGEING = """
-- name: age
DO $$ BEGIN
    FOR number IN 1..200 LOOP
        BEGIN
            UPDATE slot SET value = value + 1 WHERE key = 1 + number % 100;
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END $$;
"""
"""Each block with an exception is a transaction of its own, with a number of its own."""
FREEZE_AGE = 100_000
"""The least that `autovacuum_freeze_max_age` may be."""
ADDING = """
-- name: add
UPDATE slot SET value = value + 1 WHERE key = :key::integer;
"""
BUSY = """
import time
until = time.monotonic() + 60
while time.monotonic() < until:
    sum(range(10_000))
"""
BUSY_PROCESSES = 3
SEEDS = (1, 2)


class Slowed(Silence):
    """A machine that gets other work to do at half of a soak."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._is_busy = False

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Start the other work in round 12 of 21."""
        super().stage(plan, text, elapsed_s)
        if text.startswith("soak, round 12 ") and not self._is_busy:
            self._is_busy = True
            for _ in range(BUSY_PROCESSES):
                self._stack.enter_context(programs.start([sys.executable, "-c", BUSY], stdout=subprocess.DEVNULL))


def counting(_: str, random: Random) -> Iterator[Call]:
    """Yield updates of random rows, and readers of all."""
    for operation in cycle(("count", "count", "total")):
        values = {"key": random.randint(1, ROWS)} if operation == "count" else {}
        yield Call(operation, values, rows=int(operation == "count"))


def writing(_: str, random: Random) -> Iterator[Call]:
    """Yield notes of words that follow each other, somewhere."""
    while True:
        yield Call("note", {"from": random.randint(1, 100_000)})


def ageing(_: str, random: Random) -> Iterator[Call]:
    """Yield transactions of many transactions."""
    del random
    while True:
        yield Call("age", {}, rows=200)


def adding(_: str, random: Random) -> Iterator[Call]:
    """Yield updates of random rows."""
    while True:
        yield Call("add", {"key": random.randint(1, 100)})


@pytest.fixture(scope="module")
def tending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Return where autovacuum looks at every table each second."""
    with servers.serving("embedded", settings=SETTINGS, clients=CLIENTS, run_id="tending") as server:
        yield Laboratory(server=server, folders=tmp_path_factory)


def soak(laboratory: Laboratory, experiment: str) -> Experiment:
    """Have the candidates of an experiment soak, after blocks that are as short as can be."""
    operations, burst, candidates = EXPERIMENTS[experiment]
    return laboratory.rank(
        operations=operations,
        candidates=candidates,
        writers=[Writer(name="writer", kind="stream", weight=12, clients=CLIENTS)],
        burst=burst,
        budget_s=1.0,
        soak_s=SOAK_S,
    )


EXPERIMENTS = {
    "bloat": (
        COUNTING,
        counting,
        {
            BASELINE: COUNTER.replace("options", TENDED),
            "neglected": COUNTER.replace("options", "autovacuum_enabled = off"),
        },
    ),
    "pending lists": (
        WRITING,
        writing,
        {
            BASELINE: WORDS.replace("options", "fastupdate = off"),
            "pending": WORDS.replace("options", "fastupdate = on, gin_pending_list_limit = 128"),
        },
    ),
    "freezing": (
        AGEING,
        ageing,
        {
            BASELINE: SLOTS.replace("options", "autovacuum_enabled = off"),
            "frozen": SLOTS.replace("options", f"autovacuum_enabled = off, autovacuum_freeze_max_age = {FREEZE_AGE}"),
        },
    ),
}


def fared(experiment: Experiment, name: str) -> SoakFigures:
    """Return the turns of a candidate or the control."""
    control = experiment.soak.control if experiment.soak else None
    found = result(experiment, name).soak if name != "control" else control
    assert found is not None
    assert found.ended == ""
    return found


def rates(slices: list[SoakSlice]) -> float:
    """Return the median rate of some turns."""
    return median(one.rate for one in slices)


def is_clear(figures: SoakFigures, figure: str = "rate") -> bool:
    """Return whether a figure changed beyond chance, against the baseline."""
    slope = figures.slope(figure)
    change = slope.to_baseline if slope else None
    return change is not None and not change.low <= 0 <= change.high


@pytest.fixture(scope="module")
def bloat(tending: Laboratory) -> Experiment:
    """Have a table without vacuums soak."""
    return soak(tending, "bloat")


def test_a_table_that_is_never_vacuumed_drifts_and_its_baseline_does_not(bloat: Experiment) -> None:
    neglected = fared(bloat, "neglected")
    slope = neglected.slope("rate")

    assert slope is not None
    assert slope.to_baseline is not None
    assert slope.to_baseline.high < 0, "it loses, beyond chance"
    p50 = neglected.slope("p50_ns")
    assert p50 is not None
    assert p50.to_baseline is None or p50.to_baseline.high > 0


def test_what_grew_of_it_are_its_dead_rows_its_table_and_its_indexes(bloat: Experiment) -> None:
    first, last = (fared(bloat, "neglected").slices[place].state for place in (0, -1))

    assert last["dead_rows"] > 5 * first["dead_rows"]
    assert last["table_bytes"] > 2 * first["table_bytes"]
    assert last["index_bytes"] > first["index_bytes"]
    usual = [one.state["dead_rows"] for one in fared(bloat, BASELINE).slices]
    assert usual[-1] < last["dead_rows"] / 2


def test_vacuums_are_counted_for_whom_they_were_made(bloat: Experiment) -> None:
    assert sum(one.looked_after["vacuums"] for one in fared(bloat, "neglected").slices) == 0
    assert sum(one.looked_after["vacuums"] for one in fared(bloat, BASELINE).slices) > 1
    assert sum(one.looked_after["vacuums"] for one in fared(bloat, "control").slices) > 1


def test_the_vacuums_of_others_are_seen_in_the_turns_of_who_has_none(bloat: Experiment) -> None:
    neglected = fared(bloat, "neglected").slices

    assert sum(one.meanwhile["own_vacuum_share"] for one in neglected) == 0
    assert sum(one.meanwhile["others_vacuum_share"] for one in neglected) > 0


@pytest.fixture(scope="module")
def listed(tending: Laboratory) -> Experiment:
    """Have an index with a pending list soak."""
    return soak(tending, "pending lists")


def test_a_pending_list_is_seen_up_to_its_limit(listed: Experiment) -> None:
    lengths = [one.state["pending_bytes"] for one in fared(listed, "pending").slices]

    assert max(lengths) > 0
    assert max(lengths) < 2 * 128 * 1024
    assert {one.state["pending_bytes"] for one in fared(listed, BASELINE).slices} == {0}


def test_who_empties_the_pending_list_pays_for_all(listed: Experiment) -> None:
    tails = {
        name: median(one.p99_ns / one.p50_ns for one in fared(listed, name).slices if one.p99_ns and one.p50_ns)
        for name in (BASELINE, "pending")
    }

    assert tails["pending"] > 2 * tails[BASELINE]


@pytest.fixture(scope="module")
def frozen(tending: Laboratory) -> Experiment:
    """Have tables soak one of which is frozen early."""
    return soak(tending, "freezing")


def test_freezing_shows_as_an_age_that_falls_and_as_vacuums_although_autovacuum_is_off(frozen: Experiment) -> None:
    ages = [one.state["xid_age"] for one in fared(frozen, "frozen").slices]
    usual = [one.state["xid_age"] for one in fared(frozen, BASELINE).slices]

    assert usual == sorted(usual)
    assert usual[-1] > 2 * FREEZE_AGE, "transactions enough"
    assert any(later < earlier for earlier, later in pairwise(ages))
    assert sum(one.looked_after["vacuums"] for one in fared(frozen, "frozen").slices) > 0
    assert sum(one.looked_after["vacuums"] for one in fared(frozen, BASELINE).slices) == 0


@pytest.fixture(scope="module")
def slowing(tending: Laboratory) -> list[Experiment]:
    """Have equal candidates soak, twice, on a machine that gets other work at half of it."""
    found = []
    for seed in SEEDS:
        with ExitStack() as stack:
            found.append(
                tending.rank(
                    operations=ADDING,
                    candidates={name: SLOTS.replace("options", TENDED) for name in (BASELINE, "same", "alike")},
                    writers=[Writer(name="adding", kind="stream", weight=50, clients=CLIENTS)],
                    burst=adding,
                    budget_s=1.0,
                    soak_s=SOAK_S,
                    seed=seed,
                    progress=Slowed(stack),
                )
            )
    return found


def test_a_machine_that_slows_down_is_not_taken_for_the_drift_of_a_candidate(slowing: list[Experiment]) -> None:
    drifting = [{name for name in ("same", "alike", "control") if is_clear(fared(one, name))} for one in slowing]

    assert set.intersection(*drifting) == set()


def test_such_a_machine_slows_all_by_their_own_figures(slowing: list[Experiment]) -> None:
    for experiment in slowing:
        for name in (BASELINE, "same", "alike", "control"):
            turns = list(fared(experiment, name).slices)
            assert rates(turns[-SOME:]) < 0.9 * rates(turns[1 : SOME + 1]), "or the test above shows nothing"
