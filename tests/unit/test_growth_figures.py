"""What a step takes from its experiment: whose figures are sound, and where two candidates change places."""

from dataclasses import replace
from math import exp

import numpy as np
import pytest
from fixed_run import USAGE, judged

from schemabench.growth import figures
from schemabench.records import CandidateResult, Estimate, Experiment, Retirement, Standing

STEPS = 7


def result(name: str, ratio: Estimate, *, tied: bool) -> CandidateResult:
    """Return a ranked candidate."""
    standing = Standing(
        name=name, figure=ratio, to_baseline=ratio, rank=1, tied_with=(name, "baseline") if tied else (name,)
    )
    return replace(USAGE.candidates[0], name=name, status="ranked", standings={"throughput": standing})


def step(value: float, error: float) -> Experiment:
    """Return an experiment of twenty blocks: the logarithm of the other's ratio, and its standard error."""
    ratio = Estimate(value=exp(value), low=exp(value - 2.09 * error), high=exp(value + 2.09 * error))
    base = result("baseline", Estimate(value=1.0, low=1.0, high=1.0), tied=False)
    other = result("other", ratio, tied=ratio.low <= 1 <= ratio.high)
    return replace(USAGE, candidates=(base, other), blocks=20)


def crossings(*steps: Experiment) -> list[bool]:
    """Return for each crossing whether it is beyond chance."""
    measured = [(1_000.0 * 2**place, one) for place, one in enumerate(steps)]
    return [one.is_certain for one in figures.crossings(measured)]


def doubtful(found: Experiment) -> Experiment:
    """Return an experiment whose baseline differs from itself."""
    control = found.control
    assert control is not None
    return judged(found, "throughput", control=replace(control, tied_with=()))


def certain(*steps: Experiment) -> int:
    """Return the number of crossings beyond chance."""
    return sum(crossings(*steps))


@pytest.mark.parametrize(("trials", "is_few"), [(5, True), (6, False)])
def test_a_candidate_that_left_after_few_trials_has_a_range_and_no_interval(trials: int, *, is_few: bool) -> None:
    trial = next(one for one in USAGE.candidates[0].trials if not one.warmup)
    left = Retirement(trials=trials, slower=Estimate(value=20.0, low=15.0, high=30.0))
    slow = replace(USAGE.candidates[0], retired=left, trials=(trial,) * trials)
    (own,) = figures.step(1.0, replace(USAGE, candidates=(slow,))).figures
    (stayed,) = figures.step(1.0, replace(USAGE, candidates=(replace(slow, retired=None),))).figures

    assert (own.has_few_trials, own.is_sound()) == (is_few, not is_few)
    assert not stayed.has_few_trials, "who stays to the end is judged by the step"


@pytest.mark.parametrize(("busy_share", "is_limited"), [(None, False), (0.8, False), (0.81, True)])
def test_a_candidate_under_which_the_load_loop_was_busy_is_limited(
    busy_share: float | None, *, is_limited: bool
) -> None:
    (own,) = figures.step(
        1.0, replace(USAGE, candidates=(replace(USAGE.candidates[0], busy_share=busy_share),))
    ).figures

    assert (own.is_limited, own.is_sound(), own.is_sound("p99_ns")) == (is_limited, not is_limited, not is_limited)
    assert own.is_sound("wal_bytes_per_call"), "the load generator does not bound what the server writes"


def test_wal_per_call_does_not_depend_on_how_many_trials_each_copy_has() -> None:
    """The first change of each page of a copy is logged whole: at 10 and at 30 trials for each of four copies."""
    few, many = (
        figures.step(1.0, replace(USAGE, candidates=(copied(4, trials),))).figures[0].wal_bytes_per_call
        for trials in (10, 30)
    )

    assert few is not None
    assert few == many
    assert few.value == pytest.approx(200 + 800 * (1 - 0.5**6) / 3)


