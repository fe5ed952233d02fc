"""What the trials of an experiment say: centres, intervals, comparisons, ranks.

Owns every statistical decision, in four modules: `signed_rank` (one method for centre, interval and test), `summary`
(one series), `comparison` (all pairs of candidates), `ranking` (standings and notices). Must not read a clock, a file
or a server: arrays in, records out, the same for the same seed.
"""

from schemabench.statistics.comparison import running_ratios, widest_interval
from schemabench.statistics.ranking import Ranking, fewest_blocks, rank
from schemabench.statistics.summary import estimate, estimate_rates, latency

__all__ = [
    "Ranking",
    "estimate",
    "estimate_rates",
    "fewest_blocks",
    "latency",
    "rank",
    "running_ratios",
    "widest_interval",
]
