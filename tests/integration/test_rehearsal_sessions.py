"""What a rehearsal says of other sessions: whom the migration waits for, whom it keeps waiting, and whom it ends."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import psycopg
import pytest
from ledger import Ledger
from test_rehearsals import HELD, QUICK, SLOW, SMALL

from schemabench import Companion, report
from schemabench.rehearsal import Rehearsal, document
from schemabench.server import Server

pytestmark = pytest.mark.timeout(120)

WRITERS = 4
"""The sessions of a ledger's clerks and auditors: with fewer, its database is still being built."""
LOADED = """
SELECT datname FROM pg_stat_activity WHERE datname <> current_database() GROUP BY datname HAVING count(*) >= %s
"""
AWAITED = "SELECT FROM pg_locks WHERE relation = 'entry'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted"
HELD_S = 0.3
PATIENCE_S = 60.0


@pytest.fixture
def ledger(server: Server, tmp_path: Path) -> Ledger:
    """Return where ledgers are migrated."""
    return Ledger(server=server, folder=tmp_path)


def _said(found: Rehearsal) -> str:
    return " ".join(report.shown(document(found), 80).split())


def _answered(connection: psycopg.Connection[tuple[str]], query: str, *parameters: object) -> tuple[str]:
    """Return the first row of a query, which is repeated until it has one."""
    deadline_s = time.monotonic() + PATIENCE_S
    while (row := connection.execute(query, parameters).fetchone()) is None:
        assert time.monotonic() < deadline_s, query
        time.sleep(0.02)
    return row


def _stranger(conninfo: str) -> None:
    """Read entries in a transaction that stays open until a migration has waited for it for a while."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        (database,) = _answered(connection, LOADED, WRITERS)
    with psycopg.connect(conninfo, dbname=database, autocommit=True) as connection, connection.transaction():
        connection.execute("SELECT receipt FROM entry WHERE entry_id = 1999")
        with psycopg.connect(conninfo, dbname=database, autocommit=True) as watching:
            _answered(watching, AWAITED)
        time.sleep(HELD_S)


def test_who_a_statement_waited_for_is_told_by_operation_or_role(ledger: Ledger) -> None:
    with ThreadPoolExecutor(1) as pool:
        stranger = pool.submit(_stranger, ledger.server.conninfo_for("postgres"))
        found = ledger.rehearse("ALTER TABLE entry ADD COLUMN note text;\n", QUICK, baseline=SMALL)
        stranger.result()

    (lock,) = [one for one in found.statements[0].locks if one.waited_s]
    assert lock.mode == "AccessExclusiveLock"
    (other,) = [one for one in lock.blockers if one.who not in {"change", "look"}]
    assert other.who.endswith(": SELECT receipt FROM entry WHERE entry_id = 1999")
    assert 0.5 * HELD_S < other.longest_s <= lock.waited_s  # a last sample may be taken as the other one leaves


def test_writers_that_a_statement_waited_for_are_told_by_their_operation(ledger: Ledger) -> None:
    asked = replace(QUICK, quiet_s=0.75, calls_per_s=40.0)  # clerks are asked for more than they can do

    found = ledger.rehearse("ALTER TABLE entry ADD COLUMN note text;\n", asked, baseline=SLOW)

    (lock,) = [one for one in found.statements[0].locks if one.waited_s]
    assert {one.who for one in lock.blockers} <= {"change", "look"}
    assert "change" in {one.who for one in lock.blockers}


def test_a_companion_that_waits_is_told_from_writers_with_the_same_operation(ledger: Ledger) -> None:
    def values(_: object) -> Iterator[dict[str, int]]:
        return repeat({"entry_id": 1000})

    checking = Companion(name="checking", operation="look", values=values, every_s=0.02)
    migration = HELD.replace("SHARE MODE", "ACCESS EXCLUSIVE MODE")

    found = ledger.rehearse(migration, QUICK, baseline=SMALL, companions=(checking,))

    assert {one.who for one in found.waiters} == {"change", "look", "checking"}


ENDS = """\
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid(){};
ALTER TABLE entry ADD COLUMN note text;
"""
"""Ends sessions as many a migration does, so that none is in its way."""


def test_a_migration_that_ends_the_sessions_of_all_others_is_a_finding(ledger: Ledger) -> None:
    reading = Companion(name="reading", operation="hold", every_s=0.05)

    found = ledger.rehearse(ENDS.format(""), QUICK, baseline=SMALL, companions=(reading,))

    assert [one.outcome for one in found.statements] == ["done", "done"]
    assert {(one.writer, one.sessions, one.clients) for one in found.ended} == {("clerk", 2, 2), ("auditor", 2, 2)}
    assert {one.reason for one in found.ended} == {"admin shutdown (57P01)"}
    assert all(one.statement in {1, 2} for one in found.ended)
    assert [(one.companion, one.ended) for one in found.hindered] == [("reading", True)]
    assert found.unsampled is not None
    assert found.unsampled.statement in {1, 2}
    assert all(one.before.calls > 0 and one.after.calls == 0 for one in found.operations)
    assert found.is_candidate, "calls of before are all that there are, in the fresh installation, too"
    said = _said(found)
    assert "4 sessions of the writers ended, and made no call from then on: 2 of 2 of" in said
    assert "of clerk, noticed " in said
    assert "the session that takes them ended, which was noticed" in said
    assert ledger.server.databases == ()


def test_writers_whose_sessions_a_migration_leaves_alone_go_on(ledger: Ledger) -> None:
    found = ledger.rehearse(ENDS.format(" AND query LIKE '/* change */%'"), QUICK, baseline=SMALL)

    (ended,) = found.ended
    assert (ended.writer, ended.sessions, ended.clients) == ("clerk", 2, 2)
    change, look = found.operations
    assert (change.name, look.name) == ("change", "look")
    assert change.before.calls > 0
    assert change.after.calls == 0
    assert look.after.calls > 0
    assert found.after_s > 0, "a connection that is gone has no backlog"
    assert found.unsampled is None
    assert found.is_candidate


def test_calls_of_sessions_that_a_migration_ends_while_they_wait_for_it_are_refused(ledger: Ledger) -> None:
    ending, _ = ENDS.format(" AND wait_event_type = 'Lock'").splitlines()
    migration = HELD.replace("COMMIT", f"{ending}\nCOMMIT")

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)

    (ended,) = found.ended
    assert (ended.writer, ended.sessions) == ("clerk", 2)
    assert ended.statement in {4, 5}
    (refused,) = found.refused
    assert (refused.operation, refused.reason) == ("change", "admin shutdown (57P01)")
    assert (refused.before, refused.during, refused.after) == (0, 2, 0)
    (change,) = [one for one in found.operations if one.name == "change"]
    assert change.during.late == 2, "they waited, and it is known for how long"
    assert change.during.longest_s is not None
    assert change.during.longest_s > 0.5 * HELD_S
    assert found.is_candidate


COMMITS_SLOWLY = f"""\
{SMALL}
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_sleep(CASE WHEN new.entry_id = 1999 THEN 2.0 ELSE 0.25 END);
    RETURN new;
