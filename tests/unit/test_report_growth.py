"""What is said of growth curves, in every format."""

import json
from dataclasses import replace

import altair as alt
import page_reader
import pytest
from drawn import markdown
from fixed_run import RUN, USAGE
from sections import rows

from schemabench import report
from schemabench.records import (
    Edge,
    Estimate,
    Forecast,
    Growth,
    GrowthChange,
    GrowthCrossing,
    GrowthStep,
    Loaded,
    Projected,
    Projection,
    Run,
    StepFigures,
    from_builtins,
    to_builtins,
)
from schemabench.report import csv, document, growth, page
from schemabench.report.growth.forms import CRITERIA, interval
from schemabench.report.tree import Table

pytestmark = pytest.mark.usefixtures("short_script")
HOSTILE = "<img src=x onerror=alert(1)></script>"


def about(value: float, share: float = 0.05) -> Estimate:
    """Return a figure with an interval of some percent."""
    return Estimate(value=value, low=value * (1 - share), high=value * (1 + share))


def figures(candidate: str, rate: float, rows: int, own_rows: int) -> StepFigures:
    """Return the figures of a candidate at a step."""
    return StepFigures(
        candidate=candidate,
        calls_per_s=about(rate),
        p50_ns=about(1e9 / rate),
        p99_ns=about(5e9 / rate),
        wal_bytes_per_call=about(512.0),
        bytes_per_row=80.0,
        loaded=Loaded(rows=rows, size_bytes=80 * rows, own_rows=own_rows, elapsed_s=1.0),
    )


STEPS = (
    GrowthStep(
        value=1_000,
        cardinality="rows=1000",
        figures=(figures("baseline", 9_000, 1_000, 1_000), figures("hash_by_site", 8_000, 1_000, 1_000)),
    ),
    GrowthStep(
        value=10_000,
        cardinality="rows=10000",
        figures=(
            figures("baseline", 1_000, 10_000, 9_000),
            figures("hash_by_site", 7_900, 10_000, 9_000),
            StepFigures(candidate="slow", reason="failed: it took too long"),
        ),
    ),
    GrowthStep(value=100_000, cardinality="", reason="it would need about 20 GiB of disk, with 8 GiB free"),
)
CROSSING = GrowthCrossing(
    first="baseline",
    second="hash_by_site",
    low=1_000,
    high=10_000,
    before=about(1.2),
    after=about(0.13),
    is_certain=True,
)
PROJECTIONS = (
    Projection(
        candidate="baseline",
        measure="calls_per_s",
        law="linear",
        covers=("power",),
        held_out=Projected(value=10_000, figure=about(1_010)),
        measured=about(1_000),
        points=(Projected(value=30_000, figure=about(330)), Projected(value=100_000, figure=about(100, 0.2))),
        limit="what comes beyond the edge of shared_buffers (128 MiB) has to be measured",
    ),
    Projection(
        candidate="hash_by_site",
        measure="p99_ns",
        law=None,
        refused="a projection needs 4 or more steps whose intervals lie above zero, and there are 2",
    ),
)
AT = "2026-03-01T12:00:00+00:00"
FORECASTS = (
    Forecast(
        candidate="baseline",
        measure="calls_per_s",
        value=10_000,
        at=AT,
        law="linear",
        covers=("power",),
        figure=about(1_010),
        measured=about(1_000),
    ),
    Forecast(
        candidate="hash_by_site",
        measure="calls_per_s",
        value=10_000,
        at=AT,
        law="constant",
        figure=about(6_000),
        measured=about(7_900),
    ),
    Forecast(
        candidate="hash_by_site", measure="p99_ns", value=10_000, at=AT, law=None, refused="a projection needs 4 steps"
    ),
)
GROWTH = Growth(
    workload="usage",
    cardinality="typical",
    over="rows",
    steps=STEPS,
    order=(1_000, 10_000, 100_000),
    changes=(GrowthChange(candidate="baseline", low=1_000, high=10_000, ratio=about(0.11)),),
    crossings=(CROSSING,),
    edges=(Edge(title="shared_buffers (128 MiB) full", value=123_456.7),),
    projections=PROJECTIONS,
    forecasts=FORECASTS,
    budget_s=1200.0,
    elapsed_s=300.0,
    ended="the step at 31,000 rows would take about 2 min, and the budget of 20 min has 1 min for it",
)
GROWN = replace(RUN, growths=(GROWTH,))


def tables(run: Run) -> list[Table]:
    """Return the tables of the first curve, those behind charts after the others of their section."""
    return [one for name, one in csv.tables(document(run)).items() if name.startswith("growth-1-")]


