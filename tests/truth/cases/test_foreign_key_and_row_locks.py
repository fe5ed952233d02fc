"""A parent that is locked while its children come: only a lock on its key keeps them waiting.

A new child locks its parent FOR KEY SHARE, which conflicts with FOR UPDATE and with nothing weaker: whoever is about to
change a parent, and not its key, needs FOR NO KEY UPDATE alone. Sources: the manual, "Explicit Locking", section
"Row-Level Locks", with the table of conflicts; src/backend/utils/adt/ri_triggers.c.
"""

from collections.abc import Iterator
from itertools import repeat
from random import Random

import pytest
from laboratory import Laboratory, amount, result

from schemabench import Call, Writer
from schemabench.records import Contention, Estimate, Experiment
from schemabench.report import reasons
from schemabench.report.text import plain

pytestmark = pytest.mark.long
SHOP = """\
CREATE TABLE parent (id integer PRIMARY KEY, total bigint NOT NULL);
INSERT INTO parent VALUES (1, 0);
CREATE TABLE line (parent integer NOT NULL REFERENCES parent);
"""
SETTLE = """\
-- name: settle
SELECT total FROM parent WHERE id = 1{clause};
SELECT pg_sleep(0.010);
UPDATE parent SET total = total + 1 WHERE id = 1;
"""
"""The sleep stands for what is reckoned meanwhile, with the row locked or not."""
ORDER = "-- name: order\nINSERT INTO line VALUES (1);\n"
STATE = "-- name: lines\nSELECT count(*), (SELECT total FROM parent) FROM line;\n"
CANDIDATES = {
    "baseline": SHOP,
    "for_update": SHOP + SETTLE.format(clause=" FOR UPDATE"),
    "for_no_key_update": SHOP + SETTLE.format(clause=" FOR NO KEY UPDATE"),
}
CALLS = {"ordering": Call("order", {}), "settling": Call("settle", {})}
WRITERS = (
    Writer(name="ordering", kind="stream", weight=60, clients=6),
    Writer(name="settling", kind="batch", weight=3, clients=1),
)
BUDGET_S = 7.0
BURST = 63
"""In each burst: as many as the writers weigh."""


def _burst(writer: str, _: Random) -> Iterator[Call]:
    return repeat(CALLS[writer])


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank an unlocked parent, one that is locked with its key, and one that is locked without."""
    return laboratory.rank(
        operations=SETTLE.format(clause="") + ORDER + STATE,
        candidates=CANDIDATES,
        writers=WRITERS,
        burst=_burst,
        state=("lines",),
        budget_s=BUDGET_S,
        calls=BURST,
    )


def _ratio(experiment: Experiment, name: str) -> Estimate:
    standing = result(experiment, name).standing
    assert standing is not None
    return standing.to_baseline


def _ordering(experiment: Experiment, name: str) -> Estimate:
    (own,) = [one.ratio for one in result(experiment, name).writers if one.writer == "ordering"]
    return own


def _contention(experiment: Experiment, name: str) -> Contention:
    found = result(experiment, name).contention
    assert found is not None
    return found


def _waiting_for_settling(experiment: Experiment, name: str) -> float:
    pairs = _contention(experiment, name).pairs
    return sum(pair.share for pair in pairs if (pair.waiting, pair.blocking) == ("order", "settle"))


def test_for_update_of_the_parent_is_slower_than_no_lock_and_than_for_no_key_update(experiment: Experiment) -> None:
    assert _ratio(experiment, "for_update").high < 0.9
    assert _ratio(experiment, "for_update").value < 0.9 * _ratio(experiment, "for_no_key_update").value
    assert _ordering(experiment, "for_update").value < 0.85


def test_for_no_key_update_leaves_all_nearly_as_fast_as_no_lock(experiment: Experiment) -> None:
    assert _ratio(experiment, "for_no_key_update").value > 0.85
    assert _ordering(experiment, "for_no_key_update").value > 0.8


def test_orders_wait_for_settling_under_for_update_alone(experiment: Experiment) -> None:
    assert _waiting_for_settling(experiment, "for_update") > 0.2
    assert _waiting_for_settling(experiment, "for_no_key_update") < 0.02
    assert _waiting_for_settling(experiment, "baseline") < 0.02


def test_the_lock_is_that_of_the_parents_row(experiment: Experiment) -> None:
    locks = _contention(experiment, "for_update").locks

    assert locks[0].relation == "parent"
    assert {lock.kind for lock in locks if lock.relation == "parent"} <= {"transactionid", "tuple"}


def test_a_parent_that_is_shared_makes_multixacts_under_all(experiment: Experiment) -> None:
    assert all(amount(experiment, name, "multixacts") > 0 for name in CANDIDATES)


def test_the_report_names_the_lock_of_the_row(experiment: Experiment) -> None:
    lines = dict(one.split(": ", 1) for one in map(plain, reasons.lines(experiment)))

    assert "LockRows" in lines["for_update"]
