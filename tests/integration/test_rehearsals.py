"""What a rehearsal finds out: what is locked, who waits, what fails, what is written, whether it is the candidate."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import programs
import psycopg
import pytest
from ledger import Ledger, longest_s

from schemabench import Call, Companion, report
from schemabench.errors import CandidateError, ServerError, UsageError
from schemabench.experiment import Plan
from schemabench.progress import Silence
from schemabench.rehearsal import Asked, Rehearsal, catalogs, check, document, production_s, rehearse
from schemabench.rehearsal.record import Notice
from schemabench.server import Server

SMALL = """\
CREATE TABLE entry (
    entry_id bigint PRIMARY KEY,
    account_id integer NOT NULL,
    amount integer NOT NULL,
    receipt integer NOT NULL
);
INSERT INTO entry SELECT i, 1 + i % 10, i % 777, i FROM generate_series(1, 2000) AS i;
"""
PROBER = Path(__file__).parents[1] / "stall_prober.py"
QUICK = Asked(quiet_s=0.5, longest_s=20.0)
HELD_S = 0.4
HELD = f"BEGIN;\nLOCK TABLE entry IN SHARE MODE;\nSELECT pg_sleep({HELD_S});\nCOMMIT;\n"
"""Holds a lock for a known time that clerks wait for, and auditors do not."""


@pytest.fixture
def ledger(server: Server, tmp_path: Path) -> Ledger:
    """Return where ledgers are migrated."""
    return Ledger(server=server, folder=tmp_path)


def test_who_is_held_up_and_by_which_lock_is_what_the_migration_did(ledger: Ledger) -> None:
    found = ledger.rehearse(HELD, QUICK, baseline=SMALL)

    (clerk,) = [one for one in found.operations if one.name == "change"]
    assert clerk.during.longest_s is not None
    assert clerk.during.longest_s > 0.5 * HELD_S
    assert clerk.during.late > 0
    sleeping = found.statements[2]
    assert ("ShareLock", "entry") in {(one.mode, one.relation) for one in sleeping.locks}
    assert sleeping.duration_s is not None
    assert sleeping.duration_s >= HELD_S
    assert {(one.who, one.mode, one.relation) for one in found.waiters} == {("change", "RowExclusiveLock", "entry")}
    assert max(one.longest_s for one in found.waiters) > 0.5 * HELD_S
    assert found.is_candidate
    assert ledger.server.databases == ()


AGREEMENT_S = 0.3 * HELD_S
"""Calls of a clerk fall due every 10 ms, and who waits for a lock is resumed one after the other on a busy machine."""


@pytest.mark.thorough
def test_a_writer_of_another_process_measures_the_same_stall(ledger: Ledger) -> None:
    command = [sys.executable, PROBER, str(0.5 * HELD_S), ledger.server.conninfo_for("postgres")]
    with programs.start(command, limit_s=90, stdout=subprocess.PIPE, text=True) as prober:
        found = ledger.rehearse(HELD, QUICK, baseline=SMALL)
        probed_s = float(prober.communicate(timeout=30)[0])

    sys.stdout.write(f"{probed_s:.4f} s, {longest_s(found):.4f} s\n")
    assert probed_s > 0.8 * HELD_S
    assert longest_s(found) == pytest.approx(probed_s, abs=AGREEMENT_S)


@pytest.mark.thorough
def test_a_stall_is_told_from_the_quiet_around_it(ledger: Ledger) -> None:
    found = ledger.rehearse(HELD, QUICK, baseline=SMALL)

    quiet = [one.before for one in found.operations] + [one.after for one in found.operations]
    assert all(stretch.calls > 0 for stretch in quiet)
    (clerk,) = [one for one in found.operations if one.name == "change"]
    before_s, during_s, after_s = (one.longest_s for one in (clerk.before, clerk.during, clerk.after))
    assert before_s is not None
    assert during_s is not None
    assert after_s is not None
    assert during_s > max(0.5 * HELD_S, 2 * min(before_s, after_s)), "a machine may stall in one of these"
    assert found.before_s >= QUICK.quiet_s
    assert found.migration_s >= HELD_S


def test_calls_that_a_statement_held_up_are_not_those_of_the_next_one_too(ledger: Ledger) -> None:
    found = ledger.rehearse(f"{HELD}CREATE TABLE kept ();\n", QUICK, baseline=SMALL)

    holding, others = found.statements[2], [one for place, one in enumerate(found.statements) if place != 2]
    assert holding.late > 0
    assert holding.longest_s is not None
    assert holding.longest_s > 0.5 * HELD_S
    assert sum(one.late for one in others) < 0.5 * holding.late, (
        "which its COMMIT and what follows hold up by themselves"
    )
    assert sum(one.calls for one in found.statements) <= sum(one.during.calls for one in found.operations)


BUSY = (
    SMALL
    + """\
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.055); RETURN new; END';
CREATE TRIGGER linger BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION linger();
"""
)
"""Clerks who change 10 entries a second each are busy for 0.55 of the time, and hardly more on a slow machine."""


def test_calls_that_queue_behind_a_lock_that_is_gone_are_not_the_quiet_around_it(ledger: Ledger) -> None:
    asked = replace(QUICK, quiet_s=3.0, calls_per_s=40.0)

    found = ledger.rehearse(HELD.replace(str(HELD_S), "1.0"), asked, baseline=BUSY)

    (clerk,) = [one for one in found.operations if one.name == "change"]
    assert clerk.during.longest_s is not None
    assert clerk.after.longest_s is not None
    assert clerk.during.longest_s > 0.9
    assert clerk.after.longest_s < 0.5 * clerk.during.longest_s
    assert found.during_s > 1.9, "the lock was held for 1 s, and the backlog takes longer than that"
    assert found.after_s > 0


@pytest.mark.thorough
def test_statements_of_a_block_are_one_transaction_and_others_are_committed_by_themselves(ledger: Ledger) -> None:
    migration = """\
