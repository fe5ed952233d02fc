"""The experiments of a curve's steps: their order and their names in a report.

Owns which experiment belongs to which step. Must not word a verdict.
"""

from collections.abc import Mapping
from dataclasses import replace

from schemabench.records import Experiment, Growth, GrowthStep, Run
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


def _key(experiment: Experiment) -> Key:
    return experiment.workload, experiment.cardinality
