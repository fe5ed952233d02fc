"""The sizes of the workload `pageviews`: assumptions about production, and the range of possible sizes.

Owns the sizes. Must not know the content of an hour's lines.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemabench import Axis, log_scale

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True, kw_only=True)
class Pageviews:
    """The sizes of the workload."""

    domains: int
    """Domains with views in an hour; every other one is the mobile site of the one before it."""
    lines_per_hour: int
    """Lines of an hour's file, blacklisted ones included."""
    lines_per_call: int
    """Lines of an hour that the loader sends at a time."""
    hours_in_flight: int
    """Hours that load at the same time."""
    known_pages: int
    """Minimum number of pages known before the measurement."""
    new_page_share: float
    """Share of an hour's lines whose page was never seen before, from 0 to 1."""
    blacklisted: int
    """Pages on the blacklist, the most viewed ones of each domain among them."""
    domain_exponent: float
    """Zipf exponent of the domains' shares in an hour's lines."""
    page_skew: float
    """How much popular pages are favoured: rank = pages * u ** page_skew, for u uniform in [0, 1)."""
    views_exponent: float
    """Pareto exponent of the views of a line: P(views >= v) = v ** -views_exponent."""
    reload_share: float
    """Share of the repeated jobs that reload by force, from 0 to 1; the others find the hour loaded."""


TYPICAL = Pageviews(
    domains=6,  # few, so that as in production each has more than 25 lines in an hour
    lines_per_hour=512,  # of up to 5,000,000: a burst of about 200 ms holds a dozen hours
    lines_per_call=128,
    hours_in_flight=3,  # assumed: "the last N hours catch up after a pause"
    known_pages=16_384,  # 32 hours without a page in common
    new_page_share=0.03,  # assumed: after years nearly every page with a view is known
    blacklisted=216,  # a published blacklist has 217 lines
    domain_exponent=1.0,  # sample of an hourly file: its 10 largest domains have 814, 555, 297, 249, ... 131 lines
    page_skew=3.0,  # assumed: half of the lines are of an eighth of the pages
    views_exponent=2.32,  # sample: 80 % of lines have 1 view, 12 % have 2, 4 % have 3; the most has 52
    reload_share=0.25,  # assumed: reruns are routine, forced reloads are not
)

WORST = Pageviews(
    domains=24,
    lines_per_hour=2_048,
    lines_per_call=512,
    hours_in_flight=4,
    known_pages=65_536,
    new_page_share=0.3,  # assumed: crawlers ask for pages that do not exist
    blacklisted=5_000,  # assumed: a list that was never cleaned up
    domain_exponent=1.0,
    page_skew=3.0,
    views_exponent=2.32,
    reload_share=0.5,  # assumed: a corrupt day is reloaded
)

# What decides the cost of a line: the size of the table of pages, and the share of pages missing in it.
AXES = (
    Axis(field="known_pages", low=8_192, high=131_072),
    Axis(field="new_page_share", low=0.003, high=0.3),
)

MOST_LINES = 6_144  # in a set of hours, the repeated one among them: with more, the smallest trial would be a long one
FEWEST_HOURS_KNOWN = 8  # hours' worth of known pages: with fewer, each hour would have nearly the same pages


def strategy() -> "SearchStrategy[Pageviews]":
    """Return the range of samples of such files, from two domains to twice the pages of `worst`."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loaded only where something is drawn)

    @st.composite
    def pageviews(draw: st.DrawFn) -> Pageviews:
        lines_per_hour = draw(st.sampled_from(log_scale(256, 2_048)))
        most_hours = MOST_LINES // lines_per_hour - 1
        known_pages = draw(st.sampled_from(log_scale(2_048, 131_072)))
        return Pageviews(
            domains=draw(st.sampled_from(log_scale(2, 24))),
            lines_per_hour=lines_per_hour,
            lines_per_call=min(lines_per_hour, draw(st.sampled_from(log_scale(32, 2_048)))),
            hours_in_flight=min(most_hours, draw(st.sampled_from((1, 2, 3, 4, 6, 8)))),
            known_pages=max(known_pages, FEWEST_HOURS_KNOWN * lines_per_hour),
            new_page_share=draw(st.sampled_from(log_scale(0.003, 0.5))),
            blacklisted=draw(st.sampled_from(log_scale(10, 5_000))),
            domain_exponent=draw(st.sampled_from((0.5, 1.0, 1.5))),
            page_skew=draw(st.sampled_from((1.0, 2.0, 3.0, 4.0))),
            views_exponent=draw(st.sampled_from((1.5, 2.32, 3.0))),
            reload_share=draw(st.sampled_from((0.0, 0.25, 0.5, 1.0))),
        )

    return pageviews()
