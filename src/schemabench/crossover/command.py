"""Searches and maps as parts of a run: started, interrupted, resumed, recorded and frozen.

Owns the handling of their results. Must not search.
"""

from collections.abc import Callable, Sequence

from schemabench.bench import Bench
from schemabench.cardinality import Axis
from schemabench.crossover.finding import WORST, find, freeze, open_state
from schemabench.crossover.laboratory import Laboratory
from schemabench.crossover.mapping import draw_map
from schemabench.crossover.state import State
from schemabench.errors import BrokenOffError
from schemabench.records import Crossover, RatioMap
from schemabench.units import format_duration, plural

_RESUME = " --resume"


def add_search(bench: Bench, workload: str, *, resume: bool) -> None:
    """Search, record the result and freeze it. An interrupted search is recorded, freezes nothing, and can be resumed.

    Raises:
        UsageError: A name is unknown, or there is nothing to search or to resume.
        BrokenOffError: It was interrupted.
        SchemabenchError: An experiment could not be made.
    """
    laboratory = _laboratory(bench, workload)
    state = open_state(laboratory, resume=resume)
    try:
        crossover = find(laboratory, state)
    except KeyboardInterrupt:
        raise _interrupted(laboratory, state) from None
    finally:
        laboratory.close()
    freeze(laboratory, crossover)
    state.forget()


def searched(bench: Bench, workload: str, cardinality: str, candidate: str) -> Crossover:
    """Search, from a start, for the cardinality where a candidate performs worst, and record it; nothing is frozen.

    Raises:
        SchemabenchError: As `find`.
    """
    laboratory = Laboratory(bench=bench, workload=workload, start=cardinality, budget_s=bench.asked.options.budget_s)
    try:
        return find(laboratory, State(candidate=candidate))
    finally:
        laboratory.close()


def add_map(
    bench: Bench, workload: str, shape: tuple[int, int], keep: Callable[[], None], over: Sequence[Axis] = ()
) -> None:
    """Draw a map of a shape, and record each cell, so that any end leaves the map so far.

    Args:
        bench: Records it.
        workload: The workload's name.
        shape: Values on the first axis and on the second.
        keep: Called after each cell, so that a crash loses nothing.
        over: Axes in place of the workload's last ones.

    Raises:
        BrokenOffError: It was interrupted.
        SchemabenchError: As `draw_map`.
    """
    laboratory = _laboratory(bench, workload)
    drawn: RatioMap | None = None

    def grow(grown: RatioMap) -> None:
        nonlocal drawn
        bench.findings = bench.findings.with_map(grown, instead_of=drawn)
        drawn = grown
        keep()

    try:
        draw_map(laboratory, shape, grow, over)
    except KeyboardInterrupt:
        raise _broken_off(laboratory, drawn) from None
    finally:
        laboratory.close()


def _laboratory(bench: Bench, workload: str) -> Laboratory:
    start = bench.subject(workload).only_cardinality("A search starts")
    return Laboratory(bench=bench, workload=workload, start=start, budget_s=bench.asked.options.budget_s)


def _interrupted(laboratory: Laboratory, state: State) -> BrokenOffError:
    told = [probe for probe in state.probes.values() if probe.ratio is not None]
    lowest = min((probe.ratio for probe in told if probe.ratio is not None), default=None)
    seen = (
        f"{state.candidate} had {lowest:.2f}x of the baseline's throughput at worst, in short trials" if lowest else ""
    )
    full = [one.cardinality for one in laboratory.bench.findings.further if not one.is_interrupted]
    again = f"{laboratory.bench.asked.command.removesuffix(_RESUME)}{_RESUME}"
    return BrokenOffError(
        f"The search was interrupted after {format_duration(laboratory.elapsed_s)}: no {WORST} was frozen",
        checked=[
            f"measured in full: {', '.join(full) or 'nothing'}",
            f"cardinalities probed: {len(state.probes)}",
            *([seen] if seen else []),
        ],
        remedies=[f"resume it: {again}"] if state.probes else [],
    )


def _broken_off(laboratory: Laboratory, drawn: RatioMap | None) -> BrokenOffError:
    cells = drawn.cells if drawn else ()
    done = sum(cell.ratio is not None for cell in cells)
    there = f"{done} of its {plural(len(cells), 'cell')} measured" if cells else "no cell of it was measured"
    return BrokenOffError(f"The map was interrupted after {format_duration(laboratory.elapsed_s)}: {there}")