END $$;
CREATE CONSTRAINT TRIGGER linger AFTER UPDATE ON entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION linger();
-- name: hold
UPDATE entry SET receipt = 7 WHERE entry_id = 1999;
"""  # noqa: S608 (a constant)
"""The server says what an update did, and takes its time to commit it."""
IN_COMMIT = ENDS.format(" AND wait_event = 'PgSleep'")


def test_a_call_whose_session_ends_after_its_answer_and_before_its_commit_is_refused(ledger: Ledger) -> None:
    found = ledger.rehearse(IN_COMMIT, replace(QUICK, calls_per_s=40.0), baseline=COMMITS_SLOWLY)

    assert sum(one.sessions for one in found.ended) == sum(one.total for one in found.refused) > 0
    assert {one.operation for one in found.refused} == {"change"}
    assert found.rows == "", "the fresh installation did not execute it either"
    assert found.is_candidate


ENDS_ITSELF = f"""\
ALTER TABLE entry ADD COLUMN note text;
BEGIN;
ALTER TABLE entry ADD COLUMN remark text;
SELECT pg_terminate_backend(pg_backend_pid())
WHERE (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) > {WRITERS};
COMMIT;
"""  # noqa: S608 (a constant)
"""Ends its own session, but not where it is alone, as while the candidate is installed."""


def test_a_migration_that_ends_its_own_session_fails_in_that_statement(ledger: Ledger) -> None:
    found = ledger.rehearse(ENDS_ITSELF, QUICK, baseline=SMALL)

    outcomes = ["done", "rolled back", "rolled back", "failed", "not executed"]
    assert [one.outcome for one in found.statements] == outcomes
    reason = "terminating connection due to administrator command (57P01)"
    assert found.statements[3].failures == (reason,)
    assert found.catalogs is not None
    assert any("remark" in one for one in found.catalogs), "they are compared: its column is missing"
    assert not any("note" in one for one in found.catalogs)
    assert found.written.wal_bytes > 0
    assert found.written.after_bytes > 0
    assert all(one.after.calls > 0 for one in found.operations), "the writers go on"
    assert found.ended == ()
    said = _said(found)
    assert f"Statement 4 of 5 failed: {reason}." in said
    assert "not known in the migration's session, 0 in the writers'" in said
    assert ledger.server.databases == ()


def test_a_migration_whose_session_is_idle_for_too_long_before_a_retry_fails(ledger: Ledger) -> None:
    reading = Companion(name="reading", operation="hold", holds=True)
    timeouts = "SET idle_session_timeout = '50ms';\nSET lock_timeout = '50ms';\n"

    found = ledger.rehearse(
        f"{timeouts}ALTER TABLE entry ADD COLUMN note text;\n",
        replace(QUICK, retries=3),
        baseline=SMALL,
        companions=(reading,),
    )

    assert [one.outcome for one in found.statements] == ["done", "done", "failed"]
    assert found.statements[2].failures == (
        "canceling statement due to lock timeout (55P03)",
        "terminating connection due to idle-session timeout (57P05)",
    )
    assert found.after_s > 0


def test_a_session_has_nothing_to_be_idle_for_after_the_last_statement(ledger: Ledger) -> None:
    migration = "ALTER TABLE entry ADD COLUMN note text;\nSET idle_session_timeout = '50ms';\n"

    found = ledger.rehearse(migration, QUICK, baseline=SMALL)

    assert [one.outcome for one in found.statements] == ["done", "done"]
    assert found.lock_timeout == "0"
    assert found.is_candidate


MANY_TABLES = f"""\
{SMALL}
DO $$ BEGIN
    FOR i IN 1..1500 LOOP EXECUTE format('CREATE TABLE filler_%s ()', i); END LOOP;
