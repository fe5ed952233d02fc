"""Why there is no service time at a step.

Owns these reasons. Must not compute an interval.
"""

from schemabench.records import CandidateResult, Growth, GrowthStep, Run, StepFigures
from schemabench.report.growth import steps
from schemabench.report.growth.forms import measured
from schemabench.statistics.sign_flips import fewest
from schemabench.statistics.summary import samples_for

_NOT_RANKED = "not ranked"
_FEW_CALLS = "too few calls"
_FEW_BLOCKS = "too few blocks for an interval"
_INTERRUPTED = "interrupted"
_UNLIKE = "blocks that differ too much for an interval"
_LEVELS = {"p50_ns": 0.5, "p99_ns": 0.99}


def times(run: Run, growth: Growth) -> str:
    """Return the reasons for all dashes among the service times of a curve, as in `too few calls, or not ranked`."""
    results = {
        (step.value, result.name): result
        for step, experiment in steps.experiments(run, growth)
        for result in experiment.candidates
    }
    found = {
        _reason(step, one, results.get((step.value, one.candidate)), level)
        for step in measured(growth)
        for one in step.figures
        for measure, level in _LEVELS.items()
        if getattr(one, measure) is None
    }
    return ", or ".join(one for one in (_FEW_CALLS, _FEW_BLOCKS, _INTERRUPTED, _UNLIKE, _NOT_RANKED) if one in found)


def _reason(step: GrowthStep, own: StepFigures, result: CandidateResult | None, level: float) -> str:
    if own.reason:
        return _NOT_RANKED
    counted = [trial for trial in result.trials if not trial.warmup] if result else []
    if result and sum(trial.operations for trial in counted) < samples_for(level):
        return _FEW_CALLS
    if step.is_interrupted:
        return _INTERRUPTED
    few = not step.has_intervals or (result is not None and len(counted) < fewest(1))  # it left before the others
    return _FEW_BLOCKS if few else _UNLIKE
