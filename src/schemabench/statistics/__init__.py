"""Statistics of an experiment's trials: centres, intervals, comparisons, ranks.

Owns every statistical decision. Methods for centre, interval and test are `signed_rank` (on `walsh`), `block_mean`, and
`block_ratio` on that, all on `sign_flips`; `dependence` widens each. Their uses: `summary` (one series), `few_trials`
(a bound on a far slower candidate), `comparison` (all pairs of candidates), `lasting` (the last third of a run),
`ranking` and `lock_ranking` (standings and notices), `pareto` (both rankings at once), `cost` (candidates against the
baseline). For a whole run: `steadiness` (the end of warm-up), `drifting` (throughput against rows written), `copying`
(when to copy databases). For a replay of the production load: `utilisation` (the share of a writer's time that its
calls take). Must not read a clock, a file or a server: arrays in, records out, the same for the same seed.
"""

from schemabench.statistics.comparison import running_ratios, widest_interval
from schemabench.statistics.copying import blocks_per_copy, variances
from schemabench.statistics.cost import CostComparison, compare_costs
from schemabench.statistics.drifting import drifts
from schemabench.statistics.few_trials import LEAST_TRIALS, lag
from schemabench.statistics.lock_ranking import LockRanking, rank_locks
from schemabench.statistics.pareto import pareto
from schemabench.statistics.ranking import Ranking, fewest_blocks, rank
from schemabench.statistics.steadiness import steady_from
from schemabench.statistics.summary import estimate, estimate_rates, latency
from schemabench.statistics.utilisation import FEWEST_CALLS, utilisation

__all__ = [
    "FEWEST_CALLS",
    "LEAST_TRIALS",
    "CostComparison",
    "LockRanking",
    "Ranking",
    "blocks_per_copy",
    "compare_costs",
    "drifts",
    "estimate",
    "estimate_rates",
    "fewest_blocks",
    "lag",
    "latency",
    "pareto",
    "rank",
    "rank_locks",
    "running_ratios",
    "steady_from",
    "utilisation",
    "variances",
    "widest_interval",
]