END $$;
"""
"""Of which to tell the size takes longer than a millisecond."""


def test_no_limit_that_a_migration_sets_itself_ends_what_is_asked_afterwards(ledger: Ledger) -> None:
    migration = "ALTER TABLE entry ADD COLUMN note text;\nSET statement_timeout = '1ms';\n"

    found = ledger.rehearse(migration, QUICK, baseline=MANY_TABLES)

    assert [one.outcome for one in found.statements] == ["done", "done"]
    assert found.written.after_bytes > 0
    assert found.is_candidate


FOR_ALL = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {}', current_database()); END $$;\n"


def test_what_a_migration_sets_for_new_connections_is_told_with_the_calls_that_fail_over_them(ledger: Ledger) -> None:
    found = ledger.rehearse(FOR_ALL.format("default_transaction_read_only = on"), QUICK, baseline=SMALL)

    assert found.left == ("default_transaction_read_only = on for the database",)
    assert found.refused == (), "the writers had connected before"
    assert not found.is_candidate
    assert "fix this, either:\n  - if this setting is why, leave it out: default_transaction_r" in found.incomparable
    said = _said(found)
    assert "It changes settings for new connections: default_transaction_read_only = on for the database." in said
    assert "and this failed: The operation 'change' failed under the candidate 'new': cannot execute UPDATE in" in said


def test_settings_for_new_connections_that_fail_no_call_are_told_too(ledger: Ledger) -> None:
    baseline = f"{SMALL}{FOR_ALL.format('work_mem = 4096')}{FOR_ALL.format('statement_timeout = 30000')}"

    found = ledger.rehearse(FOR_ALL.format("statement_timeout = 60000"), QUICK, baseline=baseline)

    assert found.left == ("statement_timeout = 60000 instead of 30000 for the database",)
    assert found.is_candidate
    assert "their calls do not show what comes of it." in _said(found)


@pytest.mark.thorough
def test_a_companion_whose_session_ends_after_its_answer_and_before_its_commit_is_a_finding(ledger: Ledger) -> None:
    adding = Companion(name="adding", operation="hold", every_s=2.2)
    asked = replace(QUICK, quiet_s=2.5, calls_per_s=4.0)  # it is executed from 1.4 s to 3.4 s

    found = ledger.rehearse(IN_COMMIT, asked, baseline=COMMITS_SLOWLY, companions=(adding,))

    assert [(one.companion, one.times, one.ended) for one in found.hindered] == [("adding", 1, True)]
    assert found.is_candidate
