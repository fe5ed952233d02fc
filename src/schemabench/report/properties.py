"""What a test says of its candidate: names and short texts, for a JUnit file.

Owns the choice and the names of these. Must not word a figure.
"""

from collections.abc import Iterator

from schemabench.records import CandidateResult, Criterion, Experiment, Standing
from schemabench.report import criteria, figures, text, verdict

_PREFIX = "schemabench_"


def properties(experiment: Experiment, result: CandidateResult) -> tuple[tuple[str, str], ...]:
    """Return the properties of one candidate, in order: its status and verdict, and its place by every criterion.

    Throughput comes as `schemabench_rank`, `_ratio` and `_interval`; any other criterion as in
    `schemabench_rank_by_lock_waits`, `schemabench_lock_waits` and `schemabench_lock_waits_interval`.
    """
    return tuple((f"{_PREFIX}{name}", text.plain(said)) for name, said in _properties(experiment, result) if said)


def _properties(experiment: Experiment, result: CandidateResult) -> Iterator[tuple[str, str]]:
    yield "workload", experiment.workload
    yield "cardinality", experiment.cardinality
    yield "candidate", result.name
    yield "status", result.status
    yield "verdict", verdict.on(experiment, result)
    for criterion in experiment.criteria:
        if result.status == "ranked" and (standing := result.standings.get(criterion.name)):
            yield from _placed(experiment, criterion, standing)


def _placed(experiment: Experiment, criterion: Criterion, standing: Standing) -> Iterator[tuple[str, str]]:
    place = verdict.place(experiment, standing, criteria.standings(experiment, criterion))
    figure, interval = criteria.figure(criterion, standing, figures.decimals(experiment))
    is_ratio = criterion.compared == "ratio"
    yield "rank" if is_ratio else f"rank_by_{criterion.name}", place
    yield "ratio" if is_ratio else criterion.name, figure
    yield "interval" if is_ratio else f"{criterion.name}_interval", interval
