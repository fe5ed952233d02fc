"""Slopes over an entrant's own work: known ones are found; equal entrants on a machine that drifts tie in every one."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from schemabench.records import Estimate
from schemabench.statistics import FEWEST_ROUNDS, Ageing, ageing

NAMES = ("baseline", "control", "bloating", "steady")
ROUNDS = 20
JUDGED = 3
"""Figures of each entrant: rate, p50 and p99."""
NOISE = 0.05
"""Of one turn, as a standard deviation of its logarithm."""
MACHINE = 0.08
"""By which the machine changes from round to round."""


def _worked(rounds: int, entrants: int) -> NDArray[np.float64]:
    return np.arange(rounds)[:, None] + 0.5 + np.zeros((rounds, entrants))


def _series(seed: int, lost: float = 0.0, rounds: int = ROUNDS) -> NDArray[np.float64]:
    """Return rates on a machine that wanders and slows down; the third entrant loses a share in each round besides."""
    random = np.random.default_rng(seed)
    machine = np.cumsum(random.normal(-0.03, MACHINE, rounds))
    logs = machine[:, None] + random.normal(0, NOISE, (rounds, len(NAMES)))
    logs[:, 2] += np.log1p(-lost) * np.arange(rounds)
    rates: NDArray[np.float64] = 1000 * np.exp(logs)
    return rates


def _aged(rates: NDArray[np.float64], judged: int = 1) -> dict[str, Ageing]:
    return ageing(rates, NAMES, _worked(*rates.shape), baseline="baseline", judged=judged)


def _differs(change: Estimate | None) -> bool:
    return change is not None and not change.low <= 0 <= change.high


@pytest.mark.parametrize("lost", [0.06, 0.12, 0.5])
def test_a_known_slope_is_found_however_the_machine_drifts(lost: float) -> None:
    aged = [_aged(_series(seed, lost))["bloating"].to_baseline for seed in range(20)]

    assert all(_differs(change) for change in aged)
    assert np.median([change.value for change in aged if change]) == pytest.approx(-lost, abs=0.01)
    assert sum(change.low <= -lost <= change.high for change in aged if change) >= 18


def test_equal_entrants_on_a_machine_that_drifts_tie() -> None:
    found = [_aged(_series(seed)) for seed in range(200)]
    false = sum(any(_differs(one.to_baseline) for one in aged.values()) for aged in found)
    own = sum(any(_differs(one.own) for one in aged.values()) for aged in found)

    assert false <= 16, "5 % of 200, and two standard deviations"
    assert own > 2 * false, "their own figures have the machine's drift, which is why they decide nothing"


def _turns(seed: int, lost: float, busy: float) -> NDArray[np.float64]:
    """Return rates of equal entrants, each turn as fast as the machine is then, in random order in each round.

    The machine wanders from turn to turn. At half of the time, in the middle of a round, it loses a share for good; and
    it is busy for a share in spells of about six turns.
    """
    random, count = np.random.default_rng(seed), ROUNDS * len(NAMES)
    machine = np.cumsum(random.normal(0, MACHINE / 2, count))
    machine[count // 2 + random.integers(0, len(NAMES)) :] += np.log1p(-lost)
    machine += np.log1p(-busy) * (np.cumsum(random.random(count) < 1 / 6) % 2)
    logs = random.permuted(machine.reshape(ROUNDS, len(NAMES)), axis=1)
    rates: NDArray[np.float64] = 1000 * np.exp(logs + random.normal(0, NOISE, logs.shape))
    return rates


@pytest.mark.parametrize(("lost", "busy"), [(0.5, 0.0), (0.0, 0.4), (0.5, 0.4)])
def test_equal_entrants_tie_on_a_machine_that_slows_down_within_a_round(lost: float, busy: float) -> None:
    found = [_aged(_turns(seed, lost, busy)) for seed in range(200)]
    false = sum(any(_differs(one.to_baseline) for one in aged.values()) for aged in found)

    assert false <= 16, "as above"


def _skipping(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rates of which the third entrant skips every third round, and the fourth two in five."""
    rounds = np.arange(len(rates))
    found = rates.copy()
    found[rounds % 3 == 2, 2] = np.nan
    found[(rounds % 5 == 1) | (rounds % 5 == 4), 3] = np.nan
    return found


def _false(make: Callable[[int], NDArray[np.float64]], soaks: int) -> int:
    """Return in how many soaks an entrant that skips no round, or one that does, drifts against the baseline."""
    found = [_aged(_skipping(make(seed))) for seed in range(soaks)]
    for name, most in (("control", 0.1), ("bloating", 0.25), ("steady", 0.25)):
        without = sum(aged[name].to_baseline is None for aged in found)
        assert without <= most * soaks, f"{name}: so few rounds leave some without a slope, but not most"
    return sum(any(_differs(one.to_baseline) for one in aged.values()) for aged in found)


def test_equal_entrants_of_which_some_skip_rounds_tie_in_all_but_one_soak_of_twenty() -> None:
    assert _false(lambda seed: _series(seed, rounds=21), 200) <= 16, "5 % of 200, and two standard deviations"
    assert _false(lambda seed: _turns(seed, 0.5, 0.4), 200) <= 16, "likewise, on a machine that slows down in a round"


