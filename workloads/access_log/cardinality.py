"""The sizes of the workload `access_log`: from published logs, assumed where nothing is known, and their range.

Owns the sizes. Must not know the content of a line.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemabench import Axis, log_scale

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True, kw_only=True)
class AccessLog:
    """The sizes of the workload."""

    lines: int
    """Lines in a burst of size 1."""
    lines_per_s: float
    """Lines that production writes in a second."""
    reads: int
    """Reads in a burst of size 1."""
    looked_up_hosts: int
    """N, the most frequent hosts that are turned into countries."""
    hosts: int
    """Hosts that may ask for something."""
    host_exponent: float
    """Zipf exponent of the hosts' shares in the lines."""
    named_share: float
    """Share of the hosts that are logged by name rather than by address, from 0 to 1."""
    kept_broken_share: float
    """Broken lines that are kept as they came, as a share of all lines. 0: they are dropped before the database."""
    ranges: int
    """Ranges of addresses with a country."""
    history_days: int
    """Days in the log before the first block."""
    history_lines: int
    """Lines in these days."""
    read_hours: int
    """Hours between the two times of a read."""


TYPICAL = AccessLog(
    lines=240,  # what four connections write in some 100 ms
    lines_per_s=100.0,  # assumed: a hundred times the peak of a published log of 1995, which has 1 line a second
    reads=6,  # assumed: one dashboard
    looked_up_hosts=50,  # production's: 50 cover an eighth of the records
    hosts=20_000,  # with the exponent, 50 of them cover an eighth of the lines
    host_exponent=0.7,  # as above
    named_share=0.2,  # assumed: older logs have mostly names, newer ones only addresses
    kept_broken_share=0.001,  # assumed: "some lines are broken"
    ranges=5_000,  # assumed: a published table has some 200,000; smaller, so that databases are soon copied
    history_days=7,
    history_lines=40_000,  # so few that all candidates are built in seconds
    read_hours=24,  # assumed: yesterday's hosts
)

WORST = AccessLog(
    lines=240,
    lines_per_s=1_000.0,  # assumed: ten times as many
    reads=12,
    looked_up_hosts=200,
    hosts=2_000,  # assumed: crawlers; the same hosts write all the time
    host_exponent=1.2,  # the most frequent host has a fifth of the lines
    named_share=0.2,
    kept_broken_share=0.02,  # assumed: a misconfigured server
    ranges=20_000,
    history_days=7,
    history_lines=80_000,
    read_hours=72,
)

# Unknown or free to choose: how many hosts to turn into countries, and how often people look.
AXES = (
    Axis(field="looked_up_hosts", low=1, high=400),
    Axis(field="reads", low=1, high=48),
)

MOST_LOOK_UPS = 4_000  # reads x hosts: with more, the smallest trial of the slowest look-up would be a long one


def strategy() -> "SearchStrategy[AccessLog]":
    """Return the range of logs, from those of a few hosts to twice the ranges of `worst`."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loaded only where something is drawn)

    @st.composite
    def logs(draw: st.DrawFn) -> AccessLog:
        reads = draw(st.sampled_from(log_scale(1, 48)))
        return AccessLog(
            lines=draw(st.sampled_from(log_scale(60, 480))),
            lines_per_s=draw(st.sampled_from(log_scale(1.0, 2_000.0))),
            reads=reads,
            looked_up_hosts=min(MOST_LOOK_UPS // reads, draw(st.sampled_from(log_scale(1, 400)))),
            hosts=draw(st.sampled_from(log_scale(200, 50_000))),
            host_exponent=draw(st.sampled_from((0.5, 0.7, 1.0, 1.2))),
            named_share=draw(st.sampled_from((0.0, 0.2, 0.8))),
            kept_broken_share=draw(st.sampled_from((0.0, 0.001, 0.02))),
            ranges=draw(st.sampled_from(log_scale(200, 40_000))),
            history_days=draw(st.sampled_from((1, 7, 14))),
            history_lines=draw(st.sampled_from(log_scale(2_000, 80_000))),
            read_hours=draw(st.sampled_from((1, 24, 72, 168))),
        )

    return logs()
