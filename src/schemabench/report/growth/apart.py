"""Which of two candidates is faster at a step: at that step for itself, and at all steps together.

Owns these rules, on which crossings rest, and what is said of each candidate against the baseline. Must not word them,
nor compute a ratio that is not in the experiments.

Any of the steps may show a difference by chance. So a difference at all steps together has to hold at a level that is
divided by their number (Bonferroni): otherwise a candidate that truly leads at one end, and ties at many steps, would
soon be overtaken.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.records import BUSY_SHARE, CandidateResult, Estimate, Experiment, Standing
from schemabench.report.verdict import is_doubtful
from schemabench.statistics.sign_flips import fewest


@dataclass(frozen=True, kw_only=True)
class Told:
    """How two candidates compare at a step."""

    ratio: Estimate
    """Throughput of the first over the second's, paired by block; above zero with its interval."""
    alone: bool
    """Whether they are told apart at this step for itself."""
    together: bool
    """Whether they are at all steps together."""


def told(experiment: Experiment, first: str, second: str, steps: int) -> Told | None:
    """Return how two candidates compare at a step; None if it tells no order of them.

    It tells none if the baseline differs from itself, if the load generator limited one of the two, if one left too
    early to tell, or if one was not ranked.

    Args:
        experiment: The step's.
        first: The name of a candidate.
        second: The name of another.
        steps: The number of all steps together.
    """
    both = [one for one in experiment.candidates if one.name in {first, second}]
    standings = {one.name: one.standing for one in both if one.standing}
    ratio = _ratio(standings, first, second)
    if ratio is None or is_doubtful(experiment.control) or any(map(_tells_no_order, both)):
        return None
    alone = second not in standings[first].tied_with
    blocks = min([experiment.blocks, *(one.retired.trials for one in both if one.retired)])
    return Told(ratio=ratio, alone=alone, together=alone and statistics.holds_among(steps, ratio, blocks))


def has_few_trials(result: CandidateResult) -> bool:
    """Return whether a candidate left after fewer trials than an interval needs."""
    return result.retired is not None and sum(not one.warmup for one in result.trials) < fewest(1)


def is_limited(result: CandidateResult) -> bool:
    """Return whether the load generator limited a candidate."""
    return result.busy_share is not None and result.busy_share > BUSY_SHARE


def _tells_no_order(result: CandidateResult) -> bool:
    """Return whether a candidate's place at a step is not its schema's, or not known.

    Few trials that prove it far slower tell its place, though they are too few for an interval of its rate.
    """
    proved = result.retired is not None and result.retired.slower.low > 1
    return is_limited(result) or (has_few_trials(result) and not proved)


def _ratio(standings: Mapping[str, Standing], first: str, second: str) -> Estimate | None:
    """Return the throughput of one candidate over another's; None if it is not known."""
    if not {first, second} <= standings.keys():
        return None
    one, other = (second, first) if first == BASELINE else (first, second)
    standing = standings[one]
    ratio = standing.to_baseline if other == BASELINE else standing.to_others.get(other)
    if ratio is None or ratio.low <= 0:
        return None
    return statistics.inverse(ratio) if first == BASELINE else ratio
