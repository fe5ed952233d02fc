"""What is said of searches and maps, on a terminal and in Markdown."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from drawn import markdown
from fixed_run import RUN, USAGE
from sections import headings, rows

from schemabench import report
from schemabench.records import (
    Crossover,
    Estimate,
    MapCell,
    Noise,
    Probe,
    RatioMap,
    Side,
    Spot,
    from_builtins,
    to_builtins,
)
from schemabench.report import crossovers, csv
from schemabench.report.text import plain
from schemabench.report.tree import Table


def _spot(cardinality: str, value: float, side: Side, **values: Any) -> Spot:  # noqa: ANN401 (any field)
    ratio = Estimate(value=value, low=value * 0.9, high=value * 1.1)
    return Spot(cardinality=cardinality, values=values, digest="abc", ratio=ratio, side=side)


START = _spot("typical", 1.5, "better", rows=40_000, kind="stream")
WORST = _spot("worst-found", 0.5, "worse", rows=10, kind="batch")
PROBES = tuple(
    Probe(values={"rows": rows, "kind": kind}, cost=1.0, ratio=1.0, elapsed_s=1.0)
    for rows, kind in ((10, "batch"), (40_000, "stream"), (900, "stream"))
)
SEARCH = Crossover(
    workload="usage",
    candidate="hash_by_site",
    start=START,
    found=(WORST,),
    flips=True,
    remeasured=2,
    probes=PROBES,
    seed=1,
    hypothesis="6.170.15",
    budget_s=300.0,
    elapsed_s=290.0,
)
CELLS = (
    MapCell(first=10, second=1, ratio=Estimate(value=0.5, low=0.4, high=0.6), side="worse"),
    MapCell(first=10, second=64, ratio=Estimate(value=1.01, low=0.9, high=1.2), side="tied"),
    MapCell(first=40_000, second=1, ratio=Estimate(value=2.0, low=1.9, high=2.1), side="better"),
    MapCell(first=40_000, second=64, ratio=None, side=None, reason="hash_by_site is failed"),
)
MAP = RatioMap(
    workload="usage",
    candidate="hash_by_site",
    cardinality="typical",
    first="rows",
    second="reads",
    cells=CELLS,
    cell_s=5.0,
)


def drawn_map(found: RatioMap) -> Table:
    """Return a map as a table."""
    (section,) = crossovers.sections(replace(RUN, crossovers=(), maps=(found,)))
    (table,) = csv.within(section.nodes)
    return table


def _sentence(start: Spot, found: Sequence[Spot], *, flips: bool = False) -> str:
    return plain(crossovers.sentence(replace(SEARCH, start=start, found=tuple(found), flips=flips)))


def test_flip_is_said_with_both_intervals() -> None:
    assert _sentence(START, [WORST], flips=True) == (
        "The ranking flips: hash_by_site leads at typical (1.50x [1.35, 1.65]) and trails at worst-found "
        "(0.50x [0.45, 0.55])."
    )


@pytest.mark.parametrize(("blocks", "within"), [(3, "observed range"), (11, "95 % interval")])
def test_what_is_beside_a_ratio_follows_from_the_blocks_of_its_experiment(blocks: int, within: str) -> None:
    ratio = next(one.standing.to_baseline for one in USAGE.candidates if one.standing and one.name != "baseline")
    start = replace(START, ratio=ratio)
    search = replace(SEARCH, start=start, found=())
    run = replace(RUN, experiments=(replace(USAGE, blocks=blocks, blocks_needed=11),), crossovers=(search,), maps=())
    (section,) = crossovers.sections(run)
    (table,) = csv.within(section.nodes)

    assert f"ratio [{within}]" in headings(table)


def test_ranking_that_never_flips_says_so() -> None:
    assert _sentence(START, [replace(WORST, side="better")]).startswith("The ranking never flipped: hash_by_site leads")


def test_start_that_is_the_worst_is_said_to_be() -> None:
    better = replace(WORST, side="better", ratio=Estimate(value=1.8, low=1.7, high=1.9))

    assert _sentence(START, [better]).endswith("No cardinality was found at which it is worse than at typical.")


def test_tie_that_breaks_is_no_flip() -> None:
    said = _sentence(replace(START, side="tied"), [WORST])

    assert said.startswith("The ranking never flipped from one side to the other, but it changed")
    assert "hash_by_site cannot be told apart from the baseline at typical" in said


def test_search_says_how_far_it_looked() -> None:
    assert crossovers.looked(SEARCH) == (
        "The search probed 3 cardinalities in short trials and measured 2 of them in full, in 4 min 50 s with "
        "Hypothesis 6.170.15 and seed 1: rows 10 to 40,000, kind batch or stream."
    )


def test_cardinalities_without_a_figure_are_counted_with_the_first_reason() -> None:
    broken = replace(PROBES[0], cost=None, ratio=None, reason="hash_by_site is failed: no such table\nat x.sql:1")

    said = crossovers.looked(replace(SEARCH, probes=(*PROBES, broken)))

    assert said.endswith("; 1 of them gave no figure, the first because hash_by_site is failed: no such table.")


def test_search_that_ended_before_its_time_says_so_and_why() -> None:
    ended = replace(SEARCH, found=(), flips=False, ended="The server failed: it is gone\nafter all")

    assert crossovers.looked(ended).endswith(
        "The search ended early and may have missed something: The server failed: it is gone."
    )
    assert crossovers.sentence(ended).endswith("; no other cardinality was measured in full.")


def test_map_says_which_cells_were_not_measured_with_each_reason_once() -> None:
    left_out = [replace(cell, ratio=None, side=None, reason="too little was left") for cell in CELLS[:2]]

    assert crossovers.unmeasured(replace(MAP, cells=(*left_out, *CELLS[2:]))) == [
        "Not measured at rows 10 by reads 1; rows 10 by reads 64: too little was left.",
        "Not measured at rows 40,000 by reads 64: hash_by_site is failed.",
    ]
    assert crossovers.unmeasured(MAP) == ["Not measured: hash_by_site is failed."], "dashes show where"


def test_map_says_how_many_cells_were_measured_and_how_much_of_the_budget_was_spent() -> None:
    told = crossovers.about(replace(MAP, budget_s=60.0, elapsed_s=58.0))

    assert told.endswith("; 3 of 4 cells were measured for 5.00 s on average, in 58.0 s of a budget of 1 min.")


def test_map_from_a_run_file_shows_its_sizes_as_before() -> None:
    again = from_builtins(json.loads(json.dumps(to_builtins(replace(RUN, maps=(MAP,)))))).maps[0]

    assert drawn_map(again) == drawn_map(MAP)
    assert crossovers.unmeasured(again) == crossovers.unmeasured(MAP)


def test_search_and_map_say_beside_which_noise_they_were_measured() -> None:
    noise = Noise(
        path="noise.json",
        digest="d" * 64,
        organisations=5,
        rows=700,
        speed=20.0,
        connections=2,
        pace_per_s=10.0,
    )
    beside = "beside noise: noise.json at 20 times its speed: 5 organisations, 700 rows; 10.0 runs a second on"

    for run in (
        replace(RUN, crossovers=(replace(SEARCH, noise=noise),)),
        replace(RUN, maps=(replace(MAP, noise=noise),)),
    ):
        (section,) = crossovers.sections(run)
        assert beside in plain(section.nodes[-1].text)
        assert from_builtins(to_builtins(run)) == run
    (without,) = crossovers.sections(replace(RUN, maps=(MAP,)))
    assert "noise" not in str(without)


def test_map_without_a_measured_cell_says_so() -> None:
    empty = replace(MAP, cells=CELLS[3:], cell_s=0.0)

    assert crossovers.about(empty).endswith("; no cell was measured.")


def test_map_marks_cells_that_cannot_be_told_from_one_and_those_without_a_figure() -> None:
    table = drawn_map(MAP)

    assert headings(table) == ["rows, reads:", "1", "64"]
    assert rows(table) == [
        ("10", "0.50x [0.40, 0.60]", "1.01x [0.90, 1.20] ="),
        ("40,000", "2.00x [1.90, 2.10]", "-"),
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_terminal_shows_both_within_its_width(width: int) -> None:
    lines = report.terminal(replace(RUN, experiments=(), crossovers=(SEARCH,), maps=(MAP,)), width).splitlines()

    assert sum(line.startswith("When the answer ch") for line in lines) == 2, "titles are cut in the middle"
    assert "The ranking flips: hash_by_site leads at typical" in " ".join(map(str.strip, lines))
    assert "Not measured: hash_by_site is failed." in " ".join(map(str.strip, lines))
    assert all(len(line) <= width for line in lines)


def test_markdown_shows_both() -> None:
    text = markdown(replace(RUN, crossovers=(SEARCH,), maps=(MAP,)))

    assert "## When the answer changes: `usage`, `hash_by_site` against the baseline" in text
    assert "The ranking flips: `hash_by_site` leads at `typical`" in text
    assert "## When the answer changes: `usage`, `rows` by `reads`" in text
    assert "Not measured: hash_by_site is failed." in text


def test_report_of_a_run_without_searches_says_nothing_of_them() -> None:
    assert "When the answer changes" not in markdown(RUN)


def test_searches_and_maps_are_kept_in_the_run_file() -> None:
    run = replace(RUN, crossovers=(SEARCH,), maps=(MAP,))

    assert from_builtins(to_builtins(run)) == run


def test_what_the_client_limited_is_a_lower_bound_in_searches_and_maps(tmp_path: Path) -> None:
    found = replace(WORST, at_least=True, side="tied")
    cells = tuple(replace(cell, at_least=cell.ratio is not None) for cell in CELLS)
    run = replace(RUN, experiments=(), crossovers=(replace(SEARCH, found=(found,)),), maps=(replace(MAP, cells=cells),))
    report.write(run, tmp_path / "run.html")

    for shown in (report.terminal(run), markdown(run), (tmp_path / "run.html").read_text(encoding="utf-8")):
        text = " ".join(shown.split())
        assert "at least 0.45x" in text
        assert "at least 1.90x" in text
        assert "2.00x" not in text
