"""Pairs of migrations that reach the same: the one that is known to hold writers up does, and the other does not."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from ledger import BASELINE, MANY, Ledger, longest_s

from schemabench.rehearsal import Rehearsal
from schemabench.server import Server

TIMES_AS_LONG = 3.0
"""At least so many times as long does the one hold writers up: tables are so large that it is ten times and more."""
MOST_TRIES = 3
"""What else the machine does lengthens the one rehearsal and not the next: of so many, the shortest counts."""

FEW = BASELINE.replace("1 + i % 1000", "1 + i % 400")
"""Entries of so many accounts that a list of them fits the catalog of 15, and takes long to look through."""
ACCOUNTS = ", ".join(map(str, range(1, 401)))
ATTACH = f"""\
BEGIN;
ALTER TABLE entry RENAME TO entry_old;
CREATE TABLE entry (LIKE entry_old) PARTITION BY LIST (account_id);
ALTER TABLE entry ATTACH PARTITION entry_old FOR VALUES IN ({ACCOUNTS});
COMMIT;
"""
CHECK = f"""\
ALTER TABLE entry ADD CONSTRAINT old CHECK (account_id IN ({ACCOUNTS})) NOT VALID;
ALTER TABLE entry VALIDATE CONSTRAINT old;
"""
KEY = "ALTER TABLE entry ADD CONSTRAINT entry_of FOREIGN KEY (account_id) REFERENCES account"
VALIDATED = f"{KEY} NOT VALID;\nALTER TABLE entry VALIDATE CONSTRAINT entry_of;\n"
INDEX = "CREATE INDEX {}entry_by_account ON entry (account_id, amount, receipt);\n"
COLUMN = "ALTER TABLE entry ADD COLUMN luck double precision DEFAULT {};\n"
UNIQUE = "ALTER TABLE entry ADD CONSTRAINT receipts UNIQUE (receipt);\n"
UNIQUE_BY_INDEX = """\
CREATE UNIQUE INDEX CONCURRENTLY receipts ON entry (receipt);
ALTER TABLE entry ADD CONSTRAINT receipts UNIQUE USING INDEX receipts;
"""
TYPE = "ALTER TABLE entry ALTER COLUMN receipt TYPE bigint;\n"
NEW_COLUMN = "ALTER TABLE entry ADD COLUMN receipt_long bigint;\n"

PAIRS = {
    "an index": (BASELINE, INDEX.format(""), INDEX.format("CONCURRENTLY ")),
    "a column": (BASELINE, COLUMN.format("random()"), COLUMN.format("0.5")),
    "a foreign key": (MANY, f"{KEY};\n", VALIDATED),
    "a partition": (FEW, ATTACH, f"{CHECK}{ATTACH}"),
    "a unique constraint": (BASELINE, UNIQUE, UNIQUE_BY_INDEX),
    "a type": (BASELINE, TYPE, NEW_COLUMN),
}
"""What is reached -> the schema before, the way that holds writers up, and the way that does not."""


@pytest.fixture(scope="module", params=servers.NEWEST)
def ends(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a server of the oldest version, and of the newest."""
    with servers.serving(str(request.param), settings={}, clients=8, run_id="pairs") as server:
        yield server


@pytest.mark.parametrize(
    "pair",
    [pytest.param(one, marks=[] if one == "a column" else pytest.mark.thorough) for one in PAIRS],
)
def test_of_two_ways_to_the_same_the_one_holds_writers_up_for_longer(pair: str, ends: Server, tmp_path: Path) -> None:
    ledger = Ledger(server=ends, folder=tmp_path)
    before, holding, passing = PAIRS[pair]

    held = ledger.rehearse(holding, baseline=before)
    tries = []
    for _ in range(MOST_TRIES):
        tries.append(ledger.rehearse(passing, baseline=before))
        sys.stdout.write(f"{pair} {ends.record.version}: {in_ms(held)} {in_ms(tries[-1])}\n")
        assert_is_candidate(tries[-1])
        if longest_s(held) > TIMES_AS_LONG * longest_s(tries[-1]):
            break

    assert_is_candidate(held)
    assert max(one.longest_s for one in held.waiters) > longest_s(held) / 2  # it is the lock, and no other load
    assert longest_s(held) > TIMES_AS_LONG * min(map(longest_s, tries))


def in_ms(found: Rehearsal) -> str:
    """Return the longest response, the late calls and the time of a migration."""
    late, calls = sum(one.during.late for one in found.operations), sum(one.during.calls for one in found.operations)
    return f"[{1000 * longest_s(found):.1f} ms, {late} of {calls} late, {1000 * found.migration_s:.0f} ms]"


def assert_is_candidate(found: Rehearsal) -> None:
    """Fail with what differs unless a migration reached its candidate."""
    assert [one.failures for one in found.statements] == [()] * len(found.statements)
    assert found.catalogs == ()
    assert found.rows == ""
    assert found.compared == ("amounts",)
    assert found.is_candidate
