"""One slow candidate does not take the ranking from all others, nor pass as right because it left early.

A table is read by a column that its partitions are not cut by, so that every read visits each of them: with a thousand,
a read takes some thirty times as long as without any. In a short run its trials would leave time for hardly any other.
"""

from collections.abc import Iterator
from random import Random

import pytest
from laboratory import Laboratory, amount, result

from schemabench import Call, Writer
from schemabench.records import Experiment
from schemabench.statistics import fewest_blocks

OPERATIONS = """\
-- name: raise
UPDATE item SET views = views + 1 WHERE site = :site::integer;
-- name: read
SELECT count(*), sum(views) FROM item WHERE site = :site::integer;
-- name: items
SELECT key, site, views FROM item;
"""
TABLE = "CREATE TABLE item (key integer, site integer NOT NULL, views bigint NOT NULL)"
FILL = "INSERT INTO item SELECT key, key % 200, 0 FROM generate_series(1, 2000) AS key;\n"
PLAIN = f"{TABLE};\n{FILL}CREATE INDEX ON item (site);\n"
SLOW = f"""\
{PLAIN}
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(0.002); RETURN new; END $$;
CREATE TRIGGER slow BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION slow();
"""
WRONG = "\n-- name: raise\nUPDATE item SET views = views + 2 WHERE site = :site::integer;\n"
PARTS = {"ten": 10, "hundred": 100, "thousand": 1000}
BUDGET_S = 12.0


def partitioned(parts: int) -> str:
    """Return the same table in so many partitions, by a column that no statement asks for."""
    return (
        f"{TABLE} PARTITION BY HASH (key);\n"
        "DO $$ BEGIN\n"
        f"  FOR part IN 0 .. {parts - 1} LOOP\n"
        "    EXECUTE format('CREATE TABLE item_%s PARTITION OF item FOR VALUES WITH (MODULUS %s, REMAINDER %s)',\n"
        f"                   part, {parts}, part);\n"
        "  END LOOP;\n"
        f"END $$;\n{FILL}CREATE INDEX ON item (site);\n"
    )


def burst(writer: str, random: Random) -> Iterator[Call]:
    """Yield updates of a site's rows, or reads of them."""
    while True:
        values = {"site": random.randrange(200)}
        yield Call("read", values, rows=0) if writer == "reader" else Call("raise", values, rows=10)


WRITERS = (
    Writer(name="writer", kind="stream", weight=1, clients=1),
    Writer(name="reader", kind="reader", weight=6, clients=3),
)
CANDIDATES = {"baseline": PLAIN, **{name: partitioned(parts) for name, parts in PARTS.items()}}


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank four candidates in a short run, of which one is far slower than all others."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates=CANDIDATES,
        writers=WRITERS,
        burst=burst,
        budget_s=BUDGET_S,
        state=("items",),
    )


def test_a_candidate_that_is_far_slower_leaves_with_a_verdict_of_its_own(experiment: Experiment) -> None:
    thousand = result(experiment, "thousand").standing
    assert thousand is not None
    assert thousand.retired is not None
    assert thousand.retired.trials < experiment.blocks
    assert thousand.retired.slower == pytest.approx(1 / thousand.ratio.high)
    assert 0 < thousand.ratio.low <= thousand.ratio.value <= thousand.ratio.high < 1 / 4
    assert "baseline" not in thousand.tied_with


def test_the_others_have_the_blocks_that_a_verdict_takes(experiment: Experiment) -> None:
    assert experiment.blocks >= fewest_blocks(len(CANDIDATES) - 1) == experiment.needed_blocks
    for name in ("baseline", "ten", "hundred"):
        standing = result(experiment, name).standing
        assert standing is not None
        assert standing.rank is not None
        assert "thousand" not in standing.tied_with


def test_what_was_seen_of_it_is_still_reported(experiment: Experiment) -> None:
    thousand = result(experiment, "thousand")
    assert thousand.contention is not None
    assert thousand.contention.classes["running"] > 0
    assert {plan.operation for plan in thousand.plans} == {"raise", "read"}
    assert [plan.same for plan in thousand.plans] == [False, False]
    assert amount(experiment, "thousand", "blocks_hit") > amount(experiment, "baseline", "blocks_hit")
    assert thousand.latencies
    assert [notice.code for notice in thousand.notices if notice.code == "retired"] == ["retired"]


def test_a_wrong_candidate_does_not_pass_because_it_left_early(laboratory: Laboratory) -> None:
    found = laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": PLAIN, "right": SLOW, "wrong": SLOW + WRONG},
        writers=WRITERS,
        burst=burst,
        budget_s=BUDGET_S,
        state=("items",),
        disqualified=("wrong",),
    )
    right, wrong = result(found, "right"), result(found, "wrong")
    assert right.standing is not None
    assert right.standing.retired is not None
    assert wrong.reason.startswith("the state 'items' differs from the baseline's")
    assert len(wrong.trials) < len(result(found, "baseline").trials)
    assert found.stopped == "precision", "nobody was left to compare"
