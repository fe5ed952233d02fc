"""The schedule of trials: calibration, shuffled blocks with one burst each, and when to stop."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from math import ceil, inf
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import made_up
import pytest
from made_up import WARMUP_BLOCKS

from schemabench import Call, Writer, machine
from schemabench.errors import CandidateError, ServerError
from schemabench.experiment import blocks, bounds, measured
from schemabench.experiment.blocks import Blocks
from schemabench.experiment.burst import Burst
from schemabench.experiment.calibration import CALIBRATION_TRIALS, calibrate
from schemabench.experiment.companions import Companions
from schemabench.experiment.copies import Copies
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.feed import Feed
from schemabench.experiment.measured import Measured
from schemabench.experiment.observer import Seen
from schemabench.experiment.plan import SHORTEST_TRIAL_S, Plan
from schemabench.experiment.planning import Calls
from schemabench.experiment.retiring import WrongRows
from schemabench.experiment.shifts import Shifts
from schemabench.experiment.sizing import MOST_GLANCES
from schemabench.experiment.team import Alone
from schemabench.load import Drive, Limits, Passing
from schemabench.load.guard import LOOK_S
from schemabench.load.session import Accepted, Undone
from schemabench.progress import Shown, Silence
from schemabench.statistics import LEAST_TRIALS, fewest_blocks
from schemabench.units import NANOSECONDS

CLIENTS = (made_up.STREAM, made_up.STREAM, made_up.READER)
Pace = Callable[[int, Burst], float]
"""(number of the trial, burst) -> seconds that it takes."""


class FakeClock:
    """A clock that stands still but for trials."""

    now_s = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now_s


class FakeEntrant:
    """An entrant that executes nothing, in a time of its own; its sessions are itself."""

    def __init__(self, clock: FakeClock, name: str, pace: Pace = lambda *_: 0.1, candidate: str | None = None) -> None:
        self.name = name
        self.template = SimpleNamespace(candidate=SimpleNamespace(name=candidate or name))
        self.sessions = self
        self.companions = Companions(self.template, None)  # type: ignore[arg-type]
        self.bursts: list[Burst] = []
        self.undone: Undone = {}
        self.paused = 0
        self.watches: list[object] = []
        self.limits: list[Limits] = []
        self.flushed = False
        self.busy_share = 0.1
        self._clock = clock
        self._pace = pace

    def __iter__(self) -> Iterator[tuple[None, Writer]]:
        """Yield a session for each writer."""
        return iter((None, writer) for writer in CLIENTS)

    def load(self, burst: Burst) -> SimpleNamespace:
        """Make ready."""
        return SimpleNamespace(burst=burst, operations=burst.operations, pace=burst.pace, followers=[])

    def drive(  # noqa: PLR0913, PLR0917 (as the sessions')
        self,
        loaded: SimpleNamespace,
        random: Random,
        limits: Limits,
        watch: object = None,
        others: object = None,
        beside: object = (),
    ) -> Drive:
        """Let time pass, up to the limit, a call done in each part of it; tell of it where it is long."""
        burst: Burst = loaded.burst
        assert random is not None
        assert others is None, "there are no other workers"
        assert beside == [], "there are no companions"
        self.flushed = False
        self.bursts.append(burst)
        self.watches.append(watch)
        self.limits.append(limits)
        asked_s, calls = self._pace(len(self.bursts) - 1, burst), len(burst.operations)
        duration_s = min(asked_s, limits.trial_s)
        self._clock.now_s += duration_s
        duration_ns = round(duration_s * NANOSECONDS)
        done = calls if duration_s == asked_s else 2
        if duration_s > LOOK_S:
            limits.told(Passing(duration_s / 2, done // 2, calls))
        return Drive(
            cut=done < calls,
            flying_ns={2: duration_ns} if done < calls else {},
            started_ns=0,
            duration_ns=duration_ns,
            latencies_ns=[1000 + number if number < done else 0 for number in range(calls)],
            finished_ns=[duration_ns // 2, duration_ns, duration_ns // 4],
            busy_ns=round(duration_ns * self.busy_share),
        )

    def flush_statistics(self) -> None:
        """Remember that it was asked."""
        self.flushed = True

    def paused_ns(self) -> int:
        """Return the pauses so far."""
        return self.paused

    def retried(self) -> Undone:
        """Return the retries so far."""
        return dict(self.undone)

    def accepted(self) -> list[Accepted]:
        """Return nothing: no error is accepted."""
        return []


class FakeObserver:
    """Whoever looks at an entrant, and numbers what it sees."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.expected_s: list[float] = []
        self.chosen: list[str] = []

    def begin(self, random: Random, expected_s: float) -> str:
        """Say who watches."""
        assert random is not None
        self.expected_s.append(expected_s)
        self.asked.append("begin")
        return f"watch {len(self.asked)}"

    def choices(self, calls: Calls) -> dict[str, list[str]]:
        """Say what was asked for."""
        assert not self.chosen, "plans are asked for once"
        self.chosen = [call.operation for _, call in calls]
        return {f"{writer.name}: {call.operation}": [] for writer, call in calls}

    def end(self) -> Seen:
        """Return what was seen."""
        self.asked.append("end")
        return Seen(waits={"Lock": len(self.asked)}, counters={"wal_bytes": 10.0 * len(self.asked)})

    def look_after(self) -> dict[str, float]:
        """Vacuum nothing."""
        return {"upkeep_vacuums": 0.0}


