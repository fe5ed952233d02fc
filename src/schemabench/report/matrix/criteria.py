"""What candidates are ranked by: throughput, and waiting for locks.

Owns where a run's record holds each ranking, how its figures are drawn, and the words for it, in words.
Must not judge what a ranking says of a run: see `winner`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Estimate, Experiment, LockStanding, Standing
from schemabench.report import figures, view

Untold = Literal["doubtful", "too few blocks", "nothing ranked"]
"""Why a run shows no leaders. doubtful: the baseline differs from itself; too few blocks: no difference, however large,
could have been seen."""

_FEW_BLOCKS = "few-blocks"
"""The notice on a run, or on its lock waits alone, that has too few blocks to tell anything apart."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Criterion:
    """One way in which a candidate can be better than another."""

    title: str
    """What is ranked, as in `throughput`."""
    standing: Callable[[CandidateResult], Standing | LockStanding | None]
    figure: Callable[[CandidateResult], Estimate | None]
    """What a rank rests on; None where that is not known, and for what is 1 by definition."""
    drawn: Callable[[Estimate | None, Experiment, bool], tuple[str, str]]
    """The figure of a candidate that has a rank, and its interval; by whether the figure is but a lower bound."""
    control: Callable[[Experiment], Standing | LockStanding | None]
    few_blocks: Callable[[Experiment], bool]
    """Whether there were too few blocks to tell any candidates apart."""
    first: str
    """What stands before a run's answer to who is first, as in `winner`."""
    best: str
    """Who is first, within a sentence, as in `winner`: after `the`."""
    leads: tuple[str, str]
    """What the first does: one alone, and several that tie."""
    all_tie: str
    untold: Mapping[str, str]
    """Each reason why a run shows no leaders, in words."""

    def standings(self, experiment: Experiment) -> list[Standing | LockStanding]:
        """Return where each candidate stands that has a rank, in order of throughput."""
        found = (self.standing(result) for result, _ in view.ranked(experiment))
        return [standing for standing in found if standing]


def _ratio(result: CandidateResult) -> Estimate | None:
    return result.standing.ratio if result.standing and result.name != BASELINE else None


def _drawn_ratio(ratio: Estimate | None, experiment: Experiment, at_least: bool) -> tuple[str, str]:  # noqa: FBT001 (as `Criterion.drawn` has it)
    if ratio is None:
        return f"{figures.BASELINE_RATIO}x", ""
    places = figures.decimals(experiment)
    if at_least:
        return figures.ratio_at_least(ratio, places), ""
    shown = figures.ratio(ratio.value, places)
    return shown if shown == figures.DASH else f"{shown}x", figures.ratio_interval(ratio, places)


def _share(result: CandidateResult) -> Estimate | None:
    return result.lock_standing.share if result.lock_standing else None


def _drawn_share(share: Estimate | None, _: Experiment, __: bool) -> tuple[str, str]:  # noqa: FBT001 (likewise)
    return (figures.share(share.value), figures.share_interval(share)) if share else (figures.DASH, "")


THROUGHPUT = Criterion(
    title="throughput",
    standing=lambda result: result.standing,
    figure=_ratio,
    drawn=_drawn_ratio,
    control=lambda experiment: experiment.control,
    few_blocks=lambda experiment: experiment.smallest_difference is None,
    first="winner",
    best="winner",
    leads=("leads", "lead, tied,"),
    all_tie="all candidates tie",
    untold={
        "doubtful": "the ranking is doubtful",
        "too few blocks": "there were too few blocks to tell anything apart",
        "nothing ranked": "nothing was ranked",
    },
)
LOCK_WAITS = Criterion(
    title="lock waits",
    standing=lambda result: result.lock_standing,
    figure=_share,
    drawn=_drawn_share,
    control=lambda experiment: experiment.lock_control,
    few_blocks=lambda experiment: (
        THROUGHPUT.few_blocks(experiment) or any(notice.code == _FEW_BLOCKS for notice in experiment.notices)
    ),
    first="waits least",
    best="candidate with the lowest lock waits",
    leads=("waits least for locks", "wait least for locks, tied,"),
    all_tie="all candidates tie by lock waits",
    untold={
        "doubtful": "the ranking by lock waits is doubtful",
        "too few blocks": "there were too few blocks to tell lock waits apart",
        "nothing ranked": "lock waits are not known",
    },
)
CRITERIA = (THROUGHPUT, LOCK_WAITS)
"""In the order in which they are shown: the first is what rows are sorted by."""
