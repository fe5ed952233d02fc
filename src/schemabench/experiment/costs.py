"""The cost of each entrant's writes, compared with the baseline's.

Owns which trials count for a measure, and how counters become amounts. Must not decide which costs differ (see
`statistics`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from schemabench import records, statistics
from schemabench.candidate import BASELINE
from schemabench.experiment.entrant import CONTROL
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.monitor import counters
from schemabench.records import Cost


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


def amounts(measure: counters.Measure, trials: Mapping[str, Sequence[records.Trial]]) -> NDArray[np.float64]:
    """Return what each trial costs by a measure, of shape (blocks, entrants); NaN where that is not known."""
    return np.column_stack([_amounts(measure, own) for own in trials.values()])


def _counted(measure: counters.Measure, name: str, measured: Measured) -> Sequence[records.Trial]:
    """Return an entrant's trials that count for a measure."""
    apart = measure.counter in counters.AFTER_CHECKPOINT.values()
    return measured.after_checkpoint[name] if apart else measured.counted(name)


def _amounts(measure: counters.Measure, trials: Sequence[records.Trial]) -> list[float]:
    """Return each trial's contribution to the cost of a row, an operation or an update; NaN if unknown.

    All are divided by the mean over trials, so that their mean is the cost over all trials together: a trial that
    writes more has more weight.
    """
    rows, operations, updates = (
        float(np.mean(some)) if trials else 0.0
        for some in (
            [_rows(measure, trial) for trial in trials],
            [trial.operations for trial in trials],
            [trial.counters.get("rows_updated", 0.0) for trial in trials],
        )
    )
    values = (
        counters.cost(
            measure,
            {**trial.counters, "rows_updated": updates, counters.RETRIES: trial.retries},
            rows=rows,
            operations=operations,
        )
        for trial in trials
    )
    return [float("nan") if value is None else value for value in values]


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