class FakeProgress(Silence):
    """Whoever watches, and remembers."""

    def __init__(self) -> None:
        self.blocks: list[tuple[int, dict[str, float]]] = []
        self.stages: list[str] = []

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:
        """Hear what is done."""
        super().stage(plan, text, elapsed_s)
        assert plan
        self.stages.append(text)

    def block(self, plan: Shown, done: int, elapsed_s: float, ratios: Mapping[str, float]) -> None:
        """Hear how far it is."""
        assert plan
        assert elapsed_s > 0
        self.blocks.append((done, dict(ratios)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    for module in (blocks, measured):
        monkeypatch.setattr(module, "perf_counter", clock)
    return clock


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return made_up.plan(tmp_path, "a", "b", clients=len(CLIENTS), budget_s=8.0, precision=1e-9)


@pytest.fixture
def feed(plan: Plan) -> Feed:
    return Feed(plan.found, plan.values, plan.seed, {})


def _noisy(centre_s: float, seed: int) -> Pace:
    noise = Random(seed)  # noqa: S311 (reproducible on purpose)
    return lambda *_: centre_s * noise.uniform(0.9, 1.1)


def _entrants(clock: FakeClock, **paces: Pace) -> list[FakeEntrant]:
    names = {"baseline": "baseline", CONTROL: "baseline", "a": "a", "b": "b"}
    return [
        FakeEntrant(clock, name, paces.get(name.split()[-1], _noisy(0.1, place)), candidate)
        for place, (name, candidate) in enumerate(names.items())
    ]


def _run(plan: Plan, *args: Any, **more: Any) -> Measured:  # noqa: ANN401 (fakes)
    return _blocks(plan, *args, **more).run()


def _blocks(  # noqa: PLR0913, PLR0917 (what makes blocks)
    plan: Plan,
    entrants: Any,  # noqa: ANN401 (fakes)
    feed: Feed,
    progress: Any = None,  # noqa: ANN401
    size: int = 2,
    copy_s: float = 1e9,
    wrong: Callable[[Any], WrongRows | None] = lambda _: None,
    workers: Sequence[str] = (),
) -> Blocks:
    observed = entrants if isinstance(entrants, dict) else {entrant: FakeObserver() for entrant in entrants}
    team = Alone(plan)
    team.names = workers
    return Blocks(
        plan=plan,
        team=team,
        entrants=observed,
        shifts=Shifts(team=team, observers=observed, by_turns=False),
        feed=feed,
        calibrated=size,
        progress=progress or FakeProgress(),
        copies=Copies(plan=plan, copy_s=copy_s),
        renew=lambda _: "",
        wrong=wrong,
        neighbours=SimpleNamespace(check=lambda _: None),  # type: ignore[arg-type] # a fake
    )


def _calibrated(plan: Plan, entrant: Any, feed: Feed) -> int:  # noqa: ANN401 (a fake)
    progress: Any = FakeProgress()
    return calibrate(plan, entrant, feed, progress).size


@pytest.mark.parametrize("call_s", [1e-5, 1e-4, 1e-3, 1e-2])
def test_a_burst_is_made_to_take_as_long_as_a_trial_shall(
    plan: Plan, feed: Feed, clock: FakeClock, call_s: float
) -> None:
    entrant = FakeEntrant(clock, "baseline", lambda _, burst: call_s * len(burst.operations))
    size = _calibrated(plan, entrant, feed)

    assert size * 4 * call_s == pytest.approx(plan.trial_s, rel=0.2, abs=2 * call_s)
    assert len(entrant.bursts) <= CALIBRATION_TRIALS


def test_calibration_asks_for_no_block_that_is_not_measured_later(plan: Plan, clock: FakeClock) -> None:
    asked: list[int] = []

    def burst(sizes: made_up.Sizes, writer: str, block: int, random: Random) -> Iterator[Call]:
        asked.append(block)
        return made_up.burst(sizes, writer, block, random)

    found = replace(plan.found, workload=made_up.workload(burst=burst))
    _calibrated(plan, FakeEntrant(clock, "baseline"), Feed(found, plan.values, plan.seed, {}))

    assert min(asked) == 0


def test_a_baseline_that_is_too_slow_gets_the_smallest_burst(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    assert _calibrated(plan, FakeEntrant(clock, "baseline", lambda *_: 30.0), feed) == 1


def test_a_baseline_whose_smallest_burst_takes_longer_than_it_may_ends_the_experiment_with_words(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    with pytest.raises(
        CandidateError, match=r"A trial of 'baseline' was cut short after 1 min: 2 of 4 calls done"
    ) as caught:
        _calibrated(plan, FakeEntrant(clock, "baseline", lambda *_: 600.0), feed)

    assert "100 % of its time at work went to add" in caught.value.what
    assert any("--call-timeout" in remedy for remedy in caught.value.remedies)


def test_a_burst_that_turns_out_too_large_to_end_is_made_as_large_as_the_one_before(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    entrant = FakeEntrant(clock, "baseline", lambda _, burst: 0.01 if len(burst.operations) < 20 else 600.0)

    assert _calibrated(plan, entrant, feed) == 1


def test_calibration_ends_whatever_the_durations(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrant = FakeEntrant(clock, "baseline", lambda *_: plan.trial_s * 0.69)

    assert _calibrated(plan, entrant, feed) >= 1
    assert len(entrant.bursts) == CALIBRATION_TRIALS


def test_a_slow_first_trial_does_not_end_calibration_early(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrant = FakeEntrant(clock, "baseline", lambda trial, burst: len(burst.operations) * (1e-5 if trial else 1e-2))
    size = _calibrated(plan, entrant, feed)

    assert size * 4 * 1e-5 == pytest.approx(plan.trial_s, rel=0.2)


def test_a_stall_of_a_small_burst_does_not_end_calibration(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrant = FakeEntrant(clock, "baseline", lambda trial, burst: len(burst.operations) * 1e-4 + (trial == 1))
    size = _calibrated(plan, entrant, feed)

    assert size * 4 * 1e-4 == pytest.approx(plan.trial_s, rel=0.2)


def test_every_entrant_executes_the_same_burst_in_a_block_and_another_in_the_next(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    entrants = _entrants(clock)
    measured = _run(plan, entrants, feed)

    assert {len(entrant.bursts) for entrant in entrants} == {measured.blocks + WARMUP_BLOCKS}
    for same in zip(*(entrant.bursts for entrant in entrants), strict=True):
        assert len({id(burst) for burst in same}) == 1
    assert entrants[0].bursts[0] != entrants[0].bursts[1]
    glance, *others = (len(burst.operations) for burst in entrants[0].bursts)
    assert {glance, *others} == {4, 8}, "the first burst only shows how long everybody takes"
    assert set(others) == {8}


def _orders(measured: Measured) -> list[tuple[str, ...]]:
    trials = [(trial.block, trial.position, name) for name, some in measured.trials.items() for trial in some]
    by_block: dict[int, list[str]] = {}
    for block, _, name in sorted(trials):
        by_block.setdefault(block, []).append(name)
    return [tuple(order) for order in by_block.values()]


def test_the_order_is_shuffled_anew_for_each_block_and_the_same_for_a_seed(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    orders = _orders(_run(replace(plan, budget_s=40.0), _entrants(clock), feed))

    assert {frozenset(order) for order in orders} == {frozenset(["baseline", CONTROL, "a", "b"])}
    assert len(set(orders)) > 12
    first = Counter(order[0] for order in orders)
    assert len(first) == 4, "each comes first at times"
    assert _orders(_run(replace(plan, budget_s=40.0), _entrants(clock), feed))[:10] == orders[:10]
    assert _orders(_run(replace(plan, seed=2), _entrants(clock), feed))[:10] != orders[:10]


def test_warm_up_blocks_are_not_counted(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    measured = _run(plan, _entrants(clock), feed)
    trials = measured.trials["a"]

    assert [trial.warmup for trial in trials] == [True] * WARMUP_BLOCKS + [False] * measured.blocks
    assert measured.rates(["baseline", "a"]).shape == (measured.blocks, 2)
    assert measured.rates(["a"])[0, 0] == pytest.approx(1 / trials[WARMUP_BLOCKS].duration_s)
    assert {operation: len(times) for operation, times in measured.samples_ns("a")} == {
        "add": 6 * measured.blocks,
        "look": 2 * measured.blocks,
    }


def test_it_stops_once_the_budget_is_spent(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    measured = _run(plan, _entrants(clock), feed)

    assert measured.stopped == "budget"
    assert plan.budget_s <= measured.elapsed_s < plan.budget_s + 0.5


def test_without_a_budget_one_block_is_counted(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    assert _run(replace(plan, budget_s=0.0), _entrants(clock), feed).blocks == 1


def test_with_grace_it_goes_on_until_blocks_can_tell_candidates_apart(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    needed = fewest_blocks(3)
    measured = _run(replace(plan, budget_s=0.0, grace_s=100.0), _entrants(clock), feed)
    enough = _run(replace(plan, grace_s=100.0), _entrants(clock), feed)

    assert measured.blocks == needed
    assert enough.blocks >= needed, "in the budget itself"
    assert enough.elapsed_s < plan.budget_s + 0.5, "which is then not exceeded"


def test_grace_ends_too(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    whole = _run(replace(plan, budget_s=0.0, grace_s=100.0), _entrants(clock), feed)
    measured = _run(replace(plan, budget_s=0.0, grace_s=0.6 * whole.spent_s), _entrants(clock), feed)

    assert 1 < measured.blocks < fewest_blocks(3)


def test_it_stops_sooner_once_every_interval_is_narrow(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    plan = replace(plan, precision=0.15, budget_s=1000.0)
    measured = _run(plan, _entrants(clock), feed)

    assert measured.stopped == "precision"
    assert measured.blocks >= fewest_blocks(3)
    assert measured.elapsed_s < plan.budget_s / 10


def test_it_never_stops_because_of_a_difference(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    measured = _run(plan, _entrants(clock, a=_noisy(0.001, 7)), feed)

    assert measured.stopped == "budget"


def test_a_trial_is_kept_with_all_that_it_says(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrants = _entrants(clock, a=lambda *_: 0.2)
    measured = _run(plan, entrants, feed)
    trial = measured.trials["a"][-1]

    assert trial.block == measured.blocks + WARMUP_BLOCKS - 1
    assert trial.duration_s == pytest.approx(0.2)
    assert (trial.operations, trial.rows, trial.retries) == (8, 6, 0)
    assert trial.busy_share == pytest.approx(0.1)
    assert trial.writers_s == pytest.approx({"stream": 0.2, "reader": 0.05})
    starts = [trial.started_s for trial in measured.trials["a"]]
    assert starts == sorted(starts)
    assert starts[0] >= 0


def test_latencies_go_to_their_operations(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    measured = _run(plan, _entrants(clock), feed)
    found = dict(measured.samples_ns("a"))
    assert set(found) == {"add", "look"}
    assert list(found["add"][:6]) == [1000 + number for number in range(6)]
    assert list(found["look"][:2]) == [1006, 1007]


def test_retries_of_counted_trials_are_counted(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrants = _entrants(clock)
    unlucky = entrants[2]

    def pace(_: int, __: Burst) -> float:
        for key, undone in {("add", "deadlock"): 3, ("add", "lock timeout"): 1}.items():
            unlucky.undone[key] = unlucky.undone.get(key, 0) + undone
        unlucky.paused += NANOSECONDS // 50
        return 0.1

    unlucky._pace = pace
    measured = _run(plan, entrants, feed)

    assert {trial.retries for trial in measured.trials["a"]} == {4}
    assert {trial.paused_s for trial in measured.trials["a"]} == {0.02}
    assert [trial.undone for trial in measured.trials["a"]] == [{"add": 4}] * len(measured.trials["a"])
    assert {(trial.paused_s, *trial.undone) for trial in measured.trials["b"]} == {(0.0,)}
    assert measured.calls("a")["add"] == sum(trial.calls["add"] for trial in measured.counted("a")) > 0
    assert [sum(trial.calls.values()) for trial in measured.trials["a"]] == [t.operations for t in measured.trials["a"]]
    assert measured.retries("a") == {("add", "deadlock"): 3 * measured.blocks, ("add", "lock timeout"): measured.blocks}
    assert not any(measured.retries("b").values())


def test_each_trial_is_watched_by_its_entrants_own_observer_and_keeps_what_was_seen(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    observed = {entrant: FakeObserver() for entrant in _entrants(clock)}
    measured = _run(plan, observed, feed)

    for entrant, observer in observed.items():
        trials = measured.trials[entrant.name]
        assert observer.asked == ["begin", "end"] * len(trials)
        assert entrant.watches == [f"watch {2 * trial + 1}" for trial in range(len(trials))]
        assert [trial.waits for trial in trials] == [{"Lock": 2 * place + 2} for place in range(len(trials))]
        assert [trial.counters for trial in trials] == [
            {"wal_bytes": 20.0 * (place + 1), "upkeep_vacuums": 0.0} for place in range(len(trials))
        ]


def test_an_entrants_counted_trials_are_all_looked_at_at_the_rate_that_suits_their_length(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    observed = {entrant: FakeObserver() for entrant in _entrants(clock, a=_noisy(0.02, 9))}
    measured = _run(plan, observed, feed)

    for entrant, observer in observed.items():
        glance, warmup, *_ = measured.trials[entrant.name]
        first_s, second_s, *others_s = observer.expected_s
        assert first_s == pytest.approx(plan.trial_s * glance.operations / warmup.operations)
        assert second_s == pytest.approx(glance.duration_s * warmup.operations / glance.operations)
        assert set(others_s) == {warmup.duration_s}


def test_plans_are_asked_for_once_after_the_first_block_with_the_calls_of_it(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    measured = _run(plan, _entrants(clock), feed)

    assert [(writer.name, call.operation) for writer, call in measured.begun.calls] == [
        ("stream", "add"),
        ("reader", "look"),
    ]
    assert measured.begun.choices == {
        name: {"stream: add": [], "reader: look": []} for name in ("baseline", CONTROL, "a", "b")
    }


def test_there_is_an_example_of_each_operation_that_was_executed_and_of_no_other(plan: Plan, clock: FakeClock) -> None:
    def burst(_: made_up.Sizes, writer: str, block: int, __: Random) -> Iterator[Call]:
        for number in count():
            if writer == "stream":
                yield made_up.add("a", 100 * block + number)
            else:  # the first counted block is the last that is executed
                yield Call("look", {"key": "a"}) if block <= WARMUP_BLOCKS else Call("items", {})

    found = replace(plan.found, workload=made_up.workload(burst=burst))
    blocks = _blocks(replace(plan, budget_s=0.0), _entrants(clock), Feed(found, plan.values, plan.seed, {}))
    measured = blocks.run()
    blocks.look_ahead()

    assert set(measured.examples) == {"add", "look"}
    assert measured.examples["add"].values["value"] == b"305", "of the burst that would come next: its rows are new"


def test_a_file_that_lasts_for_all_blocks_was_not_replayed_for_the_sake_of_examples(
    plan: Plan, clock: FakeClock, tmp_path: Path
) -> None:
    feed = _file(plan, tmp_path, 6 * (WARMUP_BLOCKS + 1))
    blocks = _blocks(replace(plan, budget_s=0.0), _entrants(clock), feed)
    measured = blocks.run()
    blocks.look_ahead()

    assert (measured.blocks, measured.cycles, feed.cycles) == (1, 1, 2)


def test_what_follows_the_blocks_is_executed_from_where_they_left_a_file(
    plan: Plan, clock: FakeClock, tmp_path: Path
) -> None:
    feed = _file(plan, tmp_path, 100)
    measured = _run(replace(plan, budget_s=0.0), _entrants(clock), feed)

    (following,) = feed.take("stream", 0, 1)
    executed = sum(trial.calls["add"] for trial in measured.trials["a"])
    assert following.values["value"] == executed, "a later call may take what any of them gives"


def _file(plan: Plan, folder: Path, items: int) -> Feed:
    """Return a feed from a file with so many items, numbered from 0."""
    path = folder / "items.csv"
    path.write_text("".join(f"key,{number}\n" for number in range(items)))
    return Feed(plan.found, plan.values, plan.seed, {"made_up": path})


@pytest.mark.parametrize(
    "case",
    [
        ({"user": 1.0, "idle": 2.0, "steal": 0.0}, {"user": 2.0, "idle": 4.0, "steal": 1.0}, 0.25),
        ({"user": 1.0, "steal": 0.0, "guest": 0.0}, {"user": 4.0, "steal": 1.0, "guest": 4.0}, 0.25),
        ({"user": 1.0, "idle": 2.0}, {"user": 2.0, "idle": 4.0}, None),
        ({"user": 1.0, "steal": 1.0}, {"user": 1.0, "steal": 1.0}, None),
    ],
)
def test_stolen_time_is_a_share_of_all_time_where_it_is_known(
    plan: Plan,
    feed: Feed,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[Mapping[str, float], Mapping[str, float], float | None],
) -> None:
    *moments, share = case
    spent = iter(moments)
    monkeypatch.setattr(machine.psutil, "cpu_times", lambda: SimpleNamespace(_asdict=lambda: next(spent)))

    assert _run(plan, _entrants(clock), feed).steal_share == share


def test_who_watches_hears_of_each_counted_block_with_ratios(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    progress = FakeProgress()
    measured = _run(plan, _entrants(clock, a=lambda *_: 0.05, baseline=lambda *_: 0.1), feed, progress)

    assert [done for done, _ in progress.blocks] == list(range(1, measured.blocks + 1))
    assert progress.blocks[-1][1]["a"] == pytest.approx(2.0)
    assert progress.blocks[-1][1]["baseline"] == 1.0


def _failing(after: int, error: Exception) -> Pace:
    def pace(trial: int, _: Burst) -> float:
        if trial == after:
            raise error
        return 0.1

    return pace


@pytest.mark.parametrize("after", [0, WARMUP_BLOCKS, WARMUP_BLOCKS + 2])
def test_a_candidate_that_fails_leaves_and_the_others_go_on(
    plan: Plan, feed: Feed, clock: FakeClock, after: int
) -> None:
    progress = FakeProgress()
    entrants = _entrants(clock, a=_failing(after, CandidateError("boom")))
    measured = _run(plan, entrants, feed, progress)

    assert {name: str(error) for name, error in measured.failed.items()} == {"a": "boom"}
    assert len(entrants[2].bursts) == after + 1
    assert len(entrants[3].bursts) == measured.blocks + WARMUP_BLOCKS
    assert set(progress.blocks[-1][1]) == {"baseline", CONTROL, "b"}


def test_the_last_candidate_that_fails_leaves_the_baseline_and_its_control(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    broken = {name: _failing(1, CandidateError(name)) for name in ("a", "b")}
    measured = _run(plan, _entrants(clock, **broken), feed)

    assert set(measured.failed) == {"a", "b"}
    assert measured.blocks > 1


@pytest.mark.parametrize("place", [0, 1])
def test_a_baseline_that_fails_ends_the_experiment(plan: Plan, feed: Feed, clock: FakeClock, place: int) -> None:
    entrants = _entrants(clock)
    entrants[place]._pace = _failing(3, CandidateError("boom"))

    with pytest.raises(CandidateError, match="boom"):
        _run(plan, entrants, feed)


def test_a_server_that_fails_ends_the_experiment(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    with pytest.raises(ServerError, match="gone"):
        _run(plan, _entrants(clock, b=_failing(3, ServerError("gone"))), feed)


def test_a_candidate_whose_trial_is_cut_short_leaves_with_words_and_the_others_go_on(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    progress = FakeProgress()
    entrants = _entrants(clock, a=lambda trial, _: 600.0 if trial == WARMUP_BLOCKS + 1 else 0.1)
    measured = _run(replace(plan, budget_s=100.0), entrants, feed, progress)
    failure = measured.failed["a"]

    assert failure.what.startswith("A trial of 'a' was cut short after 1 min: 2 of 8 calls done; 100 % of its time")
    assert len(measured.trials["a"]) == WARMUP_BLOCKS + 1, "what was cut short is no trial"
    assert measured.blocks > 10
    assert "block 2: a, 30 s, 1 of 8 calls" in progress.stages


def test_a_candidate_that_is_far_slower_leaves_after_few_trials_and_the_others_have_the_blocks(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    entrants = _entrants(clock, a=_noisy(4.0, 1), b=_noisy(0.1, 2), baseline=_noisy(0.1, 3))
    asked: list[str] = []
    measured = _run(replace(plan, budget_s=60.0), entrants, feed, wrong=lambda one: asked.append(one.name))

    assert list(measured.retired) == ["a"]
    assert asked == ["a"], "its state is compared when it leaves"
    assert measured.retired["a"].trials == len(measured.counted("a")) == LEAST_TRIALS
    assert len(measured.counted("b")) == len(measured.counted("baseline")) > 4 * LEAST_TRIALS
    assert not measured.is_left("a")
    assert measured.is_left("b")


def test_a_candidate_that_is_far_slower_for_the_clients_sake_stays(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrants = _entrants(clock, a=_noisy(4.0, 1), baseline=_noisy(0.1, 3))
    next(one for one in entrants if one.name == "a").busy_share = 0.97
    measured = _run(replace(plan, budget_s=60.0), entrants, feed)

    assert not measured.retired


def test_a_candidate_that_is_slower_but_not_by_far_stays(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrants = _entrants(clock, a=_noisy(0.6, 1), baseline=_noisy(0.1, 3))
    measured = _run(replace(plan, budget_s=60.0), entrants, feed)

    assert not measured.retired
    assert len(measured.trials["a"]) == len(measured.trials["baseline"])


def test_who_is_proved_slower_than_the_leader_leaves_a_race_and_the_others_have_its_time(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    paces = {"a": _noisy(0.2, 1), "b": _noisy(0.1, 2), "baseline": _noisy(0.15, 3), "(control)": _noisy(0.15, 4)}
    asked: list[str] = []
    raced = _run(
        replace(plan, budget_s=20.0, race=1),
        _entrants(clock, **paces),
        feed,
        wrong=lambda one: asked.append(one.name),
    )
    plain = _run(replace(plan, budget_s=20.0), _entrants(clock, **paces), feed)
    left = raced.retired["a"]

    assert list(raced.retired) == asked == ["a"], "the baseline stays although it is slower than the leader, too"
    assert left.beaten is not None
    assert left.beaten.leader == "b"
    assert left.trials == len(raced.counted("a")) < raced.blocks / 2
    assert raced.blocks > 1.2 * plain.blocks
    assert raced.elapsed_s == pytest.approx(plain.elapsed_s, abs=1.0), "it is the same budget"
    assert raced.spent_s == raced.elapsed_s
    assert not plain.retired


class Growing(FakeObserver):
    """Whoever looks at databases that grow by a hundredth of what they were in each block."""

    blocks = 0

    def sizes(self) -> dict[str, float]:
        """Return what they were, and are."""
        self.blocks += 1
        grown = {"table_bytes": 8.0 * self.blocks, "index_bytes": 2.0 * self.blocks}
        was = {"table_bytes": 800, "index_bytes": 200}
        return grown | {f"{name}_at_the_end": size + grown[name] for name, size in was.items()}


@pytest.mark.parametrize("most", [0.25, 0.01, inf])
def test_blocks_end_once_databases_have_grown_and_there_are_as_many_as_there_should_be(
    plan: Plan, feed: Feed, clock: FakeClock, most: float
) -> None:
    observed = {entrant: Growing() for entrant in _entrants(clock)}
    measured = _run(replace(plan, budget_s=60.0, most_growth=most), observed, feed)

    least = 2 * fewest_blocks(3)
    assert (measured.stopped, measured.blocks > 60) == (("budget", True) if most == inf else ("grown", False))
    if most < inf:
        before = 2  # a glance, and one that warms up
        assert measured.executed == max(before + ceil(102 * most), measured.warmup + least)
        assert measured.grown == pytest.approx((measured.executed - before) / 102)


def test_a_race_ends_when_only_the_baseline_is_left(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrants = _entrants(clock, a=_noisy(0.4, 1), b=_noisy(0.5, 2))
    raced = _run(replace(plan, budget_s=60.0, race=1), entrants, feed)

    assert set(raced.retired) == {"a", "b"}
    assert raced.stopped == "decided"
    assert raced.elapsed_s < 30.0


def test_who_left_a_race_stays_out_where_the_leader_fails_afterwards(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    fast = _noisy(0.05, 1)

    def breaking(executed: int, burst: Burst) -> float:
        if executed == 30:
            raise CandidateError("it broke")
        return fast(executed, burst)

    raced = _run(replace(plan, budget_s=60.0, race=1), _entrants(clock, b=breaking), feed)

    assert set(raced.retired) == {"a"}
    assert set(raced.failed) == {"b"}
    assert raced.stopped == "decided"


def test_nobody_leaves_a_race_of_equals(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    raced = _run(replace(plan, budget_s=30.0, race=1), _entrants(clock), feed)

    assert not raced.retired
    assert raced.blocks > 50


def test_who_leaves_a_race_for_the_clients_sake_stays(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrants = _entrants(clock, a=_noisy(0.2, 1), baseline=_noisy(0.1, 3))
    next(one for one in entrants if one.name == "a").busy_share = 0.97

    assert not _run(replace(plan, budget_s=20.0, race=1), entrants, feed).retired


def test_far_slower_candidates_leave_a_race_before_their_time_counts(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    raced = _run(replace(plan, budget_s=20.0, race=1), _entrants(clock, a=_noisy(4.0, 1), b=_noisy(0.2, 2)), feed)

    assert [(name, one.beaten is None) for name, one in raced.retired.items()] == [("a", True), ("b", False)]
    assert raced.elapsed_s > raced.spent_s + 4.0, "the time of `a` is not part of the budget"


def _proportional(per_call_s: float) -> Pace:
    return lambda _, burst: per_call_s * len(burst.operations)


def test_bursts_are_shortened_before_blocks_count_so_that_enough_fit_the_budget(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    entrants = _entrants(clock, a=_proportional(0.014), baseline=_proportional(0.002))
    measured = _run(replace(plan, budget_s=10.0), entrants, feed, size=10)
    glance, *sizes = [trial.operations for trial in measured.trials["baseline"]]

    assert measured.shortened == 10
    assert glance <= min(sizes) / 2
    assert len(set(sizes[1:])) == 1, "all that count are alike"
    assert 2 * fewest_blocks(3) - 1 <= measured.blocks <= 2 * fewest_blocks(3) + 2
    assert 0.002 * min(sizes) >= 0.9 * SHORTEST_TRIAL_S


def test_bursts_stay_as_they_were_calibrated_where_enough_blocks_fit_the_budget(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    entrants = _entrants(clock, a=_proportional(0.002), baseline=_proportional(0.002))
    measured = _run(replace(plan, budget_s=60.0), entrants, feed, size=25)

    assert not measured.shortened
    assert {trial.operations for trial in measured.counted("a")} == {100}


@pytest.mark.parametrize(
    "case",
    [((), 0, 100), (("gw0",), 0, 100), (("gw0", "gw1"), 0, 200), (("gw0", "gw1"), 100, 100)],
    ids=["one process", "one worker", "two workers", "two workers and a size that is given"],
)
def test_bursts_grow_where_several_workers_execute_them_in_less_time_than_the_one_that_calibrated(
    plan: Plan, feed: Feed, clock: FakeClock, case: tuple[Sequence[str], int, int]
) -> None:
    workers, burst, calls = case
    entrants = _entrants(clock, **dict.fromkeys(("a", "baseline", "(control)"), _proportional(0.001)))
    measured = _run(replace(plan, budget_s=60.0, burst=burst), entrants, feed, size=25, workers=workers)

    assert {trial.operations for trial in measured.counted("baseline")} == {calls}
    assert not measured.shortened


def test_bursts_do_not_grow_by_a_trial_that_was_quick_by_chance(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrants = _entrants(clock, **{"baseline": _proportional(0.001), "(control)": _proportional(0.002)})
    measured = _run(replace(plan, budget_s=60.0), entrants, feed, size=25, workers=("gw0", "gw1"))

    assert {trial.operations for trial in measured.counted("baseline")} == {100}


@pytest.mark.parametrize("slower", [20, 300, 3000])
def test_however_slow_one_candidate_is_the_others_have_their_budget(
    plan: Plan, feed: Feed, clock: FakeClock, slower: int
) -> None:
    entrants = _entrants(clock, a=_proportional(0.002 * slower), baseline=_proportional(0.002))
    measured = _run(replace(plan, budget_s=10.0, call_timeout_s=600.0), entrants, feed, size=10)
    glances = [trial.operations for trial in measured.trials["a"]]

    assert [*measured.retired] == ["a"]
    assert len(glances) == MOST_GLANCES
    assert 0.002 * max(glances) <= SHORTEST_TRIAL_S / 2
    assert measured.blocks >= 2 * fewest_blocks(1)
    assert measured.spent_s == pytest.approx(10, abs=1)
    assert measured.elapsed_s == pytest.approx(measured.spent_s + 0.002 * slower * sum(glances))


def test_a_candidate_that_is_slow_only_where_bursts_are_long_leaves_once_it_has_taken_much_of_the_budget(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    def deadlocks(trial: int, burst: Burst) -> float:
        return 0.1 if len(burst.operations) < 24 else (2.0, 20.0, 9.0)[trial % 3]

    entrants = _entrants(clock, a=deadlocks, baseline=_proportional(0.002))
    progress = FakeProgress()
    measured = _run(replace(plan, budget_s=10.0, call_timeout_s=600.0), entrants, feed, progress, size=10)

    assert [*measured.retired] == ["a"]
    assert measured.blocks >= 2 * fewest_blocks(1)
    assert len(measured.trials["a"]) <= 5


def test_a_burst_whose_size_is_given_is_never_shortened(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    entrants = _entrants(clock, a=lambda *_: 5.0)
    measured = _run(replace(plan, budget_s=30.0, burst=8), entrants, feed)

    assert not measured.shortened
    assert {trial.operations for trial in measured.trials["baseline"]} == {8}


def test_a_trial_may_last_for_many_times_the_baselines_or_as_long_as_a_call(
    plan: Plan, feed: Feed, clock: FakeClock
) -> None:
    entrants = _entrants(clock, a=_noisy(0.1, 1), baseline=lambda *_: 1.0)
    _run(replace(plan, budget_s=200.0, call_timeout_s=5.0), entrants, feed)
    baseline, _, a, _ = entrants

    assert {limits.call_s for one in entrants for limits in one.limits} == {5.0}
    assert {limits.trial_s for limits in baseline.limits} == {200.0}
    assert {limits.trial_s for limits in a.limits[1:]} == {bounds.MULTIPLE * 1.0}


def test_a_baseline_whose_trial_is_cut_short_ends_the_experiment(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    with pytest.raises(CandidateError, match="A trial of 'baseline' was cut short"):
        _run(plan, _entrants(clock, baseline=lambda trial, _: 600.0 if trial == 3 else 0.1), feed)


def test_a_lead_in_that_lasts_too_long_is_cut_short_like_a_trial(plan: Plan, feed: Feed, clock: FakeClock) -> None:
    plan = replace(plan, lead_in=0.5, burst=8)
    entrants = _entrants(clock, a=lambda trial, _: 600.0 if trial == 4 else 0.1)  # every other burst is untimed

    assert "cut short" in _run(plan, entrants, feed).failed["a"].what
    assert len(entrants[2].bursts) == 5


@pytest.mark.parametrize("after", [1, 2, WARMUP_BLOCKS, WARMUP_BLOCKS + 3])
def test_an_interrupt_keeps_the_blocks_that_are_done_and_says_what_was_under_way(
    plan: Plan, feed: Feed, clock: FakeClock, after: int
) -> None:
    def interrupted(trial: int, _: Burst) -> float:
        if trial == after:
            raise KeyboardInterrupt
        return 0.1

    entrants = _entrants(clock, a=interrupted)
    blocks_ = _blocks(plan, {one: FakeObserver() for one in entrants}, feed)
    with pytest.raises(KeyboardInterrupt):
        blocks_.run()
    blocks_.break_off()
    measured = blocks_.measured
    names = [one.name for one in entrants]

    assert measured.stopped == "interrupted"
    assert {len(trials) for trials in measured.trials.values()} == {after}
    assert measured.blocks == max(0, after - WARMUP_BLOCKS), "those of the warm-up are no result"
    assert {name: len(measured.counted(name)) for name in names} == dict.fromkeys(names, measured.blocks)
    assert blocks_.doing == (f"warm-up block {after + 1}: a" if after < WARMUP_BLOCKS else f"block {after - 1}: a")
