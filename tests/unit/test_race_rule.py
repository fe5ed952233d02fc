"""Who leaves a race: proved slower than the leader, at a level that pays for all looks."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from schemabench.statistics import Beaten, beaten, race_spans, stretch
from schemabench.statistics.always_valid import critical

BASELINE, CONTROL = "baseline", "control"
NOISE = 0.08
"""Of a block's log rate."""


def entrants(candidates: int) -> list[str]:
    """Return the names of the baseline, the other candidates and the control."""
    return [BASELINE, *(f"c{number}" for number in range(1, candidates)), CONTROL]


def rates(
    seed: int, blocks: int, effects: Sequence[float], correlation: float = 0.0, noise: float = NOISE
) -> NDArray[np.float64]:
    """Return rates of entrants whose log rates are off by their effects; neighbouring blocks correlate."""
    random = np.random.default_rng(seed)
    own = random.normal(size=(blocks, len(effects)))
    for block in range(1, blocks):
        own[block] = correlation * own[block - 1] + math.sqrt(1 - correlation**2) * own[block]
    machine = random.normal(0, 0.25, (blocks, 1))
    found: NDArray[np.float64] = np.exp(noise * own + machine + np.array(effects))
    return found


def look(
    found: NDArray[np.float64], names: Sequence[str], staying: Sequence[str] = (BASELINE,), places: int = 1
) -> dict[str, Beaten]:
    """Return who is beaten after all blocks of some rates, among as many candidates as there are."""
    return beaten(found, names, control=CONTROL, candidates=len(names) - 1, places=places, staying=staying)


def test_who_is_slower_than_the_leader_by_several_spreads_leaves_after_a_dozen_blocks() -> None:
    names = entrants(4)
    found = look(rates(1, 12, [0.0, 0.6, 0.1, 0.58, 0.0]), names)

    assert list(found) == ["c2"]
    assert found["c2"].leader in {"c1", "c3"}
    assert set(found["c2"].leads) == {BASELINE, "c1", "c3"}
    assert found["c2"].leads[found["c2"].leader].low > 0


@pytest.mark.parametrize(
    ("places", "left"),
    [(1, ["c2", "c3", "c4"]), (2, ["c3", "c4"]), (3, ["c4"]), (4, ["c4"]), (9, ["c4"])],
    ids=["the fastest alone", "two places", "three places", "as many as there are others", "more than there are"],
)
def test_who_is_slower_than_as_many_others_as_there_are_places_leaves(places: int, left: Sequence[str]) -> None:
    """The baseline is the slowest but one: whoever is slower than all others leaves, however many places there are."""
    names = entrants(5)
    found = rates(8, 20, [-1.0, 2.0, 1.0, 0.0, -2.0, -1.0])

    assert list(look(found, names, places=places)) == left


def test_the_baseline_and_whoever_the_client_limits_stay_however_slow_they_are() -> None:
    names = entrants(3)
    slow = rates(2, 20, [-1.0, 0.0, -1.0, -1.0])

    assert list(look(slow, names)) == ["c2"]
    assert not look(slow, names, staying=[BASELINE, "c2"])


def test_few_blocks_beat_nobody_however_large_the_difference() -> None:
    names = entrants(2)

    assert not look(rates(3, 5, [0.0, -5.0, 0.0]), names)
    assert not look(np.empty((0, 3)), names)
    assert list(look(rates(3, 8, [0.0, -5.0, 0.0]), names)) == ["c1"]


def test_more_candidates_need_more_blocks() -> None:
    first = {
        count: next(
            blocks
            for blocks in range(2, 40)
            if look(rates(4, blocks, [0.0, -1.0, *[0.0] * (count - 1)]), entrants(count))
        )
        for count in (2, 5, 15)
    }

    assert first[2] < first[5] < first[15] < 20


def test_a_lead_that_shrinks_so_that_it_will_soon_be_gone_beats_nobody() -> None:
    names = entrants(2)
    found = rates(5, 30, [0.0, 0.0, 0.0])
    lagging, catching_up = found.copy(), found.copy()
    lagging[:, 1] *= 0.6
    catching_up[:, 1] *= np.linspace(0.4, 0.8, 30)

    assert list(look(lagging, names)) == ["c1"]
    assert not look(catching_up, names)


def test_a_lead_beats_nobody_while_blocks_do_not_exclude_that_it_will_soon_be_gone() -> None:
    """By the line alone a fifth of the lead would be left after as many blocks again; its slope is known less well."""
    names = entrants(2)
    found = rates(5, 30, [0.0, 0.0, 0.0])
    shrinking, less = found.copy(), found.copy()
    shrinking[:, 1] *= np.linspace(0.5, 0.66, 30)
    less[:, 1] *= np.linspace(0.5, 0.55, 30)
    leads = np.log(shrinking[:, 0] / shrinking[:, 1])

    assert np.polyval(np.polyfit(np.arange(30), leads, 1), 59) > 0
    assert not look(shrinking, names)
    assert list(look(less, names)) == ["c1"]


def test_the_verdict_does_not_depend_on_the_order_of_candidates_nor_on_the_unit() -> None:
    names = entrants(5)
    found = rates(6, 25, [0.0, 0.3, -0.2, 0.31, -0.4, 0.0])
    order = [3, 0, 5, 1, 4, 2]
    once, again = look(found, names), look(1000 * found[:, order], [names[column] for column in order])

    assert once.keys() == again.keys() == {"c2", "c4"}
    assert {name: one.leader for name, one in once.items()} == {name: one.leader for name, one in again.items()}


def test_dependence_between_blocks_widens_what_holds_at_all_looks() -> None:
    def width(correlation: float) -> float:
        logs = np.log(rates(7, 60, [0.0] * 6, correlation))
        spans = race_spans(logs, entrants(5), family=10)
        return float(np.mean([span.high - span.low for span in spans.values()]) / np.std(logs[:, 0] - logs[:, 1]))

    assert width(0.6) > 1.4 * width(0.0)


@pytest.mark.parametrize("level", [0.05, 0.001])
def test_the_boundary_is_beyond_students_point_of_a_single_look_and_narrows_as_blocks_add_up(level: float) -> None:
    means = [critical(blocks, level) / math.sqrt(blocks) for blocks in (12, 24, 48, 96)]

    assert means == sorted(means, reverse=True)
    assert all(stretch(blocks) > 1.2 for blocks in (6, 12, 24, 48, 96))
    assert critical(2, level) == math.inf


def ever_apart(seed: int, blocks: int, correlation: float) -> bool:
    """Return whether one true mean is ever beyond the interval at the level of 5 %."""
    values = rates(seed, blocks, [0.0, 0.0], correlation)
    differences = np.log(values[:, 0] / values[:, 1])
    done = np.arange(1, blocks + 1)
    means = np.cumsum(differences) / done
    with np.errstate(invalid="ignore", divide="ignore"):
        deviations = np.sqrt((np.cumsum(differences**2) - done * means**2) / (done - 1))
        reach = np.array([critical(int(n), 0.05) if n > 1 else math.inf for n in done]) * deviations / np.sqrt(done)
    return bool((np.abs(means[1:]) > reach[1:]).any())


def test_the_true_mean_is_ever_beyond_the_interval_in_no_more_runs_than_its_level_says() -> None:
    share = np.mean([ever_apart(seed, 200, 0.0) for seed in range(1000)])

    assert share < 0.05
