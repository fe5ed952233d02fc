"""How much the parts of a workload slow each other, from bursts that each part executed alone.

Owns the choice of figures. Must not estimate: `statistics` does, as for throughput.
"""

import numpy as np

from schemabench import statistics
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.records import Interference

_ALONE, _BESIDE = "alone", "beside"


def figures(plan: Plan, name: str, measured: Measured) -> tuple[Interference, ...]:
    """Return how the other parts slowed each writer in an entrant's counted trials; empty if not measured.

    Bursts alone and beside others are of the same size, and neighbours in their block, in random order.
    """
    trials, tally = measured.counted(name), measured.tally(name)
    found = []
    for part, writers in plan.apart.items():
        for writer in writers:
            alone_s, beside_s = [one.alone_s[writer] for one in trials], [one.writers_s[writer] for one in trials]
            ranking = statistics.rank(
                1 / np.array([alone_s, beside_s], dtype=np.float64).T,
                (_ALONE, _BESIDE),
                baseline=_ALONE,
                seed=plan.seed,
                copies=[trial.copy for trial in trials],
            )
            (beside,) = (one for one in ranking.standings if one.name == _BESIDE)
            found.append(
                Interference(
                    part=part,
                    writer=writer,
                    alone_s=float(np.median(alone_s)),
                    beside_s=float(np.median(beside_s)),
                    ratio=statistics.inverse(beside.to_baseline),
                    differs=_ALONE not in beside.tied_with,
                    lock_share=tally.across_share(part),
                )
            )
    return tuple(found)
