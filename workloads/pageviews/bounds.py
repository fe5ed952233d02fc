"""Bounds of what a loaded hour holds, from the cardinality: how many domains, which one is the largest, how many views.

Owns the reckoning. A bound errs on the side of what was loaded: an hour that was loaded right is beyond it less often
than once in a trillion times, whatever was drawn and blacklisted.

A third of each domain's pages may be blacklisted, ranks 0, 3, 6 and so on. A line's page has the rank
`pages * u ** page_skew`, so that lower ranks are drawn more often: of ranks 3, 4 and 5, the first at most log 4/3 in
log 2 times, its share for ever greater skews; of those behind them, less often. Rank 0 alone may be more likely, and a
domain has it once in an hour. So of the lines of a domain but one, each is spared with `_SPARED` at least. In an
hour of the background the pages are successive ones: a third is blacklisted.
"""

from functools import lru_cache
from math import log
from typing import TYPE_CHECKING

from .cardinality import Pageviews
from .domains import BLACKLISTED_EVERY, all_domains, blacklist, line_views
from .model import KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BOUNDED = ("hours_of_too_few_domains", "hours_of_too_few_views", "hours_led_by_another_domain")
"""The invariants that need the bounds."""
_RARE = 1e-12  # how likely a bound may be wrong for one hour
_SPARED = 1 - log(4 / 3) / log(2)


@lru_cache(maxsize=8)
def bounds(cardinality: Pageviews) -> "Mapping[str, object]":
    """Return the bounds of a loaded hour.

    - `fewest_domains`: how many domains it has at least.
    - `top_views`: how many views its most viewed page has at least.
    - `largest_domain`: the domain with the largest numbers, and `largest_entries`: how many entries that has at least.
    - `most_times`: how many times the views of the largest domain another one may have; None if there is no bound.
    """
    found = sorted(all_domains(cardinality), key=lambda one: -one.lines)
    names = [domain for domain, _ in blacklist(cardinality)]
    spared = [_spared(one.lines, names.count(one.name), cardinality.new_page_share) for one in found]
    chances = _chances(line_views(cardinality.views_exponent))
    tries = sum(max(0, one.lines - 1) for one in found)
    least = sum(_entries_above(found[0].lines, names.count(found[0].name), chance) for chance in chances)
    most = sum(min(KEPT, _most(one.lines, chance)) for one in found[1:2] for chance in chances)
    return {
        "fewest_domains": sum(lines > 0 for lines in spared),
        "top_views": sum(_fewest(tries, _SPARED * chance) > 0 for chance in chances),
        "largest_domain": found[0].name,
        "largest_entries": min(KEPT, spared[0]),
        "most_times": most / least if least else None,
    }


def _chances(views: "Sequence[int]") -> list[float]:
    """Return how likely a line has at least 1 view, 2 views, and so on."""
    return [sum(one >= least for one in views) / len(views) for least in range(1, max(views) + 1)]


def _spared(lines: int, blacklisted: int, new_page_share: float) -> int:
    """Return how many lines of a domain are at least left in an hour, of the background or of a burst."""
    new = int(lines * new_page_share)
    of_burst = new + _fewest(max(0, lines - 1 - new), _SPARED)
    of_background = lines - -(-lines // BLACKLISTED_EVERY)
    return max(lines - blacklisted, min(of_burst, of_background))


def _entries_above(lines: int, blacklisted: int, chance: float) -> int:
    """Return how many entries of a domain have a number of views at least, given how likely a line has that many.

    The sum over all numbers of views from 1 on is the sum of the entries' views.
    """
    left = max(_fewest(lines, chance) - blacklisted, _fewest(max(0, lines - 1), _SPARED * chance))
    return min(KEPT, left)


def _fewest(tries: int, chance: float) -> int:
    """Return the number of successes that is rarely missed."""
    import numpy as np  # noqa: PLC0415 (these take long to load, and only a run needs the bounds)
    from scipy import special  # noqa: PLC0415

    return int(np.count_nonzero(special.bdtr(np.arange(tries), tries, chance) <= _RARE))


def _most(tries: int, chance: float) -> int:
    """Return the number of successes that is rarely exceeded."""
    import numpy as np  # noqa: PLC0415 (as above)
    from scipy import special  # noqa: PLC0415

    return int(np.count_nonzero(special.bdtrc(np.arange(tries), tries, chance) > _RARE))
