"""The figures of a step, and what two steps say together.

Owns where these figures are in an experiment. Must not measure.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, groupby, islice, pairwise

import numpy as np

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment.copies import LEAST_BLOCKS
from schemabench.growth.ladder import Reading
from schemabench.records import (
    CandidateResult,
    Estimate,
    Experiment,
    GrowthChange,
    GrowthCrossing,
    GrowthStep,
    StepFigures,
    Trial,
)
from schemabench.report.growth import apart
from schemabench.report.growth.apart import Told

Measured = Sequence[tuple[float, Experiment]]
"""The experiments of steps, by value."""


def step(value: float, experiment: Experiment) -> GrowthStep:
    """Return the step of an experiment."""
    results = sorted(experiment.candidates, key=lambda one: (one.name != BASELINE, one.name))
    return GrowthStep(
        value=value,
        cardinality=experiment.cardinality,
        figures=tuple(map(_figures, results)),
        has_intervals=has_intervals(experiment),
        is_interrupted=experiment.is_interrupted,
        grown=experiment.grown,
    )


def has_intervals(experiment: Experiment) -> bool:
    """Return whether an experiment has enough blocks to tell candidates apart, and was not interrupted."""
    return not experiment.is_interrupted and experiment.blocks >= max(1, experiment.blocks_needed)


def reading(found: GrowthStep) -> Reading:
    """Return the rates of a step, of those whose figures are sound."""
    return Reading(
        value=found.value,
        rates={one.candidate: one.calls_per_s for one in found.figures if one.calls_per_s and one.is_sound()},
    )


def changes(steps: Sequence[GrowthStep]) -> Iterator[GrowthChange]:
    """Yield the change of each candidate's rate between neighbouring steps, where both have sound figures.

    An interrupted step is no neighbour: what was known without it still is.
    """
    for low, high in pairwise(one for one in steps if not one.is_interrupted):
        if not (low.has_intervals and high.has_intervals):
            continue
        before, after = (
            {one.candidate: one.calls_per_s for one in each.figures if one.is_sound()} for each in (low, high)
        )
        for name, earlier in before.items():
            if earlier and (later := after.get(name)):
                ratio = statistics.quotient(later, earlier)
                yield GrowthChange(candidate=name, low=low.value, high=high.value, ratio=ratio)


def crossings(measured: Measured) -> Iterator[GrowthCrossing]:
    """Yield where two candidates change places: beyond chance, or perhaps.

    Steps at which two cannot be told apart may lie between those at which they can. A crossing is beyond chance if both
    differences are at all steps together. One that is not certain has differences beyond chance at two steps, each for
    itself alone, or at one of two neighbouring steps. A step that tells no order of the two is left out.
    """
    names = sorted({one.name for _, experiment in measured for one in experiment.candidates})
    for first, second in combinations(names, 2):
        each = [(value, apart.told(one, first, second, len(measured))) for value, one in measured]
        told = [(value, one) for value, one in each if one]
        alone = [(value, one) for value, one in told if one.alone]
        firm = [(value, one) for value, one in told if one.together]
        found = [one for both in pairwise(firm) if (one := _crossing(first, second, *both, certain=True))]
        neighbours = (both for both in pairwise(told) if any(one.alone for _, one in both))
        for both in (*pairwise(alone), *neighbours):
            (low, _), (high, _) = both
            if not any(low < one.high and one.low < high for one in found):
                perhaps = _crossing(first, second, *both, certain=False)
                found += [perhaps] if perhaps else []
        yield from found


def _figures(result: CandidateResult) -> StepFigures:
    if result.status != "ranked":
        return StepFigures(candidate=result.name, reason=f"{result.status}: {result.reason}", loaded=result.loaded)
    loaded = result.loaded
    return StepFigures(
        candidate=result.name,
        has_few_trials=apart.has_few_trials(result),
        is_limited=apart.is_limited(result),
        calls_per_s=result.operations_per_s,
        p50_ns=result.call_p50_ns,
        p99_ns=result.call_p99_ns,
        wal_bytes_per_call=_wal(result),
        bytes_per_row=loaded.size_bytes / loaded.rows if loaded and loaded.rows else None,
        loaded=loaded,
    )


def _wal(result: CandidateResult) -> Estimate | None:
    trials = list(_young(one for one in result.trials if not one.warmup))
    if not trials or any("wal_bytes" not in one.counters for one in trials):
        return None
    return statistics.ratio_of_sums(
        np.array([one.counters["wal_bytes"] for one in trials]),
        np.array([float(one.operations) for one in trials]),
        copies=[one.copy for one in trials],
    )


def _young(trials: Iterable[Trial]) -> Iterator[Trial]:
    """Yield the first trials on each copy of a database, as many as nearly every copy has.

    The first change of each page of a new copy is logged as a whole page. A step with fewer copies has fewer of those
    in all of its trials, whatever its size.
    """
    for _, on_copy in groupby(trials, key=lambda one: one.copy):
        yield from islice(on_copy, LEAST_BLOCKS)


def _crossing(
    first: str, second: str, before: tuple[float, Told], after: tuple[float, Told], *, certain: bool
) -> GrowthCrossing | None:
    """Return the crossing between two steps; None if the same candidate leads at both."""
    (low, earlier), (high, later) = ((value, one.ratio) for value, one in (before, after))
    if (earlier.value > 1) == (later.value > 1):
        return None
    if earlier.value < 1:
        first, second, earlier, later = second, first, statistics.inverse(earlier), statistics.inverse(later)
    return GrowthCrossing(
        first=first, second=second, low=low, high=high, before=earlier, after=later, is_certain=certain
    )
