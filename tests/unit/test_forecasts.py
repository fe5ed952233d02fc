"""What the steps of a curve say of a further one before it is measured, beside what is measured then."""

from dataclasses import replace

import pytest

from schemabench.growth import Over
from schemabench.growth.axis import CLIENTS
from schemabench.growth.figures import changes
from schemabench.growth.projecting import compared, forecasts, projections
from schemabench.records import Edge, Estimate, Growth, GrowthStep, Loaded, StepFigures

AT = "2026-03-01T12:00:00+00:00"
ROWS = Over(field="rows", start=1_000, end=100_000, whole=True)
VALUES = (1_000.0, 3_200.0, 5_600.0, 10_000.0, 18_000.0, 32_000.0)


def about(value: float) -> Estimate:
    """Return a figure with an interval of two percent."""
    return Estimate(value=value, low=value * 0.98, high=value * 1.02)


def step(value: float, *, off: float = 1.0) -> GrowthStep:
    """Return a step at which calls of `reading` take longer by all rows, and those of `keyed` as long as ever."""
    rates = {"reading": off * 1e6 / (100 + 0.1 * value), "keyed": off * 5_000.0}
    figures = tuple(StepFigures(candidate=name, calls_per_s=about(rate)) for name, rate in rates.items())
    return GrowthStep(value=value, cardinality=f"rows={value:.0f}", figures=figures)


def slowed(value: float, p99_ns: float) -> GrowthStep:
    """Return a step with a p99 of `keyed`."""
    figures = StepFigures(candidate="keyed", p99_ns=about(p99_ns), reason="no rate")
    return GrowthStep(value=value, cardinality=f"rows={value:.0f}", figures=(figures,))


def curve(*steps: GrowthStep, edges: tuple[Edge, ...] = ()) -> Growth:
    """Return a curve of these steps."""
    order = tuple(one.value for one in steps)
    return Growth(
        workload="items",
        cardinality="typical",
        over="rows",
        steps=steps,
        order=order,
        edges=edges,
        budget_s=60.0,
        elapsed_s=30.0,
    )


BEFORE = tuple(map(step, VALUES))


def test_a_further_step_is_forecast_by_the_law_of_those_before_it() -> None:
    said = {one.candidate: one for one in forecasts(ROWS, curve(*BEFORE), 100_000, AT)}

    assert {one.at for one in said.values()} == {AT}
    assert said["reading"].law == "linear"
    assert said["reading"].figure is not None
    assert said["reading"].figure.value == pytest.approx(1e6 / (100 + 0.1 * 100_000), rel=1e-6)
    assert said["keyed"].law == "constant"
    assert [one.measured for one in said.values()] == [None, None]
    assert [one.held for one in said.values()] == [None, None]


@pytest.mark.parametrize(("off", "held"), [(1.0, True), (0.5, False)])
def test_what_is_measured_afterwards_stands_beside_it(off: float, *, held: bool) -> None:
    said = forecasts(ROWS, curve(*BEFORE), 100_000, AT)
    found = compared(said, curve(*BEFORE, step(100_000, off=off)))

    assert [replace(one, measured=None) for one in found] == [*said], "what was said stays as it was"
    assert [one.held for one in found] == [held, held]


def test_a_step_without_intervals_decides_nothing() -> None:
    said = forecasts(ROWS, curve(*BEFORE), 100_000, AT)
    found = compared(said, curve(*BEFORE, replace(step(100_000), has_intervals=False)))

    assert {one.held for one in found} == {None}


def test_nothing_is_forecast_across_an_edge_of_the_cache_or_by_too_few_steps() -> None:
    edge = Edge(title="shared_buffers (1 GiB) full", value=50_000.0)
    across = forecasts(ROWS, curve(*BEFORE, edges=(edge,)), 100_000, AT)
    few = forecasts(ROWS, curve(*BEFORE[:2]), 100_000, AT)

    assert {one.refused for one in across} == {
        "what comes beyond the edge of shared_buffers (1 GiB) has to be measured"
    }
    reason = "a projection needs 4 or more steps whose intervals lie above zero, and there are 2"
    assert {one.refused for one in few} == {reason}
    assert {one.figure for one in (*across, *few)} == {None}


