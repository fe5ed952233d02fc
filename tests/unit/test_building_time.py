"""What a run says beforehand of the time that it takes beyond its budget."""

from dataclasses import replace
from pathlib import Path

import made_up
import pytest

from schemabench import statistics
from schemabench.errors import UsageError
from schemabench.experiment.forecasting import Openings, forecast, forecast_afterwards, forecast_blocks


def test_long_building_is_forecast() -> None:
    text = forecast(43, 150.0, 40.0)

    assert text == (
        "checking and building 43 candidates takes about 2 min 30 s, in addition to the budget of 40.0 s and to what "
        "is compared at the end"
    )


def test_copies_are_forecast_with_it() -> None:
    assert forecast(43, 5.0, 40.0, 2.0) == ""
    assert ", and copying their databases meanwhile up to 16.0 s, in addition" in forecast(43, 5.0, 40.0, 16.0)
    assert ", in addition to the 40.0 s of its blocks and to" in forecast(43, 150.0, 40.0, is_step=True), "of a curve"


def test_what_entrants_do_by_turns_after_the_blocks_is_forecast(tmp_path: Path) -> None:
    plan = made_up.plan(tmp_path, "a", budget_s=40.0)
    production = replace(plan.found.workload, production_s=lambda _: 0.5)
    paced = replace(plan, found=replace(plan.found, workload=production))

    assert forecast_afterwards(plan) == ""
    assert forecast_afterwards(replace(plan, soak_s=2.0)) == ""
    assert forecast_afterwards(replace(plan, soak_s=600.0, adequacy_s=20.0)) == (
        "after the blocks, the soak takes about 30 min, 10 min for each of 3 entrants"
    ), "there is no production load"
    assert forecast_afterwards(replace(paced, soak_s=600.0, adequacy_s=20.0)) == (
        "after the blocks, replaying production's load takes about 1 min, 20.0 s for each of 3 entrants, and the soak "
        "takes about 30 min, 10 min for each of 3 entrants"
    )


@pytest.mark.parametrize(
    ("expected_s", "budget_s"), [(9.0, 0.2), (10.0, 40.0), (119.0, 600.0)], ids=["short", "brief", "small-share"]
)
def test_building_that_is_short_or_a_small_share_is_not(expected_s: float, budget_s: float) -> None:
    assert forecast(4, expected_s, budget_s) == ""


def test_blocks_that_take_much_longer_than_the_budget_are_told_after_the_first(tmp_path: Path) -> None:
    plan = made_up.plan(tmp_path, "a", budget_s=40.0)

    assert forecast_blocks(plan, 24.0) == (
        "the first block took 24.0 s, and a run has 3 at least: at this pace they take 1 min 12 s, where the "
        "budget is 40.0 s"
    )
    with pytest.raises(UsageError, match=r"too short with sessions by turns: the first block took 24\.0 s") as refused:
        forecast_blocks(plan, 24.0, by_turns=True)
    assert refused.value.remedies[0] == "give the run more time: --budget 200s, for 8 blocks, as a verdict needs"
    assert not forecast_blocks(plan, 15.0, by_turns=True)
    assert not forecast_blocks(plan, 15.0)
    assert not forecast_blocks(replace(plan, shares_budget=True), 24.0)
    assert not forecast_blocks(replace(plan, budget_s=0.0), 24.0)


MANY = Openings(entrants=43, clients=200, opening_s=1.0, turn_s=1.05, lacking=8_800)
"""A block takes 43 times 1.05 s."""
TELLING = 2 + statistics.fewest_blocks(42)
"""With two that do not count."""


def test_a_budget_that_opening_sessions_by_turns_exceeds_is_refused_with_one_that_suffices() -> None:
    with pytest.raises(UsageError) as caught:
        MANY.check(40.0)

    assert str(caught.value) == (
        "A budget of 40.0 s is too short for 43 entrants with 200 sessions each, which the server has room for by "
        "turns only\n"
        "Checked:\n"
        "  - opening those of one entrant takes about 1.00 s\n"
        "  - a block of all entrants takes at least 45.1 s\n"
        f"  - a run has 3 blocks at least, and {TELLING} can tell candidates apart\n"
        "To fix this, either:\n"
        f"  - give the run more time: --budget {TELLING * 45.15 // 10 * 10 + 10:.0f}s\n"
        "  - open fewer sessions: --clients N, or --candidate NAME for some of the candidates\n"
        "  - use a server with memory and max_connections for 8,800 more sessions: then all stay open"
    )


def test_a_budget_with_room_for_too_few_blocks_is_told_so() -> None:
    MANY.check(140.0)

    assert MANY.forecast(140.0) == (
        "opening the sessions of 43 entrants by turns takes about 43.0 s in each block: the budget of 2 min 20 s has "
        f"room for 3 blocks, and the {TELLING} that can tell candidates apart take {TELLING * 45.15 // 60:.0f} min "
        f"{TELLING * 45.15 % 60:.0f} s"
    )
    assert MANY.forecast(TELLING * 45.15 - 1), "blocks end at the budget"


def test_the_budget_that_is_asked_for_suffices() -> None:
    asked_s = TELLING * 45.15

    MANY.check(asked_s)
    assert not MANY.forecast(asked_s)


def test_a_run_never_exceeds_its_budget_by_more_than_a_fifth_or_what_nobody_minds() -> None:
    few = Openings(entrants=4, clients=4, opening_s=0.4, turn_s=0.45, lacking=9)  # three blocks take 5.4 s

    MANY.check(3 * 45.15 / 1.19)
    few.check(0.5)
    with pytest.raises(UsageError):
        MANY.check(3 * 45.15 / 1.21)
    with pytest.raises(UsageError):
        few.check(0.3)
