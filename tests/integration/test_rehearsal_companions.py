"""What a rehearsal says of companions: those that the migration breaks, and what they make beside it."""

from pathlib import Path

import pytest
from ledger import Ledger
from test_rehearsals import QUICK, RENAMED, SMALL

from schemabench import Companion, report
from schemabench.rehearsal import Rehearsal, document
from schemabench.server import Server

pytestmark = pytest.mark.timeout(120)

TOTALLING = f"""\
{SMALL}
-- name: hold
SELECT sum(amount) FROM entry;
"""  # noqa: S608 (constants)
REPORT = Companion(name="report", operation="hold", every_s=0.05)
ENDLESS = Companion(name="report", operation="hold")


@pytest.fixture
def ledger(server: Server, tmp_path: Path) -> Ledger:
    """Return where ledgers are migrated."""
    return Ledger(server=server, folder=tmp_path)


def _said(found: Rehearsal) -> str:
    return " ".join(report.shown(document(found), 80).split())


@pytest.mark.parametrize("companion", [REPORT, ENDLESS], ids=["at a pace", "without end"])
def test_a_companion_that_the_migration_breaks_is_a_finding_and_the_rehearsal_goes_on(
    ledger: Ledger, companion: Companion
) -> None:
    found = ledger.rehearse(f"CREATE TABLE kept ();\n{RENAMED}", QUICK, baseline=TOTALLING, companions=(companion,))

    (broken,) = found.hindered
    assert (broken.companion, broken.operation, broken.statement) == ("report", "hold", 2)
    assert broken.reason == 'column "amount" does not exist (42703)'
    assert 1 <= broken.times < 20, "one without a pace waits before it tries again"
    assert not broken.ended
    assert all(one.after.calls + one.after.failed > 0 for one in found.operations), "writers go on"
    assert found.is_candidate, "as with calls that are refused, the status is that of the result"
    said = _said(found)
    assert "A companion failed: report, " in said
    assert 'statement 2: column "amount" does not exist (42703)' in said
    assert ledger.server.databases == ()


@pytest.mark.thorough
def test_a_companion_in_a_transaction_that_is_refused_can_be_used_again(ledger: Ledger) -> None:
    baseline = f"{SMALL}-- name: hold\nSELECT 1;\nSELECT sum(amount) FROM entry;\n"

    found = ledger.rehearse(RENAMED, QUICK, baseline=baseline, companions=(REPORT,))

    (broken,) = found.hindered
    assert "(42703)" in broken.reason
    assert broken.times > 1


def test_a_companion_whose_session_the_migration_ends_is_a_finding(ledger: Ledger) -> None:
    holding = Companion(name="holding", operation="hold", holds=True)
    migration = """\
DO $$ BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction'
        AND EXISTS (SELECT FROM entry WHERE amount > 777);
END $$;
ALTER TABLE entry ADD COLUMN note text;
"""

    found = ledger.rehearse(migration, QUICK, baseline=SMALL, companions=(holding, REPORT))

    assert [one.outcome for one in found.statements] == ["done", "done"]
    (lost,) = found.hindered
    assert (lost.companion, lost.times, lost.ended) == ("holding", 1, True)
    assert lost.statement in {1, 2}
    assert found.is_candidate
    assert "(its session ended): " in _said(found)


def test_a_companion_that_is_ended_while_it_executes_failed_once(ledger: Ledger) -> None:
    migration = """\
DO $$ BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(10)%'
        AND pid <> pg_backend_pid() AND EXISTS (SELECT FROM entry WHERE amount > 777);
END $$;
ALTER TABLE entry ADD COLUMN note text;
"""

    found = ledger.rehearse(
        migration, QUICK, baseline=f"{SMALL}-- name: hold\nSELECT pg_sleep(10);\n", companions=(ENDLESS,)
    )

    (lost,) = found.hindered
    assert (lost.companion, lost.times, lost.ended) == ("report", 1, True)
    assert lost.reason == "terminating connection due to administrator command (57P01)"
    assert lost.statement in {1, 2}
    assert found.is_candidate


@pytest.mark.thorough
def test_a_companion_that_is_still_busy_at_the_end_does_not_take_the_report_with_it(ledger: Ledger) -> None:
    slow = Companion(name="slow", operation="hold", every_s=0.2)

    found = ledger.rehearse(
        "CREATE TABLE kept ();\n",
        QUICK,
        baseline=f"{SMALL}-- name: hold\nSELECT pg_sleep(60);\n",
        companions=(slow,),
        call_timeout_s=0.5,
    )

    (busy,) = found.hindered
    assert "did not complete 'hold' within 500 ms" in busy.reason
    assert not busy.ended
    assert found.is_candidate


