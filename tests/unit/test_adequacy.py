"""The burst at production's pace: who executes it, what is judged, and what limits the answer. Nothing is executed."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import made_up
import numpy as np
import pytest
from numpy.typing import NDArray

from schemabench.errors import CandidateError
from schemabench.experiment.adequacy import keep_pace, notices
from schemabench.experiment.burst import Burst, Encoded, Turn
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.feed import Feed
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.experiment.shifts import Shifts
from schemabench.experiment.team import Executed, Samples
from schemabench.load import Limits
from schemabench.records import Adequacy

MS = 1_000_000
EXECUTED, BURSTS = 9, 18
"""What was executed before."""
Others = dict[tuple[str, str], list[tuple[int, NDArray[np.int64]]]]


def _row(number: int, *, late_ns: int = MS, service_ns: int = 2 * MS, done: bool = True) -> list[int]:
    """Return what is known of a call."""
    return [number, late_ns, service_ns, int(done), service_ns]


@dataclass
class FakeTeam:
    """Who executes nothing, and answers every call in 2 ms, which waited for 1 ms."""

    lag_ns: int = 0
    failing: Sequence[str] = ()
    cut: Sequence[str] = ()
    others: Others = field(default_factory=dict)
    one_clock: bool = True
    left: Container[int] = ()
    """The calls that it leaves to others, or to nobody."""
    announced: list[tuple[int, list[str], int, float | None]] = field(default_factory=list)
    """Number of the burst, order, size, duration."""
    bursts: list[Burst] = field(default_factory=list)

    def announce(
        self, block: int, label: str, turns: Sequence[Turn], order: Sequence[Any], duration_s: float | None = None
    ) -> None:
        """Remember what was told."""
        assert block == EXECUTED
        assert label == "the replay of the production load"
        ((number, size, *_),) = turns
        self.announced.append((number, [one.name for one in order], size, duration_s))

    def execute(
        self,
        entrant: Any,  # noqa: ANN401 (a fake)
        burst: Burst,
        random: Random,
        watch: object,
        limits: Limits,
    ) -> tuple[Executed, Samples]:
        """Return what would be done."""
        assert random is not None
        assert watch is None
        assert limits.call_s < limits.trial_s
        if entrant.name in self.failing:
            raise CandidateError("refused")
        self.bursts.append(burst)
        executed = Executed(
            duration_s=6.5,
            writers_s={},
            busy_shares=(0.1,),
            retried={},
            lag_ns=self.lag_ns,
            cut=entrant.name in self.cut,
            one_clock=self.one_clock,
        )
        return executed, {
            one: np.array([_row(call.number) for call in self.own(burst) if call.operation == one]).T
            for one in set(burst.operations)
        }

    def own(self, burst: Burst) -> Iterator[Encoded]:
        """Yield what this process executes of a burst."""
        return (call for call in burst.calls() if call.number not in self.left)

    def samples(self) -> Others:
        """Return what others measured."""
        return self.others

    def conditions(self, *_: object) -> dict[str, list[Any]]:
        """Return nothing: nobody asks."""
        return {}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return a plan whose smallest burst, of 4 calls, stands for 0.1 s of production."""
    return made_up.plan(tmp_path, "a", production_s=0.1, budget_s=8.0, adequacy_s=6.0)


def _kept(
    plan: Plan,
    team: Any,  # noqa: ANN401 (a fake)
    measured: Measured | None = None,
    unfinished: set[str] | None = None,
) -> dict[str, Adequacy]:
    progress: Any = SimpleNamespace(stage=lambda *_: None)
    entrants: Any = [
        SimpleNamespace(name=name, sessions=[], template=SimpleNamespace(candidate=SimpleNamespace(name=candidate)))
        for name, candidate in (("baseline", "baseline"), (CONTROL, "baseline"), ("a", "a"))
    ]
    feed = Feed(plan.found, plan.values, plan.seed, {})
    working = Shifts(team=team, observers={}, by_turns=False, unfinished=set() if unfinished is None else unfinished)
    return keep_pace(plan, working, entrants, feed, measured or Measured(executed=EXECUTED, bursts=BURSTS), progress)


@pytest.mark.parametrize("one_clock", [True, False])
def test_ages_are_kept_with_whether_they_are_of_one_clock(plan: Plan, *, one_clock: bool) -> None:
    kept: dict[str, bool] = {}
    freshness: Any = SimpleNamespace(
        observe=lambda *_: {}, keep_paced=lambda name, _, *, one_clock: kept.update({name: one_clock})
    )
    _kept(plan, FakeTeam(one_clock=one_clock), Measured(executed=EXECUTED, bursts=BURSTS, freshness=freshness))

    assert kept == dict.fromkeys(("baseline", CONTROL, "a"), one_clock)