def test_a_step_that_comes_too_soon_for_a_forecast_has_that_reason_for_every_figure() -> None:
    why = "it comes after 1 of the 4 steps that a forecast needs: there is no time"
    said = forecasts(ROWS, curve(*BEFORE[:1]), 100_000, AT, why)

    assert [(one.candidate, one.refused) for one in said] == [("reading", why), ("keyed", why)]


def test_a_missed_step_is_named_by_its_value_with_figures_in_the_units_of_the_report() -> None:
    steps = [*(slowed(value, 1.1e6) for value in VALUES[:-1]), slowed(VALUES[-1], 9e7)]
    (forecast,) = forecasts(ROWS, curve(*steps), 100_000, AT)
    (projected,) = projections(ROWS, curve(*steps), 10.0)

    assert forecast.refused == projected.refused
    assert projected.refused.startswith("the law that comes closest (")
    assert ") predicts 1.10 ms [1." in projected.refused
    assert projected.refused.endswith(" at 32,000 rows, where 90.0 ms [88.2, 91.8] was measured")


def test_a_missed_rate_has_its_unit_too() -> None:
    (keyed,) = [
        one
        for one in forecasts(ROWS, curve(*BEFORE[:-1], step(VALUES[-1], off=0.01)), 100_000, AT)
        if one.candidate == "keyed"
    ]

    assert keyed.refused.endswith(" calls/s at 32,000 rows, where 50.0 [49.0, 51.0] calls/s was measured")


def test_a_largest_step_without_intervals_is_named_by_its_value() -> None:
    few = replace(BEFORE[-1], has_intervals=False)
    said = projections(ROWS, curve(*BEFORE[:-1], few), 10.0)

    reason = "at the largest step that was measured, 32,000 rows, it has no interval that lies above zero"
    assert {one.refused for one in said} == {reason}


def test_a_largest_step_that_was_interrupted_leaves_projections_as_they_were_before_it() -> None:
    broken_off = replace(step(100_000, off=0.1), has_intervals=False, is_interrupted=True)

    assert projections(ROWS, curve(*BEFORE, broken_off), 10.0) == projections(ROWS, curve(*BEFORE), 10.0)
    assert all(one.points for one in projections(ROWS, curve(*BEFORE), 10.0))


@pytest.mark.parametrize(
    ("past", "projected"),
    [(31_500.0, False), (17_000.0, True), (16_000.0, True)],
    ids=["the last step is hardly beyond it", "two steps are beyond it", "the last step is well beyond it"],
)
def test_a_projection_beyond_an_edge_takes_steps_that_show_what_comes_there(past: float, *, projected: bool) -> None:
    edge = Edge(title="shared_buffers (1 GiB) full", value=past)
    said = projections(ROWS, curve(*BEFORE, edges=(edge,)), 10.0)

    assert [bool(one.points) for one in said] == [projected] * 2
    if not projected:
        reason = "only one step lies beyond the edge of shared_buffers (1 GiB), and close to it"
        assert {one.refused for one in said} == {f"{reason}: measure another one there"}


def unsound(found: GrowthStep, why: str) -> GrowthStep:
    """Return a step at which the figures of `keyed` are not those of its schema."""
    few, limited = (why == one for one in ("has_few_trials", "is_limited"))
    own = tuple(
        replace(one, has_few_trials=few, is_limited=limited) if one.candidate == "keyed" else one
        for one in found.figures
    )
    return replace(found, figures=own)


@pytest.mark.parametrize("why", ["has_few_trials", "is_limited"])
def test_nothing_rests_on_figures_of_few_trials_or_of_the_load_generator(why: str) -> None:
    last = unsound(step(100_000, off=0.5), why)
    found = {one.candidate: one for one in compared(forecasts(ROWS, curve(*BEFORE), 100_000, AT), curve(*BEFORE, last))}
    (change,) = changes((BEFORE[-1], last))
    said = {one.candidate: one for one in projections(ROWS, curve(*BEFORE, last), 10.0)}
    reason = {
        "has_few_trials": "it left after too few trials for an interval",
        "is_limited": "the load generator limited it",
    }

    assert (found["keyed"].held, found["reading"].held) == (None, False)
    assert found["keyed"].measured is None
    assert found["keyed"].lacking == reason[why]
    assert change.candidate == "reading"
    assert said["keyed"].refused == f"at the largest step that was measured, 100,000 rows, {reason[why]}"


