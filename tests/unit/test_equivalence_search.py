"""The search for few calls that disagree, with a function in place of a server and a clock that stands."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import strategies as st

from schemabench import Call
from schemabench.equivalence.counterexample import Disagreement
from schemabench.equivalence.search import Effort, draw, search
from schemabench.errors import WorkloadError

EFFORT = Effort(drawn=50, sequences=20, length=10, search_s=1.0, shrink_s=1.0)
PUT, LOOK, DROP = (Call(name, {"key": "a"}) for name in ("put", "look", "drop"))
CALLS = [PUT, LOOK, DROP]


def _disagreement(calls: Sequence[Call]) -> Disagreement:
    return Disagreement(requests=tuple((call,) for call in calls), query="", expected=None, found="refused")


class Judge:
    """Finds fault with each sequence that holds some operations in order, and remembers how many it was asked."""

    def __init__(self, *faulty: str) -> None:
        self.faulty = faulty
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, calls: Sequence[Call]) -> Disagreement | None:
        """Judge a sequence as a server would: nothing is executed after the first fault."""
        names = [call.operation for call in calls]
        self.asked.append(tuple(names))
        missing = list(self.faulty)
        for number, name in enumerate(names, start=1):
            if missing and name == missing[0]:
                missing.pop(0)
            if not missing:
                return _disagreement(calls[:number])
        return None


def _standing() -> float:
    return 0.0


def _ticking(step_s: float) -> Callable[[], float]:
    ticks = count()
    return lambda: next(ticks) * step_s


def test_what_never_disagrees_is_asked_for_all_sequences() -> None:
    judge = Judge("absent")
    outcome = search(CALLS, judge, EFFORT, 1, _standing)

    assert (outcome.disagreement, outcome.sequences, outcome.complete) == (None, 20, True)
    assert {len(names) for names in judge.asked} == {EFFORT.length}


@pytest.mark.parametrize("faulty", [("put",), ("put", "put"), ("put", "look", "drop"), ("drop", "put", "drop", "put")])
def test_only_the_calls_that_matter_are_left(faulty: tuple[str, ...]) -> None:
    outcome = search(CALLS, Judge(*faulty), EFFORT, 1, _standing)

    assert outcome.disagreement is not None
    assert tuple(call.operation for call in outcome.disagreement.calls) == faulty
    assert outcome.complete


def test_calls_are_replaced_by_the_simplest_that_still_disagree() -> None:
    calls = [Call("put", {"key": key}) for key in ("a long key", "key", "b", "a")]

    def judge(sequence: Sequence[Call]) -> Disagreement | None:
        wrong = [place for place, call in enumerate(sequence) if call.values["key"] != "a"]
        return _disagreement(sequence[: wrong[0] + 1]) if wrong else None

    outcome = search(calls, judge, EFFORT, 1, _standing)

    assert outcome.disagreement is not None
    assert outcome.disagreement.calls == (Call("put", {"key": "b"}),)


def test_the_same_seed_asks_for_the_same_sequences_and_another_seed_for_others() -> None:
    asked = []
    for seed in (1, 1, 2):
        judge = Judge("absent")
        search(CALLS, judge, EFFORT, seed, _standing)
        asked.append(judge.asked)

    assert asked[0] == asked[1] != asked[2]


def test_no_sequence_is_begun_once_time_is_over() -> None:
    judge = Judge("absent")
    outcome = search(CALLS, judge, EFFORT, 1, _ticking(0.3))

    assert (outcome.sequences, outcome.complete) == (len(judge.asked), False)
    assert 0 < outcome.sequences < EFFORT.sequences


def test_what_was_found_stands_though_there_is_no_time_to_make_it_shorter() -> None:
    judge = Judge("drop", "put", "drop", "put")
    outcome = search(CALLS, judge, replace(EFFORT, shrink_s=0.0), 1, _ticking(0.01))

    assert outcome.disagreement is not None
    assert len(outcome.disagreement.calls) > len(judge.faulty)
    assert not outcome.complete


def test_what_goes_wrong_in_a_sequence_ends_the_search() -> None:
    def judge(_: Sequence[Call]) -> Disagreement | None:
        raise WorkloadError("the model failed")

    with pytest.raises(WorkloadError, match="the model failed"):
        search(CALLS, judge, EFFORT, 1, _standing)


def test_the_same_seed_draws_the_same_calls() -> None:
    strategy = st.sampled_from(CALLS)

    assert draw(strategy, 100, 7) == draw(strategy, 100, 7)
    assert {call.operation for call in draw(strategy, 100, 7)} == {"put", "look", "drop"}
    assert len(draw(strategy, 100, 7)) >= 100 // 2


def test_a_strategy_that_fails_is_the_workloads_fault() -> None:
    def fail(_: object) -> Call:
        raise ValueError("no call")

    with pytest.raises(WorkloadError, match="strategy of calls failed: ValueError"):
        draw(st.just(None).map(fail), 10, 1)