def copied(copies: int, trials: int) -> CandidateResult:
    """Return a candidate with so many trials on each copy, of 1,000 bytes per call at first, and 200 in the end."""
    one = next(one for one in USAGE.candidates[0].trials if not one.warmup)
    return replace(
        USAGE.candidates[0],
        trials=tuple(
            replace(one, copy=copy, counters={"wal_bytes": (200 + 800 * 0.5**number) * one.operations})
            for copy in range(copies)
            for number in range(trials)
        ),
    )


def test_a_crossing_beyond_chance_has_differences_that_hold_among_all_steps() -> None:
    ahead, behind, tied = step(0.5, 0.05), step(-0.5, 0.05), step(0.0, 0.05)
    barely = step(-0.11, 0.05)  # 2.2 standard errors: beyond chance for one step, and not for seven

    assert certain(ahead, *[tied] * 5, behind) == 1
    assert certain(ahead, *[tied] * 5, barely) == 0
    assert certain(ahead, barely) == 0, "2.4 standard errors are needed where two steps might have shown it"
    assert certain(ahead, step(-0.13, 0.05)) == 1


def test_a_candidate_that_leads_at_one_end_and_ties_elsewhere_is_rarely_overtaken() -> None:
    """Each step on its own would show a crossing in one of seven curves."""
    random = np.random.default_rng(7)
    curves, error = 400, 0.05
    found = sum(
        certain(step(0.5, error), *(step(random.normal(0.0, error), error) for _ in range(STEPS - 1)))
        for _ in range(curves)
    )

    assert found <= 0.05 * curves


def test_a_crossing_beyond_chance_at_its_steps_but_not_at_all_together_is_perhaps_one() -> None:
    """Also where the sign changes between two steps at which both tie."""
    steps = [step(value, 0.05) for value in (0.5, 0.01, 0.01, -0.01, -0.01, -0.11)]

    assert crossings(*steps) == [False]
    assert crossings(*steps[:-1], step(-0.5, 0.05)) == [True], "the one crossing is told once"


def test_no_crossing_rests_on_a_step_that_the_load_generator_limited() -> None:
    behind = step(-0.5, 0.05)
    busy = tuple(replace(one, busy_share=0.9) for one in behind.candidates)

    assert crossings(step(0.5, 0.05), behind) == [True]
    assert crossings(step(0.5, 0.05), replace(behind, candidates=busy)) == []


def test_no_crossing_rests_on_a_step_at_which_the_baseline_differs_from_itself() -> None:
    ahead, behind = step(0.5, 0.05), step(-0.5, 0.05)

    assert crossings(ahead, behind) == [True]
    assert crossings(doubtful(ahead), behind) == []
    assert crossings(ahead, doubtful(behind)) == []
    assert crossings(ahead, doubtful(behind), behind) == [True], "the others tell it"


def test_a_step_that_is_left_out_makes_no_other_one_easier_to_pass() -> None:
    ahead, barely = step(0.5, 0.05), step(-0.13, 0.05)  # 2.6 standard errors, where seven steps take 3.0

    assert crossings(ahead, barely) == [True]
    assert crossings(ahead, *[doubtful(ahead)] * 5, barely) == [False]


@pytest.mark.parametrize(("least", "certain_one"), [(4.0, [True]), (0.8, [])], ids=["proved", "not proved"])
def test_a_candidate_that_leads_and_is_then_proved_far_slower_is_overtaken(
    least: float, certain_one: list[bool]
) -> None:
    """However few trials proved it: at a cliff, there are never more."""
    cliff = step(-3.3, 0.05)
    trial = next(one for one in USAGE.candidates[0].trials if not one.warmup)
    left = Retirement(trials=3, slower=Estimate(value=27.0, low=least, high=99.0))
    base, slow = cliff.candidates
    retired = replace(cliff, candidates=(base, replace(slow, retired=left, trials=(trial,) * 3)))

    assert crossings(step(1.2, 0.05), retired) == certain_one
