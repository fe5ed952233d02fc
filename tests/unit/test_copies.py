"""When databases are copied anew: as often as pays, by what a copy costs and by how much copies differ."""

import math
from dataclasses import replace
from pathlib import Path
from random import Random

import made_up
import pytest
from made_up import WARMUP_BLOCKS

from schemabench import Companion
from schemabench.experiment.copies import LEAST_BLOCKS, LEAST_COPIES, Copies
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.records import Trial

NAMES = ["baseline", "baseline (control)", "a"]
BLOCK_S = 0.5


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return made_up.plan(tmp_path, "a")


def _copies(plan: Plan, copy_s: float, *, between: float = 0.0) -> list[int]:
    """Return how many blocks each copy serves for, where copies differ by so much beside noise of 0.1 within them."""
    random = Random(1)  # noqa: S311 (reproducible on purpose)
    measured, copies = Measured(), Copies(plan=plan, copy_s=copy_s)
    served, peculiar = [0], dict.fromkeys(NAMES, 0.0)
    while measured.elapsed_s < plan.budget_s:
        for name in NAMES:
            duration_s = 0.15 * math.exp(peculiar[name] + random.gauss(0, 0.1))
            measured.trials[name].append(_trial(measured.executed, len(served) - 1, duration_s, first=served[-1] == 0))
        measured.executed += 1
        measured.elapsed_s += BLOCK_S
        served[-1] += 1
        if copies.due(measured, NAMES):
            copies.renewed(measured, copy_s)
            measured.copying_s += copy_s
            served.append(0)
            peculiar = {name: random.gauss(0, between) for name in NAMES}
    return served


def _trial(block: int, copy: int, duration_s: float, *, first: bool) -> Trial:
    return Trial(
        block=block,
        position=0,
        warmup=first or block < WARMUP_BLOCKS,
        copy=copy,
        started_s=float(block),
        duration_s=duration_s,
        operations=100,
        rows=80,
        retries=0,
        busy_share=0.1,
        writers_s={},
    )


def test_there_are_at_least_five_copies_where_they_differ_in_nothing(plan: Plan) -> None:
    assert len(_copies(plan, copy_s=1.0)) >= LEAST_COPIES


def test_copies_that_differ_are_made_more_often(plan: Plan) -> None:
    assert len(_copies(plan, copy_s=1.0, between=0.2)) > len(_copies(plan, copy_s=1.0))


def test_copies_that_cost_more_are_made_less_often(plan: Plan) -> None:
    assert len(_copies(plan, copy_s=10.0, between=0.1)) < len(_copies(plan, copy_s=0.2, between=0.1))


def test_copying_takes_no_longer_than_half_of_the_budget(plan: Plan) -> None:
    assert len(_copies(plan, copy_s=31.0)) == 1
    assert len(_copies(plan, copy_s=15.0, between=1.0)) <= LEAST_COPIES


def test_every_copy_serves_for_some_blocks_that_count(plan: Plan) -> None:
    served = _copies(plan, copy_s=0.01, between=1.0)

    assert min(served) > LEAST_BLOCKS
    assert sum(served) == plan.budget_s / BLOCK_S


def test_a_budget_of_a_few_blocks_has_one_copy(plan: Plan) -> None:
    assert len(_copies(Plan(**{**vars(plan), "budget_s": 4.0}), copy_s=0.1)) == 1


def test_nothing_is_copied_while_a_companion_holds_a_transaction(plan: Plan) -> None:
    holder, reader = (Companion(name=name, operation="put", holds=name == "holder") for name in ("holder", "reader"))
    workload = replace(plan.found.workload, companions=lambda _: (holder, reader))
    held = replace(plan, found=replace(plan.found, workload=workload))

    assert Copies(plan=plan, copy_s=0.1).hindrance == ""
    assert Copies(plan=held, copy_s=0.1).hindrance.startswith("holder must hold a transaction open")
    assert Copies(plan=replace(held, without_companions=True), copy_s=0.1).hindrance == ""
    assert [one.name for one in held.companions] == ["holder", "reader"]
