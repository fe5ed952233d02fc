"""In which order the cells of a map are measured, how they share the budget, and what is left whatever ends it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fixed_run import USAGE
from test_crossover_pair import result

from schemabench import Axis
from schemabench.cardinality import ROUND_TRIP
from schemabench.crossover.mapping import SHORTEST_CELL_S, draw_map
from schemabench.errors import CandidateError, Interrupted, ServerError, UsageError
from schemabench.records import Experiment, RatioMap

FIRST, SECOND = Axis(field="rows", low=10, high=1_000), Axis(field="reads", low=1, high=64)
CENTRE, FAR = (100, 8), (1_000, 64)
CORNERS = {FAR, (1_000, 1), (10, 64), (10, 1)}


@dataclass(frozen=True)
class Sizes:
    """A cardinality."""

    rows: int = 50
    reads: int = 5


@dataclass(frozen=True)
class Bounded(Sizes):
    """A cardinality whose author refuses some sizes."""

    def __post_init__(self) -> None:
        if self.reads > self.rows:
            raise ValueError(f"{self.reads} reads of {self.rows} rows")


@dataclass
class FakeLaboratory:
    """What measures nothing, by a clock of its own."""

    budget_s: float
    loading_s: Callable[[Sizes], float]
    fails: Callable[[Sizes], BaseException | None] = lambda _: None
    typical: Sizes = field(default_factory=Sizes)
    workload: str = "items"
    start: str = "typical"
    doing: str = ""
    noise: None = None
    elapsed_s: float = 0.0
    measured: list[tuple[int, int]] = field(default_factory=list)
    blocks_s: list[float] = field(default_factory=list)
    round_trips_s: list[float | None] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    maps: list[RatioMap] = field(default_factory=list)

    @property
    def remaining_s(self) -> float:
        """What is left of the budget."""
        return self.budget_s - self.elapsed_s

    @property
    def found(self) -> Any:  # noqa: ANN401 (what a workload is, as far as a map knows)
        """The workload."""
        workload = SimpleNamespace(name="items", axes=(FIRST, SECOND), cardinalities={"typical": self.typical})
        return SimpleNamespace(workload=workload, path=Path("items.py"))

    @property
    def bench(self) -> Any:  # noqa: ANN401 (likewise)
        """The bench."""
        subject = SimpleNamespace(selected=("baseline", "indexed"))
        return SimpleNamespace(subject=lambda _: subject, serve=lambda: None)

    def say(self, text: str) -> None:
        """Remember it."""
        self.said.append(text)

    def measure(
        self, _: str, sizes: Sizes, __: object, budget_s: float, *, sampled: bool, round_trip_s: float | None
    ) -> Experiment:
        """Let time pass."""
        assert not sampled
        self.round_trips_s.append(round_trip_s)
        self.elapsed_s += self.loading_s(sizes)
        if failure := self.fails(sizes):
            raise failure
        self.elapsed_s += budget_s
        self.measured.append((sizes.rows, sizes.reads))
        self.blocks_s.append(budget_s)
        return replace(USAGE, elapsed_s=budget_s, candidates=(result("indexed", 2.0), result("baseline", 1.0)))

    def draw(self, shape: tuple[int, int] = (3, 3), *over: Axis) -> RatioMap:
        """Return a map as far as it came."""
        draw_map(self, shape, self.maps.append, over)  # type: ignore[arg-type]
        return self.maps[-1]


def _unmeasured(drawn: RatioMap) -> set[tuple[float, float]]:
    return {(cell.first, cell.second) for cell in drawn.cells if cell.ratio is None}


def test_the_middle_comes_first_then_the_corners_from_the_dearest_on() -> None:
    laboratory = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0)

    laboratory.draw()

    assert laboratory.measured[:2] == [CENTRE, FAR]
    assert set(laboratory.measured[1:5]) == CORNERS
    assert len(set(laboratory.measured)) == 9


def test_cells_are_recorded_by_their_place_however_they_were_measured() -> None:
    drawn = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0).draw((3, 2))

    places = [(cell.first, cell.second) for cell in drawn.cells]
    assert places == [(10, 1), (10, 64), (100, 1), (100, 64), (1_000, 1), (1_000, 64)]


def test_each_cell_has_as_much_time_as_the_others_once_it_is_known_what_loading_takes() -> None:
    laboratory = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0)

    drawn = laboratory.draw()

    assert laboratory.blocks_s[1:] == pytest.approx([laboratory.blocks_s[1]] * 8)
    assert drawn.elapsed_s == pytest.approx(drawn.budget_s)
    assert drawn.cell_s == pytest.approx((90.0 - 9.0) / 9)


@pytest.mark.parametrize("budget_s", [30.0, 60.0, 120.0])
@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_the_budget_holds_where_large_cells_are_slow_to_load(budget_s: float, power: float) -> None:
    laboratory = FakeLaboratory(budget_s=budget_s, loading_s=lambda sizes: 20.0 * (sizes.rows / 1_000) ** power)

    drawn = laboratory.draw()

    assert laboratory.elapsed_s <= budget_s
    assert min(laboratory.blocks_s) >= SHORTEST_CELL_S
    assert len(laboratory.measured) + len(_unmeasured(drawn)) == 9
    assert len(laboratory.measured) < 9 or power


def test_cells_that_do_not_fit_are_left_out_and_those_that_do_are_measured() -> None:
    laboratory = FakeLaboratory(budget_s=60.0, loading_s=lambda sizes: 15.0 if sizes.rows == 1_000 else 1.0)

    drawn = laboratory.draw()

    assert _unmeasured(drawn) == {(1_000, 8)}
    assert {cell.reason for cell in drawn.cells if cell.ratio is None} == {
        "too little was left of the budget of 1 min to load it"
    }


def test_one_cell_is_measured_however_short_the_budget() -> None:
    laboratory = FakeLaboratory(budget_s=0.1, loading_s=lambda _: 5.0)

    drawn = laboratory.draw()

    assert laboratory.measured == [CENTRE]
    assert len(_unmeasured(drawn)) == 8


def test_the_map_is_handed_over_after_each_cell() -> None:
    laboratory = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0)

    laboratory.draw()

    assert [9 - len(_unmeasured(one)) for one in laboratory.maps] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    assert {cell.reason for cell in laboratory.maps[0].cells if cell.ratio is None} == {"not reached yet"}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (KeyboardInterrupt(), "the map was interrupted"),
        (ServerError("The server failed: it is gone"), "the map ended first: The server failed: it is gone"),
    ],
)
def test_what_ends_a_map_leaves_the_cells_that_were_measured(failure: BaseException, reason: str) -> None:
    laboratory = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0)
    laboratory.fails = lambda _: failure if len(laboratory.measured) == 3 else None

    with pytest.raises(type(failure)):
        laboratory.draw()

    last = laboratory.maps[-1]
    assert {(cell.first, cell.second) for cell in last.cells if cell.ratio} == set(laboratory.measured)
    assert {cell.reason for cell in last.cells if cell.ratio is None} == {reason}


@pytest.mark.parametrize(("stopped", "cells"), [("budget", 4), ("interrupted", 3)])
def test_a_cell_that_was_measured_when_the_interrupt_came_is_in_the_map(stopped: Any, cells: int) -> None:  # noqa: ANN401 (one of a list)
    known = replace(USAGE, stopped=stopped, candidates=(result("indexed", 2.0), result("baseline", 1.0)))
    laboratory = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0)
    laboratory.fails = lambda _: Interrupted("by a signal", known) if len(laboratory.measured) == 3 else None

    with pytest.raises(KeyboardInterrupt):
        laboratory.draw()

    assert len(laboratory.maps[-1].cells) - len(_unmeasured(laboratory.maps[-1])) == cells
    assert len(laboratory.said) == cells


def test_a_map_that_ends_before_its_first_cell_is_no_map() -> None:
    laboratory = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0, fails=lambda _: KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        laboratory.draw()

    assert laboratory.maps == []


def test_a_cell_at_which_the_baseline_fails_has_a_reason_and_the_map_goes_on() -> None:
    laboratory = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0)
    laboratory.fails = lambda sizes: CandidateError("too many rows") if (sizes.rows, sizes.reads) == FAR else None

    drawn = laboratory.draw()

    assert _unmeasured(drawn) == {FAR}
    assert drawn.cells[-1].reason == "too many rows"
    assert len(laboratory.measured) == 8


def test_a_cell_whose_sizes_the_author_refuses_has_a_reason_and_the_map_goes_on() -> None:
    laboratory = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0, typical=Bounded())

    drawn = laboratory.draw()

    (refused,) = [cell for cell in drawn.cells if cell.ratio is None]
    assert (refused.first, refused.second) == (10, 64)
    reason = "`cardinalities` of the workload 'items' failed: ValueError: 64 reads of 10 rows"
    assert refused.reason == reason
    assert any(one.endswith(f"rows 10 by reads 64: -, {reason}") for one in laboratory.said)
    assert len(laboratory.measured) == 8
    assert laboratory.elapsed_s == pytest.approx(90.0), "the others have its time"


def test_what_a_cell_shows_is_said_at_once() -> None:
    laboratory = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0)
    laboratory.fails = lambda sizes: CandidateError("too many rows") if (sizes.rows, sizes.reads) == FAR else None

    laboratory.draw()

    assert laboratory.said[:2] == [
        "cell 1 of 9, rows 100 by reads 8: 2.00x [2.00, 2.00]",
        "cell 2 of 9, rows 1,000 by reads 64: -, too many rows",
    ]


def test_an_axis_may_begin_at_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "FIRST", Axis(field="rows", low=0, high=1_000))
    drawn = FakeLaboratory(budget_s=90.0, loading_s=lambda _: 1.0).draw()

    assert {cell.first for cell in drawn.cells} == {0, 31, 1_000}
    assert _unmeasured(drawn) == set()


def test_round_trip_is_an_axis_that_changes_no_size() -> None:
    laboratory = FakeLaboratory(budget_s=60.0, loading_s=lambda _: 0.0)

    drawn = laboratory.draw((2, 2), Axis(field=ROUND_TRIP, low=0.0, high=5.0))

    assert (drawn.first, drawn.second) == (FIRST.field, ROUND_TRIP)
    assert sorted({trip for trip in laboratory.round_trips_s if trip is not None}) == [0.0, 0.005]
    assert {reads for _, reads in laboratory.measured} == {Sizes().reads}


def test_an_axis_that_nothing_has_is_refused_with_those_there_are() -> None:
    laboratory = FakeLaboratory(budget_s=60.0, loading_s=lambda _: 0.0)

    with pytest.raises(UsageError, match="no axis 'row' for a map of 'items'") as caught:
        laboratory.draw((2, 2), Axis(field="row", low=0, high=5))

    assert "axes: round-trip, rows, reads" in str(caught.value)


def test_an_axis_that_is_given_replaces_the_same_one_of_the_workload() -> None:
    laboratory = FakeLaboratory(budget_s=60.0, loading_s=lambda _: 0.0)

    drawn = laboratory.draw((2, 2), Axis(field=FIRST.field, low=1, high=2))

    assert (drawn.first, drawn.second) == (SECOND.field, FIRST.field)
    assert {cell.second for cell in drawn.cells} == {1, 2}
