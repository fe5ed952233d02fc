"""Possible reasons for a candidate's rank: single writers, counters that differ from the baseline's, plans.

Owns the choice and order of the differences. Must not call any of them the cause: they only coincide.
"""

from collections.abc import Iterator

from schemabench.records import CandidateResult, Experiment
from schemabench.report import costs, plans, writers
from schemabench.report.text import name
from schemabench.report.view import baseline, ranked

NAMED = ("hot_share", "wal_bytes", "rows_dead", "retries", "seq_scans")
"""Measures that explain most differences of throughput, and are named whenever they differ."""
_MOST_OTHERS = 3
"""Number of the largest differences that are named, whatever the measure; the table of costs holds all."""


def lines(experiment: Experiment) -> list[str]:
    """Return a line for each candidate that differs, as in `fillfactor: 38 % less WAL`, in order of rank."""
    found = ((result.name, of(experiment, result)) for result, _ in ranked(experiment))
    return [f"{name(one)}: {said}" for one, said in found if said]


def of(experiment: Experiment, result: CandidateResult) -> str:
    """Return a ranked candidate's differences from the baseline; empty if there are none."""
    reference = baseline(experiment)
    if reference is None:
        return ""
    return "; ".join(filter(None, (writers.hidden(experiment, result), *_differences(result, reference))))


def _differences(result: CandidateResult, baseline: CandidateResult) -> Iterator[str]:
    apart = costs.noteworthy(result, baseline)
    named = [cost for place, cost in enumerate(apart) if place < _MOST_OTHERS or cost.name in NAMED]
    if named:
        yield ", ".join(costs.worded(cost, baseline) for cost in named)
    if changed := plans.changed(result, baseline):
        yield changed
