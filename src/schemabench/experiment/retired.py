"""The verdict on candidates that left the blocks early, from their few trials.

Owns their standing and its wording. Must not decide which candidates leave: see `retiring`.
"""

from collections.abc import Sequence
from math import exp

import numpy as np

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.retiring import slowdowns
from schemabench.records import Estimate, Notice, Standing
from schemabench.units import format_duration, format_significant, plural


def standing(name: str, others: Sequence[str], retired: Sequence[str], measured: Measured) -> Standing:
    """Return the standing of a candidate that retired, from the blocks in which it took part.

    It ranks below candidates that few trials prove to be faster, and ties with all others.

    Args:
        name: The candidate.
        others: The entrants that did not retire, the control among them.
        retired: The candidates that did.
        measured: The trials of all.
    """
    noise = slowdowns(measured.trials, CONTROL, BASELINE)[: measured.retired[name].trials]
    spans = {
        other: statistics.lag(slowdowns(measured.trials, name, other), noise, family=max(1, len(others) - 1))
        for other in others
        if other != CONTROL
    }
    ties = [other for other, span in spans.items() if span.low <= 0]
    against = spans[BASELINE]
    (rate,) = statistics.estimate_rates(np.array([[1 / one.duration_s] for one in measured.counted(name)]), seed=0)
    return Standing(
        name=name,
        figure=rate,
        to_baseline=inverse(Estimate(value=exp(against.centre), low=exp(against.low), high=exp(against.high))),
        rank=1 + len(spans) - len(ties),
        tied_with=tuple(sorted((*ties, *(other for other in retired if other != name)))),
    )


def inverse(ratio: Estimate) -> Estimate:
    """Convert a ratio of speeds to a ratio of times, or the reverse."""
    return Estimate(value=1 / ratio.value, low=1 / ratio.high, high=1 / ratio.low)


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
