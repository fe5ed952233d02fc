"""Who leaves the blocks early, by made-up trials."""

from types import SimpleNamespace
from typing import Any

import pytest

from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.retiring import lagging, undecided

JITTER = (1.0, 1.02, 0.99, 1.01, 0.98, 1.0, 1.03)


def _trials(blocks: int, noise: float = 1.0, **seconds: float) -> Any:  # noqa: ANN401 (fakes)
    """Return trials of so many blocks: of baseline and control in 0.1 s, of the others in the seconds given."""
    found = {}
    for place, (name, duration_s) in enumerate({"baseline": 0.1, CONTROL: 0.1, **seconds}.items()):
        jitter = [1 + noise * (JITTER[(block + 2 * place) % len(JITTER)] - 1) for block in range(blocks)]
        found[name] = [
            SimpleNamespace(block=block, duration_s=duration_s * factor) for block, factor in enumerate(jitter)
        ]
    return found


def _names(trials: Any) -> list[str]:  # noqa: ANN401 (fakes)
    return list(trials)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(2.7, ["slow"]), (0.9, ["slow"]), (0.7, []), (0.1, []), (0.005, [])],
    ids=["27x", "9x", "7x", "as fast", "twenty times as fast"],
)
def test_who_takes_eight_times_as_long_as_the_baseline_or_more_leaves(seconds: float, expected: list[str]) -> None:
    trials = _trials(5, slow=seconds, quick=0.05)

    assert lagging(trials, _names(trials), CONTROL) == expected


def test_nobody_leaves_before_three_trials_after_the_first_block() -> None:
    early, late = _trials(3, slow=5.0), _trials(4, slow=5.0)

    assert not lagging(early, _names(early), CONTROL)
    assert lagging(late, _names(late), CONTROL) == ["slow"]


def test_nobody_leaves_while_noise_could_explain_it() -> None:
    trials = _trials(4, noise=25.0, slow=0.9)

    assert not lagging(trials, _names(trials), CONTROL)


def test_neither_baseline_nor_control_ever_leaves() -> None:
    trials = _trials(6)
    for one in trials[CONTROL]:
        one.duration_s *= 100

    assert not lagging(trials, _names(trials), CONTROL)


def test_who_has_taken_much_of_the_budget_leaves_without_proof_after_as_many_trials() -> None:
    early, late = _trials(3, noise=25.0, slow=1.2), _trials(4, noise=25.0, slow=1.2)

    assert not lagging(early, _names(early), CONTROL, pressing=["slow"])
    assert lagging(late, _names(late), CONTROL, pressing=["slow"]) == ["slow"]
    quick = _trials(4, noise=25.0, slow=0.3)
    assert not lagging(quick, _names(quick), CONTROL, pressing=["slow"]), "it is not so much slower"


def test_a_single_stall_makes_nobody_leave_however_long_it_is() -> None:
    trials = _trials(5, slow=0.1)
    trials["slow"][2].duration_s = 1_000.0

    assert not lagging(trials, _names(trials), CONTROL, pressing=["slow"])
    trials["slow"][3].duration_s = 1_000.0
    assert lagging(trials, _names(trials), CONTROL, pressing=["slow"]) == ["slow"]


@pytest.mark.parametrize(("blocks", "open_"), [(1, False), (2, True), (3, True), (4, False)])
def test_it_is_undecided_who_leaves_until_slow_ones_have_had_three_trials(blocks: int, open_: bool) -> None:  # noqa: FBT001
    slow, quick = _trials(blocks, slow=5.0), _trials(blocks, slow=0.3)

    assert undecided(slow, _names(slow), CONTROL) == open_
    assert not undecided(quick, _names(quick), CONTROL)
