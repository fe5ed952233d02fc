"""What may be why a candidate is where it is: single writers, what was counted otherwise than for the baseline, plans.

Owns which differences are named, and in which order, alike in every format. Must not call any of them the cause: they
were there at the same time.
"""

from collections.abc import Callable, Iterator

from schemabench.records import CandidateResult, Experiment
from schemabench.report import costs, plans, writers
from schemabench.report.verdict import BASELINE, Name, ranked

NAMED = ("hot_share", "wal_bytes", "rows_dead", "retries", "seq_scans")
"""Measures that explain most differences of throughput, and are named wherever they differ."""
_MOST_OTHERS = 3
"""Any measure is named that is among so many that are the farthest apart; the table of costs holds all."""

Text = Callable[[str], str]


def lines(experiment: Experiment, name: Name, text: Text) -> list[str]:
    """Return a line for each candidate that differs, as in `fillfactor: 38 % less WAL`, in order of rank.

    Args:
        experiment: Whose candidates.
        name: How a name is drawn.
        text: How any other text of a record is drawn.
    """
    found = ((result.name, of(experiment, result, name, text)) for result, _ in ranked(experiment))
    return [f"{name(one)}: {said}" for one, said in found if said]


def of(experiment: Experiment, result: CandidateResult, name: Name, text: Text) -> str:
    """Return what differs from the baseline in a candidate that was ranked; empty where nothing does."""
    baseline = next((other for other, _ in ranked(experiment) if other.name == BASELINE), None)
    if baseline is None:
        return ""
    hidden = writers.hidden(experiment, result, name)
    return "; ".join(filter(None, (hidden, *_differences(result, baseline, name, text))))


def _differences(result: CandidateResult, baseline: CandidateResult, name: Name, text: Text) -> Iterator[str]:
    apart = costs.noteworthy(result, baseline)
    named = [cost for place, cost in enumerate(apart) if place < _MOST_OTHERS or cost.name in NAMED]
    if named:
        yield ", ".join(costs.worded(cost, baseline, text) for cost in named)
    if changed := plans.changed(result, baseline, name, text):
        yield changed
