"""Costs in words and tables: what tells ties apart, in units that people read, with a dash for what is not known."""

from dataclasses import replace
from typing import Any

import pytest
from fixed_run import BASELINE, PAGEVIEWS, USAGE, estimate, ranked, standing

from schemabench.records import CandidateResult, Cost, Experiment, Standing
from schemabench.report import costs, figures

TIED = standing("other", 1, estimate(1.01), ("baseline",))


def cost(**changes: Any) -> Cost:  # noqa: ANN401 (any field)
    return Cost(**{"name": "wal_bytes", "title": "WAL", "unit": "bytes", "per": "row", "value": 400.0} | changes)


def differing(ratio: float, **changes: Any) -> Cost:  # noqa: ANN401 (any field)
    return cost(ratio=estimate(ratio), differs=True, **changes)


def experiment(place: Standing, found: list[Cost], baseline: list[Cost] | None = None) -> Experiment:
    base = standing("baseline", 1, BASELINE, place.tied_with and ("other",))
    other = replace(ranked(place, ""), costs=tuple(found))
    return replace(USAGE, candidates=(other, replace(ranked(base, ""), costs=tuple(baseline or [cost()]))))


def told(found: list[Cost], baseline: list[Cost] | None = None, place: Standing = TIED) -> list[str]:
    return costs.told_apart(experiment(place, found, baseline), str, str)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (differing(0.621), "38 % less WAL"),
        (differing(1.12), "12 % more WAL"),
        (differing(3.1), "3.10x the WAL"),
        (differing(0.04), "0.040x the WAL"),
        (differing(0.62, title="dead rows", unit="rows"), "38 % fewer dead rows"),
    ],
)
def test_difference_is_worded_against_the_baseline(found: Cost, expected: str) -> None:
    assert told([found]) == [f"other: {expected}"]


def test_shares_are_told_side_by_side() -> None:
    hot = {"name": "hot_share", "title": "HOT share", "unit": "share", "per": "update"}
    assert told([cost(**hot, value=0.0, differs=True)], [cost(**hot, value=0.987)]) == [
        "other: HOT share 0 % instead of 99 %"
    ]


def test_figure_that_is_zero_on_one_side_is_told_without_a_ratio() -> None:
    locks = {"name": "deadlocks", "title": "deadlocks", "unit": "count", "per": "run"}
    assert told([cost(**locks, value=12.0, differs=True)], [cost(**locks, value=0.0)]) == [
        "other: deadlocks in all 12 instead of 0"
    ]


@pytest.mark.parametrize(
    "found",
    [
        differing(0.97),
        cost(ratio=estimate(0.5)),
        cost(value=None, differs=True),
        cost(name="unknown", differs=True),
    ],
    ids=["too small", "not told apart", "not known", "not known of the baseline"],
)
def test_what_is_no_clear_difference_is_not_told(found: Cost) -> None:
    assert told([found]) == []


def test_most_telling_measures_come_first_and_few_are_told() -> None:
    ratios = {"a": 1.2, "b": 0.4, "c": 1.9, "d": 0.9}
    (line,) = told([differing(ratio, name=name, title=name) for name, ratio in ratios.items()])
    assert line == "other: 60 % less b, 90 % more c, 20 % more a"


def test_candidate_that_differs_in_throughput_needs_no_cost_to_be_told_apart() -> None:
    assert told([differing(0.5)], place=standing("other", 1, estimate(1.5))) == []


def test_candidates_that_tie_in_the_lead_are_told_apart() -> None:
    def leader(name: str, other: str, ratio: float) -> CandidateResult:
        return replace(ranked(standing(name, 1, estimate(1.5), (other,)), ""), costs=(differing(ratio),))

    base = replace(ranked(standing("baseline", 3, BASELINE), ""), costs=(cost(),))
    lead = replace(USAGE, candidates=(leader("one", "two", 1.1), leader("two", "one", 0.5), base))
    assert costs.told_apart(lead, str, str) == ["two: 50 % less WAL", "one: 10 % more WAL"]


def test_nothing_is_told_where_nothing_was_counted() -> None:
    assert costs.told_apart(PAGEVIEWS, str, str) == []
    assert costs.tables(PAGEVIEWS.candidates) == []


def test_tables_part_bytes_from_blocks_and_name_the_divisor() -> None:
    found = [cost(), cost(name="hit", title="hit", unit="blocks"), cost(name="cpu", title="CPU", unit="seconds")]
    shown = costs.tables(experiment(TIED, found).candidates)
    assert [(one.title, one.headings[1:]) for one in shown] == [
        ("Bytes", ("WAL per row",)),
        ("Blocks", ("hit per row",)),
        ("Rows, counts and time", ("CPU per row",)),
    ]
    assert [row[1:] for row in shown[1].rows] == [("400",), ("-",)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (cost(), "400 B"),
        (cost(ratio=estimate(1.004)), "400 B (1.00x)"),
        (differing(0.62), "400 B **(0.62x)**"),
        (cost(differs=True), "**400 B**"),
        (cost(value=None), "-"),
    ],
)
def test_cell_is_bold_where_the_figure_differs(found: Cost, expected: str) -> None:
    (shown,) = costs.tables(experiment(TIED, [found]).candidates)
    assert shown.rows[0][1] == expected


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("bytes", 0.0, "0 B"),
        ("bytes", 0.43, "0.43 B"),
        ("bytes", 412.3, "412 B"),
        ("bytes", 1269.8, "1.24 KiB"),
        ("bytes", -8192.0, "-8.00 KiB"),
        ("blocks", 9.84, "9.84"),
        ("count", 84.0, "84"),
        ("count", 1_204_311.0, "1.20M"),
        ("rows", 0.0213, "0.0213"),
        ("seconds", 0.0, "0 s"),
        ("seconds", 31.4e-6, "31.4 us"),
        ("share", 0.994, "99 %"),
        ("count", None, "-"),
        ("count", float("nan"), "-"),
    ],
)
def test_amount_is_shown_in_its_unit(unit: str, value: float | None, expected: str) -> None:
    assert figures.amount(cost(unit=unit, value=value)) == expected
