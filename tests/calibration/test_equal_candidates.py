"""Candidates that differ in name only must tie, in throughput and in lock waits.

Source: "A/A tests" in Kohavi, Tang & Xu 2020, "Trustworthy Online Controlled Experiments", chapter 19: a harness that
finds differences where there are none is not to be trusted where it finds some.

Of experiments with equal candidates, one in twenty tells some pair apart in each of the two rankings: that much the
harness allows itself, and a test of one experiment would fail in one run of ten. So there are two, from different
seeds, and what must not be is that both tell the same pair apart. A bias shows in both. By chance, each of the seven
pairs (the control's among them) is told apart in one experiment of a hundred, and so some pair in both in 7 x 0.01^2:
simulated, 0.07 % of runs by throughput and 0.08 % by lock waits, or one run in 700 that fails for nothing.
"""

from collections.abc import Iterator, Sequence
from random import Random

import pytest
from laboratory import Laboratory, cost

from schemabench import Call, Writer
from schemabench.candidate import BASELINE
from schemabench.records import Experiment, Standing

ROWS = 16
OPERATIONS = """\
-- name: add
UPDATE item SET value = value + 1 WHERE key = :key::integer;
SELECT pg_sleep(0.001);
-- name: items
SELECT key, value FROM item ORDER BY key;
"""
ITEMS = """\
CREATE TABLE item (key integer PRIMARY KEY, value bigint NOT NULL);
INSERT INTO item SELECT key, 0 FROM generate_series(1, 16) AS key;
"""
CANDIDATES = {
    BASELINE: ITEMS,
    "another_name": ITEMS,
    "commented": f"{ITEMS}COMMENT ON TABLE item IS 'what is sold'; -- and a comment in the file\n",
    "unused_table": f"{ITEMS}CREATE TABLE unused (key integer PRIMARY KEY);\n",
}
CALLS = 100
"""In a trial, at least: some 50 ms, in which looks find writers even where a stall made the burst too small."""
SEEDS = (1, 2)
NEARLY = 0.02
"""By how much WAL per row may differ beyond chance: on how many pages rows come to lie stays as it once fell."""


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield updates of random rows, so few that writers meet: lock waits must tie, not be absent."""
    while True:
        yield Call("add", {"key": random.randint(1, ROWS)})


@pytest.fixture(scope="module")
def experiments(laboratory: Laboratory) -> list[Experiment]:
    """Rank all, twice."""
    return [
        laboratory.rank(
            operations=OPERATIONS,
            candidates=CANDIDATES,
            writers=[Writer(name="adding", kind="stream", weight=CALLS, clients=8)],
            burst=burst,
            budget_s=40,
            state=("items",),
            seed=seed,
        )
        for seed in SEEDS
    ]


def told_apart(standings: Sequence[Standing], control: Standing) -> set[frozenset[str]]:
    """Return the pairs of candidates that do not tie, the control and the baseline among them."""
    names = {standing.name for standing in standings}
    pairs = {
        frozenset({standing.name, other})
        for standing in standings
        for other in names - {standing.name, *standing.tied_with}
    }
    return pairs if control.tied_with else pairs | {frozenset({control.name, BASELINE})}


@pytest.mark.parametrize("place", [0, 1], ids=["throughput", "lock waits"])
def test_no_pair_is_told_apart_twice(experiments: list[Experiment], place: int) -> None:
    first, second = (
        told_apart([one.standings[criterion.name] for one in experiment.candidates], criterion.control)
        for experiment in experiments
        for criterion in (experiment.criteria[place],)
        if criterion.control
    )

    assert first & second == set()


def test_there_are_blocks_enough_to_tell_candidates_apart(experiments: list[Experiment]) -> None:
    few = [notice.text for one in experiments for notice in one.notices if notice.code == "few-blocks"]

    assert few == [], "all would tie whatever was measured"


@pytest.mark.parametrize("name", [name for name in CANDIDATES if name != BASELINE])
def test_equal_candidates_write_as_much_wal(experiments: list[Experiment], name: str) -> None:
    for experiment in experiments:
        ratio = cost(experiment, name, "wal_bytes").ratio

        assert ratio is not None
        assert ratio.low - NEARLY <= 1 <= ratio.high + NEARLY
