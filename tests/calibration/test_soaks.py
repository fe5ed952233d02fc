"""Soaks whose drifts are known: bloat without vacuums, and pending lists.

Sources: the manual, "Routine Vacuuming": without vacuums, updates that are not HOT leave dead rows behind and make
tables and indexes grow. "GIN Indexes", section "GIN Fast Update Technique": new entries go to a pending list,
which the insertion that makes it exceed `gin_pending_list_limit` moves into the index, so that "an update will be
noticeably slower".
"""

from collections.abc import Iterator
from itertools import cycle
from random import Random
from statistics import median

import pytest
import servers
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.candidate import BASELINE
from schemabench.records import Experiment, SoakFigures

SOAK_S = 6.0
CLIENTS = 2
ROWS = 400
SETTINGS = {
    "autovacuum_naptime": "1s",  # given, so it is not slowed: each table is looked at every second
    "autovacuum_vacuum_cost_delay": "0",
    "autovacuum_vacuum_insert_threshold": "-1",
    "fsync": "off",
    "max_connections": "60",
}
TENDED = "autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0"
COUNTER = f"""
CREATE TABLE counter (key integer PRIMARY KEY, value bigint NOT NULL) WITH (options);
INSERT INTO counter SELECT key, 0 FROM generate_series(1, {ROWS}) AS key;
CREATE INDEX ON counter (value);
"""  # noqa: S608 (a constant)
COUNTING = """
-- name: count
UPDATE counter SET value = value + 1 WHERE key % 8 = :key::integer % 8;
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


def counting(_: str, random: Random) -> Iterator[Call]:
    """Yield updates of random rows, and readers of all."""
    for operation in cycle(("count", "total", "total")):
        values = {"key": random.randint(1, ROWS)} if operation == "count" else {}
        yield Call(operation, values, rows=int(operation == "count"))


def writing(_: str, random: Random) -> Iterator[Call]:
    """Yield notes of words that follow each other, somewhere."""
    while True:
        yield Call("note", {"from": random.randint(1, 100_000)})


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
}


def fared(experiment: Experiment, name: str) -> SoakFigures:
    """Return the turns of a candidate or the control."""
    control = experiment.soak.control if experiment.soak else None
    found = result(experiment, name).soak if name != "control" else control
    assert found is not None
    assert found.ended == ""
    return found


@pytest.fixture(scope="module")
def bloat(tending: Laboratory) -> Experiment:
    """Have a table without vacuums soak."""
    return soak(tending, "bloat")


def test_a_table_that_is_never_vacuumed_drifts_and_its_baseline_does_not(bloat: Experiment) -> None:
    neglected, control = (fared(bloat, name).slope("rate") for name in ("neglected", "control"))

    assert neglected is not None
    assert neglected.to_baseline is not None
    assert neglected.to_baseline.high < 0, "it loses, beyond chance"
    assert control is not None
    assert control.to_baseline is not None
    assert control.to_baseline.high > 0, "the baseline's own copy, which is vacuumed, loses nothing beyond chance"


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
