"""Who leaves the blocks early, and what is said of it."""

import pytest

from schemabench.experiment import retiring
from schemabench.experiment.plan import CONTROL
from schemabench.records import Trial


def _trials(*durations_s: float) -> list[Trial]:
    return [
        Trial(
            block=block,
            position=0,
            warmup=block < 2,
            started_s=0.0,
            duration_s=duration_s,
            operations=10,
            rows=10,
            retries=0,
            busy_share=0.1,
            writers_s={},
        )
        for block, duration_s in enumerate(durations_s)
    ]


QUIET = {"baseline": _trials(0.1, 0.1, 0.1, 0.1), CONTROL: _trials(0.1, 0.11, 0.09, 0.1)}


def _found(trials: dict[str, list[Trial]]) -> dict[str, retiring.Retired]:
    candidates = [name for name in trials if name not in QUIET]
    return retiring.find(trials, list(trials), candidates, len(trials["baseline"]))


def test_a_candidate_that_takes_many_times_as_long_in_each_of_its_first_trials_leaves() -> None:
    found = _found(QUIET | {"slow": _trials(2.0, 1.5, 1.6, 1.4), "quick": _trials(0.1, 0.1, 0.1, 0.1)})
    assert list(found) == ["slow"]
    assert str(found["slow"]) == "at least 12x slower than the baseline, in 4 of 4 trials"
    assert found["slow"].ratio.value == pytest.approx(1 / 15.5, rel=0.01)
    assert found["slow"].better == {("baseline", "slow"), ("quick", "slow")}
    assert found["slow"].blocks == 4


def test_a_candidate_that_is_farther_from_the_baseline_leaves_after_three_trials() -> None:
    three = {name: some[:3] for name, some in QUIET.items()}
    assert str(_found(three | {"slow": _trials(2.0, 2.0, 2.0)})["slow"]).startswith("at least 16x slower")
    noisy = three | {CONTROL: _trials(0.1, 0.15, 0.1)}
    assert _found(noisy | {"slow": _trials(0.85, 0.85, 0.85)}) == {}
    assert str(_found(noisy | {"slow": _trials(4.0, 4.0, 4.0)})["slow"]).endswith("in 3 of 3 trials")


def test_nobody_leaves_before_there_are_trials_enough_for_a_bound() -> None:
    trials = {name: some[:2] for name, some in QUIET.items()} | {"slow": _trials(9.0, 9.0)}
    assert _found(trials) == {}


def test_a_candidate_that_was_slow_in_its_first_trials_alone_stays() -> None:
    assert _found(QUIET | {"cold": _trials(9.0, 9.0, 9.0, 0.2)}) == {}


def test_a_candidate_that_was_quick_at_first_leaves_after_as_many_slow_trials_and_both_are_counted() -> None:
    trials = {name: [*some, some[-1]] for name, some in QUIET.items()} | {"late": _trials(0.1, 1.5, 1.5, 1.5, 1.5)}
    assert str(_found(trials)["late"]) == "at least 13x slower than the baseline, in 4 of 5 trials"


def test_where_the_baseline_differs_much_from_itself_nobody_leaves_for_what_may_be_chance() -> None:
    noisy = QUIET | {CONTROL: _trials(0.1, 0.3, 0.1, 0.1)}
    assert _found(noisy | {"slow": _trials(1.0, 1.0, 1.0, 1.0)}) == {}
    assert str(_found(noisy | {"slow": _trials(3.0, 3.0, 3.0, 3.0)})["slow"]).startswith("at least 10x slower")


def test_two_that_leave_are_told_apart_from_each_other_only_where_their_trials_are() -> None:
    found = _found(
        QUIET | {"a": _trials(2.0, 2.0, 2.1, 2.0), "b": _trials(2.1, 1.9, 2.0, 2.0), "c": _trials(*[9.0] * 4)}
    )
    assert found["a"].better == {("baseline", "a"), ("a", "c")}
    assert found["c"].better == {("baseline", "c"), ("a", "c"), ("b", "c")}
