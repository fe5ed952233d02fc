"""The sizes of the workload `votes`: those known from production, and the range of possible sizes.

Owns the sizes. Must not know their use by a writer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemabench import Axis, log_scale

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

FRESH_WITHIN_S = 60.0  # a result that is a minute old is good enough
QUIET_VOTES_PER_S = 20  # a guess for "far fewer than in a spike": a vote of each of 100 kiosks every five seconds


@dataclass(frozen=True, kw_only=True)
class Votes:
    """The sizes of the workload."""

    kiosks: int
    """Kiosks that send votes, and that ask for results."""
    choices: int
    """Those who can be voted for. The first gets about half of all votes, the next half of the rest."""
    votes_per_s: int
    """Votes a second, of all kiosks together."""
    slice_s: float
    """Seconds of production in a burst of size 1; the job runs once in them."""
    reads: int
    """Questions for results in a slice."""
    history_votes: int
    """Votes that were cast before the first block."""

    @property
    def votes(self) -> int:
        """Votes in a slice: so many come between two runs of the job."""
        return max(1, round(self.votes_per_s * self.slice_s))

    @property
    def history_votes_per_s(self) -> int:
        """Votes a second before the first block: as many as in it, but a spike begins with it."""
        return min(self.votes_per_s, QUIET_VOTES_PER_S)


TYPICAL = Votes(
    kiosks=100,  # tens to hundreds
    choices=3,  # three candidates
    votes_per_s=QUIET_VOTES_PER_S,
    slice_s=20,  # a guess: the job runs three times a minute, and 400 votes are what a short trial holds
    reads=17,  # a guess: each kiosk asks every two minutes
    history_votes=20_000,  # 17 minutes of such voting: with more, counting them for each question fills the trial
)

WORST = Votes(
    kiosks=500,  # hundreds
    choices=5,  # or a few more
    votes_per_s=1_000,  # a spike stays below 1,000 votes a second
    slice_s=1,  # a guess: the job runs each second, since no burst can hold a minute of a spike
    reads=8,  # 500 kiosks that ask once a minute
    history_votes=50_000,  # 42 minutes of 20 votes a second
)

# Unknown in production: how often results are asked for, and for how many one can vote.
AXES = (Axis(field="reads", low=1, high=100), Axis(field="choices", low=2, high=64))

MOST_VOTES = 1_600  # in a slice: with more, the smallest trial would be a long one
MOST_COUNTED = 1_000_000  # votes in a slice's questions, where each counts the whole history: likewise


def strategy() -> "SearchStrategy[Votes]":
    """Return the range of events like this one."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loaded only where something is drawn)

    @st.composite
    def events(draw: st.DrawFn) -> Votes:
        votes_per_s = draw(st.sampled_from(log_scale(5, 1_000)))
        longest_s = min(40.0, MOST_VOTES / votes_per_s)
        history_votes = draw(st.sampled_from(log_scale(5_000, 100_000)))
        reads = draw(st.sampled_from(log_scale(1, 100)))
        return Votes(
            kiosks=draw(st.sampled_from(log_scale(10, 1_000))),
            choices=draw(st.sampled_from(log_scale(2, 64))),
            votes_per_s=votes_per_s,
            slice_s=min(longest_s, draw(st.sampled_from(log_scale(1.0, 40.0)))),
            reads=max(1, min(reads, MOST_COUNTED // history_votes)),
            history_votes=history_votes,
        )

    return events()
