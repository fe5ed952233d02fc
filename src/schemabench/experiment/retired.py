"""The verdict on candidates that left the blocks as far slower than the baseline, from their few trials.

Owns their comparison with the others and its wording. Must not decide which candidates leave: see `retiring`.
"""

from collections.abc import Sequence
from dataclasses import replace

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment import writers
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.experiment.retiring import slowdowns
from schemabench.records import CandidateResult, Estimate, Notice, Retirement
from schemabench.statistics import Span
from schemabench.units import format_duration, format_significant, plural


def leads(name: str, others: Sequence[str], measured: Measured) -> dict[str, Span]:
    """Return how much faster the others were in the blocks of a candidate that left, as log ratios of rates.

    Args:
        name: The candidate.
        others: The entrants that did not leave as far slower, the control among them.
        measured: The trials of all.
    """
    noise = slowdowns(measured.trials, CONTROL, BASELINE)[: measured.retired[name].trials]
    return {
        other: statistics.lag(slowdowns(measured.trials, name, other), noise, family=max(1, len(others) - 1))
        for other in others
        if other != CONTROL
    }


def result(plan: Plan, left: CandidateResult, measured: Measured) -> CandidateResult:
    """Return the result of a candidate that left as far slower, with when and on what.

    Args:
        plan: What was to do.
        left: All else that is known of it.
        measured: The trials of all.
    """
    name, standing = left.name, left.standing
    assert standing is not None, f"{name} has no standing"
    slower = statistics.inverse(standing.to_baseline)
    return replace(
        left,
        retired=Retirement(trials=measured.retired[name].trials, slower=slower, left_s=measured.retired[name].left_s),
        writers=writers.of_few(plan, name, measured.beside(name)),
        notices=(notice(name, measured, slower), *left.notices),
    )


def notice(name: str, measured: Measured, slower: Estimate) -> Notice:
    """Return the notice on a candidate that left early.

    Args:
        name: The candidate.
        measured: The trials of all.
        slower: Its trials' duration as a multiple of the baseline's.
    """
    counted, known = measured.counted(name), {trial.block: trial.duration_s for trial in measured.trials[BASELINE]}
    times = sum(trial.duration_s >= slower.low * known[trial.block] for trial in counted)
    seen, least = (format_significant(value, 2) for value in (slower.value, slower.low))
    proved = f"at least {least} times beyond chance, in {times} of {plural(len(counted), 'trial')}"
    if slower.low <= 1:
        proved = f"in {plural(len(counted), 'trial')} that vary too much to prove it"
    text = (
        f"{name} left the blocks early, to leave more time for the others: its trials took {seen} times as long as "
        f"the baseline's, {proved}. All its figures are from these trials. Their "
        f"{format_duration(measured.taken_s[name])} do not count towards the budget"
    )
    return Notice(code="retired", text=text)
