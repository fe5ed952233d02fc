"""The cost of each entrant's writes, compared with the baseline's.

Owns which trials count for a measure, and how counters become amounts. Must not decide which costs differ (see
`statistics`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from schemabench import records, statistics
from schemabench.candidate import BASELINE
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.monitor import counters
from schemabench.records import Cost, Per

_IN_ALL: tuple[Per, ...] = ("run", "end")
"""Totals and final sizes, which grow with the number of blocks."""


def of(
    plan: Plan, names: Sequence[str], measured: Measured, grown: Mapping[str, counters.Reading]
) -> dict[str, tuple[Cost, ...]]:
    """Return the costs of each entrant's writes, measure by measure.

    Args:
        plan: The experiment.
        names: The entrants that can be compared, the control among them.
        measured: Their trials.
        grown: Entrant -> the growth of its tables and indexes over all trials, and their final sizes.
    """
    found: dict[str, list[Cost]] = {name: [] for name in names}
    for measure in counters.MEASURES:
        trials = {name: _counted(measure, name, measured) for name in names}
        counted = amounts(measure, trials)
        copies = [trial.copy for trial in trials[BASELINE]]
        compared = statistics.compare_costs(
            counted, names, baseline=BASELINE, control=CONTROL, seed=plan.seed, copies=copies
        )
        for name in names:
            amount, ratio, differs = compared[name]
            found[name].append(
                Cost(
                    name=measure.name,
                    title=measure.title,
                    unit=measure.unit,
                    per=measure.per,
                    value=_growth(measure, measured.trials[name], grown[name])
                    if measure.counter in grown[name]
                    else _in_all(measure, amount, len(counted)),
                    ratio=None if measure.unit == "share" else ratio,
                    differs=differs,
                )
            )
    return {name: tuple(costs) for name, costs in found.items()}


def of_left(plan: Plan, name: str, measured: Measured, grown: Mapping[str, counters.Reading]) -> tuple[Cost, ...]:
    """Return the costs of the writes of a candidate that left the blocks early, measure by measure.

    Only rates are known, over the blocks in which it took part: totals and final sizes are those of fewer blocks than
    the others had. Arguments are as for `of`.
    """
    found = of(plan, (BASELINE, CONTROL, name), measured.beside(name), grown)[name]
    return tuple(replace(one, value=None, ratio=None, differs=False) if one.per in _IN_ALL else one for one in found)


def amounts(measure: counters.Measure, trials: Mapping[str, Sequence[records.Trial]]) -> NDArray[np.float64]:
    """Return what each trial costs by a measure, of shape (blocks, entrants); NaN where that is not known.

    All of an entrant are divided by the mean over the blocks that count, so that their mean is the cost over these
    blocks together: a trial that writes more has more weight. As in `statistics`, an entrant of which nothing is known
    is left out, then every block that somebody lacks: a counter that fell is missing in its trial alone.
    """
    parts, wholes = (
        np.column_stack([[of_trial(measure, trial) for trial in own] for own in trials.values()])
        for of_trial in (_part, _whole)
    )
    known = ~np.isnan(parts + wholes)
    offered = np.where(known, wholes, 0.0).any(axis=0)
    counted = known[:, offered].all(axis=1)
    means = wholes[np.ix_(counted, offered)].sum(axis=0) / max(1, np.count_nonzero(counted))
    found = np.full(parts.shape, np.nan)
    found[:, offered] = np.where(known, parts, np.nan)[:, offered] / np.where(means > 0, means, np.nan)
    return found


def _counted(measure: counters.Measure, name: str, measured: Measured) -> Sequence[records.Trial]:
    """Return an entrant's trials that count for a measure."""
    apart = measure.counter in counters.AFTER_CHECKPOINT.values()
    return measured.after_checkpoint[name] if apart else measured.counted(name)


def _part(measure: counters.Measure, trial: records.Trial) -> float:
    """Return what a trial cost in all; NaN if unknown."""
    return {**trial.counters, counters.RETRIES: trial.retries}.get(measure.counter, float("nan"))


def _whole(measure: counters.Measure, trial: records.Trial) -> float:
    """Return the rows, operations or updates that its cost is for; 1 for the run; NaN if unknown."""
    updates = trial.counters.get("rows_updated", float("nan"))
    return {"row": _rows(measure, trial), "operation": trial.operations, "update": updates}.get(measure.per, 1.0)


def _rows(measure: counters.Measure, trial: records.Trial) -> int:
    """Return the rows to which a trial's measure is attributed: vacuums also to those of its lead-in."""
    return trial.rows + (trial.lead_in_rows if measure.counter.startswith("upkeep_") else 0)


def _in_all(measure: counters.Measure, amount: float | None, blocks: int) -> float | None:
    """Return the total over the run for a measure that is reported so, else the mean over blocks."""
    return amount * blocks if amount is not None and measure.per == "run" else amount


def _growth(measure: counters.Measure, trials: Sequence[records.Trial], grown: counters.Reading) -> float | None:
    """Return a growth over all trials, warm-up included, as the cost of a row; or a final size."""
    return counters.cost(
        measure,
        grown,
        rows=sum(trial.rows + trial.lead_in_rows for trial in trials),
        operations=sum(trial.operations for trial in trials),
    )