CREATE INDEX CONCURRENTLY receipts ON entry (receipt);
BEGIN;
ALTER TABLE entry ADD COLUMN note text;
ALTER TABLE entry ADD CONSTRAINT notes CHECK (note <> '');
COMMIT;
"""

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)

    assert [one.outcome for one in found.statements] == ["done"] * 5
    assert found.is_candidate


def test_of_a_migration_that_fails_what_is_done_by_then_is_said(ledger: Ledger) -> None:
    migration = """\
CREATE INDEX receipts ON entry (receipt);
BEGIN;
ALTER TABLE entry ADD COLUMN note text;
ALTER TABLE entry ADD CONSTRAINT amounts CHECK (amount < 777);
COMMIT;
CREATE INDEX notes ON entry (note);
"""

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)  # clerks have written larger amounts by then

    outcomes = ["done", "rolled back", "rolled back", "failed", "not executed", "not executed"]
    assert [one.outcome for one in found.statements] == outcomes
    assert "(23514)" in found.statements[3].failures[0]
    missing = ["column entry.note", "constraint entry.amounts", "index notes"]
    assert [line.partition(" is missing")[0] for line in found.catalogs] == missing
    assert found.compared == ()
    assert not found.is_candidate


UNDOES_ITSELF = """\
BEGIN;
ALTER TABLE entry ADD COLUMN note text;
ROLLBACK;
BEGIN;
SAVEPOINT a;
ALTER TABLE entry ADD COLUMN other text;
ROLLBACK TO a;
ALTER TABLE entry ADD COLUMN stays text;
COMMIT;
"""
"""Two of its statements are not there in the end."""


def test_what_a_migration_rolls_back_itself_is_not_done(ledger: Ledger) -> None:
    found = ledger.rehearse(UNDOES_ITSELF, QUICK, baseline=SMALL)

    undone = [place for place, one in enumerate(found.statements, start=1) if one.outcome == "rolled back"]
    assert undone == [1, 2, 6]
    assert found.is_candidate


def test_what_a_migration_that_fails_later_has_rolled_back_itself_is_not_said_to_be_there(ledger: Ledger) -> None:
    migration = f"{UNDOES_ITSELF}ALTER TABLE entry ADD CONSTRAINT amounts CHECK (amount < 777);\n"

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)  # clerks have written larger amounts by then

    assert [one.outcome for one in found.statements if one.outcome != "done"] == ["rolled back"] * 3 + ["failed"]
    assert "Done by then, and still there: 4, 5, 8, 9." in report.shown(document(found), 120)
    assert [line.partition(" is missing")[0] for line in found.catalogs] == ["constraint entry.amounts"]


def test_what_the_server_says_beside_the_results_of_statements_is_told(ledger: Ledger) -> None:
    migration = """\
