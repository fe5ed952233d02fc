"""Cardinalities drawn and frozen: within bounds, spread, the same for a seed, and refused where they were changed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import strategies as st
from made_up import found

from schemabench import Axis, log_scale, workload
from schemabench import cardinality as cardinalities
from schemabench.errors import WorkloadError
from schemabench.workload import Found

WORKLOADS = Path(__file__).parents[2] / "workloads"
STRATEGIC = workload.names(WORKLOADS)

each_workload = pytest.mark.parametrize("name", STRATEGIC)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """A cardinality."""

    keys: int
    share: float = 0.5
    kind: Literal["stream", "batch"] = "stream"


SIZES = st.builds(
    Sizes,
    keys=st.sampled_from(log_scale(1, 10_000)),
    share=st.sampled_from(log_scale(0.01, 1.0)),
    kind=st.just("batch"),
)


@pytest.fixture
def made_up(tmp_path: Path) -> Found:
    return found(tmp_path, cardinalities={"typical": Sizes(keys=5)}, strategy=lambda: SIZES)


def _loaded(name: str) -> Found:
    return workload.load(WORKLOADS, name)


def _strategy(one: Found) -> Any:  # noqa: ANN401 (a strategy of the workload's own type)
    assert one.workload.strategy is not None
    return one.workload.strategy()


def _edited(path: Path, name: str, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content[name])
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def test_scale_grows_by_factors_with_both_ends() -> None:
    assert log_scale(10, 1_000, 5) == (10, 32, 100, 320, 1_000)
    assert log_scale(0.003, 0.3, 3) == (0.003, 0.03, 0.3)
    assert Axis(field="reads", low=1, high=64).points(3) == (1, 8, 64)


def test_scale_of_few_whole_numbers_repeats_none() -> None:
    assert log_scale(1, 4, 25) == (1, 2, 3, 4)


def test_scale_may_begin_at_zero_where_many_answers_flip() -> None:
    assert log_scale(0, 1_000, 4) == (0, 9, 99, 1_000)
    assert Axis(field="readers", low=0, high=8).points(3) == (0, 2, 8)
    assert log_scale(0.0, 0.1, 3) == (0.0, 0.049, 0.1)


@pytest.mark.parametrize(("low", "high"), [(5, 3), (5, 5), (-1, 3), (1, float("inf")), (float("nan"), 3)])
def test_scale_that_does_not_go_up_is_refused_in_words(low: float, high: float) -> None:
    with pytest.raises(WorkloadError, match=f"A scale cannot go from {low} to {high}"):
        log_scale(low, high)


def test_draw_is_the_same_for_a_seed_and_another_for_another() -> None:
    assert cardinalities.draw(SIZES, 6, seed=3) == cardinalities.draw(SIZES, 6, seed=3)
    assert cardinalities.draw(SIZES, 6, seed=3) != cardinalities.draw(SIZES, 6, seed=4)


def test_draw_is_spread_over_the_range_and_repeats_none() -> None:
    drawn = cardinalities.draw(SIZES, 8, seed=1)

    assert len(set(drawn)) == 8
    assert min(one.keys for one in drawn) < 10
    assert max(one.keys for one in drawn) > 1_000
    assert drawn[0].keys not in {1, 10_000}, "the first is from the middle, not Hypothesis' smallest"


def test_strategy_with_fewer_examples_than_wanted_is_refused() -> None:
    with pytest.raises(WorkloadError, match="gave 2 different cardinalities, fewer than the 3 to draw") as caught:
        cardinalities.draw(st.builds(Sizes, keys=st.sampled_from((1, 2))), 3, seed=1)

    assert caught.value.remedies[0] == "draw fewer: -n 2"


def test_strategy_that_fails_is_refused_with_its_error() -> None:
    with pytest.raises(WorkloadError, match="The strategy failed: ZeroDivisionError"):
        cardinalities.draw(st.integers(0, 3).map(lambda number: 1 // number), 1, seed=1)


@each_workload
def test_strategies_of_our_workloads_make_acceptable_bursts(name: str) -> None:
    one = _loaded(name)
    for drawn in cardinalities.draw(_strategy(one), 12, seed=7):
        workload.check_cardinality(one, name, drawn)


def test_strategy_of_usage_keeps_its_bounds() -> None:
    for usage in cardinalities.draw(_strategy(_loaded("usage")), 16, seed=5):
        assert 200 <= usage.sites <= 4_000
        assert usage.media_sources_apart <= usage.media_entries <= usage.sites
        assert usage.media_events <= 400
        assert usage.sites * usage.history_days <= 80_000
        assert usage.analytics_ids * usage.analytics_history_days <= 200_000
        assert usage.open_slices <= 240


def test_strategy_of_clickstream_keeps_its_bounds() -> None:
    for sizes in cardinalities.draw(_strategy(_loaded("clickstream")), 16, seed=5):
        assert sizes.likes <= 100_000
        assert 1 <= sizes.weeks <= 8
        assert sizes.events <= 1_000


def test_strategy_of_pageviews_keeps_its_bounds() -> None:
    for pageviews in cardinalities.draw(_strategy(_loaded("pageviews")), 16, seed=5):
        assert (pageviews.hours_in_flight + 1) * pageviews.lines_per_hour <= 6_144
        assert pageviews.lines_per_call <= pageviews.lines_per_hour
        assert 8 * pageviews.lines_per_hour <= pageviews.known_pages <= 131_072
        assert pageviews.hours_in_flight > 0


@each_workload
def test_frozen_cardinalities_of_our_workloads_fit_their_digests(name: str) -> None:
    frozen = workload.with_frozen(_loaded(name))

    assert [one for one in frozen.frozen if one.startswith("drawn-")] == [f"drawn-{place}" for place in range(1, 9)]
    assert {*_loaded(name).workload.cardinalities, *frozen.frozen} == set(frozen.workload.cardinalities)


def test_drawing_again_writes_the_same_bytes(made_up: Found) -> None:
    path = made_up.path.parent / cardinalities.FILE
    workload.redraw(made_up, 8, seed=1)
    before = path.read_bytes()

    workload.redraw(made_up, 8, seed=1)

    assert path.read_bytes() == before


def test_drawing_again_keeps_what_a_search_found(made_up: Found) -> None:
    path = made_up.path.parent / cardinalities.FILE
    worst = cardinalities.freeze("made_up", "worst-found", Sizes(keys=9), origin="found", seed=1, about="slow")
    cardinalities.write(path, {"worst-found": worst})

    again = workload.redraw(made_up, 2, seed=1)

    assert list(again.frozen) == ["drawn-1", "drawn-2", "worst-found"]
    assert again.workload.cardinalities["worst-found"] == Sizes(keys=9)


def test_frozen_cardinality_is_what_was_drawn_with_its_digest(made_up: Found) -> None:
    one = workload.redraw(made_up, 1, seed=1)

    (drawn,) = cardinalities.draw(SIZES, 1, seed=1)
    assert one.workload.cardinalities == {"typical": Sizes(keys=5), "drawn-1": drawn}
    assert one.frozen["drawn-1"].digest == cardinalities.digest("made_up", "drawn-1", drawn, {})


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda entry: entry["values"].update(keys=77), "its values have the digest"),
        (lambda entry: entry["values"].update(keys="many"), r"it is not a Sizes: Expected `int`, got `str`"),
        (lambda entry: entry["values"].pop("keys"), "it is not a Sizes: Object missing required field `keys`"),
        (lambda entry: entry.update(digest="0" * 12), "not 000000000000"),
    ],
)
def test_file_that_was_changed_by_hand_is_refused_where_it_was(
    made_up: Found, edit: Callable[[dict[str, Any]], object], reason: str
) -> None:
    workload.redraw(made_up, 3, seed=1)
    path = made_up.path.parent / cardinalities.FILE
    _edited(path, "drawn-2", edit)

    with pytest.raises(WorkloadError, match=f"'drawn-2' was changed: .*{reason}") as caught:
        workload.with_frozen(made_up)

    assert caught.value.where is not None
    assert path.read_text(encoding="utf-8").splitlines()[caught.value.where.line - 1] == '  "drawn-2": {'
    assert any("schemabench cardinalities draw" in remedy for remedy in caught.value.remedies)


@pytest.mark.parametrize(("text", "reason"), [("{", "is not JSON"), ('{"drawn-1": {"seed": 1}}', "cannot be used")])
def test_broken_file_is_refused(made_up: Found, text: str, reason: str) -> None:
    (made_up.path.parent / cardinalities.FILE).write_text(text, encoding="utf-8")

    with pytest.raises(WorkloadError, match=reason):
        workload.with_frozen(made_up)


def test_pinned_name_cannot_be_frozen(made_up: Found) -> None:
    one = cardinalities.freeze("made_up", "typical", Sizes(keys=9), origin="drawn", seed=1)
    cardinalities.write(made_up.path.parent / cardinalities.FILE, {"typical": one})

    with pytest.raises(WorkloadError, match="freezes typical, which 'made_up' pins itself"):
        workload.with_frozen(made_up)


def test_workload_without_a_strategy_says_how_to_give_it_one(made_up: Found) -> None:
    bare = replace(made_up, workload=replace(made_up.workload, strategy=None))

    with pytest.raises(WorkloadError, match="has no strategy to draw cardinalities from"):
        workload.redraw(bare, 1, seed=1)
