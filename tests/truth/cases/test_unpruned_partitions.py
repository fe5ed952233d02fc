"""A table that is read by a column that its partitions are not cut by, so that every read visits each of them.

The planner leaves out only partitions whose bounds a condition on the partition key excludes; all others are locked,
planned for and scanned, one by one. Source: the manual, "Table Partitioning", sections "Partition Pruning" and "Best
Practices for Declarative Partitioning". With a thousand a read takes some thirty times as long as with one: such a
candidate must not take from all others the time that their verdicts need.
"""

from collections.abc import Iterator
from random import Random

import places
import pytest
from laboratory import Laboratory, amount, cost, result

from schemabench import Call, Writer
from schemabench.records import Experiment, Standing

pytestmark = pytest.mark.long

OPERATIONS = """\
-- name: raise
UPDATE item SET views = views + 1 WHERE site = :site::integer;
-- name: read
SELECT count(*), sum(views) FROM item WHERE site = :site::integer;
-- name: items
SELECT key, site, views FROM item;
"""
SITES = 200
TABLE = "CREATE TABLE item (key integer, site integer NOT NULL, views bigint NOT NULL)"
FILL = "INSERT INTO item SELECT key, key % 200, 0 FROM generate_series(1, 2000) AS key;\n"
PARTS = {"baseline": 1, "ten": 10, "hundred": 100, "thousand": 1000}
BUDGET_S = 12.0
CALLS = 14
"""In each small burst."""


def _partitioned(parts: int) -> str:
    """Return the table in so many partitions, by a column that no statement asks for."""
    return (
        f"{TABLE} PARTITION BY HASH (key);\n"
        "DO $$ BEGIN\n"
        f"  FOR part IN 0 .. {parts - 1} LOOP\n"
        "    EXECUTE format('CREATE TABLE item_%s PARTITION OF item FOR VALUES WITH (MODULUS %s, REMAINDER %s)',\n"
        f"                   part, {parts}, part);\n"
        "  END LOOP;\n"
        f"END $$;\n{FILL}CREATE INDEX ON item (site);\n"
    )


def _burst(writer: str, random: Random) -> Iterator[Call]:
    while True:
        values = {"site": random.randrange(SITES)}
        yield Call("read", values, rows=0) if writer == "reader" else Call("raise", values, rows=10)


WRITERS = (
    Writer(name="writer", kind="stream", weight=1, clients=1),
    Writer(name="reader", kind="reader", weight=6, clients=3),
)


def _ranked(quick: Laboratory, calls: int) -> Experiment:
    """Return what a short run finds with so many calls in a burst; 0 to have that found out."""
    return quick.rank(
        operations=OPERATIONS,
        candidates={name: _partitioned(parts) for name, parts in PARTS.items()},
        writers=WRITERS,
        burst=_burst,
        budget_s=BUDGET_S,
        state=("items",),
        calls=calls,
    )


@pytest.fixture(scope="module")
def experiment(quick: Laboratory) -> Experiment:
    """Rank them by small bursts."""
    with places.much_memory():  # each session keeps what it knows of a thousand partitions
        return _ranked(quick, CALLS)


def _standing(experiment: Experiment, name: str) -> Standing:
    found = result(experiment, name).standing
    assert found is not None
    return found


def test_the_more_partitions_are_read_the_slower(experiment: Experiment) -> None:
    hundred, thousand = (_standing(experiment, name) for name in ("hundred", "thousand"))

    assert 0 < thousand.to_baseline.low <= thousand.to_baseline.high < 1 / 3
    assert thousand.to_baseline.value < hundred.to_baseline.low < hundred.to_baseline.high < 0.8


def test_the_slowest_leaves_early_with_a_verdict_of_its_own(experiment: Experiment) -> None:
    retired = result(experiment, "thousand").retired

    assert retired is not None
    assert retired.trials < experiment.blocks
    assert retired.slower.low >= 4
    assert "baseline" not in _standing(experiment, "thousand").tied_with


def test_all_others_have_the_blocks_that_a_verdict_takes(experiment: Experiment) -> None:
    assert experiment.blocks >= experiment.blocks_needed > 0
    for name in ("baseline", "ten", "hundred"):
        assert result(experiment, name).retired is None
    assert "baseline" not in _standing(experiment, "hundred").tied_with


def test_all_partitions_are_visited(experiment: Experiment) -> None:
    one, ten, hundred, thousand = (amount(experiment, name, "blocks_hit") for name in PARTS)

    assert one < ten < hundred < thousand
    for name in ("ten", "hundred"):
        assert cost(experiment, name, "blocks_hit").differs
    assert amount(experiment, "thousand", "seq_scans") > 100 * max(amount(experiment, "baseline", "seq_scans"), 1)
    plans = result(experiment, "thousand").plans
    assert {plan.operation for plan in plans} == {"raise", "read"}
    assert [plan.same for plan in plans] == [False, False]


def test_what_was_seen_of_who_left_is_still_reported(experiment: Experiment) -> None:
    thousand = result(experiment, "thousand")

    assert thousand.contention is not None
    assert thousand.contention.classes["running"] > 0
    assert thousand.contention.classes["Lock"] < 0.05
    assert thousand.latencies
    assert [notice.code for notice in thousand.notices if notice.code == "retired"] == ["retired"]


@pytest.mark.long
def test_a_burst_of_the_size_that_is_found_leaves_time_for_the_others(quick: Laboratory) -> None:
    found = _ranked(quick, 0)

    assert result(found, "thousand").retired is not None
    assert found.blocks >= found.blocks_needed > 0
    assert found.elapsed_s < 1.5 * BUDGET_S