CREATE TABLE IF NOT EXISTS entry ();
DO $$ BEGIN
    FOR number IN 1..1000 LOOP RAISE NOTICE 'row %', number; END LOOP;
    RAISE WARNING 'rows are left';
    RAISE WARNING 'rows are left';
END $$;
CREATE TABLE kept ();
"""

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)

    skipped, counted, silent = found.statements
    assert skipped.notices == (
        Notice(severity="NOTICE", text='relation "entry" already exists, skipping (42P07)', times=1),
    )
    assert [one.text for one in counted.notices] == ["rows are left (01000)", *(f"row {i}" for i in range(1, 6))]
    assert (counted.notices[0].severity, counted.notices[0].times) == ("WARNING", 2)
    assert counted.notices_left_out == 995
    assert (silent.notices, silent.notices_left_out) == ((), 0)
    said = " ".join(report.shown(document(found), 80).split())
    assert 'Statement 1 (new.sql:2) raised: NOTICE: relation "entry" already exists, skipping (42P07)' in said.replace(
        " - ", " "
    )
    assert found.is_candidate


def test_a_statement_that_waits_in_vain_is_repeated_and_writers_have_no_such_limit(ledger: Ledger) -> None:
    asked = replace(QUICK, lock_timeout_s=0.1, retries=1)
    holding = Companion(name="holding", operation="hold", holds=True)

    found = ledger.rehearse("ALTER TABLE entry ADD COLUMN note text;\n", asked, baseline=SMALL, companions=(holding,))

    (only,) = found.statements
    assert (only.outcome, only.executions) == ("failed", 2)
    assert all("lock timeout (55P03)" in one for one in only.failures)
    assert {one.mode for one in only.locks if not one.granted} == {"AccessExclusiveLock"}
    assert (found.lock_timeout, found.writers_lock_timeout) == ("100ms", "0")
    assert [line.partition(" is missing")[0] for line in found.catalogs] == ["column entry.note"]
    (lock,) = [one for one in only.locks if not one.granted]
    assert [one.who for one in lock.blockers if one.longest_s > 0.05] == ["holding"]
    assert {one.mode for one in found.waiters} == {"RowExclusiveLock", "AccessShareLock"}, "clerks and auditors queue"


def test_an_index_whose_build_waits_in_vain_is_left_invalid_and_its_retry_finds_the_name_taken(ledger: Ledger) -> None:
    asked = replace(QUICK, lock_timeout_s=0.1, retries=1)
    holding = Companion(name="holding", operation="hold", holds=True, isolation="repeatable read")
    migration = "CREATE INDEX CONCURRENTLY receipts ON entry (receipt);\n"

    found = ledger.rehearse(migration, asked, baseline=SMALL, companions=(holding,))

    (only,) = found.statements
    assert (only.outcome, only.executions) == ("failed", 2)
    assert [one.partition("(")[2].partition(")")[0] for one in only.failures] == ["55P03", "42P07"]
    assert found.catalogs is not None
    (left,) = found.catalogs
    assert left.startswith("index receipts ")
    assert ", invalid" in left
    assert not found.is_candidate


@pytest.mark.thorough
def test_a_transaction_is_repeated_from_its_begin(ledger: Ledger) -> None:
    migration = """\
BEGIN;
ALTER TABLE entry ADD COLUMN note text;
DO $$ BEGIN
    IF EXISTS (SELECT FROM entry WHERE amount > 777) AND nextval('tries') = 1 THEN
        RAISE lock_not_available;
    END IF;
