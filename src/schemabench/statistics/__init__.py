"""Statistics of an experiment's trials: centres, intervals, comparisons, ranks.

Owns every statistical decision. Methods for centre, interval and test are `signed_rank` (on `walsh`), `block_mean`, and
`block_ratio` on that, all on `sign_flips`, and by how much `dependence` widens each; what they are used for: `summary`
(one series), `quantiles` (all calls of a run), `few_trials` (a bound on who is far slower), `always_valid` (a bound
that holds at all looks), `race` (who is proved slower than the leader), `comparison` (all pairs of candidates),
`lasting` (the last third of a run), `ranking` (standings by any criterion), `throughput` and `lock_waits` (rankings),
`cost` (candidates against the baseline, and rankings), `pareto` (several rankings at once), `quotients` (figures of
separate experiments, and which of many ratios hold together). Of a run as a whole: `steadiness` (which blocks warm up),
`drifting` (the effect of rows written on throughput), `copying` (when to copy databases again). Of a burst at
production's pace: `utilisation` (how much of a writer's time its calls take). Of a soak: `ageing` (the effect of time
at work, on `drifting`).
Must not read a clock, a file or a server: arrays in, records out, the same for the same seed.
"""

from schemabench.statistics.ageing import FEWEST_ROUNDS, Ageing, ageing
from schemabench.statistics.always_valid import race_spans, stretch
from schemabench.statistics.block_ratio import ratio_of_sums
from schemabench.statistics.comparison import running_ratios, widest_interval
from schemabench.statistics.copying import blocks_per_copy, variances
from schemabench.statistics.cost import CostComparison, compare_costs, rank_costs
from schemabench.statistics.drifting import drifts
from schemabench.statistics.few_trials import LEAST_TRIALS, lag
from schemabench.statistics.lasting import lasts, span_since
from schemabench.statistics.lock_waits import rank_locks
from schemabench.statistics.pareto import pareto
from schemabench.statistics.quantiles import quantile
from schemabench.statistics.quotients import holds_among, inverse, quotient
from schemabench.statistics.race import Beaten, beaten
from schemabench.statistics.ranking import Ranking, fewest_blocks, placed
from schemabench.statistics.sign_flips import CONFIDENCE, Span
from schemabench.statistics.steadiness import steady_from
from schemabench.statistics.summary import estimate_rates, latency
from schemabench.statistics.throughput import rank
from schemabench.statistics.utilisation import FEWEST_CALLS, utilisation

__all__ = [
    "CONFIDENCE",
    "FEWEST_CALLS",
    "FEWEST_ROUNDS",
    "LEAST_TRIALS",
    "Ageing",
    "Beaten",
    "CostComparison",
    "Ranking",
    "Span",
    "ageing",
    "beaten",
    "blocks_per_copy",
    "compare_costs",
    "drifts",
    "estimate_rates",
    "fewest_blocks",
    "holds_among",
    "inverse",
    "lag",
    "lasts",
    "latency",
    "pareto",
    "placed",
    "quantile",
    "quotient",
    "race_spans",
    "rank",
    "rank_costs",
    "rank_locks",
    "ratio_of_sums",
    "running_ratios",
    "span_since",
    "steady_from",
    "stretch",
    "utilisation",
    "variances",
    "widest_interval",
]
