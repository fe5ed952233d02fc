"""The summary of one series of figures, as one line of a table.

Owns the estimate of a figure from its trials, and the percentiles of latencies. Must not compare candidates.
"""

import math

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate, Latency
from schemabench.statistics import signed_rank
from schemabench.statistics.sign_flips import CONFIDENCE

CURVE = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
"""The levels of a percentile curve: about evenly spaced on an axis on which each further nine takes the same room."""


def estimate_rates(rates: NDArray[np.float64], *, seed: int) -> tuple[Estimate, ...]:
    """Return the robust centre of every column of rates and its 95 % interval, computed on logs.

    See `signed_rank` for method and assumptions. With fewer than 6 blocks the interval is the range of the rates.
    On logs because rates scatter by factors: half as fast is as far from the centre as twice as fast. The interval
    describes the rate on a machine that drifts as this one did. Ratios, paired by block, have narrower intervals, and
    may differ slightly from the quotient of two rates.

    Args:
        rates: Of shape (blocks, columns), all above zero.
        seed: Of the random flips.
    """
    assert np.all(np.isfinite(rates) & (rates > 0)), "rates must be above zero and finite"
    found = signed_rank.spans_apart(np.log(rates), seed=seed)
    return tuple(span.as_ratio() for span in found)


def latency(operation: str, samples_ns: NDArray[np.int64], retries: int) -> Latency:
    """Return percentiles and percentile curve of an operation's service times, each an observed one (nearest rank).

    A percentile is None if `samples_for` requires more samples. Samples of one burst depend on each other, so the
    figures describe the run, and have no interval.

    Args:
        operation: The operation's name.
        samples_ns: Service times in nanoseconds, in any order, at least one.
        retries: Attempts that were rolled back and retried.
    """
    count = len(samples_ns)
    assert count > 0, f"operation {operation!r} has no latencies: leave it out"
    levels = [level for level in CURVE if count >= samples_for(max(level, 1 - level))]
    observed = np.quantile(samples_ns, levels, method="inverted_cdf")
    curve = dict(zip(levels, map(float, observed), strict=True))
    return Latency(
        operation=operation,
        count=count,
        p50_ns=curve.get(0.50),
        p95_ns=curve.get(0.95),
        p99_ns=curve.get(0.99),
        max_ns=float(np.max(samples_ns)),
        retries=retries,
        curve=tuple(curve.items()),
    )


def samples_for(level: float) -> int:
    """Return the fewest samples that support a quantile: 5 for the median, 59 for 95 %, 299 for 99 %.

    With fewer, even the largest sample is not an upper bound of the quantile with 95 % confidence: all n lie below it
    with chance level^n (Wilks 1941, Ann. Math. Stat. 12:91; Meeker, Hahn & Escobar 2017, "Statistical Intervals",
    2nd ed., section 5.3).
    """
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(level))
