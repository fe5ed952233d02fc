"""How parts slow each other, in words and as a table."""

from dataclasses import replace
from typing import Any

from fixed_run import BASELINE, RUN, USAGE, estimate, ranked, standing

from schemabench.frames import RunFrames
from schemabench.records import CandidateResult, Estimate, Experiment, Interference
from schemabench.report import interference as told
from schemabench.report.text import plain
from schemabench.report.tree import Table
from schemabench.report.view import View

HINDERED = Interference(
    part="north",
    writer="pays_north",
    alone_s=0.040,
    beside_s=0.088,
    ratio=Estimate(value=2.2, low=1.9, high=2.5),
    differs=True,
    lock_share=0.41,
)
FREE = replace(
    HINDERED, alone_s=0.04, beside_s=0.041, ratio=Estimate(value=1.02, low=0.95, high=1.1), differs=False, lock_share=0
)


def _experiment(**known: tuple[Interference, ...]) -> Experiment:
    results: list[CandidateResult] = [
        replace(ranked(standing(name, place, BASELINE if name == "baseline" else estimate(1.5)), ""), interference=some)
        for place, (name, some) in enumerate(known.items(), start=1)
    ]
    return replace(USAGE, candidates=tuple(results))


def test_nothing_is_said_where_no_part_was_alone() -> None:
    experiment = _experiment(fast=(), baseline=())
    assert told.sentence(experiment) == ""
    assert told.section(View(experiment, RUN)) is None


def test_the_candidates_whose_parts_slow_each_other_least_and_most_are_named() -> None:
    said = plain(told.sentence(_experiment(apart=(FREE,), baseline=(FREE, HINDERED))))
    assert (
        said
        == "beside the other parts, the most impeded writer takes 1.02x (apart) to 2.20x (baseline) of its time alone"
    )


def test_the_table_has_each_writer_and_brackets_around_what_may_be_chance() -> None:
    unsampled = replace(HINDERED, lock_share=None)
    section = told.section(View(_experiment(apart=(FREE,), baseline=(HINDERED, unsampled)), RUN))
    assert section is not None
    (table,) = [node for node in section.nodes if isinstance(node, Table)]
    assert [[plain(cell.text) for cell in row] for row in table.rows] == [
        ["apart", "north", "pays_north", "40.0 ms", "41.0 ms", "(1.02x [0.95, 1.10])", "0 %"],
        ["baseline", "north", "pays_north", "40.0 ms", "88.0 ms", "2.20x [1.90, 2.50]", "41 %"],
        ["baseline", "north", "pays_north", "40.0 ms", "88.0 ms", "2.20x [1.90, 2.50]", "-"],
    ]


def test_the_frame_has_a_row_for_each_writer() -> None:
    frames = RunFrames(replace(RUN, experiments=(_experiment(apart=(FREE,), baseline=(HINDERED,)),)))
    rows: Any = frames.interference
    assert list(rows["ratio"]) == [1.02, 2.2]
    assert list(rows["ratio_high"]) == [1.1, 2.5]
    assert list(rows["differs"]) == [False, True]
    assert list(rows["lock_share"]) == [0, 0.41]