def test_a_curve_survives_its_run_file() -> None:
    assert from_builtins(json.loads(json.dumps(to_builtins(GROWN)))).growths == (GROWTH,)
    assert from_builtins({key: value for key, value in to_builtins(GROWN).items() if key != "growths"}).growths == ()


def test_each_step_has_a_row_for_each_candidate_with_its_intervals() -> None:
    shown, times, costs = map(rows, tables(GROWN)[:3])

    assert [row[:2] for row in shown] == [
        ("baseline", "1,000"),
        ("baseline", "10,000"),
        ("hash_by_site", "1,000"),
        ("hash_by_site", "10,000"),
        ("slow", "10,000"),
    ]
    assert shown[1][2:] == ("1.00k [950, 1.05k]", "0.11x [0.10, 0.12]")
    assert times[1][2:] == ("1.00 ms [0.950, 1.05]", "5.00 ms [4.75, 5.25]")
    assert costs[1][2:] == ("512 B [486, 538]", "80.0 B"), "a size is read once, and has no interval"
    assert [one[4][2:] for one in (shown, times, costs)] == [("-", "-"), ("-", "-"), ("-", "-")]


def test_the_interval_of_a_few_bytes_is_the_one_that_was_measured() -> None:
    wal = next(one for one in CRITERIA if one.measure == "wal_bytes_per_call")

    def shown(value: float, low: float, high: float) -> str:
        return f"{wal.one(value)} {interval(wal, Estimate(value=value, low=low, high=high))}"

    assert shown(0.3, 0.1, 0.8) == "0.300 B [0.100, 0.800]"
    assert shown(2.4, 0.9, 5.1) == "2.40 B [0.900, 5.10]"
    assert shown(0.0, 0.0, 1.5) == "0 B [0 B, 1.50 B]"


def test_a_dash_is_explained_only_where_there_is_one() -> None:
    alone = replace(GROWTH, steps=STEPS[:1], changes=(), crossings=(), projections=(), forecasts=())
    shown, times, _ = tables(replace(GROWN, growths=(alone,)))[:3]

    assert shown.legend == (("-", "no step before, no sound figures at both, or not ranked"),)
    assert times.legend == (), "both candidates have these times"


def test_figures_that_are_refused_for_one_reason_share_a_line() -> None:
    reason = "a projection needs 4 or more steps whose intervals lie above zero, and there is 1"
    refused = tuple(
        Projection(candidate=candidate, measure=measure, law=None, refused=reason)
        for candidate, measure in (("a", "calls_per_s"), ("b", "calls_per_s"), ("a", "p99_ns"))
    )
    said = " ".join(report.terminal(replace(GROWN, growths=(replace(GROWTH, projections=refused),))).split())

    assert f"calls/s of a, b; p99 of a: {reason}" in said
    assert said.count(reason) == 1


def test_figures_of_all_candidates_that_are_refused_for_one_reason_do_not_name_each() -> None:
    refused = tuple(replace(PROJECTIONS[1], candidate=name) for name in ("baseline", "hash_by_site", "slow"))
    said = " ".join(report.terminal(replace(GROWN, growths=(replace(GROWTH, projections=refused),))).split())

    assert "Not projected: p99 of all candidates: a projection needs 4 or more steps" in said


def test_steps_over_clients_are_on_copies_without_further_rows() -> None:
    again = replace(STEPS[1], figures=(figures("baseline", 1_000, 1_000, 0),))
    said = report.terminal(replace(GROWN, growths=(replace(GROWTH, steps=(STEPS[0], again)),)))

    assert "1 step on copies of the databases of a smaller one, without further rows" in " ".join(said.split())


def test_candidates_without_figures_are_told_with_their_steps_and_the_reason_in_brief() -> None:
    slow = replace(STEPS[1].figures[2], reason="failed: it took too long:\nChecked:\n  - the statement timeout")
    odd = StepFigures(candidate="odd", reason="disqualified: its rows differ")
    steps = tuple(
        replace(one, figures=(*one.figures[:2], slow, *more)) for one, more in zip(STEPS, ((), (odd,)), strict=False)
    )
    said = " ".join(report.terminal(replace(GROWN, growths=(replace(GROWTH, steps=steps),))).split())

    told = "slow at 1,000 and 10,000: failed: it took too long; odd at 10,000: disqualified: its rows differ"
    assert f"not ranked: {told}" in said
    assert "Checked" not in said