def test_a_candidate_that_could_not_be_loaded_at_the_largest_step_has_that_reason() -> None:
    failure = "failed: a value is out of range:\nChecked:\n  - the first row"
    whole = step(100_000)
    gone = StepFigures(candidate="keyed", reason=failure)
    last = replace(whole, figures=(whole.figures[0], gone))
    said = {one.candidate: one for one in projections(ROWS, curve(*BEFORE, last), 10.0)}
    found = {one.candidate: one for one in compared(forecasts(ROWS, curve(*BEFORE), 100_000, AT), curve(*BEFORE, last))}

    reason = "it was not ranked (failed: a value is out of range)"
    assert said["keyed"].refused == f"at the largest step that was measured, 100,000 rows, {reason}"
    assert (found["keyed"].measured, found["keyed"].lacking) == (None, reason)
    assert (found["reading"].held, found["reading"].lacking) == (True, "")


def test_a_candidate_that_the_load_generator_limited_at_each_step_is_refused_in_words_except_for_what_it_writes() -> (
    None
):
    written = about(512.0)
    steps = [
        replace(one, figures=tuple(replace(own, is_limited=True, wal_bytes_per_call=written) for own in one.figures))
        for one in BEFORE
    ]
    said = {(one.candidate, one.measure): one for one in projections(ROWS, curve(*steps), 10.0)}

    assert said["keyed", "calls_per_s"].refused == "at each step, the load generator limited it"
    left = (*steps[:-1], unsound(steps[-1], "has_few_trials"))
    said_too = {(one.candidate, one.measure): one for one in projections(ROWS, curve(*left), 10.0)}
    reasons = "the load generator limited it or it left after too few trials for an interval"
    assert said_too["keyed", "calls_per_s"].refused == f"at each step, {reasons}"
    assert said["keyed", "wal_bytes_per_call"].points


@pytest.mark.parametrize(("full_bytes", "projected"), [(29 << 20, False), (20 << 20, True), (None, True)])
def test_how_far_a_step_is_beyond_an_edge_is_told_by_what_databases_hold(
    full_bytes: int | None, *, projected: bool
) -> None:
    """Where other tables are constant, half as many rows again are hardly more bytes. One step is beyond the edge."""
    edge = Edge(title="shared_buffers full", full_bytes=full_bytes, value=20_000.0)
    loaded = Loaded(rows=32_000, size_bytes=10 << 20, own_rows=0, elapsed_s=0.0)
    last = replace(BEFORE[-1], figures=tuple(replace(one, loaded=loaded) for one in BEFORE[-1].figures))
    base = replace(
        last, figures=(*last.figures, StepFigures(candidate="baseline", loaded=replace(loaded, size_bytes=5 << 20)))
    )
    said = projections(ROWS, curve(*BEFORE[:-1], base, edges=(edge,)), 10.0)

    assert [bool(one.points) for one in said] == [projected] * 2


def test_the_load_generators_own_curve_is_not_taken_for_contention() -> None:
    clients = Over(field=CLIENTS, start=1, end=64, whole=True)
    steps = [
        GrowthStep(
            value=value,
            cardinality=f"clients={value}",
            figures=(StepFigures(candidate="keyed", calls_per_s=about(min(value, 8) * 1_000.0), is_limited=value > 8),),
        )
        for value in (1.0, 2.0, 4.0, 6.0, 8.0, 16.0)
    ]
    (limited,) = projections(clients, replace(curve(*steps), over=CLIENTS), 4.0)
    (scaling,) = projections(clients, replace(curve(*steps[:-1]), over=CLIENTS), 4.0)

    assert (limited.points, limited.parameters) == ((), {})
    assert limited.refused.endswith("the load generator limited it")
    assert scaling.parameters["sigma"].value == pytest.approx(0.0, abs=1e-6)


def test_a_law_that_misses_the_last_step_has_no_coefficients() -> None:
    clients = Over(field=CLIENTS, start=1, end=64, whole=True)
    rates = {1.0: 1_000.0, 2.0: 2_000.0, 4.0: 4_000.0, 8.0: 8_000.0, 16.0: 16_000.0, 32.0: 3_000.0}
    steps = [
        GrowthStep(value=value, cardinality="", figures=(StepFigures(candidate="keyed", calls_per_s=about(rate)),))
        for value, rate in rates.items()
    ]
    (missed,) = projections(clients, replace(curve(*steps), over=CLIENTS), 4.0)

    assert missed.refused.startswith("the law that comes closest (universal scalability)")
    assert missed.parameters == {}
