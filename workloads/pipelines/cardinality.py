"""The sizes of the workload `pipelines`: those known from production, and the range of possible sizes.

Owns the sizes. Must not know their use by a writer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemabench import Axis, log_scale

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SETS = ("a", "b")  # two client sets, disjoint
RECORDS_PER_DAY = 1_200_000  # of all sets together


@dataclass(frozen=True, kw_only=True)
class Pipelines:
    """The sizes of the workload. All but `window_s` are those of each set."""

    records: int
    """Prescription records in a file: a day's, in miniature."""
    members: int
    """Members, most of whom are known before the first block."""
    policies: int
    """Policies, likewise; each member belongs to one."""
    drugs: int
    """Drugs that are prescribed."""
    insight_days: int
    """Finished days that insight computes from; as many are loaded before the first block."""
    publishes: int
    """Policies that operators publish while a file is loaded."""
    window_s: float
    """Seconds of a real day within which the files of all sets must be loaded."""


TYPICAL = Pipelines(
    records=2_000,  # a 300th of a set's 600,000 a day: a trial holds one load of each set
    members=4_000,  # a guess: a member has a record every other day
    policies=1_000,  # a guess: groups of four members
    drugs=200,  # a guess
    insight_days=5,  # a guess: with more, insight takes longer than the load
    publishes=5,  # a guess: few, by hand
    window_s=3_600,  # a guess: an hour of the night
)

WORST = Pipelines(
    records=6_000,  # a 100th
    members=20_000,
    policies=5_000,
    drugs=1_000,
    insight_days=10,
    publishes=20,
    window_s=1_800,
)

# Unknown in production: how much is loaded at once, and how far back insight looks.
AXES = (Axis(field="records", low=200, high=20_000), Axis(field="insight_days", low=1, high=50))

MOST_HISTORY = 150_000  # records of a set before the first block: with more, databases take long to fill
MOST_RECORDS = 8_000  # in a file: with more, the smallest trial would be a long one


def strategy() -> "SearchStrategy[Pipelines]":
    """Return the range of pipelines like this one."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loaded only where something is drawn)

    @st.composite
    def pipelines(draw: st.DrawFn) -> Pipelines:
        records = draw(st.sampled_from(log_scale(200, MOST_RECORDS)))
        policies = draw(st.sampled_from(log_scale(50, 5_000)))
        return Pipelines(
            records=records,
            members=max(policies, draw(st.sampled_from(log_scale(200, 20_000)))),
            policies=policies,
            drugs=draw(st.sampled_from(log_scale(10, 2_000))),
            insight_days=min(MOST_HISTORY // records, draw(st.sampled_from(log_scale(1, 50)))),
            publishes=draw(st.sampled_from(log_scale(1, 50))),
            window_s=draw(st.sampled_from(log_scale(600.0, 14_400.0))),
        )

    return pipelines()