def test_a_candidate_that_did_not_grow_with_the_others_is_named_with_its_steps() -> None:
    base, other, _ = STEPS[1].figures
    anew = figures("hash_by_site", 7_900, 10_000, 10_000)
    mixed = replace(STEPS[1], figures=(base, anew))
    swapped = replace(STEPS[1], value=20_000, figures=(figures("baseline", 900, 20_000, 20_000), other))

    def told(*steps: GrowthStep) -> str:
        return " ".join(report.terminal(replace(GROWN, growths=(replace(GROWTH, steps=steps),))).split())

    alone = "loaded from the first row on: at 1,000 rows; these were loaded from the first row on, while others grew:"
    grown = "1 step grown from the databases of a smaller one, by 9,000 of their 10,000 rows"
    assert f"rows: {grown}; {alone} hash_by_site at 10,000" in told(STEPS[0], mixed)
    assert f"{alone} hash_by_site at 10,000; baseline at 20,000" in told(STEPS[0], mixed, swapped)
    assert "while others grew" not in told(*STEPS)


def test_the_verdict_tells_of_crossings_beyond_chance_first() -> None:
    def told(of: Growth) -> str:
        return growth.sentence(replace(GROWN, growths=(of,)), of)

    within = replace(GROWTH, crossings=(replace(CROSSING, is_certain=False),))

    assert told(GROWTH) == "From 1,000 to 10,000 rows, candidates change places beyond chance: 1 crossing."
    assert told(within) == "From 1,000 to 10,000 rows, candidates may change places, but not beyond chance."
    assert told(replace(GROWTH, crossings=())).endswith("no two candidates are shown to change places.")
    assert told(replace(GROWTH, steps=STEPS[:1])) == "One step was measured, at 1,000 rows."
    assert told(replace(GROWTH, steps=STEPS[2:])) == "No step was measured."


def test_a_round_trip_is_told_with_its_unit_behind_it() -> None:
    slower = replace(GROWTH, over="round_trip_ms")
    shown = " ".join(report.terminal(replace(GROWN, growths=(slower,))).split())

    assert "From a round trip of 1,000 to 10,000 ms, candidates change places" in shown
    assert "before the step at a round trip of 10,000 ms was measured" in shown
    assert "loaded from the first row on: at a round trip of 1,000 ms" in shown


def test_a_terminal_has_the_curve_within_its_width_and_not_the_experiments_of_its_steps() -> None:
    step = replace(USAGE, cardinality="rows=1000")
    shown = report.terminal(replace(GROWN, experiments=(step,)))

    assert max(map(len, shown.splitlines())) <= 80
    assert "usage at rows=1,000" not in shown
    said = " ".join(shown.split())
    assert "1.00k [950, 1.05k]" in said, "with intervals"
    assert "5.00 ms [4.75, 5.25]" in said
    assert (
        "hash_by_site overtakes baseline between 1,000 and 10,000: baseline has 1.20x [1.14, 1.26] the throughput of "
        "hash_by_site before, and 0.13x"
    ) in said
    assert "marks: shared_buffers (128 MiB) full at 123,000 rows" in said
    assert "1 step grown from the databases of a smaller one, by 9,000 of their 10,000 rows" in said
    assert "loaded from the first row on: at 1,000 rows" in said
    assert "100,000: it would need about 20 GiB of disk, with 8 GiB free" in said
    assert (
        "p99 of hash_by_site: a projection needs 4 or more steps whose intervals lie above zero, and there are 2"
        in said
    )
    assert "linear, (power)" in said
    assert said.count("In brackets: other laws that met the last of the steps, too.") == 1


def test_what_was_forecast_stands_beside_what_was_measured() -> None:
    (shown,) = [one for one in tables(GROWN) if one.caption.startswith("Forecast of calls/s at 10,000 rows")]
    unmeasured = tuple(replace(one, measured=None) for one in FORECASTS)
    said = " ".join(report.terminal(GROWN).split())
    early = " ".join(report.terminal(replace(GROWN, growths=(replace(GROWTH, forecasts=unmeasured),))).split())

    assert rows(shown) == [
        ("baseline", "linear, (power)", "1.01k [960, 1.06k]", "1.00k [950, 1.05k]", "yes"),
        ("hash_by_site", "constant", "6.00k [5.70k, 6.30k]", "7.90k [7.50k, 8.29k]", "no"),
    ]
    assert f"Recorded at {AT}, before the step at 10,000 rows was measured: 1 of 2 forecasts held, with the " in said
    assert "p99 of hash_by_site: a projection needs 4 steps" in said
    assert "before the step at 10,000 rows was measured: none of it was measured" in early


