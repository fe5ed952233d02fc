"""The experiments of a curve's steps: their order, their names in a report, and what they can tell.

Owns which experiment belongs to which step, and which steps tell something of candidates. Must not word a verdict.
"""

from collections.abc import Mapping
from dataclasses import replace

from schemabench.records import Experiment, Growth, GrowthCrossing, GrowthStep, Run
from schemabench.report import verdict
from schemabench.report.growth.forms import measured
from schemabench.report.sizes import size

Key = tuple[str, str]
"""Workload and cardinality of an experiment."""


def by_size(run: Run) -> Run:
    """Return a run whose experiments that are steps are in the order of the curves, whenever they were measured."""
    places = {
        (growth.workload, step.cardinality): (number, step.value)
        for number, growth in enumerate(run.growths, start=1)
        for step in measured(growth)
    }
    ordered = sorted(run.experiments, key=lambda one: places.get(_key(one), (0, 0.0)))
    return replace(run, experiments=tuple(ordered))


def titles(run: Run) -> Mapping[Key, str]:
    """Return how the cardinality of each step is shown, as in `rows=11,000`."""
    return {
        (growth.workload, step.cardinality): f"{growth.over}={size(step.value)}"
        for growth in run.growths
        for step in measured(growth)
    }


def experiments(run: Run, growth: Growth) -> list[tuple[GrowthStep, Experiment]]:
    """Return the measured steps of a curve with their experiments, by value."""
    known = {_key(one): one for one in run.experiments}
    keys = ((step, (growth.workload, step.cardinality)) for step in measured(growth))
    return [(step, known[key]) for step, key in keys if key in known]


def doubtful(run: Run, growth: Growth) -> frozenset[float]:
    """Return the values of the steps that tell nothing of candidates, since the baseline differs from itself there.

    Those without intervals tell nothing either way.
    """
    return frozenset(
        step.value for step, one in experiments(run, growth) if step.has_intervals and verdict.is_doubtful(one.control)
    )


def telling(run: Run, growth: Growth) -> list[GrowthStep]:
    """Return the steps that can tell candidates apart, by value."""
    left_out = doubtful(run, growth)
    return [step for step in measured(growth) if step.has_intervals and step.value not in left_out]


def crossings(run: Run, growth: Growth) -> list[GrowthCrossing]:
    """Return the crossings that rest on no doubtful step; in older run files, others may."""
    left_out = doubtful(run, growth)
    return [one for one in growth.crossings if not left_out & {one.low, one.high}]


def _key(experiment: Experiment) -> Key:
    return experiment.workload, experiment.cardinality
