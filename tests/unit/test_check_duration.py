"""The budget that a check advises: a run with it has the blocks that would tell."""

import math
from dataclasses import replace
from pathlib import Path

import made_up
import pytest
from fixed_run import BASELINE, USAGE, ranked, standing

from schemabench import statistics
from schemabench.experiment import plan, sizing
from schemabench.records import Experiment
from schemabench.report import verdict

UNIT_S = 1e-5
"""Time of a burst of size 1."""


def run(folder: Path, budget_s: float, others: int, overhead_s: float) -> Experiment:
    """Return the record of a simulated run of equal candidates.

    Args:
        folder: For the plan's files.
        budget_s: Its budget.
        others: The candidates beside the baseline.
        overhead_s: The work between the trials of a block.
    """
    names = [f"c{number}" for number in range(others)]
    folder.mkdir(exist_ok=True)
    plan = made_up.plan(folder, *names, budget_s=budget_s)
    entrants = ["baseline", "control", *names]
    calibrated = round(plan.trial_s / UNIT_S)
    glance = sizing.glance(plan, calibrated)
    trials_s = dict.fromkeys(entrants, glance * UNIT_S)
    spent_s = sum(trials_s.values()) + overhead_s
    seen = sizing.Seen(size=glance, trials_s=trials_s, elapsed_s=spent_s)
    size = sizing.fitting(plan, calibrated, seen, spent_s)
    block_s = size * UNIT_S * len(entrants) + overhead_s
    spent_s, blocks = spent_s + block_s, 0
    while not sizing.spent(plan, others + 1, blocks, spent_s + block_s / 2):
        spent_s, blocks = spent_s + block_s, blocks + 1
    return replace(
        USAGE,
        candidates=tuple(ranked(standing(name, 1, BASELINE), "") for name in ("baseline", *names)),
        blocks=blocks,
        warmup_blocks=sizing.UNCOUNTED,
        blocks_needed=statistics.fewest_blocks(others + 1),
        operations=size,
        shortened_from=calibrated if size < calibrated else 0,
        budget_s=budget_s,
        spent_s=spent_s,
        elapsed_s=spent_s,
    )


@pytest.mark.parametrize("budget_s", [4.0, 10.0, 45.0, 300.0])
@pytest.mark.parametrize("others", [1, 4, 13])
@pytest.mark.parametrize("overhead_s", [0.0, 0.3])
@pytest.mark.parametrize("times", [1.2, 3.0, 30.0])
def test_run_with_the_advised_budget_has_the_blocks_that_would_tell(
    tmp_path: Path, budget_s: float, others: int, overhead_s: float, times: float
) -> None:
    short = run(tmp_path / "short", budget_s, others, overhead_s)
    wanted = math.ceil(times * (short.blocks + 1))
    longer = run(tmp_path / "longer", verdict.budget_s(short, wanted), others, overhead_s)

    assert longer.blocks >= wanted
    if not overhead_s and wanted > sizing.wanted(others + 1):
        assert longer.blocks <= 1.5 * wanted, "no more is asked for than is needed"


def test_blocks_that_are_not_shortened_are_taken_to_last_as_long_as_before(tmp_path: Path) -> None:
    long = run(tmp_path, 300.0, 1, 0.0)

    assert verdict.budget_s(long, 2 * long.blocks) == pytest.approx(1.25 * 600, rel=0.01)


def test_reports_know_how_long_trials_are_meant_to_last_as_experiments_do() -> None:
    theirs = (plan.SHORTEST_TRIAL_S, plan.TRIAL_S, plan.BLOCKS_IN_BUDGET, sizing.wanted(3))

    assert theirs == (
        verdict._SHORTEST_TRIAL_S,
        verdict._LONGEST_TRIAL_S,
        verdict._BLOCKS_IN_BUDGET,
        verdict._WANTED * statistics.fewest_blocks(3),
    )
