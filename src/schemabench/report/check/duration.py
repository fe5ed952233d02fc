"""How long a run would take to tell what this one cannot.

Owns the law and its wording. The law: the centre of an interval stays where it is, and its width falls with the square
root of the number of blocks, as that of a mean of independent blocks does. An interval that just reaches the bound then
tells as often as not, since the centre of another run lies elsewhere.
"""

import math

from schemabench.records import Experiment
from schemabench.report import figures, verdict
from schemabench.report.check.scale import Bound, Gain
from schemabench.units import format_significant, plural

ASSUMPTION = (
    "How many blocks would tell: if the centre of the interval stays and its width falls with the square root of their "
    "number. The next run has another centre, so that it tells as often as not"
)
"""What the law supposes, in words; without the last full stop."""
_UNITS = (("h", 3600), ("min", 60), ("s", 1))
_FEW = 3
"""A unit is used from so many on: rounding up adds a third at most."""
_LONGEST_S = 24 * 3600
"""A run that takes longer than a day is no advice."""


def advice(experiment: Experiment, gain: Gain, bound: Bound) -> str:
    """Return how long a run would take to tell; without a full stop.

    Args:
        experiment: The experiment that cannot tell.
        gain: A candidate's, whose interval contains the bound.
        bound: What it may be worse.
    """
    blocks = blocks_to_tell(experiment.blocks, gain, bound)
    if blocks is None or (seconds := verdict.budget_s(experiment, blocks)) > _LONGEST_S:
        return "it is too close to what is allowed: no run within a day is expected to tell"
    more = f"some {plural(blocks, 'block')} instead of {experiment.blocks:,} would tell"
    return f"{more}: --budget {_budget(seconds)}{_precision(experiment, blocks)}"


def blocks_to_tell(blocks: int, gain: Gain, bound: Bound) -> int | None:
    """Return the number of blocks of which the interval would just reach the bound; None if no number is enough.

    Args:
        blocks: Those that the interval rests on.
        gain: A candidate's, whose interval contains the bound.
        bound: What it may be worse.
    """
    if gain.centre > bound.harmless:
        times = (gain.centre - gain.low) / (gain.centre - bound.harmless)
    elif gain.centre < bound.harmful:
        times = (gain.high - gain.centre) / (bound.harmful - gain.centre)
    else:
        return None
    needed = blocks * times * times
    return max(blocks + 1, math.ceil(needed)) if math.isfinite(needed) else None


def too_few(experiment: Experiment) -> str:
    """Return how long a run would take that has enough blocks for any verdict; without a full stop."""
    needed = experiment.blocks_needed
    return (
        f"any verdict needs {needed} blocks, and {experiment.blocks} were measured: "
        f"--budget {_budget(verdict.budget_s(experiment, needed))}"
    )


def _budget(seconds: int) -> str:
    """Return a budget as an option takes it, rounded up, as in `82s`, `8min` or `6h`."""
    unit, size = next((unit, size) for unit, size in _UNITS if seconds >= _FEW * size or size == 1)
    return f"{math.ceil(seconds / size)}{unit}"


def _precision(experiment: Experiment, blocks: int) -> str:
    """Return the precision to ask for, too, where a run would stop before it has so many blocks; empty elsewhere."""
    ratios = [one.standing.to_baseline for one in experiment.candidates if one.standing and not one.retired]
    if experiment.control:
        ratios.append(experiment.control.to_baseline)
    widths = [math.sqrt(one.high / one.low) - 1 for one in ratios if figures.is_positive(one)]
    then = max(widths, default=0.0) * math.sqrt(experiment.blocks / blocks)
    return f" --precision {format_significant(100 * then, 2)}%" if 0 < then < experiment.precision else ""
