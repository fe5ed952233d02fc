"""What an interrupted step leaves of its curve: all that was known before it, and figures that decide nothing."""

from dataclasses import replace
from typing import cast

import pytest
from sections import rows
from test_growth_curve import ROWS, FakeLaboratory, Sizes, falling
from test_report_growth import GROWTH, STEPS, tables
from test_report_growth_reading import BASE, MEASURED, run, verdict
from test_report_growth_reading import drawn as drawings

from schemabench import report
from schemabench.crossover import Laboratory
from schemabench.errors import Interrupted
from schemabench.growth import figures
from schemabench.growth.curve import Curve
from schemabench.growth.projecting import compared, forecasts, projections
from schemabench.records import Estimate, Growth
from schemabench.report import growth

FIRST, LAST = 1_000, 100_000
BROKEN_OFF = replace(GROWTH, steps=(STEPS[0], replace(STEPS[1], has_intervals=False, is_interrupted=True)))


def drawn(blocks: int) -> tuple[Growth, Growth]:
    """Return a curve before its last step, and after that was interrupted with so many blocks."""
    begun = FakeLaboratory(budget_s=200.0, rate=lambda name, rows: falling(name, rows) / 10)
    last = replace(begun.measure("rows=100000", Sizes(LAST), (), 3.0, grace_s=0.0), blocks=blocks)
    laboratory = FakeLaboratory(budget_s=200.0, rate=falling)
    laboratory.fails = lambda rows: (
        Interrupted("by a signal", replace(last, stopped="interrupted")) if rows == LAST else None
    )
    one, grew = Curve(laboratory=cast(Laboratory, laboratory), over=ROWS, holds_back_last=True), list[Growth]()
    with pytest.raises(KeyboardInterrupt):
        one.run(lambda: grew.append(one.record()))
    return grew[-2], grew[-1]


@pytest.mark.parametrize("blocks", [1, 20], ids=["fewer than needed", "as many as needed"])
def test_an_interrupted_last_step_is_kept_and_changes_nothing_that_was_known(blocks: int) -> None:
    before, after = drawn(blocks)
    said = projections(ROWS, before, 10.0)
    last = after.steps[-1]

    assert (last.value, last.has_intervals, last.is_interrupted) == (LAST, False, True)
    assert last.figures
    assert after.steps[:-1] == before.steps
    assert (after.changes, after.crossings) == (before.changes, before.crossings)
    assert {one.measure for one in said if one.points} == {"calls_per_s"}
    assert projections(ROWS, after, 10.0) == said
    forecast = forecasts(ROWS, before, LAST, "2026-03-01T12:00:00+00:00")
    assert compared(forecast, after) == forecast, "nothing was measured of it"


def test_an_interrupted_step_in_between_leaves_the_change_over_it_that_was_known() -> None:
    steps = drawn(1)[0].steps
    first, between, last = steps[0], replace(steps[1], has_intervals=False, is_interrupted=True), steps[2]
    few = replace(between, is_interrupted=False)

    assert [(one.low, one.high) for one in figures.changes([first, between, last])] == [(FIRST, last.value)] * 2
    assert [*figures.changes([first, few, last])] == []


def test_a_last_step_with_too_few_blocks_that_was_not_interrupted_refuses_projections() -> None:
    before, after = drawn(1)
    few = replace(after, steps=(*before.steps, replace(after.steps[-1], is_interrupted=False)))

    assert not any(one.points for one in projections(ROWS, few, 10.0))


def test_a_report_says_that_a_step_was_interrupted_and_counts_it_for_nothing() -> None:
    said = " ".join(report.terminal(run(BROKEN_OFF)).split())
    throughput = tables(run(BROKEN_OFF))[0]

    assert "interrupted: at 10,000, before states were compared: no comparison rests on it" in said
    assert "too few blocks: at" not in said
    assert "; 1 step in 5 min of 20 min" in said
    assert growth.sentence(run(BROKEN_OFF), BROKEN_OFF) == "One step was measured, at 1,000 rows."
    alone = replace(BROKEN_OFF, steps=BROKEN_OFF.steps[1:])
    assert growth.sentence(run(alone), alone) == "No step was measured to its end."
    assert "hash_by_site 0.84x [0.76, 0.92] at 1,000." in verdict(run(BROKEN_OFF, *MEASURED))
    assert "over those of the finished step before" in throughput.columns[-1].legend
    assert dict(throughput.legend)["*"].startswith("interrupted, or too few blocks to tell candidates apart, ")


def test_figures_of_a_single_block_have_their_marks_although_they_have_no_interval() -> None:
    first, second = STEPS[1].figures[:2]
    single = Estimate(value=1_000.0, low=1_000.0, high=1_000.0)
    limited = replace(second, calls_per_s=single, is_limited=True)
    step = replace(BROKEN_OFF.steps[1], figures=(replace(first, calls_per_s=single), limited))
    shown = run(replace(BROKEN_OFF, steps=(STEPS[0], step), projections=()))
    throughput, _, costs = tables(shown)[:3]
    chart = next(one.table for one in drawings(shown) if one.title == "Throughput (calls per second)")

    for table in (throughput, chart):
        assert [row[2] for row in rows(table) if row[1] == "10,000"] == ["1.00k *", "1.00k *+"]
        assert {"*", "+"} <= dict(table.legend).keys()
    assert rows(costs)[1][3] == "80.0 B", "what is read once is as good as ever"


def test_a_service_time_that_an_interrupted_step_lacks_has_that_reason() -> None:
    lacks = replace(STEPS[1].figures[0], p99_ns=None)
    alone = replace(BROKEN_OFF, steps=(replace(BROKEN_OFF.steps[1], figures=(lacks,)),), projections=())
    trials = tuple(replace(one, operations=100_000, warmup=False) for one in BASE.trials[:1])
    measured = replace(MEASURED[0], candidates=(replace(BASE, name="baseline", trials=trials),))
    _, times, _ = tables(run(alone, measured))[:3]

    assert dict(times.legend)["-"] == "interrupted"
