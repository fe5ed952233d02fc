"""The time limits of calls and trials, and the messages on long ones.

Owns the limits and their wording. The load loop measures the time, because a server's `statement_timeout` would change
the measured sessions. Must not end anything.
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
from schemabench.units import format_duration, format_percent, plural

CALLS = 2
"""A trial may last as long as this many calls may: a call that does not end is then detected first, and named."""
MULTIPLE = 50
"""A candidate's trial may last this many times the baseline's longest: anything longer is not a stall of the
machine."""
PACE_MULTIPLE = 10
"""The replay of the production load may last this many times as long as production takes for it."""
_MINUTE_S = 60

Told = Callable[[Passing], None]


def limits(plan: Plan, measured: Measured, entrant: Entrant, told: Told = nobody) -> Limits:
    """Return the time limits of an entrant's trial and of a call in it.

    A trial may last as long as `CALLS` calls, or as all blocks together if that is longer. But a candidate's trial may
    last `MULTIPLE` of the baseline's longest trial at most, unless `CALLS` calls may take longer.
    """
    trial_s = plan.budget_s
    if entrant.template.candidate.name != BASELINE:
        longest_s = max((trial.duration_s for trial in measured.trials.get(BASELINE, ())), default=inf)
        trial_s = min(trial_s, MULTIPLE * longest_s)
    return Limits(call_s=plan.call_timeout_s, trial_s=max(CALLS * plan.call_timeout_s, trial_s), told=told)


def calibrating(plan: Plan, told: Told = nobody) -> Limits:
    """Return the limits for calibration."""
    return Limits(call_s=plan.call_timeout_s, trial_s=max(CALLS * plan.call_timeout_s, plan.budget_s), told=told)


def pacing(plan: Plan, duration_s: float, told: Told = nobody) -> Limits:
    """Return the limits for a burst whose calls are due within a duration."""
    trial_s = PACE_MULTIPLE * duration_s + CALLS * plan.call_timeout_s
    return Limits(call_s=plan.call_timeout_s, trial_s=trial_s, told=told)


def cut_short(entrant: Entrant, executed: Executed, calls: int) -> CandidateError:
    """Return the error for a trial that was cut short: its duration, the calls done, and the dominant operation.

    Args:
        entrant: The entrant.
        executed: The executed part.
        calls: The number of calls to execute.
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
        f"{executed.done:,} of {plural(calls, 'call')} done{most}",
        checked=checked,
        remedies=[
            *remedies,
            f"do less per call of {slowest or 'the workload'}",
            "allow longer trials: --call-timeout 2min, or a --budget of several minutes",
        ],
    )


def lasting(doing: str, passing: Passing) -> str:
    """Return the current activity with its progress, as in `block 3: unordered, 12 s, 5 of 8 calls`."""
    lasted = f"{passing.elapsed_s:.0f} s" if passing.elapsed_s < _MINUTE_S else format_duration(passing.elapsed_s)
    return f"{doing}, {lasted}, {passing.done:,} of {plural(passing.calls, 'call')}"
