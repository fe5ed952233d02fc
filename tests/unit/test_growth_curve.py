"""In which order the steps of a curve are measured, how they share the budget, and what is left whatever ends it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fixed_run import USAGE

from schemabench import growth
from schemabench.bench import Bench, Findings
from schemabench.crossover import Laboratory
from schemabench.errors import CandidateError, Interrupted, ServerError, UsageError
from schemabench.growth import Over, edges, needs
from schemabench.growth.curve import Curve
from schemabench.growth.projecting import forecasts
from schemabench.records import CandidateResult, Estimate, Experiment, Growth, Loaded, Standing
from schemabench.server import Server, room

ROWS = Over(field="rows", start=1_000, end=100_000, whole=True)
GIB = 1 << 30


@dataclass(frozen=True)
class Sizes:
    """A cardinality."""

    rows: int = 1_000


def about(value: float) -> Estimate:
    """Return a figure with a narrow interval."""
    return Estimate(value=value, low=value * 0.99, high=value * 1.01)


def result(name: str, rate: float, rows: int, ratio: float, loading_s: float) -> CandidateResult:
    """Return a ranked candidate, which is told apart from the other."""
    standing = Standing(name=name, figure=about(rate), to_baseline=about(ratio), rank=1, tied_with=(name,))
    return CandidateResult(
        name=name,
        summary="",
        expects="",
        path="",
        sql="",
        status="ranked",
        standings={"throughput": standing},
        operations_per_s=about(rate),
        loaded=Loaded(rows=rows, size_bytes=100 * rows, own_rows=rows, elapsed_s=loading_s),
    )


SHORTEST = USAGE.operations
"""Calls in the shortest burst."""


@dataclass
class FakeLaboratory:
    """What measures nothing, by a clock of its own."""

    budget_s: float
    rate: Callable[[str, float], float]
    loading_s: float = 1e-4
    """A row."""
    blocks: int = 20
    fails: Callable[[float], BaseException | None] = lambda _: None
    grown_s: Callable[[float], float] = lambda _: inf
    """Of rows: when databases have grown too far for more blocks."""
    workload: str = "items"
    start: str = "typical"
    doing: str = ""
    noise: None = None
    elapsed_s: float = 0.0
    blocks_s: list[float] = field(default_factory=list)
    graces_s: list[float] = field(default_factory=list)
    asked: list[dict[str, object]] = field(default_factory=list)
    """What else each step was asked for."""
    kept: list[Experiment] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    data: Path | None = None
    most_bytes: int | None = None
    cache_bytes: int = 1 << 20

    @property
    def remaining_s(self) -> float:
        """What is left of the budget."""
        return self.budget_s - self.elapsed_s

    @property
    def found(self) -> Any:  # noqa: ANN401 (what a workload is, as far as a curve knows)
        """The workload."""
        workload = SimpleNamespace(name="items", cardinalities={"typical": Sizes()})
        writers = (SimpleNamespace(weight=SHORTEST),)
        return SimpleNamespace(workload=workload, path=Path("items.py"), writers=lambda _: writers)

    @property
    def bench(self) -> Any:  # noqa: ANN401 (what a bench is, likewise)
        """The bench."""
        server = SimpleNamespace(data=self.data, is_local=False, most_bytes=self.most_bytes, conninfo="")
        return SimpleNamespace(subject=lambda _: SimpleNamespace(selected=("baseline", "other")), serve=lambda: server)

    def measure(
        self, name: str, sizes: Sizes, _: object, budget_s: float, *, grace_s: float, **more: object
    ) -> Experiment:
        """Return an experiment that took its budget."""
        if failure := self.fails(sizes.rows):
            raise failure
        budget_s = min(budget_s, self.grown_s(sizes.rows))
        self.elapsed_s += self.loading_s * sizes.rows + budget_s
        self.blocks_s.append(budget_s)
        self.graces_s.append(grace_s)
        self.asked.append(more)
        rates = {one: self.rate(one, sizes.rows) for one in ("baseline", "other")}
        return replace(
            USAGE,
            cardinality=name,
            candidates=tuple(
                result(one, rate, sizes.rows, rate / rates["baseline"], self.loading_s * sizes.rows / 2)
                for one, rate in rates.items()
            ),
            blocks=self.blocks,
            blocks_needed=6,
            warmup_blocks=0,
            elapsed_s=budget_s,
            cache_bytes=self.cache_bytes,
        )

    def keep(self, *experiments: Experiment) -> None:
        """Take note."""
        self.kept += experiments

    def say(self, text: str) -> None:
        """Take note."""
        self.said.append(text)

    def close(self) -> None:
        """Do nothing."""


@dataclass
class FakeSession:
    """What says one setting."""

    max_wal_size: int

    def execute(self, _: bytes) -> "FakeSession":
        """Return the answer."""
        return self

    def fetchone(self) -> tuple[int]:
        """Return the setting."""
        return (self.max_wal_size,)

    def close(self) -> None:
        """Do nothing."""


def drawn(laboratory: FakeLaboratory, over: Over = ROWS) -> tuple[Growth, int]:
    """Return a curve, and how many times it grew."""
    one = Curve(laboratory=cast(Laboratory, laboratory), over=over)
    grew: list[Growth] = []
    one.run(lambda: grew.append(one.record()))
    return grew[-1], len(grew)


def flat(name: str, _: float) -> float:
    return 100.0 if name == "baseline" else 90.0


def falling(name: str, rows: float) -> float:
    return flat(name, rows) * (1_000 / rows) ** 0.3


def test_the_ends_and_the_middle_come_first_then_the_widest_gaps() -> None:
    found, grew = drawn(FakeLaboratory(budget_s=200.0, rate=flat))

    assert found.order[:3] == (1_000, 10_000, 100_000)
    assert set(found.order[3:5]) == {3_200, 32_000}
    assert grew == len(found.order) + 1
    assert [step.value for step in found.steps] == sorted(found.order)
    assert found.elapsed_s <= 200.0


def test_steps_are_told_by_their_values_as_the_report_has_them() -> None:
    laboratory = FakeLaboratory(budget_s=60.0, rate=flat)
    drawn(laboratory)

    assert laboratory.said[1].startswith("10,000 rows: baseline 100 calls/s, in ")


def test_steps_share_the_budget_and_none_is_begun_that_would_exceed_it() -> None:
    laboratory = FakeLaboratory(budget_s=60.0, rate=flat)
    found, _ = drawn(laboratory)

    assert min(laboratory.blocks_s) >= needs.SHORTEST_STEP_S
    assert max(laboratory.blocks_s) < 3 * min(laboratory.blocks_s)
    assert laboratory.elapsed_s <= 60.0
    assert "would take about" in found.ended


def test_a_step_with_too_few_blocks_may_take_twice_as_long_again_but_not_what_others_need() -> None:
    laboratory = FakeLaboratory(budget_s=60.0, rate=flat)
    drawn(laboratory)
    back = FakeLaboratory(budget_s=60.0, rate=flat)
    one = Curve(laboratory=cast(Laboratory, back), over=ROWS, holds_back_last=True)
    one.run(lambda: None)

    assert laboratory.graces_s[0] == 2 * laboratory.blocks_s[0]
    assert laboratory.graces_s[-1] < needs.SHORTEST_STEP_S, "hardly any time is left"
    at = [*one.tried].index(100_000)
    before_s = sum(back.blocks_s[:at])
    assert back.graces_s[at - 1] <= 60.0 - before_s - back.blocks_s[at], "the last one has its time set aside"


def test_a_step_for_which_the_budget_has_no_time_may_take_a_quarter_longer_all_the_same() -> None:
    laboratory = FakeLaboratory(budget_s=1.0, rate=flat)
    drawn(laboratory)

    assert laboratory.blocks_s == [needs.SHORTEST_STEP_S]
    assert laboratory.graces_s == [0.25 * needs.SHORTEST_STEP_S]


def test_a_step_is_asked_to_end_once_its_databases_have_grown_by_a_quarter_and_grows_in_place() -> None:
    laboratory = FakeLaboratory(budget_s=60.0, rate=flat)
    drawn(laboratory)

    assert laboratory.asked == [{"grows": "rows", "most_growth": 0.25}] * len(laboratory.kept)


def test_calls_that_grow_make_blocks_longer_once_bursts_are_the_shortest() -> None:
    one = needs.Needs(laboratory=cast(Laboratory, FakeLaboratory(budget_s=60.0, rate=flat)), over=ROWS)
    before = replace(USAGE, operations=12 * SHORTEST, blocks=45, warmup_blocks=2, blocks_needed=6, elapsed_s=70.5)
    one.measured[20_000] = before
    one.measured[320_000] = replace(before, operations=4 * SHORTEST, elapsed_s=75.2)  # 3.2 times as long for each call

    assert one.least_s(320_000) == pytest.approx(8 * 1.6)
    assert one.least_s(5_120_000) == pytest.approx(8 * 1.6), "bursts of a quarter are possible"
    assert one.least_s(320_000 * 16**2) == pytest.approx(8 * 1.6 * 3.2**2 / 4)


def test_a_crossing_is_narrowed_before_anything_else() -> None:
    def crossing(name: str, rows: float) -> float:
        return 1e6 / rows if name == "baseline" else 210.0

    found, _ = drawn(FakeLaboratory(budget_s=400.0, rate=crossing))

    assert found.order[:5] == (1_000, 10_000, 100_000, 3_200, 5_700), "at 4,762 they are as fast"
    (one,) = found.crossings
    assert (one.first, one.second, one.is_certain) == ("baseline", "other", True)
    assert one.low < 4_762 < one.high < 1.5 * one.low


def test_the_last_value_is_lowered_to_what_there_is_time_for() -> None:
    found, _ = drawn(FakeLaboratory(budget_s=60.0, rate=flat, loading_s=1e-3))

    assert found.order[:2] == (1_000, 7_100), "halfway to 51,000, for which there seems to be time"
    last = next(step for step in found.steps if step.value == 100_000)
    assert last.reason.startswith(
        "from 40,000 rows on, a step would take about 44.0 s, and the budget of 1 min has 43."
    )
    assert 30_000 < max(step.value for step in found.steps if step.figures) < 60_000


def test_the_last_value_is_lowered_to_what_the_disk_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.psutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    found, _ = drawn(FakeLaboratory(budget_s=200.0, rate=flat, data=tmp_path))

    last = next(step for step in found.steps if step.value == 100_000)
    assert last.reason == (
        "from 45,000 rows on, a step would need about 38.6 MiB of disk, with 47.7 MiB free, of which 80 % may be used"
    )
    assert max(step.value for step in found.steps if step.figures) == 44_000, "three copies of 13 MB"


def test_the_data_of_a_server_stay_within_their_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.psutil, "disk_usage", lambda _: SimpleNamespace(free=GIB))
    monkeypatch.setattr(room, "opened", lambda _: closing(FakeSession(max_wal_size=4_000_000)))
    (tmp_path / "pg_wal").mkdir()
    (tmp_path / "pg_wal" / "segment").write_bytes(bytes(1_000_000))
    (tmp_path / "base").write_bytes(bytes(2_000_000))
    laboratory = FakeLaboratory(budget_s=200.0, rate=flat, data=tmp_path, most_bytes=50_000_000)
    found, _ = drawn(laboratory)

    last = next(step for step in found.steps if step.value == 100_000)
    assert last.reason == (
        "from 40,000 rows on, a step would need about 34.3 MiB of disk, with 42.0 MiB left of --disk 47.7 MiB, of "
        "which 80 % may be used"
    ), "without WAL at its largest"
    assert max(step.value for step in found.steps if step.figures) == 39_000


def test_a_limit_for_data_out_of_sight_is_refused() -> None:
    elsewhere = SimpleNamespace(data=None, record=SimpleNamespace(origin="db.example:5432 (PostgreSQL 18.6)"))
    with pytest.raises(UsageError, match=r"--disk 15.0 GiB is for a server that schemabench starts") as caught:
        room.limit(cast(Server, elsewhere), 15 * GIB)

    assert caught.value.checked == ("the server: db.example:5432 (PostgreSQL 18.6)",)


def forecast(laboratory: FakeLaboratory) -> tuple[Growth, list[tuple[float, int]]]:
    """Return a curve whose last value is forecast, and (value, steps measured before) of each time that one was."""
    one = Curve(laboratory=cast(Laboratory, laboratory), over=ROWS, holds_back_last=True)
    said: list[tuple[float, int]] = []
    one.run(lambda: None, lambda value: said.append((value, len(laboratory.kept))))
    return one.record(), said


def test_a_last_value_that_is_forecast_comes_after_the_others() -> None:
    found, said = forecast(FakeLaboratory(budget_s=200.0, rate=flat))

    assert found.order[:3] == (1_000, 10_000, 32_000)
    assert max(found.order[:6]) == 32_000
    assert found.order[6] == 100_000
    assert said == [(100_000, 6)], "before it is measured, and once"
    assert found.elapsed_s <= 200.0


def test_the_time_of_a_last_value_that_is_forecast_is_set_aside() -> None:
    found, said = forecast(FakeLaboratory(budget_s=60.0, rate=flat, loading_s=2e-4))

    assert said, "there was time for it"
    assert said[0][0] == 100_000
    assert said[0][1] < 6, "and for that not for all others"
    assert found.elapsed_s <= 60.0


def test_a_last_value_that_is_forecast_takes_half_of_the_budget_at_most() -> None:
    found, ((value, before),) = forecast(FakeLaboratory(budget_s=60.0, rate=flat, loading_s=1e-3))

    assert 15_000 < value < 26_000, "loads in 26 s at most"
    assert before > 2
    assert max(step.value for step in found.steps if step.figures) == value
    assert any(step.value == 100_000 and "and the budget of" in step.reason for step in found.steps)


def test_what_a_last_value_that_is_forecast_leaves_of_the_budget_is_for_further_steps() -> None:
    laboratory = FakeLaboratory(budget_s=600.0, rate=flat, grown_s=lambda rows: 10.0 if rows < 100_000 else inf)
    found, _ = forecast(laboratory)
    at = found.order.index(100_000)

    assert sum(laboratory.blocks_s[:at]) < 100.0, "databases had grown too far"
    assert 200.0 < laboratory.blocks_s[at] <= 300.0
    assert len(found.order) > at + 1


ENOUGH = [(80.0, 1e-4), (80.0, 5e-4), (80.0, 1e-3), (120.0, 1e-4), (120.0, 3e-3), (200.0, 1e-3), (200.0, 3e-3)]
"""Seconds of a budget, and for loading a row."""


def earlier(found: Growth, value: float) -> Growth:
    """Return a curve as it was before a step."""
    order = found.order[: found.order.index(value)]
    steps = tuple(step for step in found.steps if step.value in order and step.figures)
    return replace(found, order=order, steps=steps)


@pytest.mark.parametrize(("budget_s", "loading_s"), ENOUGH)
def test_a_last_value_is_lowered_until_there_is_time_for_the_steps_that_a_forecast_needs(
    budget_s: float, loading_s: float
) -> None:
    found, ((value, before),) = forecast(FakeLaboratory(budget_s=budget_s, rate=falling, loading_s=loading_s))

    assert before >= 4
    said = forecasts(ROWS, earlier(found, value), value, "2026-01-01T00:00:00+00:00")
    assert all(one.figure for one in said if one.measure == "calls_per_s"), "of rates that fall as rows grow, too"
    assert max(step.value for step in found.steps if step.figures) == value, "and then it is measured"
    assert found.elapsed_s <= budget_s


@pytest.mark.parametrize("edge", [4_000, 12_000, 25_000, 40_000, 60_000])
def test_two_steps_beyond_an_edge_come_before_a_last_value_that_is_forecast_beyond_it(edge: int) -> None:
    laboratory = FakeLaboratory(budget_s=400.0, rate=flat, cache_bytes=300 * edge)
    found, ((value, _),) = forecast(laboratory)
    (known,) = found.edges
    before = earlier(found, value)

    assert value == 100_000
    assert known.value == pytest.approx(edge)
    beyond = [step.value for step in before.steps if step.value > edge]
    assert len(beyond) >= 2 or beyond[0] >= 1.5 * edge
    assert len(before.order) == 6, "the others lie where they say most"
    assert all(one.figure for one in forecasts(ROWS, before, value, "now") if one.measure == "calls_per_s")


@pytest.mark.parametrize("edge", [15_000, 19_000, 25_000])
def test_the_last_value_that_the_disk_allows_is_forecast_after_steps_beyond_an_edge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edge: int
) -> None:
    monkeypatch.setattr(room.psutil, "disk_usage", lambda _: SimpleNamespace(free=50_000_000))
    laboratory = FakeLaboratory(budget_s=400.0, rate=flat, cache_bytes=300 * edge, data=tmp_path)
    _, ((value, before),) = forecast(laboratory)

    assert 43_000 <= value <= 44_000, "three copies of 13 MB"
    assert before >= 4


def test_a_last_value_that_is_forecast_is_at_most_ten_times_the_largest_before_it() -> None:
    over = replace(ROWS, start=0.0)
    one = Curve(laboratory=cast(Laboratory, FakeLaboratory(budget_s=200.0, rate=flat)), over=over, holds_back_last=True)
    said: list[tuple[Growth, float]] = []
    one.run(lambda: None, lambda value: said.append((one.record(), value)))

    ((before, value),) = said
    largest = max(step.value for step in before.steps if step.figures)
    assert value > 90_000
    assert value <= 10 * largest, "halfway from the start they are 320, and 5,700"
    assert any(one.figure for one in forecasts(over, before, value, "now"))


def test_an_edge_too_near_to_the_last_value_for_steps_between_them_takes_none() -> None:
    near, _ = forecast(FakeLaboratory(budget_s=400.0, rate=flat, cache_bytes=300 * 90_000))
    without, _ = forecast(FakeLaboratory(budget_s=400.0, rate=flat, cache_bytes=300 * 5_000_000))

    assert near.order == without.order


def unprepared(laboratory: FakeLaboratory, over: Over = ROWS) -> tuple[str, int]:
    """Return why a last value came too soon for its forecast, and how many steps came before it."""
    one = Curve(laboratory=cast(Laboratory, laboratory), over=over, holds_back_last=True)
    said: list[int] = []
    one.run(lambda: None, lambda _: said.append(len(laboratory.kept)))
    return one.unprepared, *said  # type: ignore[return-value]  # once


def test_a_last_value_that_comes_too_soon_for_a_forecast_says_why_and_what_to_do() -> None:
    slow, before = unprepared(FakeLaboratory(budget_s=14.0, rate=flat))
    narrow, _ = unprepared(FakeLaboratory(budget_s=200.0, rate=flat), Over(field="clients", start=2, end=4, whole=True))
    few, _ = unprepared(FakeLaboratory(budget_s=200.0, rate=flat, blocks=3, grown_s=lambda _: 1.0))
    enough, _ = unprepared(FakeLaboratory(budget_s=200.0, rate=flat))

    assert before == 1
    assert slow.startswith(
        "it comes after 1 of the 4 steps that a forecast needs: when it was begun, a step at 5,500 rows would take "
    )
    assert "and the budget of 14.0 s has " in slow
    assert slow.endswith(" for it. A larger --budget or a smaller --to leaves time for more")
    assert narrow == (
        "it comes after 2 of the 5 steps that a forecast needs: no gap is wide enough for another. A larger --to "
        "leaves room for more"
    )
    assert few == (
        "it comes after none of the 4 steps that a forecast needs: others have too few blocks for intervals. A "
        "larger --budget has room for more"
    )
    assert enough == ""


def test_a_last_value_that_comes_too_soon_since_steps_failed_says_so() -> None:
    def failing(rows: float) -> CandidateError | None:
        return CandidateError("it is too slow") if 1_000 < rows < 100_000 else None

    why, before = unprepared(FakeLaboratory(budget_s=200.0, rate=flat, fails=failing))

    assert before == 1
    assert why == (
        "it comes after 1 of the 4 steps that a forecast needs: 2 steps before it failed. Mend what made "
        "them fail, as the curve tells"
    )


def test_one_step_is_measured_however_short_the_budget() -> None:
    found, _ = drawn(FakeLaboratory(budget_s=1.0, rate=flat))

    assert [step.value for step in found.steps if step.figures] == [1_000]
    assert found.ended == "no step but the first could be measured"
    (reason,) = [step.reason for step in found.steps if not step.figures]
    assert "and the budget of 1.00 s has no time for it" in reason, "which no block more would change"


@pytest.mark.parametrize("blocks", [3, 20], ids=["without intervals", "with intervals"])
def test_a_curve_of_one_step_since_all_others_fail_does_not_ask_for_more_blocks(blocks: int) -> None:
    def fails(rows: float) -> BaseException | None:
        return CandidateError("it is too slow") if rows > 1_000 else None

    found, _ = drawn(FakeLaboratory(budget_s=200.0, rate=flat, blocks=blocks, fails=fails))

    assert found.ended == "no step but the first could be measured"
    assert {step.reason for step in found.steps if not step.figures} == {"it is too slow"}


def test_a_step_that_fails_is_told_and_the_others_go_on() -> None:
    laboratory = FakeLaboratory(
        budget_s=200.0, rate=flat, fails=lambda rows: CandidateError("it is too slow") if rows == 100_000 else None
    )
    found, _ = drawn(laboratory)

    assert [(step.value, step.reason) for step in found.steps if step.reason] == [(100_000, "it is too slow")]
    assert len(found.order) > 4


def test_a_first_step_that_fails_ends_the_curve_with_its_error() -> None:
    with pytest.raises(CandidateError, match="no baseline"):
        drawn(FakeLaboratory(budget_s=200.0, rate=flat, fails=lambda _: CandidateError("no baseline")))


@pytest.mark.parametrize(
    ("failure", "ended"),
    [(ServerError("the server is gone"), "the server is gone"), (KeyboardInterrupt(), "it was interrupted")],
)
def test_whatever_ends_a_curve_leaves_its_steps(failure: BaseException, ended: str) -> None:
    laboratory = FakeLaboratory(budget_s=200.0, rate=flat, fails=lambda rows: failure if rows == 10_000 else None)
    one = Curve(laboratory=cast(Laboratory, laboratory), over=ROWS)
    with pytest.raises(type(failure)):
        one.run(lambda: None)

    found = one.record()
    assert [step.value for step in found.steps] == [1_000]
    assert found.ended == ended


def test_a_step_that_is_interrupted_keeps_its_blocks() -> None:
    begun = FakeLaboratory(budget_s=60.0, rate=flat).measure("at 10,000", Sizes(10_000), (), 3.0, grace_s=0.0)
    laboratory = FakeLaboratory(
        budget_s=60.0, rate=flat, fails=lambda rows: Interrupted("by a signal", begun) if rows == 10_000 else None
    )
    one = Curve(laboratory=cast(Laboratory, laboratory), over=ROWS)
    with pytest.raises(KeyboardInterrupt):
        one.run(lambda: None)

    assert [step.value for step in one.record().steps if step.figures] == [1_000, 10_000]
    assert laboratory.kept[-1] is begun
    assert one.record().ended == "it was interrupted"


def test_steps_with_too_few_blocks_have_no_intervals_and_steer_nothing() -> None:
    found, _ = drawn(FakeLaboratory(budget_s=200.0, rate=flat, blocks=3))

    assert not any(step.has_intervals for step in found.steps if step.figures)
    assert found.ended == "fewer than two steps have intervals: a longer --budget has room for more blocks"


def test_the_cache_is_full_where_all_databases_together_are_as_large() -> None:
    found, _ = drawn(FakeLaboratory(budget_s=200.0, rate=flat))

    (edge,) = found.edges
    assert edge.title == "shared_buffers (1.00 MiB) full"
    assert edge.value == pytest.approx((1 << 20) / 300, rel=1e-3), "of the baseline, its control and the other"


def sized(size_bytes: int, cache_bytes: int) -> Experiment:
    """Return an experiment of the baseline alone, whose databases have a size."""
    alone = replace(
        result("baseline", 1.0, 1, 1.0, 0.0),
        loaded=Loaded(rows=1, size_bytes=size_bytes, own_rows=1, elapsed_s=0.0),
    )
    return replace(USAGE, candidates=(alone,), cache_bytes=cache_bytes)


@pytest.mark.parametrize("more", [0, 8 << 10, 24 << 10, 1 << 20])
def test_a_cache_that_databases_hardly_grow_towards_is_full_nowhere(more: int) -> None:
    measured = [(1_000.0, sized(3 << 20, 128 << 20)), (4_500.0, sized((3 << 20) + more, 128 << 20))]

    assert list(edges.edges(ROWS, measured, 8 * GIB)) == []


def test_memory_is_full_where_all_databases_together_are_as_large_if_its_size_is_known() -> None:
    measured = [(1_000.0, sized(GIB, 128 << 20)), (10_000.0, sized(10 * GIB, 128 << 20))]

    (edge,) = edges.edges(ROWS, measured, 8 * GIB)
    assert (edge.title, edge.full_bytes) == ("memory (8.00 GiB) full", 8 * GIB)
    assert edge.value == pytest.approx(4_000), "the control's are as large as the baseline's"
    assert list(edges.edges(ROWS, measured, None)) == [], "the cache was full before the first step"


def test_a_step_with_too_few_blocks_tells_of_no_crossing() -> None:
    laboratory = FakeLaboratory(budget_s=200.0, rate=lambda name, _: 15.0 if name == "other" else 10.0)
    one = Curve(laboratory=cast(Laboratory, laboratory), over=ROWS)
    one.run(lambda: None)
    value = sorted(one.measured)[1]
    few = tuple(result(name, 10.0, 1, 1.0 if name == "baseline" else 0.95, 0.0) for name in ("baseline", "other"))
    one.measured[value] = replace(one.measured[value], candidates=few, blocks=3)

    assert one.record().crossings == ()


@pytest.mark.parametrize("budget_s", [8.0, 10.0, 12.0, 60.0])
def test_a_last_value_after_a_first_one_of_zero_is_forecast_or_refused_in_words(budget_s: float) -> None:
    over, refused = replace(ROWS, start=0.0), []
    laboratory = FakeLaboratory(budget_s=budget_s, rate=flat)
    one = Curve(laboratory=cast(Laboratory, laboratory), over=over, holds_back_last=True)
    one.run(lambda: None, lambda value: refused.extend(forecasts(over, one.record(), value, "now")))

    assert all(said.refused or said.figure for said in refused)
    assert max(one.measured) >= 0.9 * over.end


def test_a_server_with_too_few_connections_for_the_last_step_is_told_by_what_names_it() -> None:
    def refusing(**_: object) -> Server:
        raise UsageError("--clients 32 is too much for this server", remedies=["fewer clients: --clients 13"])

    bench = SimpleNamespace(
        subject=lambda _: SimpleNamespace(cardinalities=("typical",), selected=()),
        asked=SimpleNamespace(options=SimpleNamespace(budget_s=60.0)),
        wanted={},
        want=lambda *_: None,
        serve=refusing,
    )
    clients = Over(field="clients", start=2, end=32, whole=True)
    with pytest.raises(UsageError) as caught:
        growth.add_growth(cast(Bench, bench), "items", clients, lambda: None)

    assert caught.value.remedies == ("fewer clients: --to 13",)


def test_a_forecast_is_recorded_with_the_time_and_written_before_its_step_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laboratory = FakeLaboratory(budget_s=200.0, rate=falling)
    monkeypatch.setattr("schemabench.growth.command.Laboratory", lambda **_: laboratory)
    bench = SimpleNamespace(
        subject=lambda _: SimpleNamespace(cardinalities=("typical",)),
        asked=SimpleNamespace(options=SimpleNamespace(budget_s=200.0)),
        serve=lambda **_: None,
        findings=Findings(),
    )
    written: list[tuple[Growth, int]] = []

    def write() -> None:
        (drawn,) = bench.findings.growths
        written.append((drawn, len(laboratory.kept)))

    growth.add_growth(cast(Bench, bench), "items", ROWS, write, project_to=2.0)
    said, measured = next((drawn, measured) for drawn, measured in written if drawn.forecasts)
    last, _ = written[-1]

    assert [step.value for step in said.steps] == sorted(last.order[:measured])
    assert last.order[measured] == 100_000, "it is measured next"
    assert {(one.candidate, one.value) for one in said.forecasts} == {("baseline", 100_000), ("other", 100_000)}
    assert all(one.figure and one.measured is None for one in said.forecasts)
    assert all(datetime.fromisoformat(one.at).tzinfo for one in said.forecasts)
    assert [replace(one, measured=None) for one in last.forecasts] == list(said.forecasts)
    assert all(one.measured == about(falling(one.candidate, 100_000)) for one in last.forecasts)
