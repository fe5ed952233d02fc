"""Sessions by turns: when they are needed, and in which order they are opened, used and closed. Nothing is executed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import made_up
import pytest

from schemabench.errors import CandidateError, ServerError, UsageError
from schemabench.experiment import sessions, shifts
from schemabench.experiment.burst import Turn
from schemabench.experiment.plan import Plan
from schemabench.experiment.replanning import Planned
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.shifts import LEAD_IN, Shifts
from schemabench.server import Needs, admission

TURNS = [Turn(3, 2)]


@dataclass
class Fakes:
    """A team, an entrant and its observer in one, which remember what they are asked for."""

    done: list[object] = field(default_factory=list)
    failing: bool = False
    name: str = "a"

    def __hash__(self) -> int:
        return id(self)

    def wake(self, *, few: bool) -> None:
        """Open sessions."""
        self.done.append("few" if few else "wake")
        if self.failing:
            raise CandidateError("refused")

    def rest(self) -> None:
        """Close sessions."""
        self.done.append("rest")

    def join(self, entrants: Sequence[Any], *, by_turns: bool) -> Mapping[str, Mapping[int, str]]:
        """Return sessions of others."""
        self.done.append(("join", [one.name for one in entrants], by_turns))
        return {self.name: {7: ""}}

    def leave(self) -> None:
        """Disconnect."""
        self.done.append("leave")

    def announce(
        self, block: int, label: str, turns: Sequence[Turn], order: Sequence[Any], duration_s: float | None
    ) -> None:
        """Hear of a block."""
        self.done.append(("announce", block, label, turns, [one.name for one in order], duration_s))

    def attend(self, others: Mapping[int, str]) -> None:
        """Observe others."""
        self.done.append(("attend", others))

    def samples(self) -> Mapping[Any, Any]:
        """Return nothing."""
        self.done.append("samples")
        return {}


def _shifts(fakes: Any, *, by_turns: bool) -> Shifts:  # noqa: ANN401 (a fake)
    return Shifts(team=fakes, observers={fakes: fakes}, by_turns=by_turns)


def _execute(fakes: Any, *, by_turns: bool, failure: BaseException | None = None) -> list[object]:  # noqa: ANN401
    working = _shifts(fakes, by_turns=by_turns)
    working.announce(5, "block 3", TURNS, [fakes], 1.5)
    with suppress(CandidateError, ServerError, KeyboardInterrupt), working.executing(fakes):
        fakes.done.append("work")
        if failure:
            raise failure
    done: list[object] = fakes.done
    return done


def test_by_turns_everybody_opens_before_the_work_and_closes_after_it() -> None:
    assert _execute(Fakes(), by_turns=True) == [
        "wake",
        ("join", ["a"], True),
        ("attend", {7: ""}),
        ("announce", 5, "block 3", TURNS, ["a"], 1.5),
        "work",
        "leave",
        "rest",
    ]


def test_by_turns_settings_are_read_after_the_work_of_the_second_block_and_never_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fakes: Any = Fakes()
    read: list[int] = []
    monkeypatch.setattr(Fakes, "names", (), raising=False)
    monkeypatch.setattr(Fakes, "conditions", lambda *_: {"a": ["of another worker"]}, raising=False)
    monkeypatch.setattr(shifts.conditions, "held", lambda *_: read.append(len(fakes.done)) or ["own"])
    working = _shifts(fakes, by_turns=True)
    for block in range(4):
        working.announce(block, f"block {block}", TURNS, [fakes], None)
        with working.executing(fakes):
            fakes.done.append("work")
    settings: Any = working.settings([fakes], ["a"])

    assert [fakes.done[place - 1 : place + 1] for place in read] == [["work", "leave"]]
    assert fakes.done[: read[0]].count("work") == 2
    assert settings == {"a": ["own", "of another worker"]}


def test_where_all_sessions_stay_open_a_block_is_announced_to_all_at_once() -> None:
    assert _execute(Fakes(), by_turns=False) == [("announce", 5, "block 3", TURNS, ["a"], 1.5), "work"]


def test_a_candidate_that_fails_is_left_by_everybody() -> None:
    assert _execute(Fakes(), by_turns=True, failure=CandidateError("slow"))[-3:] == ["work", "leave", "rest"]


@pytest.mark.parametrize("failure", [ServerError("gone"), KeyboardInterrupt()])
def test_where_the_experiment_ends_nothing_more_is_said_to_the_others(failure: BaseException) -> None:
    assert _execute(Fakes(), by_turns=True, failure=failure)[-2:] == ["work", "rest"]


def test_a_candidate_whose_sessions_cannot_be_opened_is_not_announced() -> None:
    assert _execute(Fakes(failing=True), by_turns=True) == ["wake"]


def test_times_of_others_are_asked_for_while_they_are_connected() -> None:
    fakes = Fakes()
    _shifts(fakes, by_turns=True).samples()

    assert fakes.done == ["wake", ("join", ["a"], True), ("attend", {7: ""}), "samples", "leave", "rest"]


def test_the_fewest_sessions_are_open_where_no_burst_is_executed() -> None:
    fakes: Any = Fakes()
    with _shifts(fakes, by_turns=True).opened(fakes, few=True):
        fakes.done.append("work")

    assert fakes.done == ["few", "work", "rest"]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return a plan with a baseline and a candidate, hence three entrants and a scratch copy."""
    return made_up.plan(tmp_path, "a", budget_s=8.0)


