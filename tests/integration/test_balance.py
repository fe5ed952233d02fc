"""Weights that are found by measuring: writers of known cost end together, or keep production's proportions."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import laboratory
import pytest

from schemabench import Call, Workload, Writer
from schemabench.errors import UsageError
from schemabench.experiment import Plan, balance
from schemabench.experiment.balancing import production_rates, whole
from schemabench.progress import Silence
from schemabench.server import Server

OPERATIONS = """\
-- name: quick
SELECT pg_sleep(0.002);
-- name: slow
SELECT pg_sleep(0.016);
"""
TIMES_AS_LONG = 8
WITHIN = 2.0
"""How far apart writers may end on a busy machine, whose calls take eight times as long as each other's."""


def _burst(_: object, writer: str, _block: int, _random: Random) -> Iterator[Call]:
    while True:
        yield Call(writer, {}, rows=0)


def _plan(folder: Path, *writers: Writer, production_s: float | None = None) -> Plan:
    workload = Workload(
        name="sleepers",
        summary="calls that take a known time",
        cardinalities={"typical": laboratory.Sizes()},
        writers=lambda _: writers,
        burst=_burst,
        production_s=None if production_s is None else lambda _: production_s,
    )
    return Plan(
        found=laboratory.found(folder, workload, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", {"baseline": "CREATE TABLE nothing ();\n"}),
        clients=2,
        budget_s=4.0,
        precision=0.001,
        seed=1,
    )


def _sleeper(name: str, weight: int, pace: str = "") -> Writer:
    return Writer(name=name, kind="stream", weight=weight, pace=pace)


def test_writers_of_unequal_cost_get_weights_with_which_they_end_together(tmp_path: Path, server: Server) -> None:
    plan = _plan(tmp_path, _sleeper("quick", 1), _sleeper("slow", 2))

    quick, slow = balance(plan, server, Silence(), production=False)

    assert TIMES_AS_LONG / WITHIN < quick.weight / slow.weight < TIMES_AS_LONG * WITHIN
    assert 1 / WITHIN < quick.suggested_s / slow.suggested_s < WITHIN
    assert slow.today_s / quick.today_s > TIMES_AS_LONG / WITHIN
    assert (quick.writer.weight, slow.writer.weight) == (1, 2)


def test_weights_keep_the_proportions_of_production(tmp_path: Path, server: Server) -> None:
    plan = _plan(tmp_path, _sleeper("quick", 60, "90 calls every 30 s"), _sleeper("slow", 20), production_s=10)

    quick, slow = balance(plan, server, Silence(), production=True)

    assert production_rates(plan) == (3, 2)
    assert (quick.weight, slow.weight) == (3, 2)
    assert slow.suggested_s > quick.suggested_s


def test_a_pace_that_is_not_known_is_told_with_what_to_do(tmp_path: Path) -> None:
    plan = _plan(tmp_path, _sleeper("quick", 1, "now and then"), _sleeper("slow", 1))

    with pytest.raises(UsageError, match="The pace of 'quick' in production is not known: 'now and then'"):
        production_rates(plan)


def test_one_writer_has_nothing_to_be_balanced_with(tmp_path: Path, server: Server) -> None:
    with pytest.raises(UsageError, match="sleepers typical has one writer"):
        balance(_plan(tmp_path, _sleeper("quick", 1)), server, Silence(), production=False)


@pytest.mark.parametrize(
    ("proportions", "weights"),
    [
        ((0.21, 0.62), (1, 3)),
        ((1, 1), (1, 1)),
        ((2, 3), (2, 3)),
        ((1000.0, 1.0), (1000, 1)),
        ((3, 2, 0.5), (6, 4, 1)),
        ((1e9, 1), (1_000_000_000, 1)),
    ],
)
def test_weights_are_the_smallest_whole_numbers(proportions: tuple[float, ...], weights: tuple[int, ...]) -> None:
    assert whole(proportions) == weights
