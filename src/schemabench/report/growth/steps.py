"""The experiments of a curve's steps: their order, their names in a report, and what they can tell.

Owns which experiment belongs to which step, and which steps tell something of candidates. Must not word a verdict.
"""

from dataclasses import replace

from schemabench.records import Experiment, Growth, GrowthCrossing, GrowthStep, Run
from schemabench.report import verdict
from schemabench.report.growth.forms import measured
from schemabench.report.sizes import size


def of(run: Run, experiment: Experiment) -> tuple[Growth, GrowthStep] | None:
    """Return the curve and the step that an experiment is of; None if it is of none."""
    every = ((growth, step) for growth in run.growths for step in measured(growth))
    return next(((one, step) for one, step in every if (one.workload, step.cardinality) == _key(experiment)), None)


def by_size(run: Run) -> Run:
    """Return a run whose experiments that are steps are in the order of the curves, whenever they were measured."""

    def place(experiment: Experiment) -> tuple[int, float]:
        found = of(run, experiment)
        return (1 + run.growths.index(found[0]), found[1].value) if found else (0, 0.0)

    return replace(run, experiments=tuple(sorted(run.experiments, key=place)))


def title(run: Run, experiment: Experiment) -> str:
    """Return how the cardinality of an experiment is shown: as in `rows=11,000` if it is of a step, else its name."""
    found = of(run, experiment)
    return f"{found[0].over}={size(found[1].value)}" if found else experiment.cardinality


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


def _key(experiment: Experiment) -> tuple[str, str]:
    """Return the workload and the cardinality, which no two experiments of a run share."""
    return experiment.workload, experiment.cardinality