def test_sessions_are_open_by_turns_exactly_where_not_all_fit(plan: Plan) -> None:
    all_s = Needs(clients=plan.clients, databases=4).all_at_once + 8
    enough, short = (_server(connections) for connections in (all_s, all_s - 1))

    assert not shifts.needed(plan, enough)
    assert shifts.needed(plan, short)
    assert shifts.fitted(plan, enough) == plan
    assert shifts.fitted(plan, short).lead_in == LEAD_IN
    assert not shifts.notices(plan, enough)
    assert [one.code for one in shifts.notices(plan, short)] == ["sessions-by-turns"]


def _server(connections: int) -> Any:  # noqa: ANN401 (a fake)
    return SimpleNamespace(connections=connections)


def test_one_at_a_time_needs_the_clients_connections_once() -> None:
    needs = Needs(clients=10, companions=1, databases=5, neighbours=2)
    one_by_one = Needs(clients=10, companions=1, databases=5, neighbours=2, by_turns=True)

    assert needs.fewest == 5 * (10 + 1 + 1) + 2 + 8
    assert one_by_one.fewest == 10 + 5 * (1 + 1) + 2 + 8
    assert needs.fit(needs.fewest)
    assert not needs.fit(needs.fewest - 1)


def test_connections_through_which_workers_meet_are_counted_beside_those_of_the_experiment() -> None:
    needs = Needs(clients=10, databases=5, links=12)
    row = (100, 3, 4, -1, 0, "bench")  # max_connections, of which reserved and in use; no limit of the role
    session: Any = SimpleNamespace(execute=lambda _: SimpleNamespace(fetchone=lambda: row))

    assert needs.fewest == Needs(clients=10, databases=5).fewest + 12
    assert needs.offered(1_000) == needs.all_at_once + 12
    assert admission.check_room(session, needs, owned=False) == 100 - 3 - 4 - 12
    with pytest.raises(UsageError, match="the run needs 94 connections"):
        admission.check_room(session, replace(needs, links=31), owned=False)


def test_a_few_sessions_are_those_that_first_planned_each_operation_of_each_part_and_role() -> None:
    planned = Planned()
    assert planned.places([]) == [0], "to ask anything at all"
    writers: Any = [SimpleNamespace(part=part, role="") for part in ("a", "a", "b", "b")]
    planned._calls = dict.fromkeys(((0, "put"), (1, "put"), (2, "put"), (3, "put"), (3, "look")), ())

    assert planned.places(writers) == [0, 2, 3]
    writers[1].role = "other"
    assert planned.places(writers) == [0, 1, 2, 3], "row-level security gives each role plans of its own"


def test_nothing_is_foreseen_without_a_budget_of_its_own(plan: Plan) -> None:
    server: Any = SimpleNamespace(connections=20, record=SimpleNamespace(version_num=180000))

    assert plan.has_own_budget
    assert not replace(plan, budget_s=0.0).has_own_budget, "in a rehearsal"
    assert not replace(plan, shares_budget=True).has_own_budget, "in a search, or a step of a curve"
    with pytest.raises(UsageError, match=r"A budget of 8\.00 s is too short for 3 entrants") as refused:
        shifts.forecast(plan, server, 99.0, 100.0)
    more = shifts.needs(plan).fewest - 20
    assert any(f"for {more:,} more sessions" in remedy for remedy in refused.value.remedies)


def test_a_server_of_ours_has_room_for_all_sessions_unless_memory_has_not() -> None:
    needs = Needs(clients=200, databases=44)
    by_turns = Needs(clients=200, databases=44, by_turns=True)

    assert by_turns.offered(10_000) == needs.all_at_once == 44 * 201
    assert by_turns.offered(1_500) == 1_500
    assert by_turns.offered(100) == 200 + 44, "as many as one entrant at a time needs"
    assert needs.offered(100) == 44 * 201, "in a soak, all are needed"


def test_sessions_that_were_just_closed_may_still_have_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    template: Any = SimpleNamespace(server=None)
    opened = iter([ServerError("FATAL: sorry, too many clients already"), []])

    def open_all(*_: object) -> object:
        found = next(opened)
        if isinstance(found, ServerError):
            raise found
        return found

    monkeypatch.setattr(sessions, "_opened", open_all)
    Sessions(template, template, [], by_turns=True).wake()

    assert not list(opened), "it was tried twice"


@pytest.mark.parametrize(
    ("said", "allowed_s"),
    [("FATAL: sorry, too many clients already", 0.0), ("FATAL: no such database", 60.0)],
    ids=["for-long", "another-reason"],
)
def test_what_does_not_pass_ends_the_experiment(monkeypatch: pytest.MonkeyPatch, said: str, allowed_s: float) -> None:
    def refuse(*_: object) -> None:
        raise ServerError(said)

    template: Any = SimpleNamespace(server=None)
    monkeypatch.setattr(sessions, "_opened", refuse)
    monkeypatch.setattr(sessions, "_LEAVE_S", allowed_s)
    with pytest.raises(ServerError, match=said):
        Sessions(template, template, [], by_turns=True).wake()
