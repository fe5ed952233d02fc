"""Rounds after checkpoints: who executes which bursts, how many, and what becomes of them. Nothing is executed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import made_up
import pytest

from schemabench.errors import CandidateError
from schemabench.experiment import adequacy, checkpoints
from schemabench.experiment.burst import Burst, Turn
from schemabench.experiment.checkpoints import FEWEST_ROUNDS, ROUNDS
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.feed import Feed
from schemabench.experiment.measured import Measured
from schemabench.experiment.observer import Seen
from schemabench.experiment.plan import Plan
from schemabench.experiment.shifts import Shifts
from schemabench.experiment.team import Executed, Samples
from schemabench.load import Limits

NAMES = {"baseline": "baseline", CONTROL: "baseline", "a": "a"}
EXECUTED = 9
"""Blocks, and bursts."""


@dataclass
class FakeTeam:
    """Who executes nothing, and remembers in which order things came."""

    done: list[object]
    failing: Sequence[str] = ()
    cut: Sequence[str] = ()
    announced: list[tuple[int, list[str], int]] = field(default_factory=list)
    bursts: dict[str, list[Burst]] = field(default_factory=lambda: {name: [] for name in NAMES})

    def announce(
        self, block: int, label: str, turns: Sequence[Turn], order: Sequence[Any], duration_s: float | None = None
    ) -> None:
        """Remember what was told."""
        assert label
        assert duration_s is None or duration_s > 0
        assert block >= 0
        ((number, size, *_),) = turns
        self.announced.append((number, [one.name for one in order], size))

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
        assert 0 < limits.call_s <= limits.trial_s
        self.done.append((entrant.name, watch))
        self.bursts[entrant.name].append(burst)
        if entrant.name in self.failing and len(self.bursts[entrant.name]) > 1:
            raise CandidateError("refused")
        return Executed(
            duration_s=0.2,
            writers_s={},
            busy_shares=(0.1,),
            retried={},
            lag_ns=0,
            cut=entrant.name in self.cut,
        ), {}

    def samples(self) -> dict[Any, Any]:
        """Hand over what counts for nothing."""
        self.done.append("samples")
        return {}


@dataclass
class FakeObserver:
    """Whoever reads counters."""

    done: list[object]

    def begin(self, random: Random) -> str:
        """Read before."""
        assert random is not None
        self.done.append("begin")
        return "watch"

    def end(self) -> Seen:
        """Read after."""
        self.done.append("end")
        return Seen(counters={"wal_bytes": 8000.0, "wal_fpi": 10.0, "blocks_hit": 5.0})


@dataclass(frozen=True, eq=False)
class FakeEntrant:
    """Who takes part."""

    name: str
    template: Any
    sessions: tuple[()] = ()


@dataclass
class Played:
    """What is made of the rounds."""

    team: FakeTeam
    measured: Measured
    done: list[object]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return made_up.plan(tmp_path, "a", production_s=0.1)


def _played(  # noqa: PLR0913 (what differs between tests)
    plan: Plan,
    monkeypatch: pytest.MonkeyPatch,
    *,
    owned: bool = True,
    failing: Sequence[str] = (),
    cut: Sequence[str] = (),
    round_s: float = 0.0,
    failed: Mapping[str, CandidateError] | None = None,
    unfinished: Sequence[str] = (),
    interrupted_at: int = 1_000,
) -> Played:
    done: list[object] = []

    def execute(sql: str) -> None:
        done.append(sql)
        if done.count("CHECKPOINT") > interrupted_at:
            raise KeyboardInterrupt

    monkeypatch.setattr(
        checkpoints, "opened", lambda _: SimpleNamespace(execute=execute, close=lambda: done.append("closed"))
    )
    observers: Any = {
        FakeEntrant(name, SimpleNamespace(candidate=SimpleNamespace(name=candidate))): FakeObserver(done)
        for name, candidate in NAMES.items()
    }
    team, measured = (
        FakeTeam(done, failing, cut),
        Measured(executed=EXECUTED, bursts=EXECUTED, failed=dict(failed or {})),
    )
    monkeypatch.setattr(checkpoints, "perf_counter", lambda: round_s * len(team.announced))
    server: Any = SimpleNamespace(owned=owned, conninfo="")
    progress: Any = SimpleNamespace(stage=lambda *_: None)
    feed = plan.feed()
    with suppress(KeyboardInterrupt):
        working = replace(_working(team, observers), unfinished=set(unfinished))
        checkpoints.execute(plan, working, server, feed, 2, measured, progress)
    return Played(team, measured, done)


def _working(team: FakeTeam, observers: Any) -> Shifts:  # noqa: ANN401 (fakes)
    fake: Any = team
    return Shifts(team=fake, observers=observers, by_turns=False)


def test_every_burst_comes_right_after_a_checkpoint_and_is_the_same_for_all(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = _played(plan, monkeypatch)
    trials = [step for step in played.done if isinstance(step, tuple)]

    expected: list[object] = ["SET statement_timeout = 0"]
    for trial in trials:
        expected += ["CHECKPOINT", "begin", trial, "end"]
    assert played.done == [*expected, "closed", "samples"]
    assert {watch for _, watch in trials} == {"watch"}
    for same in zip(*played.team.bursts.values(), strict=True):
        assert len({id(burst) for burst in same}) == 1
    assert len({tuple(order) for _, order, _ in played.team.announced}) > 1


def test_what_was_written_to_the_log_is_kept_and_nothing_else(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = _played(plan, monkeypatch).measured

    assert set(measured.after_checkpoint) == set(NAMES)
    for trials in measured.after_checkpoint.values():
        assert len(trials) == ROUNDS
        assert {tuple(trial.counters.items()) for trial in trials} == {
            (("wal_bytes_after_checkpoint", 8000.0), ("wal_fpi_after_checkpoint", 10.0))
        }
    assert (dict(measured.trials), dict(measured.times), dict(measured.undone)) == ({}, {}, {})
    assert measured.executed == EXECUTED


@pytest.mark.parametrize(("round_s", "rounds"), [(0.1, ROUNDS), (1.2, 5), (2.0, FEWEST_ROUNDS), (99.0, FEWEST_ROUNDS)])
def test_rounds_end_once_their_share_of_the_budget_is_spent(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, round_s: float, rounds: int
) -> None:
    played = _played(plan, monkeypatch, round_s=round_s)

    assert {len(trials) for trials in played.measured.after_checkpoint.values()} == {rounds}


def test_block_numbers_are_those_of_nothing_else(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    played = _played(plan, monkeypatch)
    at_pace = FakeTeam([])
    progress: Any = SimpleNamespace(stage=lambda *_: None)
    feed = Feed(plan.found, plan.values, plan.seed, {})
    measured = Measured(executed=EXECUTED, bursts=EXECUTED)
    adequacy.keep_pace(replace(plan, adequacy_s=6.0), _working(at_pace, {}), [], feed, measured, progress)

    numbers = [block for block, _, _ in played.team.announced]
    assert at_pace.announced[0][0] == EXECUTED + 1, "the burst before is explained"
    assert numbers == [EXECUTED + 2 + number for number in range(ROUNDS)]
    assert {size for _, _, size in played.team.announced} == {2}


def test_of_a_replayed_file_nothing_is_taken_but_what_is_executed(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "replayed.csv"
    path.write_text("".join(f"k,{number}\n" for number in range(100)))
    played = _played(replace(plan, inputs={"made_up": path}), monkeypatch)

    assert len(played.team.announced) == ROUNDS
    assert all(order for _, order, _ in played.team.announced)


def test_a_candidate_that_fails_leaves_and_one_that_has_left_executes_nothing(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = _played(plan, monkeypatch, failing=["a"])
    gone = _played(plan, monkeypatch, failed={"a": CandidateError("before")})

    assert set(failing.measured.failed) == {"a"}
    assert len(failing.team.bursts["a"]) == 2
    assert len(failing.measured.after_checkpoint["baseline"]) == ROUNDS
    assert not gone.team.bursts["a"]


@pytest.mark.parametrize("unfinished", [["a"], ["baseline", "a"], list(NAMES)])
def test_who_was_cut_short_executes_no_later_burst_and_is_told_by_name(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, unfinished: Sequence[str]
) -> None:
    played = _played(plan, monkeypatch, unfinished=unfinished)
    ours: Any = SimpleNamespace(owned=True)
    counted = {name for name, own in played.measured.after_checkpoint.items() if any(one.counters for one in own)}
    missing = checkpoints.missing(plan, ours, played.measured)

    assert {name for name, bursts in played.team.bursts.items() if bursts} == set(NAMES) - set(unfinished)
    assert not {name for _, order, _ in played.team.announced for name in order} & set(unfinished)
    assert counted == set(NAMES) - set(unfinished)
    assert {len(own) for own in played.measured.after_checkpoint.values()} == {ROUNDS}, "one for each, to compare"
    assert set(missing) == {"wal_bytes_after_checkpoint", "wal_fpi_after_checkpoint"}
    assert set(missing.values()) == {f"under {', '.join(sorted(unfinished))}: {checkpoints.CUT}"}
    assert not checkpoints.missing(plan, ours, _played(plan, monkeypatch).measured)


def test_a_server_that_does_not_count_has_not_cut_anything_short(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = _played(plan, monkeypatch).measured
    for name, trials in measured.after_checkpoint.items():
        measured.after_checkpoint[name] = [replace(trial, counters={}) for trial in trials]
    ours: Any = SimpleNamespace(owned=True)

    assert not checkpoints.missing(plan, ours, measured)


def test_of_a_round_that_is_interrupted_nothing_is_kept(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = _played(plan, monkeypatch, interrupted_at=2 * len(NAMES) - 1).measured

    assert {name: len(trials) for name, trials in measured.after_checkpoint.items()} == dict.fromkeys(NAMES, 1)


def test_a_baseline_that_fails_ends_the_experiment(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CandidateError):
        _played(plan, monkeypatch, failing=["baseline"])


def test_no_checkpoint_is_forced_on_a_server_of_others_and_the_reason_is_told(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = _played(plan, monkeypatch, owned=False)
    theirs: Any = SimpleNamespace(owned=False)
    ours: Any = SimpleNamespace(owned=True)

    assert (played.done, played.team.announced) == ([], [])
    done = Measured(executed=EXECUTED)
    assert set(checkpoints.missing(plan, theirs, done)) == {"wal_bytes_after_checkpoint", "wal_fpi_after_checkpoint"}
    assert "not a DSN" in checkpoints.missing(plan, theirs, done)["wal_bytes_after_checkpoint"]
    assert "--budget" in checkpoints.missing(replace(plan, budget_s=9.0), ours, done)["wal_bytes_after_checkpoint"]
    assert not checkpoints.missing(plan, ours, done)


def test_rounds_that_would_take_long_are_left_out_and_the_reason_is_told(plan: Plan) -> None:
    ours: Any = SimpleNamespace(owned=True)
    lasted_s = checkpoints.MOST_SHARE * plan.budget_s / FEWEST_ROUNDS
    short, long = (Measured(executed=EXECUTED, elapsed_s=factor * EXECUTED * lasted_s) for factor in (0.9, 1.1))

    assert not checkpoints.missing(plan, ours, short)
    assert "beyond the budget" in checkpoints.missing(plan, ours, long)["wal_bytes_after_checkpoint"]


def test_a_candidate_whose_trial_after_a_checkpoint_lasts_too_long_is_cut_short_and_leaves(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = _played(plan, monkeypatch, cut=["a"]).measured

    assert set(measured.failed) == {"a"}
    assert "cut short" in measured.failed["a"].what
    assert len(measured.after_checkpoint["baseline"]) >= FEWEST_ROUNDS
