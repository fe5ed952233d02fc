"""Warm-up, drift and copies: what is said of a run as a whole."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from schemabench.statistics import blocks_per_copy, drifts, steady_from, variances
from schemabench.statistics.copying import FEWEST_BLOCKS_PER_COPY, MOST_BLOCKS_PER_COPY

NAMES = ["baseline", "a", "b", "c"]


def simulate(random: np.random.Generator, blocks: int) -> NDArray[np.float64]:
    """Return rates of equal entrants on a machine that drifts."""
    return np.exp(np.linspace(0, 0.5, blocks)[:, None] + random.normal(0, 0.085, (blocks, 4)))


def test_steady_entrants_are_cut_at_the_least_in_nineteen_runs_of_twenty() -> None:
    random = np.random.default_rng(1)
    found = [steady_from(simulate(random, 60), NAMES, least=2, most=30) for _ in range(200)]
    # Standard error of the share: sqrt(0.05 * 0.95 / 200) = 1.5 %.
    assert found.count((2, True)) / 200 >= 0.95 - 2 * 0.015


def test_transient_of_one_entrant_is_cut() -> None:
    random = np.random.default_rng(2)
    cuts = []
    for _ in range(50):
        rates = simulate(random, 60)
        rates[:, 2] *= np.exp(-0.6 * np.exp(-np.arange(60) / 6))
        cuts.append(steady_from(rates, NAMES, least=2, most=30))
    assert all(steady for _, steady in cuts)
    assert sum(4 < cut <= 20 for cut, _ in cuts) >= 45


def test_machine_that_slows_down_for_all_is_steady() -> None:
    rates = simulate(np.random.default_rng(4), 60) * np.exp(np.linspace(1, 0, 60))[:, None]
    assert steady_from(rates, NAMES, least=2, most=30) == (2, True)


def test_change_that_no_cut_removes_is_told_and_costs_no_blocks() -> None:
    rates = simulate(np.random.default_rng(3), 60)
    rates[:, 1] *= np.exp(np.linspace(0, -1, 60))
    assert steady_from(rates, NAMES, least=2, most=30) == (2, False)


@pytest.mark.parametrize(("blocks", "entrants"), [(12, 4), (60, 1)])
def test_few_blocks_or_one_entrant_leave_nothing_to_look_at(blocks: int, entrants: int) -> None:
    rates = simulate(np.random.default_rng(3), blocks)[:, :entrants] * np.linspace(1, 2, blocks)[:, None]
    assert steady_from(rates, NAMES[:entrants], least=2, most=30) == (2, True)


def test_drift_is_the_slope_per_unit_of_rows() -> None:
    # 5 million rows over the run, a loss of 4 % for each.
    written = np.repeat(np.linspace(0, 5, 40)[:, None], 2, axis=1)
    logs = np.random.default_rng(1).normal(0, 0.01, (40, 2))
    logs[:, 1] += math.log(0.96) * written[:, 1]
    found = drifts(np.exp(logs), ["baseline", "bloats"], written, ())
    assert found["baseline"] is None
    assert found["bloats"] is not None
    assert found["bloats"].low < found["bloats"].value < found["bloats"].high < 0
    assert found["bloats"].value == pytest.approx(-0.04, abs=0.004)


def test_drift_without_noise_is_known_exactly_and_stalls_do_not_move_it() -> None:
    written = np.arange(30.0)[:, None]
    rates = np.exp(-0.1 * written)
    rates[[4, 17]] /= 3
    (found,) = drifts(rates, ["baseline"], written).values()
    assert found is not None
    assert found.value == pytest.approx(math.expm1(-0.1))


@pytest.mark.parametrize(("blocks", "rows"), [(9, 1.0), (30, 0.0)])
def test_too_few_blocks_or_no_rows_have_no_drift(blocks: int, rows: float) -> None:
    written = rows * np.arange(float(blocks))[:, None]
    assert drifts(np.exp(-np.arange(float(blocks)))[:, None], ["baseline"], written) == {"baseline": None}


def test_rows_written_that_become_fewer_are_refused() -> None:
    with pytest.raises(AssertionError, match="do not become fewer"):
        drifts(np.ones((12, 1)), ["baseline"], np.arange(12.0)[::-1, None])


def test_optimum_of_blocks_on_a_copy_is_kalibera_and_jones() -> None:
    # sqrt(copying costs 4 blocks * within is 100 times between) = 20.
    assert blocks_per_copy(1.0, 0.01, copy_s=8.0, block_s=2.0) == 20
    assert blocks_per_copy(1.0, 0.0, copy_s=8.0, block_s=2.0) == MOST_BLOCKS_PER_COPY
    assert blocks_per_copy(1.0, 1e-9, copy_s=8.0, block_s=2.0) == MOST_BLOCKS_PER_COPY
    assert blocks_per_copy(1.0, 5.0, copy_s=1.0, block_s=2.0) == FEWEST_BLOCKS_PER_COPY


def test_variances_are_those_that_were_put_in() -> None:
    random = np.random.default_rng(5)
    copies = [number // 10 for number in range(4000)]
    logs = random.normal(0, 0.1, (4000, 3)) + random.normal(0, 0.05, (400, 3))[copies]
    names = ["baseline", "a", "b"]
    within, between = variances(np.exp(logs), names, baseline="baseline", copies=copies)
    # A ratio has the variance of two rates.
    assert (within, between) == (pytest.approx(2 * 0.1**2, rel=0.05), pytest.approx(2 * 0.05**2, rel=0.15))
    assert variances(np.exp(logs), names, baseline="baseline", copies=())[1] == 0
    assert variances(np.ones((8, 1)), ["baseline"], baseline="baseline", copies=()) == (0, 0)


def test_drift_over_hardly_any_rows_has_ends_all_the_same() -> None:
    rates = np.exp(np.linspace(0, 1, 20))[:, None] * np.array([1.0, 1.1])
    written = np.linspace(0, 1e-6, 20)[:, None] * np.array([1.0, 1.0])

    found = drifts(rates, ["baseline", "a"], written)["a"]

    assert found is not None
    assert found.low <= found.value <= found.high < math.inf