def test_a_curve_whose_last_step_was_not_forecast_says_that_nothing_tests_its_laws() -> None:
    untested = " ".join(report.terminal(replace(RUN, growths=(replace(GROWTH, forecasts=()),)), 80).split())

    assert "No step was forecast before it was measured, so that nothing tells how well these laws predict" in untested
    assert "No step was forecast" not in report.terminal(GROWN, 80)


def test_a_terminal_names_the_law_of_each_forecast_and_projection_in_a_table_of_each_figure() -> None:
    laws = "linear", "break at the cache", "universal scalability"
    names = "baseline", "straight_to_daily_with_more", "hash_by_site"
    each = [
        replace(PROJECTIONS[0], candidate=candidate, measure=measure, law=law, covers=("logarithmic", "power"))
        for measure in ("calls_per_s", "p99_ns", "wal_bytes_per_call")
        for candidate, law in zip(names, laws, strict=True)
    ]
    said = [
        replace(FORECASTS[0], candidate=one.candidate, measure=one.measure, law=one.law, covers=one.covers)
        for one in each
    ]
    long = replace(GROWTH, over="history_of_votes", projections=tuple(each), forecasts=tuple(said))
    shown = report.terminal(replace(GROWN, growths=(long,))).splitlines()
    headings = [line.split() for line in shown if "law" in line.split()]

    assert headings[:3] == [["candidate", "law", "forecast", "measured", "held"]] * 3
    assert headings[3:] == [["candidate", "law", "history_of_votes", "projected"]] * 3
    assert sum("scalability" in line for line in shown) == 6
    assert max(map(len, shown)) <= 80


def test_markdown_folds_the_experiments_of_steps() -> None:
    step = replace(USAGE, cardinality="rows=1000")
    shown = markdown(replace(GROWN, experiments=(step,)))

    assert "## `usage` over `rows`" in shown
    assert "<summary>`usage` at `rows=1,000`</summary>" in shown
    assert "## `usage` at `rows=1,000`" not in shown


def test_a_page_has_a_chart_for_each_criterion_with_the_cache_marked() -> None:
    found = page.html(document(replace(GROWN, experiments=())))
    specifications = page_reader.read(found).specifications()

    assert len(specifications) == 5
    for one in specifications:
        alt.LayerChart.from_dict(one)  # validated
    assert found.count("shared_buffers (128 MiB) full") >= 5
    projected = [row for rows in specifications[0]["datasets"].values() for row in rows if row.get("projected")]
    assert [row["at"] for row in projected] == [30_000, 100_000]
    assert "figure" in projected[0]


def test_the_coefficients_of_scalability_are_shown_with_intervals_or_a_dash() -> None:
    scalability = Projection(
        candidate="baseline",
        measure="calls_per_s",
        law="universal scalability",
        parameters={"sigma": about(0.93), "kappa": Estimate(value=0.0, low=0.0, high=0.01), "knee": about(1.1)},
        refused="a projection needs 5 or more steps whose intervals lie above zero, and there are 4",
    )
    shown = tables(replace(GROWN, growths=(replace(GROWTH, over="clients", projections=(scalability,)),)))

    assert rows(shown[-1]) == [("baseline", "0.93 [0.88, 0.98]", "0 [0, 0.010]", "1.1 [1.0, 1.2]", "-")]


def test_no_name_breaks_out_of_its_place() -> None:
    hostile = replace(STEPS[0], figures=(replace(STEPS[0].figures[0], candidate=HOSTILE),))
    run = replace(GROWN, experiments=(), growths=(replace(GROWTH, over=HOSTILE, steps=(hostile,), crossings=()),))

    assert HOSTILE not in page.html(document(run))
    assert "usage over" in report.terminal(run)


def test_figures_that_nothing_rests_on_are_marked_and_told_per_candidate() -> None:
    left, limited = (replace(STEPS[0].figures[1], **why) for why in ({"has_few_trials": True}, {"is_limited": True}))
    steps = tuple(
        replace(step, figures=(step.figures[0], own)) for step, own in zip(STEPS, (left, limited), strict=False)
    )
    run = replace(GROWN, growths=(replace(GROWTH, steps=steps, changes=(), projections=()),))
    (shown, *_) = tables(run)
    told = " ".join(report.terminal(run).split())

    assert [row[2] for row in rows(shown)][2:] == ["8.00k [7.60k, 8.40k]*", "8.00k [7.60k, 8.40k]+"]
    assert [sign for sign, _ in shown.legend] == ["-", "*", "+"]
    assert "left early: hash_by_site at 1,000, far slower than the others, after too few trials for intervals" in told
    assert "load generator: the bottleneck of hash_by_site at 10,000: no change, crossing or projection rests" in told
