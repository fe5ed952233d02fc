"""A growth curve as a part of a run: its axis, its record after each step, its projections.

Owns the handling of the curve's results. Must not choose steps.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from schemabench.bench import Asked, Bench
from schemabench.crossover import Laboratory
from schemabench.errors import BrokenOffError, UsageError
from schemabench.growth.axis import CLIENTS, Over, over
from schemabench.growth.curve import Curve
from schemabench.growth.projecting import compared, forecasts, projections
from schemabench.records import Forecast, Growth
from schemabench.units import format_duration


def prepared(
    asked: Asked, workload: str, named: str, farthest: str, bench: Callable[[Asked], Bench]
) -> tuple[Bench, Over]:
    """Return the bench of a curve, whose server takes the most connections of any step, and the axis.

    Args:
        asked: What is asked for.
        workload: The workload's name.
        named: The axis, as for `over`.
        farthest: Its last value, likewise.
        bench: Makes a bench.

    Raises:
        UsageError: A name is unknown, several cardinalities are selected, there is no such axis, or `--clients`
            is given beside it.
        SchemabenchError: The workload cannot be used.
    """
    made = bench(asked)
    subject = made.subject(workload)
    start = subject.only_cardinality("A growth curve starts")
    axis = over(named, farthest, subject.found, start, asked.options)
    if axis.field == CLIENTS:
        if ("--clients", "command line") in {(one.name, one.source) for one in asked.origins}:
            raise UsageError(
                "--over clients sets the connections of each step, and so does --clients",
                remedies=["leave out --clients", f"name the most clients: --to {asked.options.clients}"],
            )
        made = bench(replace(asked, options=replace(asked.options, clients=round(axis.end))))
    return made, axis


def _serve(bench: Bench, axis: Over) -> None:
    """Start the server, so that the first step's time does not include it; sessions are the same at each step.

    Raises:
        UsageError: The server has too few connections for the most clients, which are those of the last step.
        SchemabenchError: The server fails.
    """
    try:
        bench.serve(by_turns=axis.field != CLIENTS)
    except UsageError as cause:
        if axis.field != CLIENTS:
            raise
        remedies = [remedy.replace("--clients", "--to") for remedy in cause.remedies]
        raise UsageError(cause.what, checked=cause.checked, remedies=remedies) from cause


def add_growth(bench: Bench, workload: str, axis: Over, keep: Callable[[], None], project_to: float = 1.0) -> None:
    """Draw a growth curve, and record it after each step, so that any end leaves the curve so far.

    Args:
        bench: From `prepared`; records it.
        workload: The workload's name.
        axis: The axis.
        keep: Called after each step, so that a crash loses nothing, and once the last is forecast.
        project_to: How many times the last value to project to; 1 for nothing beyond it, nor of the last step.

    Raises:
        BrokenOffError: It was interrupted.
        SchemabenchError: The server fails.
    """
    (start,) = bench.subject(workload).cardinalities
    laboratory = Laboratory(bench=bench, workload=workload, start=start, budget_s=bench.asked.options.budget_s)
    _serve(bench, axis)
    curve = Curve(laboratory=laboratory, over=axis, holds_back_last=project_to > 1)
    drawn: Growth | None = None
    said: tuple[Forecast, ...] = ()

    def grow() -> None:
        nonlocal drawn
        if curve.tried:
            found = curve.record()
            found = replace(found, projections=projections(axis, found, project_to), forecasts=compared(said, found))
            bench.findings = bench.findings.with_growth(found, instead_of=drawn)
            drawn = found
            keep()

    def forecast(value: float) -> None:
        nonlocal said
        at = datetime.now(UTC).isoformat(timespec="seconds")
        said = forecasts(axis, curve.record(), value, at, curve.unprepared)
        grow()

    try:
        curve.run(grow, forecast)
    except KeyboardInterrupt:
        raise BrokenOffError(
            f"The growth curve was interrupted after {format_duration(laboratory.elapsed_s)}; "
            f"steps measured: {sum(not one.is_interrupted for one in curve.measured.values())}"
        ) from None
    finally:
        laboratory.close()
