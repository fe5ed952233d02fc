"""Searches and maps as parts of a run: begun, interrupted, resumed, recorded and frozen.

Owns what becomes of their results. Must not search.
"""

from schemabench.bench import Bench
from schemabench.crossover.finding import WORST, find, freeze, open_state
from schemabench.crossover.laboratory import Laboratory
from schemabench.crossover.mapping import draw_map
from schemabench.crossover.state import State
from schemabench.errors import SchemabenchError, UsageError
from schemabench.records import Crossover
from schemabench.units import format_duration

_RESUME = " --resume"


def add_search(bench: Bench, workload: str, *, resume: bool) -> None:
    """Search, record what was found and freeze it. What is interrupted freezes nothing and can be resumed.

    Raises:
        UsageError: A name is unknown, there is nothing to search, or nothing to resume.
        SchemabenchError: It was interrupted, or an experiment could not be made.
    """
    laboratory = _laboratory(bench, workload)
    state = open_state(laboratory, resume=resume)
    try:
        crossover = _recorded(laboratory, state)
    except KeyboardInterrupt:
        raise _interrupted(laboratory, state) from None
    freeze(laboratory, crossover)
    state.forget()


def searched(bench: Bench, workload: str, cardinality: str, candidate: str) -> Crossover:
    """Search from a cardinality for where a candidate looks worst, and record what was found; nothing is frozen.

    Raises:
        SchemabenchError: As `find`.
    """
    laboratory = Laboratory(bench=bench, workload=workload, start=cardinality, budget_s=bench.options.budget_s)
    return _recorded(laboratory, State(candidate=candidate))


def add_map(bench: Bench, workload: str, shape: tuple[int, int]) -> None:
    """Draw a map of so many values on either axis, and record it.

    Raises:
        SchemabenchError: As `draw_map`; or it was interrupted.
    """
    try:
        bench.maps.append(draw_map(_laboratory(bench, workload), shape))
    except KeyboardInterrupt:
        raise SchemabenchError("The map was interrupted: nothing is left of it") from None
    finally:
        bench.progress.close()


def _laboratory(bench: Bench, workload: str) -> Laboratory:
    cardinalities = bench.subject(workload).cardinalities
    if len(cardinalities) != 1:
        raise UsageError(
            f"A search starts at one cardinality, not at {len(cardinalities)}: {', '.join(cardinalities)}",
            remedies=["name one: --cardinality typical"],
        )
    return Laboratory(bench=bench, workload=workload, start=cardinalities[0], budget_s=bench.options.budget_s)


def _interrupted(laboratory: Laboratory, state: State) -> SchemabenchError:
    told = [probe for probe in state.probes.values() if probe.ratio is not None]
    lowest = min((probe.ratio for probe in told if probe.ratio is not None), default=None)
    seen = (
        f"{state.candidate} had {lowest:.2f}x of the baseline's throughput at worst, in short trials" if lowest else ""
    )
    return SchemabenchError(
        f"The search was interrupted after {format_duration(laboratory.elapsed_s)}: no {WORST} was frozen",
        checked=[f"cardinalities looked at: {len(state.probes)}", *([seen] if seen else [])],
        remedies=[f"go on with it: {laboratory.bench.command.removesuffix(_RESUME)}{_RESUME}"] if state.probes else [],
    )


def _recorded(laboratory: Laboratory, state: State) -> Crossover:
    try:
        crossover, experiments = find(laboratory, state)
    finally:
        laboratory.bench.progress.close()
    laboratory.bench.crossovers.append(crossover)
    laboratory.bench.further += experiments
    return crossover
