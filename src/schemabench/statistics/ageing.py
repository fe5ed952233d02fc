"""The change of figures with an entrant's own time at work, when entrants take turns.

Owns which figures are compared: each entrant's own, and its ratio to the baseline's of the same round. Must not know
what a figure is, nor name causes.

Lines are those of `drifting`: the median slope of the logarithms, with the interval of Kendall's statistic, corrected
for neighbouring rounds that depend on each other, jointly for all entrants and for all figures that are judged of them
(Bonferroni, whatever these have to do with each other). A machine that changes between rounds changes both figures of a
ratio, which leaves the ratio as it is. It does not leave an entrant's own figures as they are: these tell how the run
went, and only the ratio tells entrants apart.

An entrant may miss rounds. Its own line is over the rounds that it has, and its ratio's over those that it shares with
the baseline, whatever others miss. How neighbours depend on each other is then asked of these rounds, pooled over all
who have a figure in each of them, and of what a parabola leaves: what ages often does so fast at first and slowly
later. A line takes that bend for dependence, and then no slope has an interval.

Smallest sample: 10 rounds of a line, as there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemabench.records import Estimate
from schemabench.statistics import drifting
from schemabench.statistics.comparison import check_columns

FEWEST_ROUNDS = drifting.FEWEST
_FEWEST_OF_CURVES = 17
"""Rounds from which a parabola may be taken off. Of fewer, it takes off what neighbours share as well: with 14, and a
correlation of 0.8, equal entrants were told apart in 6.5 % of 600 simulated soaks."""


class Ageing(NamedTuple):
    """How one entrant's figure changes, relative to itself, as in -0.04."""

    own: Estimate | None
    """None where no interval can be told, likewise below."""
    to_baseline: Estimate | None
    """None for the baseline, too."""


def ageing(
    figures: NDArray[np.float64], names: Sequence[str], worked: NDArray[np.float64], *, baseline: str, judged: int = 1
) -> dict[str, Ageing]:
    """Return for each entrant how its figure changes with a unit of its own work.

    Args:
        figures: Of shape (rounds, entrants), all above zero; NaN where there is none.
        names: One per column.
        worked: How long each entrant had worked when the figure was taken, in any unit, of the same shape; anything
            where there is no figure.
        baseline: The name of the entrant with which all others are compared.
        judged: The number of figures of the same entrants that are judged beside each other, this one included:
            intervals hold jointly for all of them.
    """
    check_columns("figures", figures, names)
    check_columns("worked", worked, names)
    assert judged >= 1, f"{judged} figures are judged"
    assert (np.isnan(figures) | (figures > 0)).all(), "figures must be above zero"
    logs, place = np.log(figures), list(names).index(baseline)
    others = [column for column in range(len(names)) if column != place]
    own = _lines(logs, worked, judged)
    compared = _lines(logs[:, others] - logs[:, [place]], (worked[:, others] + worked[:, [place]]) / 2, judged)
    found = dict(zip(others, compared, strict=True))
    return {
        name: Ageing(own=_change(own[column]), to_baseline=_change(found.get(column)))
        for column, name in enumerate(names)
    }


def _lines(logs: NDArray[np.float64], places: NDArray[np.float64], judged: int) -> list[Estimate | None]:
    """Return the slope of each series over the rounds in which it has a figure.

    Intervals hold jointly for all series of so many figures.
    """
    known = ~np.isnan(logs)
    found: list[Estimate | None] = []
    for own in known.T:
        if np.count_nonzero(own) < FEWEST_ROUNDS:
            found.append(None)
            continue
        there = known[own].all(axis=0)
        same = np.ix_(own, there)
        curved = bool(np.count_nonzero(own) >= _FEWEST_OF_CURVES)
        lines = drifting.lines(logs[same], places[same], family=len(known.T) * judged, curved=curved)
        found.append(lines[np.count_nonzero(there[: len(found)])])
    return found


def _change(line: Estimate | None) -> Estimate | None:
    return None if line is None else drifting.relative(line)
