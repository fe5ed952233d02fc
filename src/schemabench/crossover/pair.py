"""The figures of one candidate and the baseline in one experiment, for searches and maps.

Owns these figures. Must not measure.
"""

from collections.abc import Collection, Mapping, Sequence
from math import exp, log

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Estimate, Experiment, Side

_STEERING = (("wal_bytes",), ("blocks_hit", "blocks_read"))
"""Counters that steer a search, summed within brackets: data written, and blocks touched."""


def side(experiment: Experiment, candidate: str) -> Side:
    """Return a ranked candidate's side of the baseline."""
    standing = ranked(experiment)[candidate].standing
    assert standing is not None, "a ranked candidate has a standing"
    if BASELINE in standing.tied_with:
        return "tied"
    return "better" if standing.to_baseline.value > 1 else "worse"


def ratio(experiment: Experiment, candidate: str) -> Estimate:
    """Return the throughput of a ranked candidate over the baseline's."""
    standing = ranked(experiment)[candidate].standing
    assert standing is not None, "a ranked candidate has a standing"
    return standing.to_baseline


def is_bound(experiment: Experiment, candidate: str) -> bool:
    """Return whether the ratio of a ranked candidate is a lower bound, because the client limited it."""
    standing = ranked(experiment)[candidate].standing
    return standing is not None and standing.at_least


def failure(experiment: Experiment, candidate: str) -> str:
    """Return why a candidate has no figure in an experiment; empty if it has one."""
    by_name = {one.name: one for one in experiment.candidates}
    broken = [by_name[name] for name in (candidate, BASELINE) if by_name[name].standing is None]
    return "; ".join(f"{one.name} is {one.status}: {one.reason}" for one in broken)


def cost(experiment: Experiment, candidate: str) -> float | None:
    """Return a candidate's cost relative to the baseline's: the geometric mean of data written and blocks touched.

    Over the blocks in which the candidate counts, of which both executed the same bursts: one that left as far slower
    has only early blocks with short bursts, in which the baseline does not count. None if the server provides none of
    the counters, or the candidate failed.
    """
    by_name = {one.name: one for one in experiment.candidates}
    blocks = {trial.block for trial in by_name[candidate].trials if not trial.warmup}
    logs = []
    for names in _STEERING:
        own, base = (_summed(by_name[name], names, blocks) for name in (candidate, BASELINE))
        if own is not None and base is not None:
            logs.append(log((own + 1) / (base + 1)))  # plus one, because either may be zero
    return exp(sum(logs) / len(logs)) if logs else None


def _summed(result: CandidateResult, names: Sequence[str], blocks: Collection[int]) -> float | None:
    """Return the sum of some counters over the trials of some blocks; None if one is not available."""
    trials = [trial.counters for trial in result.trials if trial.block in blocks]
    if not trials or any(name not in counters for counters in trials for name in names):
        return None
    return sum(counters[name] for counters in trials for name in names)


def ranked(experiment: Experiment) -> Mapping[str, CandidateResult]:
    """Return the ranked candidates; none if the baseline is not among them."""
    ranked = {one.name: one for one in experiment.candidates if one.standing is not None}
    return ranked if BASELINE in ranked else {}
