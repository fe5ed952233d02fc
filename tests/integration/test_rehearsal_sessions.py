"""What a rehearsal says of other sessions: whom the migration waits for, and whom it keeps waiting."""

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

from schemabench import Companion
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
    assert lock.waited_s > 0.5 * HELD_S
    (other,) = [one for one in lock.blockers if one.who not in {"change", "look"}]
    assert other.who.endswith(": SELECT receipt FROM entry WHERE entry_id = 1999")
    assert other.longest_s == lock.waited_s


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