def _alike(make: Callable[[int], NDArray[np.float64]], seed: int) -> list[NDArray[np.float64]]:
    """Return a rate, p50 and p99 of each turn: what makes it slow is in all of them, besides noise of their own.

    That of p99 is four times as large, and has outliers: Student's t with three degrees of freedom.
    """
    rates, random = make(seed), np.random.default_rng((seed, JUDGED))
    noise = (random.normal(0, NOISE, rates.shape), 4 * NOISE * random.standard_t(3, rates.shape))
    return [rates, *(np.exp(one) / rates for one in noise)]


def _apart(make: Callable[[int], NDArray[np.float64]], seed: int) -> list[NDArray[np.float64]]:
    """Return three figures that have nothing to do with each other: chance has three times as many occasions."""
    return [make(JUDGED * seed + place) for place in range(JUDGED)]


def _false_of(soaks: Sequence[Sequence[NDArray[np.float64]]], judged: int) -> int:
    """Return in how many soaks any figure of any entrant drifts against the baseline."""
    aged = [[_aged(figure, judged) for figure in figures] for figures in soaks]
    return sum(any(_differs(one.to_baseline) for each in own for one in each.values()) for own in aged)


def _slowing(seed: int) -> NDArray[np.float64]:
    return _turns(seed, 0.5, 0.4)


@pytest.mark.parametrize(("figures", "make"), [(_alike, _series), (_apart, _slowing)])
def test_equal_entrants_tie_in_all_judged_figures_in_all_but_one_soak_of_twenty(
    figures: Callable[[Callable[[int], NDArray[np.float64]], int], list[NDArray[np.float64]]],
    make: Callable[[int], NDArray[np.float64]],
) -> None:
    soaks = [figures(make, seed) for seed in range(200)]

    assert _false_of(soaks, JUDGED) <= 16, "5 % of 200, and two standard deviations"


def test_figures_judged_each_by_itself_would_tell_equal_entrants_apart_far_more_often() -> None:
    soaks = [_alike(_series, seed) for seed in range(200)]

    assert _false_of(soaks, 1) > 2 * _false_of(soaks, JUDGED)


def test_equal_entrants_that_skip_rounds_tie_in_all_judged_figures() -> None:
    soaks = [[_skipping(one) for one in _alike(lambda own: _series(own, rounds=21), seed)] for seed in range(200)]

    assert _false_of(soaks, JUDGED) <= 16, "likewise"


def test_a_loss_that_becomes_slower_with_time_is_found_and_not_taken_for_dependence() -> None:
    bend = np.where(np.array(NAMES) == "bloating", np.exp(-1.4 * (1 - np.exp(-np.arange(ROUNDS)[:, None] / 10))), 1.0)
    aged = [_aged(_series(seed) * bend, JUDGED) for seed in range(60)]

    assert sum(_differs(one["bloating"].to_baseline) for one in aged) >= 48, "it loses 70 % in the end"
    assert sum(_differs(one["control"].to_baseline) for one in aged) <= 6


@pytest.mark.parametrize("lost", [0.12, 0.5])
def test_a_known_slope_is_found_among_all_judged_figures(lost: float) -> None:
    aged = [_aged(_series(seed, lost), JUDGED)["bloating"].to_baseline for seed in range(20)]
    known = [one for one in aged if one]

    assert len(known) >= 18, "few lack an interval"
    assert all(_differs(one) and one.low <= -lost <= one.high for one in known)


def test_a_known_slope_is_found_of_who_skips_rounds() -> None:
    aged = [_aged(_skipping(_series(seed, 0.12, 21)))["bloating"].to_baseline for seed in range(40)]
    known = [one for one in aged if one]

    assert len(known) >= 30
    assert all(_differs(one) for one in known)
    assert np.median([one.value for one in known]) == pytest.approx(-0.12, abs=0.01)


def test_who_skips_no_round_has_the_slope_of_a_soak_in_which_nobody_does() -> None:
    rates = _series(1, 0.12)
    alone = ageing(rates[:, :2], NAMES[:2], _worked(ROUNDS, 2), baseline="baseline")["control"].to_baseline
    beside = _aged(_skipping(rates))["control"].to_baseline

    assert alone is not None
    assert beside is not None
    assert beside.value == alone.value
    assert beside.low <= alone.low < alone.high <= beside.high, "it holds together with those of the others"


def test_the_baseline_is_compared_with_nobody() -> None:
    aged = _aged(_series(1))
    assert aged["baseline"].own is not None
    assert aged["baseline"].to_baseline is None


def test_too_few_rounds_have_no_slope() -> None:
    rates = _series(1, rounds=FEWEST_ROUNDS - 1)
    assert set(_aged(rates).values()) == {Ageing(own=None, to_baseline=None)}


def test_who_works_for_longer_in_the_same_rounds_is_compared_by_the_time_between() -> None:
    worked = _worked(ROUNDS, 2) * np.array([1.0, 1.2])
    rates = np.exp(-0.1 * worked * np.array([0.0, 1.0]))
    aged = ageing(rates, ("baseline", "late"), worked, baseline="baseline")
    late = aged["late"]

    assert late.own is not None
    assert late.own.value == pytest.approx(np.expm1(-0.1))
    assert late.to_baseline is not None
    assert late.to_baseline.value == pytest.approx(np.expm1(-0.1 * 1.2 / 1.1))
