"""The places of candidates that left the blocks, among those that stayed."""

import math
from dataclasses import replace

import pytest
from fixed_run import BASELINE, estimate, standing

from schemabench.experiment.departed import Departed, standings
from schemabench.records import Standing
from schemabench.statistics import Ranking, Span


def lead(ratio: float) -> Span:
    """Return how much faster another was than a candidate that left, as a log ratio that is proved."""
    return Span(centre=math.log(ratio), low=math.log(ratio) - 0.05, high=math.log(ratio) + 0.05, bounded=True)


def placed(stayed: Standing, ratio: float) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return rank and ties of all where `left` did, when another was so many times as fast."""
    gone = Departed(figure=estimate(8.0), leads={"baseline": lead(0.5), stayed.name: lead(ratio)})
    better = frozenset({(stayed.name, "baseline")})
    ranking = Ranking(standings=(stayed, standing("baseline", 2, BASELINE)), control=None, better=better, notices=())
    return {name: (one.rank, one.tied_with) for name, one in standings(ranking, {"left": gone}).items()}


@pytest.mark.parametrize("at_least", [True, False])
def test_who_left_is_never_ranked_above_a_lower_bound(*, at_least: bool) -> None:
    found = placed(replace(standing("stayed", 1, estimate(1.5)), at_least=at_least), 0.75)

    assert found["baseline"] == (3, ())
    assert found["left"] == (1, ("stayed",) if at_least else ())
    assert found["stayed"] == ((1, ("left",)) if at_least else (2, ()))


@pytest.mark.parametrize("at_least", [True, False])
def test_who_left_behind_a_lower_bound_is_ranked_below_it(*, at_least: bool) -> None:
    found = placed(replace(standing("stayed", 1, estimate(3.0)), at_least=at_least), 1.5)

    assert (found["stayed"], found["left"]) == ((1, ()), (2, ()))


def test_who_is_proved_slower_than_another_that_left_is_ranked_below_it_whatever_else_is_known() -> None:
    open_ = Span(centre=0.3, low=-0.1, high=0.7, bounded=True)
    faster = {name: standing(name, 1, estimate(3.0)) for name in ("a", "b", "c")}
    usual = standing("baseline", 4, BASELINE)
    better = frozenset((name, "baseline") for name in faster)
    ranking = Ranking(standings=(*faster.values(), usual), control=None, better=better, notices=())
    behind_all = {name: lead(2.0) for name in faster}
    middle = Departed(figure=estimate(8.0), leads={**behind_all, "baseline": lead(1.5), "slow": lead(0.7)})
    slow = Departed(figure=estimate(5.0), leads={"a": lead(3.0), "b": open_, "c": open_, "baseline": open_})
    found = {name: one.rank for name, one in standings(ranking, {"middle": middle, "slow": slow}).items()}

    assert found == {"a": 1, "b": 1, "c": 1, "baseline": 4, "middle": 5, "slow": 6}, "three are proved to be faster"
