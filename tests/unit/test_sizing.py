"""How large bursts are: as calibrated, unless a verdict would not fit the budget."""

from dataclasses import replace
from pathlib import Path

import made_up
import pytest

from schemabench.experiment import sizing
from schemabench.experiment.plan import CONTROL, Plan
from schemabench.experiment.sizing import Seen
from schemabench.statistics import fewest_blocks

CALIBRATED = 1000
"""The size at which a burst takes `Plan.trial_s` under the baseline."""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(
        found=made_up.found(tmp_path),
        cardinality="typical",
        candidates=made_up.candidates(tmp_path / "schemas", "a", "b"),
        clients=3,
        budget_s=60.0,
        precision=0.01,
        seed=1,
    )


def _seen(plan: Plan, size: int, between_s: float = 0.1, **times: float) -> Seen:
    """Return a block in which candidates took so many times as long as the baseline."""
    one_s = plan.trial_s * size / CALIBRATED
    busy_s = {"baseline": one_s, CONTROL: one_s} | {name: factor * one_s for name, factor in times.items()}
    return Seen(size=size, busy_s=busy_s, elapsed_s=sum(busy_s.values()) + between_s)


def test_the_first_burst_is_a_glance_and_no_other_is_shorter_than_is_of_use(plan: Plan) -> None:
    assert sizing.shortest(plan, CALIBRATED) == 250  # of 200 ms, 50
    assert sizing.first(plan, CALIBRATED) == 63
    assert sizing.shortest(replace(plan, budget_s=1.0), CALIBRATED) == CALIBRATED
    assert sizing.shortest(plan, 1) == sizing.first(plan, 1) == 1


def test_a_burst_stays_as_calibrated_where_a_verdict_fits(plan: Plan) -> None:
    size, fit = sizing.fitting(plan, CALIBRATED, _seen(plan, 250, a=1.0, b=2.0), done=1, elapsed_s=1.0)
    assert size == CALIBRATED
    assert fit > 2 * fewest_blocks(3)


@pytest.mark.parametrize("factor", [3.0, 5.0, 7.0])
def test_a_burst_is_made_smaller_so_that_the_blocks_of_a_verdict_fit_with_a_margin(plan: Plan, factor: float) -> None:
    plan = replace(plan, budget_s=30.0)
    seen = _seen(plan, 250, between_s=0.2, a=factor, b=factor)
    size, fit = sizing.fitting(plan, CALIBRATED, seen, done=1, elapsed_s=1.0)

    assert 250 <= size < CALIBRATED
    assert fit >= 2 * fewest_blocks(3)
    block_s = seen.between_s + size / seen.size * sum(seen.busy_s.values())
    assert 1.0 + block_s * (sizing.executed(2 * fewest_blocks(3)) - 1) <= plan.budget_s


def test_no_burst_is_shorter_than_is_of_use_however_little_fits(plan: Plan) -> None:
    size, fit = sizing.fitting(plan, CALIBRATED, _seen(plan, 250, between_s=20.0, a=7.0), done=1, elapsed_s=20.0)
    assert (size, fit) == (250, 0)


def test_a_candidate_that_is_about_to_leave_makes_no_bursts_smaller_for_blocks_that_it_takes_no_part_in(
    plan: Plan,
) -> None:
    plan = replace(plan, budget_s=24.0)
    few, many = (
        sizing.fitting(plan, CALIBRATED, _seen(plan, 250, a=factor, b=1.0), done=2, elapsed_s=1.0)[0]
        for factor in (7.5, 30.0)
    )
    assert few < many


def test_blocks_to_warm_up_stay_glances_as_long_as_somebody_is_about_to_leave(plan: Plan) -> None:
    seen = _seen(plan, 63, a=30.0)
    assert sizing.fitting(plan, CALIBRATED, seen, done=1, elapsed_s=1.0)[0] == 63
    assert sizing.fitting(plan, CALIBRATED, seen, done=2, elapsed_s=1.0)[0] >= 250


def test_what_lies_between_trials_counts_whatever_the_size_of_a_burst(plan: Plan) -> None:
    plan = replace(plan, budget_s=30.0)
    sizes = [
        sizing.fitting(plan, CALIBRATED, _seen(plan, 250, between_s=between_s, a=2.0, b=2.0), done=1, elapsed_s=1.0)[0]
        for between_s in (0.1, 1.2)
    ]
    assert sizes[0] == CALIBRATED > sizes[1]


def test_blocks_that_count_and_those_that_are_executed_for_them_belong_together() -> None:
    for blocks in range(1, 60):
        assert sizing.counted(sizing.executed(blocks)) == blocks
        assert sizing.counted(sizing.executed(blocks) - 1) == blocks - 1


def test_the_budget_that_is_named_is_enough_for_what_is_missing() -> None:
    assert sizing.budget_s(missing=5, block_s=2.0, elapsed_s=12.0) >= 12.0 + 5 * 2.0
    assert sizing.budget_s(missing=12, block_s=2.0, elapsed_s=12.0) >= 12.0 + 14 * 2.0, "two are the first on a copy"
