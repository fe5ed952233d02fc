"""Costs as tables: in units that people read, with a dash for what is not known."""

import re
from dataclasses import replace
from typing import Any

import pytest
from drawn import markdown
from fixed_run import BASELINE, PAGEVIEWS, RUN, USAGE, estimate, ranked, standing
from sections import headings, rows, tables

from schemabench.records import Cost, Estimate, Experiment, Retirement, Standing
from schemabench.report import costs, figures
from schemabench.report.text import plain

TIED = standing("other", 1, estimate(1.01), ("baseline",))


def cost(**changes: Any) -> Cost:  # noqa: ANN401 (any field)
    return Cost(**{"name": "wal_bytes", "title": "WAL", "unit": "bytes", "per": "row", "value": 400.0} | changes)


def differing(ratio: float, **changes: Any) -> Cost:  # noqa: ANN401 (any field)
    return cost(ratio=estimate(ratio), differs=True, **changes)


def experiment(place: Standing, found: list[Cost], baseline: list[Cost] | None = None) -> Experiment:
    base = standing("baseline", 1, BASELINE, place.tied_with and ("other",))
    other = replace(ranked(place, ""), costs=tuple(found))
    return replace(USAGE, candidates=(other, replace(ranked(base, ""), costs=tuple(baseline or [cost()]))))


@pytest.mark.parametrize(
    ("per", "expected"),
    [
        ("row", "dead rows per row"),
        ("operation", "dead rows per call"),
        ("run", "dead rows in all"),
        ("end", "dead rows at the end"),
        ("update", "dead rows"),
    ],
)
def test_heading_names_what_a_figure_is_for(per: str, expected: str) -> None:
    assert costs.heading(cost(title="dead rows", per=per)) == expected


def test_sizes_after_the_last_block_are_told_of_each_candidate() -> None:
    assert plain(costs.sizes(USAGE)).startswith(
        "tables + indexes at the end: hash_partitioned 34.8 MiB + 16.8 MiB, split_events "
    )
    assert costs.sizes(PAGEVIEWS) == ""


def test_candidates_that_left_early_have_no_sizes_and_are_named() -> None:
    sizes = [cost(name=size, title=size, per="end", value=1e6) for size in ("table_size", "index_size")]
    found = experiment(standing("other", 2, estimate(0.1)), sizes, sizes)
    other, base = found.candidates
    left = replace(other, retired=Retirement(trials=3, slower=estimate(10.0)))
    gone = replace(found, candidates=(left, base))

    assert "other 977 KiB" in plain(costs.sizes(found))
    assert plain(costs.sizes(gone)) == (
        "tables + indexes at the end: baseline 977 KiB + 977 KiB; without those that left early, other"
    )
    legend = "total or a final size, and the candidate left early"
    assert legend in markdown(replace(RUN, experiments=(gone,)))
    assert legend not in markdown(replace(RUN, experiments=(found,)))


def test_nothing_is_shown_where_nothing_was_counted() -> None:
    assert tables(costs.section, PAGEVIEWS) == []


def test_tables_part_bytes_from_blocks_and_name_the_divisor() -> None:
    found = [cost(), cost(name="hit", title="hit", unit="blocks"), cost(name="cpu", title="CPU", unit="seconds")]
    shown = tables(costs.section, experiment(TIED, found))
    assert [(one.caption.partition(", each")[0], headings(one)[1:]) for one in shown] == [
        ("Bytes", ["WAL per row"]),
        ("Blocks", ["hit per row"]),
        ("Rows, counts and time", ["CPU per row"]),
    ]
    assert [row[1:] for row in rows(shown[1])] == [("400",), ("-",)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (cost(), "400 B"),
        (cost(ratio=estimate(1.004)), "400 B (1.00x [0.96, 1.04])"),
        (cost(ratio=Estimate(value=0.5, low=0.0, high=1.9)), "400 B (0.50x [0, 1.90])"),
        (differing(0.62), "**400 B (0.62x [0.60, 0.64])**"),
        (cost(differs=True), "**400 B**"),
        (cost(value=None), "-"),
    ],
)
def test_cell_is_bold_where_the_figure_differs(found: Cost, expected: str) -> None:
    drawn = markdown(replace(RUN, experiments=(experiment(TIED, [found]),)))
    (row,) = re.findall(r"WAL per row.*?\n\| `other` *\| *(.*?) *\|", drawn, re.DOTALL)
    assert row == expected


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
