"""Tables are vacuumed as often as in production, where a run is too short for the server's own autovacuum.

Rows of a small table are updated, never in place, since an index is on what changes. Each update leaves a dead row,
whose room nobody may use before a vacuum. A server's autovacuum wakes once a minute and so never comes within this run:
the table grows. One that wakes every second is what shows the truth.
"""

from collections.abc import Iterator
from random import Random
from typing import Literal

import pytest
import servers
from laboratory import Laboratory, result

from schemabench import Call, Writer
from schemabench.records import CandidateResult

ROWS = 200
OPERATIONS = """\
-- name: raise
UPDATE item SET value = value + 1 WHERE key = :key::integer;
-- name: total
SELECT sum(value) FROM item;
"""
PLAIN = """\
CREATE TABLE item (key integer PRIMARY KEY, value bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO item SELECT key, 0 FROM generate_series(1, 200) AS key;
"""
INDEXED = PLAIN + "CREATE INDEX ON item (value);\n"
BUDGET_S = 6.0


def burst(writer: str, random: Random) -> Iterator[Call]:
    """Yield updates of random rows, or reads of all of them."""
    while True:
        if writer == "reader":
            yield Call("total", {}, rows=0)
        else:
            yield Call("raise", {"key": random.randint(1, ROWS)})


def ranked(
    folders: pytest.TempPathFactory, upkeep: Literal["between-blocks", "autovacuum"], naptime: str
) -> dict[str, CandidateResult]:
    """Rank a table whose updates are never in place against one whose are."""
    with servers.serving("embedded", settings={"autovacuum_naptime": naptime}, clients=20, run_id="upkeep") as server:
        experiment = Laboratory(server=server, folders=folders).rank(
            operations=OPERATIONS,
            candidates={"baseline": INDEXED, "in_place": PLAIN},
            writers=[
                Writer(name="writer", kind="stream", weight=4, clients=2),
                Writer(name="reader", kind="reader", weight=4, clients=2),
            ],
            burst=burst,
            budget_s=BUDGET_S,
            upkeep=upkeep,
        )
    return {name: result(experiment, name) for name in ("baseline", "in_place")}


def growth(one: CandidateResult) -> float:
    """Return by how many bytes the table grew for each row that was written."""
    (found,) = [cost.value for cost in one.costs if cost.name == "table_bytes"]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def by_default(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CandidateResult]:
    """Rank as runs do, where autovacuum wakes once a minute."""
    return ranked(tmp_path_factory, "between-blocks", "1min")


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CandidateResult]:
    """Rank where only autovacuum vacuums, and comes too late."""
    return ranked(tmp_path_factory, "autovacuum", "1min")


def test_a_table_that_nobody_vacuums_grows_and_one_that_is_looked_after_does_not(
    by_default: dict[str, CandidateResult], left_alone: dict[str, CandidateResult]
) -> None:
    assert growth(left_alone["baseline"]) > 10
    assert growth(by_default["baseline"]) < growth(left_alone["baseline"]) / 4


def test_a_table_is_looked_after_no_less_than_by_an_autovacuum_that_is_awake(
    by_default: dict[str, CandidateResult], tmp_path_factory: pytest.TempPathFactory
) -> None:
    awake = ranked(tmp_path_factory, "autovacuum", "1s")

    assert growth(by_default["baseline"]) <= growth(awake["baseline"])


def test_what_is_updated_in_place_needs_fewer_vacuums(by_default: dict[str, CandidateResult]) -> None:
    vacuums = {name: sum(trial.counters["upkeep_vacuums"] for trial in one.trials) for name, one in by_default.items()}

    assert vacuums["baseline"] > vacuums["in_place"]
