"""The sizes of the workload `usage`: those known from production, and the range of possible sizes.

Owns the sizes. Must not know their use by a writer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from schemabench import Axis, log_scale

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

CDNS = ("cdn_a", "cdn_b")  # two CDNs deliver; which ones does not matter
RUN_WRITE_S = 480  # a run of the aggregations writes for about 8 minutes
MONTH_DAYS = 31  # what a read of a month spans
SLICES_PER_BLOCK = 2  # about what calibration arrives at; with as many, compaction finds the oldest batch


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The sizes of the workload."""

    sites: int
    """Live sites: each has one row a day in media_storage, and two rows in a run of aggregation_cdn."""
    media_kind: Literal["stream", "batch"]
    """The kind of the writer media_library."""
    media_entries: int
    """(date, site) entries in one cycle of media_library, two events each."""
    media_cycle_s: int
    """Seconds in which media_library sends one cycle of entries."""
    media_sources_apart: int
    """How many entries the source of bytes_stored is behind that of media_count: 0 is in step, on the same row."""
    analytics_ids: int
    """Active analytics ids: each has one row in a run of aggregation_ping."""
    slice_s: float
    """Seconds of production in a burst of size 1."""
    reads: int
    """Reads in a slice."""
    history_days: int
    """Days in media_storage and cdn_daily before the first block, including the first day."""
    analytics_history_days: int
    """Days in ping_daily before the first block, including the first day."""

    def __post_init__(self) -> None:
        if self.media_entries > self.sites:
            raise ValueError(f"media_entries is {self.media_entries:,}, more than the {self.sites:,} sites")

    @property
    def media_events(self) -> int:
        """Events of media_library in a slice."""
        return self._share(2 * self.media_entries, self.media_cycle_s)

    @property
    def cdn_rows(self) -> int:
        """Rows of aggregation_cdn in a slice."""
        return self._share(len(CDNS) * self.sites, RUN_WRITE_S)

    @property
    def ping_rows(self) -> int:
        """Rows of aggregation_ping in a slice."""
        return self._share(self.analytics_ids, RUN_WRITE_S)

    @property
    def open_slices(self) -> int:
        """Slices whose batches are not compacted yet: half a run."""
        return max(1, round(RUN_WRITE_S / 2 / self.slice_s))

    def _share(self, calls: int, seconds: int) -> int:
        return max(1, round(calls * self.slice_s / seconds))


TODAY = Usage(
    sites=1_000,  # one data set has about 1,000
    media_kind="batch",
    media_entries=68,  # up to 68 entries every 2 minutes
    media_cycle_s=30,  # a batch takes about 30 s
    media_sources_apart=0,  # one source sends both events
    analytics_ids=5_000,  # X is not known; as in `typical`
    slice_s=30,  # one batch of media_library
    reads=8,  # a guess, see the module
    history_days=MONTH_DAYS,  # what the longest read spans
    analytics_history_days=3,  # enough to have a depth; days that nobody touches cost loading time only
)

TYPICAL = Usage(
    sites=2_000,  # live soon
    media_kind="stream",
    media_entries=2_000,  # all sites
    media_cycle_s=30,  # every 30 s
    media_sources_apart=2,  # two sources on the same timer, almost in step
    analytics_ids=5_000,  # X is not known; a twentieth of the ids there may be
    slice_s=2.4,  # 320 events: what 5 connections write while the views are refreshed
    reads=8,  # a guess, see the module
    history_days=MONTH_DAYS,  # what the longest read spans
    analytics_history_days=3,  # as above
)

WORST = Usage(
    sites=2_000,  # live soon; no larger number is foreseen
    media_kind="stream",
    media_entries=2_000,  # all sites
    media_cycle_s=30,  # every 30 s
    media_sources_apart=0,  # two sources in step: both events of a site at once
    analytics_ids=100_000,  # aw_0000000 to aw_0099999: a run that touches every one
    slice_s=6,  # 800 events: what 5 connections write while the views, ten times larger, are refreshed
    reads=8,  # a guess; more would wait in line behind the longer refreshes, and a trial speak of nothing else
    history_days=2 * MONTH_DAYS,  # the month that is read, and the one before it
    analytics_history_days=3,  # 300,000 rows
)

# Unknown in production: the number of analytics ids, and the rate of reads by dashboards.
AXES = (
    Axis(field="analytics_ids", low=1_000, high=100_000),
    Axis(field="reads", low=1, high=64),
)

MOST_EVENTS = 400  # of media_library in a slice: with more, the smallest trial would be a long one
MOST_HISTORY_ROWS = 80_000  # sites x days, and three rows for each: loaded in seconds, also on a busy machine
MOST_ANALYTICS_ROWS = 200_000  # ids x days, likewise


def strategy() -> "SearchStrategy[Usage]":
    """Return the range of platforms like this one, from a tenth of today's sizes to twice the expected ones."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loaded only where something is drawn)

    @st.composite
    def usages(draw: st.DrawFn) -> Usage:
        sites = draw(st.sampled_from(log_scale(200, 4_000)))
        analytics_ids = draw(st.sampled_from(log_scale(1_000, 100_000)))
        media_entries = round(sites * draw(st.sampled_from(log_scale(0.05, 1.0))))
        media_cycle_s = draw(st.sampled_from((30, 60, 120)))
        longest_s = min(30.0, MOST_EVENTS * media_cycle_s / (2 * media_entries))
        history_days = draw(st.sampled_from(log_scale(1, 3 * MONTH_DAYS)))
        analytics_history_days = draw(st.sampled_from(log_scale(1, MONTH_DAYS)))
        return Usage(
            sites=sites,
            media_kind=draw(st.sampled_from(("stream", "batch"))),
            media_entries=media_entries,
            media_cycle_s=media_cycle_s,
            media_sources_apart=draw(st.sampled_from((0, 1, 2, 8))),
            analytics_ids=analytics_ids,
            slice_s=min(longest_s, draw(st.sampled_from(log_scale(1.2, 30.0)))),
            reads=draw(st.sampled_from(log_scale(1, 64))),
            history_days=max(1, min(history_days, MOST_HISTORY_ROWS // sites)),
            analytics_history_days=max(1, min(analytics_history_days, MOST_ANALYTICS_ROWS // analytics_ids)),
        )

    return usages()
