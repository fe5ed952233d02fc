"""The sizes of the workload `clickstream`: nearly all assumed, since nothing is known but the kinds of events.

Owns the sizes. Must not know their use by a writer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemabench import Axis, log_scale

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True, kw_only=True)
class Clickstream:
    """The sizes of the workload."""

    users: int
    """Users who installed before the first block, evenly over the weeks of history."""
    weeks: int
    """Weeks of history, at most those between the first partition and the first block."""
    likes: int
    """Likes in the history."""
    articles: int
    """Articles that are liked."""
    article_skew: float
    """How much popular articles are favoured: rank = articles * u ** article_skew, for u uniform in [0, 1)."""
    events: int
    """Events in a burst of size 1."""
    events_per_s: int
    """Events that production sends in a second at its busiest."""
    reads: int
    """Reads in a burst of size 1."""
    late_share: float
    """Share of the events that come late, by up to three days, from 0 to 1."""
    resent_share: float
    """Share of the events that the application sends again, for lack of an answer, from 0 to 1."""


MOST_WEEKS = 8  # between the first weekly partition and the week of the first block

TYPICAL = Clickstream(
    users=8_000,  # assumed: enough that a cohort of a week has a thousand
    weeks=MOST_WEEKS,
    likes=24_000,  # assumed: three for each user
    articles=2_000,  # assumed: a newsroom's output of some weeks
    article_skew=3.0,  # assumed: half of the likes are of an eighth of the articles
    events=600,
    events_per_s=100,  # assumed: 100,000 users a day, 20 events each, and four times the average in the evening
    reads=12,  # assumed: two a second, of a front page that shows the most liked articles
    late_share=0.02,  # assumed: telephones without a network
    resent_share=0.01,  # assumed
)

WORST = Clickstream(
    users=30_000,
    weeks=MOST_WEEKS,
    likes=90_000,
    articles=500,  # assumed: news breaks, and everyone likes the same few
    article_skew=6.0,  # likewise: nearly half of the likes are of five articles
    events=1_000,
    events_per_s=1_000,  # assumed: ten times the usual
    reads=4,  # assumed: four a second, for no more trial speaks of anything but reads
    late_share=0.1,  # assumed: the network is as busy as the servers
    resent_share=0.05,  # likewise
)

# Reads decide whether counting in advance is worth its price, and the articles how many writers meet on a count.
AXES = (
    Axis(field="reads", low=1, high=64),
    Axis(field="articles", low=10, high=10_000),
)

MOST_LIKES = 100_000  # in the history: with the rest loaded in seconds, also on a busy machine


def strategy() -> "SearchStrategy[Clickstream]":
    """Return the range of applications like this one, from a tenth of `typical` to twice `worst`."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loaded only where something is drawn)

    @st.composite
    def clickstreams(draw: st.DrawFn) -> Clickstream:
        users = draw(st.sampled_from(log_scale(800, 40_000)))
        return Clickstream(
            users=users,
            weeks=draw(st.sampled_from((2, 4, MOST_WEEKS))),
            likes=min(MOST_LIKES, users * draw(st.sampled_from((1, 3, 10)))),
            articles=draw(st.sampled_from(log_scale(10, 10_000))),
            article_skew=draw(st.sampled_from((1.0, 3.0, 6.0))),
            events=draw(st.sampled_from((300, 600, 1_000))),
            events_per_s=draw(st.sampled_from(log_scale(10, 2_000))),
            reads=draw(st.sampled_from(log_scale(1, 64))),
            late_share=draw(st.sampled_from((0.0, 0.02, 0.1, 0.5))),
            resent_share=draw(st.sampled_from((0.0, 0.01, 0.05))),
        )

    return clickstreams()
