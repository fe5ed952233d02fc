"""What the trials of an experiment say: centres, intervals, comparisons, ranks.

Owns every statistical decision. Two methods for centre, interval and test, `signed_rank` (on `walsh`) and `block_mean`,
both on `sign_flips`; what they are used for: `summary` (one series), `comparison` (all pairs of candidates), `ranking`
and `lock_ranking` (standings and notices), `pareto` (both rankings at once), `cost` (candidates against the baseline).
Must not read a clock, a file or a server: arrays in, records out, the same for the same seed.
"""

from schemabench.statistics.comparison import running_ratios, widest_interval
from schemabench.statistics.cost import CostComparison, compare_costs
from schemabench.statistics.lock_ranking import LockRanking, rank_locks
from schemabench.statistics.pareto import pareto
from schemabench.statistics.ranking import Ranking, fewest_blocks, rank
from schemabench.statistics.summary import estimate, estimate_rates, latency

__all__ = [
    "CostComparison",
    "LockRanking",
    "Ranking",
    "compare_costs",
    "estimate",
    "estimate_rates",
    "fewest_blocks",
    "latency",
    "pareto",
    "rank",
    "rank_locks",
    "running_ratios",
    "widest_interval",
]