MAKING = f"""\
{SMALL}
CREATE SEQUENCE runs;
CREATE FUNCTION make_one(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE format('CREATE TABLE %I (amount integer PRIMARY KEY)', $1);
END $$;
-- name: hold
SELECT make_one('scratch_' || nextval('runs'));
"""
"""A companion that makes a table in each run."""


def test_tables_that_a_companion_makes_in_each_run_are_not_the_migrations(ledger: Ledger) -> None:
    found = ledger.rehearse("ALTER TABLE entry ADD COLUMN note text;\n", QUICK, baseline=MAKING, companions=(REPORT,))

    assert (found.catalogs, found.unclear, found.hindered) == ((), (), ())
    assert any(line.startswith("table scratch_1 is left over; and ") for line in found.by_others)
    assert found.is_candidate
    said = _said(found)
    assert "The result is new." in said
    assert "Its catalogs are those of a fresh installation of new, but for what others made." in said


def test_what_the_migration_leaves_over_is_its_doing_whatever_a_companion_makes(ledger: Ledger) -> None:
    migration = """\
DO $$ BEGIN
    IF EXISTS (SELECT FROM entry WHERE amount > 777) THEN CREATE INDEX stray ON entry (receipt); END IF;
END $$;
"""

    found = ledger.rehearse(migration, QUICK, baseline=MAKING, companions=(REPORT,))

    assert found.catalogs is not None
    (left,) = found.catalogs
    assert left.startswith("index stray is left over: ")
    assert found.by_others
    assert found.is_another


@pytest.mark.thorough
def test_tables_whose_names_are_others_each_time_leave_the_result_open(ledger: Ledger) -> None:
    letters = "translate(md5(random()::text), '0123456789', 'ghijklmnop')"
    baseline = MAKING.replace("'scratch_' || nextval('runs')", letters)

    found = ledger.rehearse("CREATE TABLE kept ();\n", QUICK, baseline=baseline, companions=(REPORT,))

    assert found.catalogs == ()
    assert any(line.startswith("table ") for line in found.unclear)
    assert "--without-companions" in found.why_unclear
    assert not found.is_another
    assert not found.is_candidate
    assert "Whether the result is new is not known: it is not known whether the differences" in _said(found)


def test_tables_of_a_companion_that_the_migration_breaks_leave_the_result_open(ledger: Ledger) -> None:
    baseline = MAKING.replace("nextval('runs'))", "nextval('runs')) FROM (SELECT max(amount) FROM entry) AS most")

    found = ledger.rehearse(RENAMED, QUICK, baseline=baseline, companions=(REPORT,))

    assert "(42703)" in found.hindered[0].reason
    assert found.unclear
    assert 'column "amount" does not exist' in found.why_unclear
    assert found.why_unclear.count("--without-companions") == 1
    assert not found.is_another
    assert not found.is_candidate


def test_tables_of_a_companion_for_which_the_candidate_has_another_operation_leave_the_result_open(
    ledger: Ledger,
) -> None:
    migration = "ALTER TABLE entry ADD COLUMN note text;\n-- name: hold\nSELECT 1;\n"

    found = ledger.rehearse(migration, QUICK, baseline=MAKING, companions=(REPORT,))

    assert found.catalogs == ()
    assert any("scratch_1" in line for line in found.unclear)
    assert "the candidate has an operation of its own for the companion report" in found.why_unclear
    assert not found.is_another
    assert not found.is_candidate


@pytest.mark.thorough
def test_tables_that_calls_name_by_the_clock_are_not_the_migrations(ledger: Ledger) -> None:
    baseline = f"""\
{SMALL}
CREATE FUNCTION make() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(1);  -- two at once would both make it
    EXECUTE 'CREATE TABLE IF NOT EXISTS second_' || extract(epoch FROM clock_timestamp())::bigint || ' ()';
    RETURN new;
END $$;
CREATE TRIGGER make BEFORE UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION make();
"""

    found = ledger.rehearse("CREATE TABLE kept ();\n", QUICK, baseline=baseline)

    assert (found.catalogs, found.unclear) == ((), ())
    assert any(line.startswith("table second_") for line in found.by_others)
    assert found.is_candidate
