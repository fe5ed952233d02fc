"""What is said of candidates that left the blocks early, by the few trials that they had.

Owns their standing and its words. Must not decide who leaves: see `retiring`.
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
from schemabench.units import format_duration, format_significant


def standing(name: str, others: Sequence[str], retired: Sequence[str], measured: Measured) -> Standing:
    """Return the standing of a candidate that retired, by the blocks that it took part in.

    It ranks below those that few trials prove to be faster, and ties with all others.

    Args:
        name: The candidate.
        others: Those that did not retire, the control among them.
        retired: Those that did.
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
    """Return how many times as long something takes that is so many times as fast; or the other way round."""
    return Estimate(value=1 / ratio.value, low=1 / ratio.high, high=1 / ratio.low)


def notice(name: str, measured: Measured, slower: Estimate) -> Notice:
    """Return why a candidate has no more trials.

    Args:
        name: The candidate.
        measured: The trials of all.
        slower: How many times as long as the baseline's its trials took.
    """
    counted, known = measured.counted(name), {trial.block: trial.duration_s for trial in measured.trials[BASELINE]}
    times = sum(trial.duration_s >= slower.low * known[trial.block] for trial in counted)
    seen, least = (format_significant(value, 2) for value in (slower.value, slower.low))
    proved = f"at least {least} times beyond chance, in {times} of {len(counted)} trials"
    if slower.low <= 1:
        proved = f"in {len(counted)} trials that vary too much to prove it"
    text = (
        f"{name} left the blocks early, to leave more time for the others: its trials took {seen} times as long as "
        f"the baseline's, {proved}. All its figures are from these trials. Their "
        f"{format_duration(measured.taken_s[name])} do not count towards the budget"
    )
    return Notice(code="retired", text=text)
