"""The change of figures with an entrant's own time at work, when entrants take turns.

Owns which figures are compared: each entrant's own, and its ratio to the baseline's of the same round. Must not know
what a figure is, nor name causes.

Lines are those of `drifting`: the median slope of the logarithms, with the interval of Kendall's statistic, corrected
for neighbouring rounds that depend on each other, jointly for all entrants. A machine that changes between rounds
changes both figures of a ratio, which leaves the ratio as it is. It does not leave an entrant's own figures as they
are: these tell how the run went, and only the ratio tells entrants apart.

Smallest sample: 10 rounds, as there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate
from schemabench.statistics import drifting
from schemabench.statistics.comparison import check_columns, log_rates

FEWEST_ROUNDS = drifting.FEWEST


class Ageing(NamedTuple):
    """How one entrant's figure changes, relative to itself, as in -0.04."""

    own: Estimate | None
    """None where no interval can be told, likewise below."""
    to_baseline: Estimate | None
    """None for the baseline, too."""


def ageing(
    figures: NDArray[np.float64], names: Sequence[str], worked: NDArray[np.float64], *, baseline: str
) -> dict[str, Ageing]:
    """Return for each entrant how its figure changes with a unit of its own work.

    Args:
        figures: Of shape (rounds, entrants), all above zero.
        names: One per column.
        worked: How long each entrant had worked when the figure was taken, in any unit, of the same shape.
        baseline: The name of the entrant with which all others are compared.
    """
    logs = log_rates(figures, names)
    check_columns("worked", worked, names)
    unknown = Ageing(own=None, to_baseline=None)
    if len(logs) < FEWEST_ROUNDS:
        return dict.fromkeys(names, unknown)
    own = drifting.lines(logs, worked)
    place = list(names).index(baseline)
    others = [column for column in range(len(names)) if column != place]
    middle = (worked[:, others] + worked[:, [place]]) / 2
    compared = drifting.lines(logs[:, others] - logs[:, [place]], middle) if others else ()
    found = dict(zip(others, compared, strict=True))
    return {
        name: Ageing(own=_change(own[column]), to_baseline=_change(found.get(column)))
        for column, name in enumerate(names)
    }


def _change(line: Estimate | None) -> Estimate | None:
    return None if line is None else drifting.relative(line)