END $$;
COMMIT;
"""

    found = ledger.rehearse(migration, replace(QUICK, retries=1), baseline=f"{SMALL}CREATE SEQUENCE tries;\n")

    assert [one.outcome for one in found.statements] == ["done"] * 4
    assert [one.executions for one in found.statements] == [2, 2, 2, 1]
    assert found.is_candidate


@pytest.mark.thorough
def test_each_file_of_a_folder_is_a_transaction_unless_it_must_not_be(ledger: Ledger) -> None:
    migration = {
        "001_note.sql": "SET lock_timeout = '3s';\nALTER TABLE entry ADD COLUMN note text;\n",
        "002_index.sql": "CREATE INDEX CONCURRENTLY notes ON entry (note);\n",
    }

    found = ledger.rehearse(migration, replace(QUICK, lock_timeout_s=7.0), baseline=SMALL)

    assert [one.sql.partition(" ")[0] for one in found.statements] == ["BEGIN", "SET", "ALTER", "COMMIT", "CREATE"]
    assert [one.where for one in found.statements] == ["", "001_note.sql:1", "001_note.sql:2", "", "002_index.sql:1"]
    assert found.lock_timeout == "7s"  # each file has a session of its own
    assert found.is_candidate


OURS = """\
DO $$ BEGIN
    IF EXISTS (SELECT FROM entry WHERE amount > 777) THEN
        RAISE EXCEPTION '%', (SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings WHERE source = 'session');
    END IF;
END $$;
"""
"""Fails with what its session has set, and not where the candidate is installed."""


IN_SECOND = {"1.sql": "SELECT 1;\n", "2.sql": OURS}


@pytest.mark.parametrize("migration", [OURS, IN_SECOND], ids=["first file", "second file"])
def test_each_files_session_differs_from_psqls_in_the_same_settings(
    ledger: Ledger, migration: str | dict[str, str]
) -> None:
    found = ledger.rehearse(migration, QUICK, baseline=SMALL)

    (failed,) = [one for one in found.statements if one.outcome == "failed"]
    assert "client_connection_check_interval, idle_session_timeout (P0001)" in failed.failures[0]


@pytest.mark.thorough
def test_a_migration_that_takes_too_long_is_cancelled(ledger: Ledger) -> None:
    migration = """\
DO $$ BEGIN
    PERFORM pg_sleep(60) WHERE EXISTS (SELECT FROM entry WHERE amount > 777);
END $$;
"""

    found = ledger.rehearse(migration, replace(QUICK, longest_s=0.5), baseline=SMALL)

    assert found.overdue
    assert [one.outcome for one in found.statements] == ["failed"]
    assert found.statements[0].out_of_time
    assert "(57014)" in found.statements[0].failures[0]


SWALLOWED = """\
DO $$ BEGIN
    FOR i IN 1..{} LOOP
        BEGIN
            PERFORM pg_sleep(60) WHERE EXISTS (SELECT FROM entry WHERE amount > 777);
        EXCEPTION WHEN query_canceled THEN NULL;
        END;
    END LOOP;
END $$;
"""
"""Sleeps so often, whoever cancels it, and not where the candidate is installed."""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("migration", "outcomes"),
    [
        (f"{SWALLOWED.format(1)}CREATE TABLE late ();\n", ["done", "not executed"]),
        (f"BEGIN;\n{SWALLOWED.format(1)}CREATE TABLE late ();\nCOMMIT;\n", ["rolled back"] * 2 + ["not executed"] * 2),
        (SWALLOWED.format(1), ["done"]),
    ],
)
def test_after_its_time_no_further_statement_is_executed(ledger: Ledger, migration: str, outcomes: list[str]) -> None:
    found = ledger.rehearse(migration, replace(QUICK, longest_s=0.5), baseline=SMALL)

    assert found.overdue
    assert [one.outcome for one in found.statements] == outcomes


@pytest.mark.thorough
def test_a_statement_that_cannot_be_cancelled_ends_the_rehearsal(ledger: Ledger) -> None:
    with pytest.raises(CandidateError, match="goes on although it was cancelled after 500 ms") as told:
        ledger.rehearse(SWALLOWED.format(99), replace(QUICK, longest_s=0.5), baseline=SMALL)

    assert "--for" in str(told.value)
    assert ledger.server.databases == ()


@pytest.mark.thorough
def test_what_the_candidates_own_operations_change_is_not_missing(ledger: Ledger) -> None:
    migration = """\
CREATE TABLE kept ();
-- name: look
SELECT pg_advisory_xact_lock(1);  -- two at once would both make it
CREATE TABLE IF NOT EXISTS made ();
SELECT amount FROM entry WHERE entry_id = :entry_id::bigint;
"""

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)

    assert found.not_executed == ("look",)
    assert found.catalogs == ()
    assert found.is_candidate


@pytest.mark.thorough
def test_a_table_that_a_migration_makes_and_does_not_fill_is_told(ledger: Ledger) -> None:
    migration = """\
