"""Steps that tell nothing of candidates: what the report says of them, and of what it leaves out because of them."""

from dataclasses import replace

import pytest
from sections import rows
from test_growth_figures import doubtful
from test_report_growth import GROWTH, STEPS, tables
from test_report_growth_reading import MEASURED, drawn, run, verdict

from schemabench import report
from schemabench.records import Experiment, Growth
from schemabench.report import growth

LARGE, SMALL = MEASURED
THREE = replace(
    GROWTH,
    steps=(*STEPS[:2], replace(STEPS[1], value=50_000, cardinality="rows=50000")),
    crossings=(),
    projections=(),
    forecasts=(),
)


def without_intervals(*places: int) -> Growth:
    """Return a curve of three steps, some of which have too few blocks."""
    return replace(
        THREE,
        steps=tuple(replace(one, has_intervals=place not in places) for place, one in enumerate(THREE.steps)),
    )


def said(of: Growth, *experiments: Experiment) -> str:
    """Return what the terminal shows, on one line."""
    return " ".join(report.terminal(run(of, *experiments)).split())


def test_rates_and_times_of_a_doubtful_step_are_marked_in_tables_and_charts() -> None:
    shown = run(GROWTH, doubtful(SMALL), LARGE)
    throughput, times, costs = tables(shown)[:3]
    charts = {one.title: one.table for one in drawn(shown)}
    meaning = "the baseline differs from itself at this step, and others may by as much: no crossing rests on it"

    assert [row[2] for row in rows(throughput)[:2]] == ["9.00k [8.55k, 9.45k]?", "1.00k [950, 1.05k]"]
    assert rows(times)[0][2:] == ("111 us [105, 117]?", "556 us [528, 584]?")
    assert rows(costs)[0][2:] == ("512 B [486, 538]", "80.0 B"), "what is written does not go by the clock"
    for table in (throughput, times, charts["Throughput (calls per second)"]):
        assert dict(table.legend)["?"] == meaning
    assert "?" not in dict(costs.legend)
    assert rows(charts["Throughput (calls per second)"])[0][2] == "9.00k [8.55k, 9.45k]?"


def test_a_step_of_too_few_blocks_is_not_doubtful_besides() -> None:
    few = replace(GROWTH, steps=(replace(STEPS[0], has_intervals=False), STEPS[1]))

    assert rows(tables(run(few, doubtful(SMALL), LARGE))[0])[0][2] == "9.00k [8.55k, 9.45k]*"


def test_a_doubtful_step_is_told_in_words_with_what_rests_on_it_all_the_same() -> None:
    alone = replace(GROWTH, projections=(), forecasts=())
    told = "doubtful: at 1,000, the baseline differs from itself: no crossing rests on that"

    assert f"{told}, but projections and forecasts may" in said(GROWTH, doubtful(SMALL), LARGE)
    assert told in said(alone, doubtful(SMALL), LARGE)
    assert f"{told}, but" not in said(alone, doubtful(SMALL), LARGE)
    assert "doubtful" not in said(GROWTH, SMALL, LARGE)


def test_a_crossing_of_an_older_run_file_that_rests_on_a_doubtful_step_is_not_told() -> None:
    assert "1 crossing" in verdict(run(GROWTH, SMALL, LARGE))
    assert verdict(run(GROWTH, doubtful(SMALL), LARGE)).startswith(
        "Only one of 2 steps, at 10,000 rows, can tell candidates apart."
    )
    assert "overtakes" not in said(GROWTH, doubtful(SMALL), LARGE)


def test_a_verdict_spans_the_steps_that_can_tell_candidates_apart() -> None:
    def first_sentence(of: Growth, *experiments: Experiment) -> str:
        return growth.sentence(run(of, *experiments), of)

    none = "no two candidates are shown to change places."
    assert first_sentence(THREE) == f"From 1,000 to 50,000 rows, {none}"
    assert first_sentence(without_intervals(2)) == f"From 1,000 to 10,000 rows, {none}"
    assert first_sentence(THREE, doubtful(SMALL)) == f"From 10,000 to 50,000 rows, {none}"
    assert first_sentence(without_intervals(1, 2)) == "Only one of 3 steps, at 1,000 rows, can tell candidates apart."
    assert first_sentence(without_intervals(0, 1, 2)) == "None of 3 steps can tell candidates apart."


def test_candidates_are_compared_at_steps_that_can_tell_them_apart() -> None:
    largest = replace(LARGE, cardinality="rows=50000")
    told = "hash_by_site 0.84x [0.76, 0.92] at 1,000, 0.26x [0.23, 0.29] at 10,000."

    assert told in verdict(run(THREE, SMALL, LARGE, doubtful(largest)))


def test_a_crossing_that_is_not_certain_counts_the_steps_that_share_its_level() -> None:
    perhaps = replace(without_intervals(2), crossings=(replace(GROWTH.crossings[0], is_certain=False),))

    assert "not beyond chance at 2 steps together" in said(perhaps)


@pytest.mark.parametrize(
    ("elapsed_s", "told"),
    [(0.9, "3 steps in 900 ms of 1.00 s"), (8.25, "3 steps in 8.25 s, beyond the budget of 1.00 s")],
)
def test_a_curve_that_went_beyond_its_budget_says_so(elapsed_s: float, told: str) -> None:
    assert told in said(replace(THREE, budget_s=1.0, elapsed_s=elapsed_s))