def test_every_entrant_executes_the_same_burst_in_the_time_that_it_stands_for(plan: Plan) -> None:
    team = FakeTeam()
    kept = _kept(plan, team)

    ((block, order, size, duration_s),) = team.announced
    assert (size, duration_s) == (60, pytest.approx(6.0))
    assert block == BURSTS + 1, "the calls of the burst before are explained later"
    assert set(order) == set(kept) == {"baseline", CONTROL, "a"}
    assert len({id(burst) for burst in team.bursts}) == 1
    assert team.bursts[0].pace is not None


def test_a_pace_shorter_than_the_smallest_burst_lasts_as_long_as_that(plan: Plan) -> None:
    team = FakeTeam()
    kept = _kept(replace(plan, adequacy_s=0.01), team)

    assert team.announced[0][2:] == (1, pytest.approx(0.1))
    assert kept["a"].p99_ns is None, "4 calls support no 99th percentile"
    assert kept["a"].max_ns == 3 * MS


def test_responses_and_service_times_are_kept_apart(plan: Plan) -> None:
    kept = _kept(plan, FakeTeam())["a"]

    assert (kept.duration_s, kept.elapsed_s, kept.operations_per_s) == pytest.approx((6.0, 6.5, 40.0))
    assert [(one.operation, one.count) for one in kept.responses] == [("add", 180), ("look", 60)]
    assert {one.p95_ns for one in kept.responses} == {3 * MS}
    assert {one.p95_ns for one in kept.services} == {2 * MS}


def test_what_other_workers_measured_is_added(plan: Plan) -> None:
    theirs = np.array([_row(number, service_ns=8 * MS) for number in range(100)]).T.flatten()
    others: Others = {("a", "add"): [(EXECUTED, theirs)]}
    kept = _kept(plan, FakeTeam(others=others, left=range(100)))

    add, _ = kept["a"].responses
    assert (add.count, add.max_ns) == (180, 9 * MS)
    assert kept["a"].services[0].max_ns == 8 * MS
    assert kept["a"].keeps_up


def test_a_burst_that_is_cut_short_is_judged_by_what_is_known_of_it(plan: Plan) -> None:
    unfinished: set[str] = set()
    kept = _kept(plan, FakeTeam(cut=["a"], left=range(170, 180)), unfinished=unfinished)

    assert unfinished == {"a"}, "what comes later knows"
    assert kept["a"].cut
    assert kept["a"].keeps_up is False
    assert sum(one.count for one in kept["a"].responses) == 240, "those without a response are in it"


def test_a_candidate_that_fails_leaves_and_one_that_has_left_is_not_asked(plan: Plan) -> None:
    measured = Measured(executed=EXECUTED, bursts=BURSTS)
    kept = _kept(plan, FakeTeam(failing=["a"]), measured)
    team = FakeTeam()
    _kept(plan, team, measured)

    assert set(kept) == {"baseline", CONTROL}
    assert set(measured.failed) == {"a"}
    assert set(team.announced[0][1]) == {"baseline", CONTROL}


def test_a_baseline_that_fails_ends_the_experiment(plan: Plan) -> None:
    with pytest.raises(CandidateError):
        _kept(plan, FakeTeam(failing=[CONTROL]))


def test_nothing_is_executed_where_it_was_not_asked_or_nobody_knows_the_pace(plan: Plan, tmp_path: Path) -> None:
    unknown = replace(plan, found=made_up.found(tmp_path))
    replayed = replace(plan, inputs={"made_up": tmp_path / "keys.csv"})
    for one, codes in ((replace(plan, adequacy_s=0.0), []), (unknown, ["pace-unknown"]), (replayed, ["pace-unknown"])):
        team = FakeTeam()
        assert _kept(one, team) == {}
        assert team.announced == []
        assert [notice.code for notice in notices(one, {})] == codes


def test_a_client_that_was_late_is_told_with_the_candidates_that_it_hides(plan: Plan) -> None:
    late, punctual = (_kept(plan, FakeTeam(lag_ns=lag_ns))["a"] for lag_ns in (MS // 2, MS // 10))

    (notice,) = notices(plan, {"a": late, "baseline": punctual})
    assert notice.code == "schedule-lag"
    assert "99 % of them by up to 500 us under a; response times include this" in notice.text
    assert notices(plan, {"a": punctual}) == ()


def test_slow_operations_excuse_no_client_that_is_late_for_quick_ones(plan: Plan) -> None:
    kept = _kept(plan, FakeTeam(lag_ns=MS // 2))["a"]
    quick, slow = kept.responses
    slow = replace(slow, p99_ns=300e9, max_ns=300e9)

    (notice,) = notices(plan, {"a": replace(kept, p99_ns=300e9, max_ns=300e9, responses=(quick, slow))})
    assert notice.code == "schedule-lag"


def test_each_candidate_is_told_how_late_the_client_was_for_it(plan: Plan) -> None:
    kept = {name: _kept(plan, FakeTeam(lag_ns=lag_ns))["a"] for name, lag_ns in (("a", MS), ("baseline", 2 * MS))}

    (notice,) = notices(plan, kept)
    assert "by up to 2.00 ms under baseline, 1.00 ms under a" in notice.text