CREATE TABLE total (amount bigint);
CREATE FUNCTION count_in() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO total VALUES (new.amount); RETURN NULL; END';
CREATE TRIGGER count_in AFTER UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION count_in();
"""

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)

    (only,) = found.counts
    assert only.startswith("total has ")
    assert " instead of " in only
    assert found.is_candidate


@pytest.mark.thorough
def test_calls_that_no_longer_fit_are_counted_by_sqlstate_and_the_writers_go_on(ledger: Ledger) -> None:
    found = ledger.rehearse("ALTER TABLE entry RENAME COLUMN amount TO cents;\n", QUICK, baseline=SMALL)

    failed = {one.operation: one for one in found.undone}
    assert failed.keys() == {"change", "look"}
    assert all("(42703)" in one.reason and not one.retried for one in failed.values())
    assert all(one.before == 0 and one.after > 0 for one in failed.values())
    assert "amount" in found.incomparable  # the fresh installation does not take them either
    assert not found.is_another
    assert not found.is_candidate


RENAMED = """\
ALTER TABLE entry RENAME COLUMN amount TO cents;
-- name: change
UPDATE entry SET cents = :amount::integer WHERE entry_id = :entry_id::bigint;
-- name: look
SELECT cents FROM entry WHERE entry_id = :entry_id::bigint;
-- name: amounts
SELECT entry_id, cents AS amount FROM entry WHERE entry_id <= 1000 ORDER BY entry_id;
"""


def test_calls_that_the_schema_of_after_it_refuses_are_told_and_no_fast_ones(ledger: Ledger) -> None:
    found = ledger.rehearse(RENAMED, QUICK, baseline=SMALL)

    assert found.is_candidate
    assert all(one.after.calls == one.after.late < one.after.failed for one in found.operations)
    said = " ".join(report.shown(document(found), 80).split())
    assert "The result is new. It took" in said
    assert all(f"of {operation}, undefined column (42703)" in said for operation in ("change", "look"))


IMPATIENT = f"""\
{SMALL}
-- name: change
SELECT set_config('lock_timeout', '50ms', true);
UPDATE entry SET amount = :amount::integer WHERE entry_id = :entry_id::bigint;
"""  # noqa: S608 (constants)


def test_a_writer_that_gives_up_waiting_for_the_migration_is_refused_and_goes_on(ledger: Ledger) -> None:
    found = ledger.rehearse(HELD, QUICK, baseline=IMPATIENT)

    (change,) = found.refused
    assert (change.operation, change.reason) == ("change", "lock not available (55P03)")
    assert change.during > 0
    assert found.is_candidate


CHANGED = "UPDATE entry SET amount = -1 WHERE entry_id = 1 AND EXISTS (SELECT FROM entry WHERE amount > 777);\n"
"""Changes a row where clerks have written, and so not where the candidate is installed."""


COUNTING = Companion(name="counting", operation="hold", every_s=0.05)


@pytest.mark.parametrize("companions", [(), (COUNTING,)], ids=["alone", "beside a reader"])
def test_rows_that_the_migration_changes_are_others(ledger: Ledger, companions: tuple[Companion, ...]) -> None:
    found = ledger.rehearse(CHANGED, QUICK, baseline=SMALL, companions=companions)

    assert found.catalogs == ()
    assert "the state 'amounts' differs from a fresh installation's" in found.rows
    assert found.is_another
    assert not found.is_candidate


SLOW_HALF = f"""\
{SMALL}
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(0.01) WHERE new.amount % 2 = 0; RETURN new; END';
CREATE TRIGGER linger BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION linger();
"""
"""Even amounts take longer: as fast as connections allow, a clerk who writes them is the last one everywhere."""


def _without_keys(writer: str, random: Random) -> Iterator[Call]:
    """Yield calls of clerks who change the same entries: one of them even amounts, and the other one odd ones."""
    for number in count(1000):
        if writer == "clerk":
            yield Call("change", {"entry_id": random.randint(1, 20), "amount": number})
        else:
            yield Call("look", {"entry_id": 1}, rows=0)


def _rehearsed_without_keys(ledger: Ledger, migration: str) -> Rehearsal:
    plan = ledger.plan(migration, baseline=SLOW_HALF)
    workload = replace(
        plan.found.workload,
        burst=lambda _sizes, writer, _block, random: _without_keys(writer, random),
        state=("amounts", "receipts"),
    )
    plan = replace(plan, found=replace(plan.found, workload=workload))
    return rehearse(plan, plan.candidates[-1], QUICK, ledger.server, Silence())


def test_rows_that_depend_on_the_order_of_calls_are_not_held_against_the_migration(ledger: Ledger) -> None:
    found = _rehearsed_without_keys(ledger, "ALTER TABLE entry ADD COLUMN note text;\n")

    assert (found.catalogs, found.rows, found.compared) == ((), "", ())
    assert "the state 'amounts' differs from a fresh installation's" in found.incomparable
    assert "Give calls that do not commute the same key" in found.incomparable
    assert not found.is_another
    assert not found.is_candidate


def test_rows_that_do_not_depend_on_it_are(ledger: Ledger) -> None:
    found = _rehearsed_without_keys(ledger, CHANGED.replace("amount = -1", "receipt = -1"))

    assert "the state 'receipts' differs from a fresh installation's" in found.rows
    assert found.is_another


def test_what_a_migration_did_to_rows_that_a_fresh_installation_has_not_yet_is_named(ledger: Ledger) -> None:
    found = ledger.rehearse(
        "ALTER TABLE entry ADD COLUMN rating int;\nUPDATE entry SET rating = 1 WHERE amount > 777;\n",
        QUICK,
        baseline=SMALL,
    )

    assert found.is_candidate, "no state reads the rating, which a fresh installation's rows do not have"
    assert [one.rpartition(":")[2] for one in found.backfills] == ["3"]


WRITING = f"""\
{SMALL}
-- name: hold
UPDATE entry SET amount = amount + 1 WHERE entry_id = 1000;
"""  # noqa: S608 (constants)


def test_rows_that_a_companion_writes_are_not_held_against_the_migration(ledger: Ledger) -> None:
    adding = Companion(name="adding", operation="hold", every_s=0.02)

    found = ledger.rehearse("CREATE TABLE kept ();\n", QUICK, baseline=WRITING, companions=(adding,))

    assert (found.catalogs, found.rows) == ((), "")
    assert "leave out companions that write: --without-companions" in found.incomparable
    assert not found.is_another
    assert not found.is_candidate


MAKING = f"""\
{SMALL}
CREATE FUNCTION make() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(1);  -- two at once would both make it
    CREATE TABLE IF NOT EXISTS made ();
    RETURN new;
