"""Each writer's own ratio: the speed of its part of a burst, relative to the baseline.

Owns the choice of figures. Must not estimate: `statistics` does, as for throughput.

A trial lasts until its last writer is done. If a candidate does not change that writer, the total throughput hides its
effect on the others.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from schemabench import statistics
from schemabench.candidate import BASELINE
from schemabench.experiment import gates
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.records import WriterRatio


def ratios(plan: Plan, names: Sequence[str], measured: Measured) -> Mapping[str, tuple[WriterRatio, ...]]:
    """Return the ratio of each writer under each candidate except the baseline; empty if there is only one writer.

    Args:
        plan: What was to do.
        names: The entrants that can be compared, the control among them.
        measured: Their trials.
    """
    found: dict[str, list[WriterRatio]] = {name: [] for name in names}
    writers, bounds = [writer.name for writer, _ in plan.writers], gates.limited(measured, names)
    for writer in writers if len(writers) > 1 else ():
        rates = [[1 / trial.writers_s[writer] for trial in measured.counted(name)] for name in names]
        ranking = statistics.rank(
            np.array(rates, dtype=np.float64).T,
            names,
            baseline=BASELINE,
            control=CONTROL,
            seed=plan.seed,
            copies=measured.copies_of_blocks(BASELINE),
            bounds=bounds,
        )
        for standing in ranking.standings:
            if standing.name != BASELINE:
                differs = BASELINE not in standing.tied_with
                found[standing.name].append(WriterRatio(writer=writer, ratio=standing.to_baseline, differs=differs))
    return {name: tuple(own) for name, own in found.items()}


def of_few(plan: Plan, name: str, measured: Measured) -> tuple[WriterRatio, ...]:
    """Return the ratios of a candidate that left early, by the same bound as its standing.

    Args:
        plan: What was to do.
        name: The candidate.
        measured: The trials of all entrants in the blocks in which it took part.
    """
    writers = [writer.name for writer, _ in plan.writers]
    found = []
    for writer in writers if len(writers) > 1 else ():
        logs = {
            one: np.log([trial.writers_s[writer] for trial in measured.counted(one)])
            for one in (name, BASELINE, CONTROL)
        }
        lag = statistics.lag(logs[name] - logs[BASELINE], logs[CONTROL] - logs[BASELINE], family=len(writers))
        found.append(WriterRatio(writer=writer, ratio=lag.reversed().as_ratio(), differs=lag.apart))
    return tuple(found)
