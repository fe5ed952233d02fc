"""How long a call and a trial may take, and what is said of a trial that lasts, or takes longer.

Owns the limits and their words. The load loop keeps the time: a server's own `statement_timeout` would change the
sessions that are measured. Must not end anything.
"""

from collections.abc import Callable
from math import inf

from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment import undone
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Executed
from schemabench.load import Limits, Passing
from schemabench.load.guard import nobody
from schemabench.units import format_duration, format_percent

CALLS = 2
"""A trial may last as long as so many calls may: a call that does not end is then found out, and named, before it."""
MULTIPLE = 50
"""A candidate's trial may last for so many of the baseline's longest: what lasts longer is no stall of the machine."""
PACE_MULTIPLE = 10
"""A burst at production's pace may last for so many times as long as production takes for it."""
_MINUTE_S = 60

Told = Callable[[Passing], None]


def limits(plan: Plan, measured: Measured, entrant: Entrant, told: Told = nobody) -> Limits:
    """Return how long a trial of an entrant may last, and a call in it.

    As long as `CALLS` may, or as all blocks together may where that is longer; but a candidate's trial no longer than
    `MULTIPLE` of the baseline's longest, unless `CALLS` may.
    """
    trial_s = plan.budget_s
    if entrant.template.candidate.name != BASELINE:
        longest_s = max((trial.duration_s for trial in measured.trials.get(BASELINE, ())), default=inf)
        trial_s = min(trial_s, MULTIPLE * longest_s)
    return Limits(call_s=plan.call_timeout_s, trial_s=max(CALLS * plan.call_timeout_s, trial_s), told=told)


def calibrating(plan: Plan, told: Told = nobody) -> Limits:
    """Return the same for a trial by which the burst's size is found."""
    return Limits(call_s=plan.call_timeout_s, trial_s=max(CALLS * plan.call_timeout_s, plan.budget_s), told=told)


def pacing(plan: Plan, duration_s: float, told: Told = nobody) -> Limits:
    """Return the same for a burst whose calls are due within a duration."""
    trial_s = PACE_MULTIPLE * duration_s + CALLS * plan.call_timeout_s
    return Limits(call_s=plan.call_timeout_s, trial_s=trial_s, told=told)


def cut_short(entrant: Entrant, executed: Executed, calls: int) -> CandidateError:
    """Return the error for a trial that was cut short: how long it was, what was done, and what took most of it.

    Args:
        entrant: Whose trial it was.
        executed: What was done of it.
        calls: How many calls were to be executed.
    """
    total_s = sum(executed.spent_s.values())
    slowest = max(executed.spent_s, key=lambda operation: executed.spent_s[operation], default="")
    most = (
        f"; {format_percent(executed.spent_s[slowest] / total_s)} of its time at work went to {slowest}"
        if total_s
        else ""
    )
    checked, remedies = undone.said(executed.retried, [session for session, _ in entrant.sessions])
    return CandidateError(
        f"A trial of {entrant.template.candidate.name!r} was cut short after {format_duration(executed.duration_s)}: "
        f"{executed.done:,} of {calls:,} calls were done{most}",
        checked=checked,
        remedies=[
            *remedies,
            f"do less per call of {slowest or 'the workload'}",
            "allow longer trials: --call-timeout 2min, or a --budget of several minutes",
        ],
    )


def lasting(doing: str, passing: Passing) -> str:
    """Return what is being done with how far it is, as in `block 3: unordered, 12 s, 5 of 8 calls`."""
    lasted = f"{passing.elapsed_s:.0f} s" if passing.elapsed_s < _MINUTE_S else format_duration(passing.elapsed_s)
    return f"{doing}, {lasted}, {passing.done:,} of {passing.calls:,} calls"
