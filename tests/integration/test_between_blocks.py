"""What is done between blocks on a real server: tables are looked after, databases are copied, and no row is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from time import sleep

import laboratory
import psycopg
import pytest
from psycopg.rows import TupleRow

from schemabench import Call, Workload, Writer
from schemabench.experiment import Plan, measure
from schemabench.experiment.copies import Copies
from schemabench.experiment.measured import Measured
from schemabench.monitor import upkeep as monitor_upkeep
from schemabench.monitor.upkeep import LOCK_LIMIT_S, Counts, Upkeep
from schemabench.progress import Silence
from schemabench.records import CandidateResult, Experiment
from schemabench.server import Database, Server, opened

ROWS = 400
OPERATIONS = """\
-- name: raise
UPDATE item SET value = value + 1 WHERE key = :key::integer;
-- name: items
SELECT key, value FROM item ORDER BY key;
"""
BASELINE = """\
CREATE TABLE item (key integer PRIMARY KEY, value bigint NOT NULL);
CREATE INDEX ON item (value);
INSERT INTO item SELECT key, 0 FROM generate_series(1, 400) AS key;
"""
ENDS_UPKEEP = """\
CREATE FUNCTION ends(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('lock_timeout') = '2s' THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
    END IF;
    RETURN $1;
END $$;
CREATE INDEX ON item (ends(key));
ALTER TABLE item SET (autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0);
"""
"""An index that ends the session that analyzes it, if that is one of upkeep, by its limit for locks."""
UNATTENDED = BASELINE + "ALTER TABLE item SET (autovacuum_enabled = off);\n"


@dataclass(frozen=True)
class Nothing:
    """A cardinality without sizes."""


def burst(_: Nothing, _writer: str, _block: int, random: Random) -> Iterator[Call]:
    """Yield updates of random rows, no two of which may disagree on the outcome."""
    while True:
        yield Call("raise", {"key": random.randint(1, ROWS)})


WORKLOAD = Workload(
    name="raising",
    summary="values that rise",
    cardinalities={"typical": Nothing()},
    writers=lambda _: (Writer(name="stream", kind="stream", weight=4),),
    burst=burst,
    state=("items",),
)


def _plan(folder: Path, **candidates: str) -> Plan:
    return Plan(
        found=laboratory.found(folder, WORKLOAD, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", {"baseline": BASELINE, **candidates}),
        clients=2,
        budget_s=1.5,
        precision=1e-6,
        seed=1,
    )


def _of(experiment: Experiment, name: str) -> CandidateResult:
    (found,) = [one for one in experiment.candidates if one.name == name]
    return found


@pytest.fixture(scope="module")
def experiment(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Return an experiment with several copies, however busy the machine is."""
    plan = _plan(tmp_path_factory.mktemp("raising"), unattended=UNATTENDED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Copies, "due", lambda _, measured, __: measured.executed % 4 == 0)
        return measure(plan, server, Silence())


def test_databases_are_copied_at_intervals_and_keep_their_rows(experiment: Experiment) -> None:
    assert experiment.copies > 1
    assert experiment.copying_s > 0
    for one in experiment.candidates:
        assert one.status == "ranked", "its rows are those that all bursts leave, those on earlier copies among them"
        copies = [trial.copy for trial in one.trials]
        assert copies == sorted(copies)
        assert set(copies) == set(range(experiment.copies))


def test_all_entrants_change_to_new_copies_at_the_same_block(experiment: Experiment) -> None:
    assert len({tuple((trial.block, trial.copy) for trial in one.trials) for one in experiment.candidates}) == 1


def test_the_first_block_on_a_copy_does_not_count(experiment: Experiment) -> None:
    trials = _of(experiment, "baseline").trials
    first = [later for earlier, later in pairwise(trials) if later.copy > earlier.copy]

    assert len(first) == experiment.copies - 1
    assert all(trial.warmup for trial in first)


def test_tables_are_vacuumed_between_blocks_as_autovacuum_would_and_that_is_a_cost(experiment: Experiment) -> None:
    baseline = _of(experiment, "baseline")
    updated = sum(trial.counters["rows_updated"] for trial in baseline.trials)
    vacuums = sum(trial.counters["upkeep_vacuums"] for trial in baseline.trials)

    # the threshold is 50 + 0.2 x 400 dead rows: at most every 130 updates, and at most after each block
    assert 0 < vacuums <= min(updated / 130, len(baseline.trials))
    costs = {cost.name: cost.value for cost in baseline.costs}
    assert (costs["vacuum_s"] or 0) > 0
    assert (costs["vacuum_wal_bytes"] or 0) > 0


def test_a_table_that_autovacuum_is_to_leave_alone_is_left_alone(experiment: Experiment) -> None:
    unattended = _of(experiment, "unattended")

    assert {trial.counters["upkeep_vacuums"] for trial in unattended.trials} == {0}
    assert {cost.name: cost.value for cost in unattended.costs}["vacuum_s"] == 0


def test_who_leaves_upkeep_to_the_server_has_none_from_us(server: Server, tmp_path: Path) -> None:
    found = measure(replace(_plan(tmp_path), budget_s=0.5, upkeep="autovacuum"), server, Silence())

    assert {name for trial in _of(found, "baseline").trials for name in trial.counters if "upkeep" in name} == set()
    assert found.upkeep == "autovacuum"


def test_a_candidate_that_ends_the_session_of_upkeep_fails_alone(server: Server, tmp_path: Path) -> None:
    found = measure(replace(_plan(tmp_path, ends=BASELINE + ENDS_UPKEEP), budget_s=0.5), server, Silence())
    ends = _of(found, "ends")

    assert ends.status == "failed"
    assert "The server refused the candidate 'ends'" in ends.reason
    assert "57P01" in ends.reason
    assert _of(found, "baseline").status == "ranked"


def test_a_lead_in_is_executed_and_not_timed(server: Server, tmp_path: Path) -> None:
    plan = replace(_plan(tmp_path), budget_s=0.5, lead_in=0.25, upkeep="autovacuum")
    found = measure(plan, server, Silence())
    trials = [trial for trial in _of(found, "baseline").trials if not trial.warmup]

    assert {trial.operations for trial in trials} == {found.operations}
    assert {trial.lead_in_rows for trial in trials} == {found.operations / 4}
    assert {latency.count for latency in _of(found, "baseline").latencies} == {found.blocks * found.operations}
    assert {cost.name: cost.value for cost in _of(found, "baseline").costs}["rows_dead"] == 1, "of timed rows alone"


def test_tables_are_looked_after_whatever_they_and_their_schemas_are_called(server: Server, database: Database) -> None:
    conninfo = server.conninfo_for(database.name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "eu-west" CREATE TABLE "an item" (value int)')
        connection.execute('INSERT INTO "eu-west"."an item" SELECT generate_series(1, 2000)')
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")  # whose end hands the counts over

        assert Upkeep().maintain(connection, conninfo).analyzes == 1


@contextmanager
def _copied(server: Server, database: Database, dead: int) -> Iterator[tuple[Upkeep, psycopg.Connection, str]]:
    """Leave so many dead rows, and yield the upkeep of a copy with a connection to it and its conninfo."""
    upkeep = Upkeep()
    with psycopg.connect(server.conninfo_for(database.name), autocommit=True) as connection:
        connection.execute(BASELINE)
        connection.execute("VACUUM (ANALYZE) item")
        _raise(connection, dead)
        upkeep.carry(upkeep.counts(connection))
    copy = server.clone(database, "copy")
    try:
        conninfo = server.conninfo_for(copy.name)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            yield upkeep, connection, conninfo
    finally:
        server.drop(copy)


def test_dead_rows_are_counted_on_over_a_copy_of_the_database(server: Server, database: Database) -> None:
    with _copied(server, database, 100) as (upkeep, connection, conninfo):
        _raise(connection, 50)
        assert upkeep.maintain(connection, conninfo).vacuums == 1, "100 there and 50 here"
        assert upkeep.maintain(connection, conninfo).vacuums == 0


def test_dead_rows_that_analyze_has_counted_are_not_added_to_those_before_the_copy(
    server: Server, database: Database
) -> None:
    with _copied(server, database, 80) as (upkeep, connection, conninfo):
        _raise(connection, 20)
        done = upkeep.maintain(connection, conninfo)
        assert (done.vacuums, done.analyzes) == (0, 1), "100 dead of 130, 100 modified of 90"
        assert upkeep.dead_rows(connection) <= 100
        assert upkeep.maintain(connection, conninfo).vacuums == 0


def test_a_locked_table_is_skipped_and_stays_due_and_only_work_is_timed(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(conninfo: str) -> psycopg.Connection[TupleRow]:
        sleep(LOCK_LIMIT_S)
        return opened(conninfo)

    monkeypatch.setattr(monitor_upkeep, "opened", slowly)
    upkeep, conninfo = Upkeep(), server.conninfo_for(database.name)
    with psycopg.connect(conninfo, autocommit=True) as connection, psycopg.connect(conninfo) as other:
        connection.execute(BASELINE)
        connection.execute("VACUUM (ANALYZE) item")
        (oid,) = (one for one, counts in upkeep.counts(connection).items() if not counts.dead)
        upkeep.carry({oid: Counts(dead=200)})
        other.execute("LOCK TABLE item")
        skipped = upkeep.maintain(connection, conninfo)
        assert (skipped.vacuums, skipped.elapsed_s) == (0, 0)
        other.rollback()
        done = upkeep.maintain(connection, conninfo)
        assert done.vacuums == 1
        assert 0 < done.elapsed_s < LOCK_LIMIT_S, "connecting takes longer"
        assert upkeep.maintain(connection, conninfo).vacuums == 0


def test_values_out_of_line_follow_the_settings_of_their_table_and_are_no_rows_of_its_own(
    server: Server, database: Database
) -> None:
    upkeep, conninfo = Upkeep(), server.conninfo_for(database.name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE doc (body text)")
        connection.execute("ALTER TABLE doc ALTER body SET STORAGE EXTERNAL, SET (autovacuum_enabled = off)")
        connection.execute("INSERT INTO doc SELECT repeat('x', 20000) FROM generate_series(1, 20)")
        connection.execute("UPDATE doc SET body = repeat('y', 20000)")
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")  # whose end hands the counts over

        assert sum(one.dead for one in upkeep.counts(connection).values()) > 200, "with pieces of values"
        assert upkeep.dead_rows(connection) == 20
        assert upkeep.maintain(connection, conninfo).vacuums == 0
        connection.execute("ALTER TABLE doc RESET (autovacuum_enabled)")
        assert upkeep.maintain(connection, conninfo).vacuums == 1


def _raise(connection: psycopg.Connection[tuple[object, ...]], rows: int) -> None:
    """Leave so many dead rows, known to the server."""
    connection.execute("UPDATE item SET value = value + 1 WHERE key <= %s", [rows])
    connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("SELECT 1")  # whose end hands the counts over


def test_a_database_that_cannot_be_copied_is_gone_on_with_and_nothing_is_lost(server: Server, tmp_path: Path) -> None:
    plan, intruders = replace(_plan(tmp_path), budget_s=2.0), []

    def due(_: Copies, measured: Measured, __: list[str]) -> bool:
        if measured.executed == 2 and not intruders:  # whoever is connected keeps the server from copying
            (database,) = [one for one in server.databases if one.label.endswith("_baseline")]
            intruders.append(psycopg.connect(server.conninfo_for(database.name), autocommit=True))
        return measured.executed == 2

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Copies, "due", due)
        experiment = measure(plan, server, Silence())
    intruders[0].close()

    assert experiment.copies == 1
    assert {one.status for one in experiment.candidates} == {"ranked"}
    assert experiment.blocks > 2
    (notice,) = [one for one in experiment.notices if one.code == "not-copied"]
    assert "is being accessed by other users" in notice.text