END $$;
CREATE TRIGGER make BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION make();
"""
"""The calls of clerks make a table, as calls may make partitions."""


def test_a_table_that_calls_make_does_not_make_the_result_another_where_it_does_not_take_them(ledger: Ledger) -> None:
    found = ledger.rehearse("ALTER TABLE entry RENAME COLUMN amount TO cents;\n", QUICK, baseline=MAKING)

    assert "amount" in found.incomparable
    assert found.catalogs == ("table made is left over",)
    assert found.provisional
    assert not found.is_another
    assert not found.is_candidate


def test_a_table_that_calls_make_is_told_as_such_of_a_migration_that_failed(ledger: Ledger) -> None:
    migration = "ALTER TABLE entry ADD CONSTRAINT amounts CHECK (amount < 777);\n"

    found = ledger.rehearse(migration, QUICK, baseline=MAKING)  # clerks have written larger amounts by then

    assert found.catalogs is not None
    assert [line.partition(":")[0] for line in found.catalogs] == [
        "constraint entry.amounts is missing",
        "table made is left over",
    ]
    assert found.provisional
    assert not found.is_another


def test_catalogs_are_those_after_the_same_calls_though_a_query_of_rows_is_refused(ledger: Ledger) -> None:
    migration = """\
CREATE TABLE kept ();
-- name: amounts
SELECT entry_id, 1 / (entry_id - entry_id) AS amount FROM entry ORDER BY entry_id;
"""

    found = ledger.rehearse(migration, QUICK, baseline=MAKING)

    assert "division by zero" in found.incomparable
    assert (found.catalogs, found.provisional) == ((), False)
    assert not found.is_another
    assert not found.is_candidate


def test_rows_that_are_gone_and_that_no_state_reads_are_in_the_verdict(ledger: Ledger) -> None:
    migration = "DELETE FROM entry WHERE entry_id > 1000 AND EXISTS (SELECT FROM entry WHERE amount > 777);\n"

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)

    assert found.is_candidate
    said = " ".join(report.shown(document(found), 80).split())
    assert "The result is new by its state, but entry has 1,000 rows instead of 2,000." in said


def test_rows_that_nothing_compares_are_not_said_to_be_the_candidates(ledger: Ledger) -> None:
    plan = ledger.plan("DELETE FROM entry WHERE EXISTS (SELECT FROM entry WHERE amount > 777);\n", baseline=SMALL)
    stateless = replace(plan.found, workload=replace(plan.found.workload, state=()))

    found = rehearse(replace(plan, found=stateless), plan.candidates[-1], QUICK, ledger.server, Silence())

    assert (found.catalogs, found.provisional) == ((), False)
    assert found.compared == ()
    assert found.counts == ("entry has 0 rows instead of 2,000",)
    assert not found.is_another
    assert not found.is_candidate


class Noting(Silence):
    """Progress that notes what is shown."""

    def __init__(self, stages: list[str]) -> None:
        self._stages = stages

    def stage(self, plan: Plan, text: str) -> None:
        """Note a stage."""
        super().stage(plan, text)
        self._stages.append(text)


class Breaking(Silence):
    """Progress that breaks a rehearsal off in the comparison, as a server or a user may at any moment."""

    def __init__(self, failure: BaseException) -> None:
        self._failure = failure

    def stage(self, plan: Plan, text: str) -> None:
        """Break off where the calls are about to be executed once more."""
        super().stage(plan, text)
        if text.startswith("executing the same calls"):
            raise self._failure


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ServerError("No space left on device"), "No space left on device"),
        (psycopg.OperationalError("the connection is closed"), "OperationalError: the connection is closed"),
        (KeyboardInterrupt(), "the rehearsal was interrupted before it had compared them"),
    ],
)
def test_what_was_measured_is_kept_whatever_ends_the_comparison(
    ledger: Ledger, failure: BaseException, reason: str
) -> None:
    kept: list[Rehearsal] = []

    with pytest.raises(type(failure)) as raised:
        ledger.rehearse(HELD, QUICK, baseline=SMALL, progress=Breaking(failure), keep=kept.append)

    (found,) = kept
    assert raised.value is failure
    assert longest_s(found) > 0.5 * HELD_S
    assert found.incomparable == reason
    assert (found.catalogs, found.compared) == ((), ())
    assert not found.is_another
    assert not found.is_candidate
    assert ledger.server.databases == ()


def test_what_was_measured_is_kept_where_not_even_the_catalogs_can_be_read(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Rehearsal] = []
    readings = iter([catalogs.read])  # of the candidate, before anything is loaded

    def read(connection: psycopg.Connection[tuple[object, ...]]) -> catalogs.Catalog:
        for one in readings:
            return one(connection)
        raise ServerError("The server is gone")

    monkeypatch.setattr("schemabench.rehearsal.rehearsing.catalogs.read", read)

    with pytest.raises(ServerError, match="The server is gone"):
        ledger.rehearse(HELD, QUICK, baseline=SMALL, keep=kept.append)

    (found,) = kept
    assert longest_s(found) > 0.5 * HELD_S
    assert (found.catalogs, found.incomparable) == (None, "The server is gone")


@pytest.mark.thorough
def test_an_index_that_is_left_invalid_is_not_the_candidates(ledger: Ledger) -> None:
    migration = """\
