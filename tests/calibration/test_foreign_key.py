"""A foreign key to one hot parent makes multixacts: several transactions that lock one row at once are named by one.

Sources: src/backend/access/heap/README.tuplock (several lockers of one row are kept in a MultiXact);
src/backend/utils/adt/ri_triggers.c (a new child locks its parent FOR KEY SHARE, until its transaction ends); the
manual, "Routine Vacuuming", section "Multixacts and Wraparound".

Key-share locks do not conflict with each other: theory promises neither waiting nor, on two cores, less throughput.
"""

from collections.abc import Iterator
from itertools import repeat
from random import Random

import pytest
from laboratory import Laboratory, amount, cost

from schemabench import Call, Writer
from schemabench.records import Experiment

OPERATIONS = """\
-- name: order
INSERT INTO line (parent) VALUES (1);
INSERT INTO line (parent) VALUES (1);
"""
PARENT = "CREATE TABLE parent (id integer PRIMARY KEY);\nINSERT INTO parent VALUES (1);\n"
NO_KEY = f"{PARENT}CREATE TABLE line (parent integer NOT NULL);\n"
KEY = f"{PARENT}CREATE TABLE line (parent integer NOT NULL REFERENCES parent);\n"


def burst(_: str, __: Random) -> Iterator[Call]:
    """Yield orders of two lines."""
    return repeat(Call("order", {}, rows=2))


@pytest.fixture(scope="module")
def experiment(laboratory: Laboratory) -> Experiment:
    """Rank both."""
    return laboratory.rank(
        operations=OPERATIONS,
        candidates={"baseline": NO_KEY, "foreign_key": KEY},
        writers=[Writer(name="ordering", kind="stream", weight=80, clients=8)],
        burst=burst,
        budget_s=6,
    )


def test_a_foreign_key_to_a_hot_parent_makes_multixacts(experiment: Experiment) -> None:
    assert amount(experiment, "foreign_key", "multixacts") > 0
    assert cost(experiment, "foreign_key", "multixacts").differs


def test_without_the_foreign_key_there_are_no_multixacts(experiment: Experiment) -> None:
    assert amount(experiment, "baseline", "multixacts") == 0