DO $$ BEGIN
    UPDATE pg_index SET indisvalid = false
    WHERE indexrelid = 'entry_pkey'::regclass AND EXISTS (SELECT FROM entry WHERE amount > 777);
END $$;
"""

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)

    (only,) = found.catalogs
    assert only.startswith("index entry_pkey differs: ")
    assert ", invalid instead of" in only


@pytest.mark.thorough
def test_what_is_written_meanwhile_is_told(ledger: Ledger) -> None:
    found = ledger.rehearse(
        "CREATE TABLE ballast AS SELECT i, repeat('x', 100) AS x FROM generate_series(1, 100000) AS i;\n",
        QUICK,
        baseline=SMALL,
    )

    ballast_bytes = 100_000 * 100
    written = found.written
    assert written.wal_bytes > ballast_bytes
    assert written.after_bytes - written.before_bytes > ballast_bytes
    assert written.quiet_wal_bytes_per_s * found.migration_s < ballast_bytes


@pytest.mark.thorough
def test_what_exists_only_during_the_migration_is_in_its_largest_size(ledger: Ledger) -> None:
    migration = """\
BEGIN;
CREATE TABLE ballast AS SELECT i, repeat('x', 100) AS x FROM generate_series(1, 100000) AS i;
SELECT pg_sleep(1) WHERE EXISTS (SELECT FROM entry WHERE amount > 777);
DROP TABLE ballast;
COMMIT;
"""

    written = ledger.rehearse(migration, QUICK, baseline=SMALL).written

    assert written.most_bytes - max(written.before_bytes, written.after_bytes) > 100_000 * 100


def test_a_candidate_that_extends_nothing_is_no_migration(ledger: Ledger) -> None:
    baseline, migration = ledger.plan("SELECT 1;\n").candidates

    with pytest.raises(UsageError, match="'baseline' extends no other candidate"):
        check(baseline)
    assert check(migration) is migration.extends


@pytest.mark.thorough
def test_a_migration_without_a_statement_is_none(ledger: Ledger) -> None:
    with pytest.raises(CandidateError, match="'new' has no statement of its own"):
        ledger.rehearse("-- nothing yet\n", QUICK, baseline=SMALL)


def test_a_migration_that_leaves_a_transaction_open_is_refused_before_anything_is_loaded(ledger: Ledger) -> None:
    stages: list[str] = []

    with pytest.raises(CandidateError, match="leaves a transaction open") as told:
        ledger.rehearse(
            "BEGIN;\nALTER TABLE entry ADD COLUMN note text;\n", QUICK, baseline=SMALL, progress=Noting(stages)
        )

    assert "psql rolls it back when it disconnects" in str(told.value)
    assert "write COMMIT" in str(told.value)
    assert stages == ["installing new"]
    assert ledger.server.databases == ()


@pytest.mark.thorough
def test_a_statement_that_no_installation_takes_is_told_before_anything_is_loaded(ledger: Ledger) -> None:
    with pytest.raises(CandidateError, match='column "amuont" does not exist'):
        ledger.rehearse("CREATE INDEX amounts ON entry (amuont);\n", QUICK, baseline=SMALL)
    assert ledger.server.databases == ()


def test_a_workload_without_a_pace_is_given_one(ledger: Ledger) -> None:
    plan = ledger.plan("SELECT 1;\n")
    workload = replace(plan.found.workload, production_s=None)
    unpaced = replace(plan, found=replace(plan.found, workload=workload))

    with pytest.raises(UsageError, match="does not say how fast production is") as refused:
        production_s(unpaced, QUICK)
    assert "--pace 200" in str(refused.value)
    assert production_s(unpaced, replace(QUICK, calls_per_s=100.0)) == pytest.approx(2 / 100)


def test_a_pace_with_more_calls_than_can_be_made_beforehand_is_refused(ledger: Ledger) -> None:
    plan = ledger.plan("SELECT 1;\n")

    with pytest.raises(UsageError, match="--pace 1000000000 is too fast") as refused:
        production_s(plan, replace(QUICK, calls_per_s=1e9))
    assert "--pace 76154" in str(refused.value)
    assert production_s(plan, replace(QUICK, calls_per_s=7.62e4)) > 0
    with pytest.raises(UsageError, match="Production's pace, 200 calls a second, is too fast"):
        production_s(plan, replace(QUICK, longest_s=3_600_000.0))


SLOW = f"""\
{SMALL}
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.25); RETURN new; END';
CREATE TRIGGER linger BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION linger();
"""
"""Each clerk changes four entries a second."""


def test_of_writers_that_are_slower_than_their_pace_what_is_late_is_not_the_migrations_doing(ledger: Ledger) -> None:
    asked = replace(QUICK, quiet_s=0.75, calls_per_s=40.0)  # twenty changes a second, and clerks make eight

    found = ledger.rehearse("ALTER TABLE entry ADD COLUMN note text;\n", asked, baseline=SLOW)

    assert found.behind > 0
    assert found.behind_s > asked.late_s
    assert found.after_s == 0.0  # no connection was free until the end
    said = " ".join(report.shown(document(found), 80).split())
    assert "The writers were behind before it began" in said
    assert "There was no quiet after it: throughout the 750 ms that were asked for, calls queued" in said
