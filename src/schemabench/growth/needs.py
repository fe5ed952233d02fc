"""What a step needs of time and disk, estimated from the steps before it, and how far the machine's reach.

Owns the estimates. Must not measure, or choose between values that fit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log

from schemabench.crossover import Laboratory
from schemabench.growth import edges
from schemabench.growth.axis import CLIENTS, Over
from schemabench.records import Experiment, Loaded
from schemabench.server import room
from schemabench.units import format_bytes, format_duration, format_percent

SHORTEST_STEP_S = 4.0
"""A shorter step has too few blocks for a useful interval."""
INTENDED_STEPS = 7
"""Steps among which the budget is divided; shorter ones leave time for more, down to the shortest."""
FIRST_SETUP_SHARE = 0.5
"""The share of a step's time for loading, assumed until the first step is measured."""
_WARM_UP = 2
"""Blocks before those that count: a short one, which shows how long trials take, and one more."""
_COPIES = 3
"""Of every database, at most, while a step is measured: the template, the entrant, and the entrant's next copy."""
_SHARE_OF_DISK = 0.8
"""Of the free space: temporary files need the rest, and so does an estimate that is too low."""


@dataclass(kw_only=True)
class Needs:
    """Estimates for the steps of one curve.

    Attributes:
        laboratory: Has the budget, and the server.
        over: The axis.
        measured: Value -> its experiment.
        setups_s: Value -> the time of its step apart from its blocks.
    """

    laboratory: Laboratory
    over: Over
    measured: dict[float, Experiment] = field(default_factory=dict)
    setups_s: dict[float, float] = field(default_factory=dict)

    def lacking(self, value: float, most_s: float) -> str:
        """Return what there is too little of for a step, in words; empty if there is enough.

        Args:
            value: Of the axis.
            most_s: Seconds that it may take.
        """
        if (needed_s := self.seconds(value)) > most_s:
            needed, budget = format_duration(needed_s), format_duration(self.laboratory.budget_s)
            left = format_duration(most_s) if most_s > 0 else "no time"
            if left == needed:
                return f"would take somewhat longer than the {left} that the budget of {budget} has for it"
            return f"would take about {needed}, and the budget of {budget} has {left} for it"
        needed_bytes, free_bytes = self._disk(value)
        if free_bytes is not None and needed_bytes > _SHARE_OF_DISK * free_bytes:
            limit = self.laboratory.bench.serve().most_bytes
            left = f"{format_bytes(free_bytes)} {f'left of --disk {format_bytes(limit)}' if limit else 'free'}"
            return (
                f"would need about {format_bytes(needed_bytes)} of disk, with {left}, of which "
                f"{format_percent(_SHARE_OF_DISK)} may be used"
            )
        return ""

    def farthest(self, beyond: float, most_s: Callable[[float], float]) -> tuple[float | None, str]:
        """Return the largest value up to the end for which there is enough, and what the next one lacks, in words.

        The value is None if there is none beyond the given one; the words are empty if it is the end.

        Args:
            beyond: The value.
            most_s: Of a value: the seconds that its step may take.
        """
        low, high, found = beyond, self.over.end, None
        if not (lacking := self.lacking(high, most_s(high))):
            return high, ""
        while (value := self.over.between(low, high)) is not None:
            if reason := self.lacking(value, most_s(value)):
                high, lacking = value, reason
            else:
                low = found = value
        step = "it" if high == self.over.end else f"from {self.over.worded(high)} on, a step"
        return found, f"{step} {lacking}"

    def seconds(self, value: float) -> float:
        """Return the estimated time of a step with the fewest blocks that have intervals."""
        return self.setup_s(value) + self.least_s(value)

    def setup_s(self, value: float) -> float:
        """Return the estimated time of a step apart from its blocks.

        Rows take as long to load as at the nearest step. All else, such as copying, grows as it did between steps.
        """
        nearest = self._nearest(value)
        if nearest is None:
            return FIRST_SETUP_SHARE * self.laboratory.budget_s / INTENDED_STEPS
        before = max((one for one in self.measured if one < nearest), default=None)
        rest_s = self._rest_s(nearest)
        if self._grows and before is not None:
            slope = (rest_s - self._rest_s(before)) / (nearest - before)
            rest_s += max(0.0, slope) * max(0.0, value - nearest)
        return rest_s + self._loading_s(nearest, value)

    def least_s(self, value: float) -> float:
        """Return the estimated time of the fewest blocks with intervals.

        Calls take longer as they did between steps, and at most in proportion to the axis. Bursts become shorter
        meanwhile, down to the shortest.
        """
        nearest = self._nearest(value)
        if nearest is None:
            return SHORTEST_STEP_S
        own = self.measured[nearest]
        before = max((one for one in self.measured if one < nearest), default=None)
        exponent = 0.0
        if before is not None and nearest > before > 0:
            grown = _call_s(own) / _call_s(self.measured[before])
            exponent = min(1.0, max(0.0, log(grown) / log(nearest / before)))
        shortest = sum(writer.weight for writer in self.laboratory.found.writers(self.laboratory.start))
        longer = self._scale(nearest, value) ** exponent * shortest / own.operations
        block_s: float = _block_s(own) * max(1.0, longer)
        return max(SHORTEST_STEP_S, (own.blocks_needed + _WARM_UP) * block_s)

    @property
    def _grows(self) -> bool:
        """Whether databases grow with the axis, or may."""
        return self.over.field not in {CLIENTS, "round_trip_ms"}

    def _loaded(self, value: float) -> list[Loaded]:
        """Return what was loaded for a step."""
        return [one.loaded for one in self.measured[value].candidates if one.loaded and one.loaded.own_rows]

    def _rest_s(self, value: float) -> float:
        """Return the time of a step apart from its blocks and from loading."""
        return max(0.0, self.setups_s[value] - sum(one.elapsed_s for one in self._loaded(value)))

    def _loading_s(self, nearest: float, value: float) -> float:
        """Return the estimated time to load a step: all of its rows, unless those of the nearest were grown into."""
        loaded = self._loaded(nearest)
        if not self._grows or nearest <= 0:
            return sum(one.elapsed_s for one in loaded)
        is_grown = any(one.own_rows < one.rows for one in loaded)
        further = max(0.0, value - nearest) if is_grown else value
        return sum(one.elapsed_s * one.rows / one.own_rows for one in loaded) * further / nearest

    def _disk(self, value: float) -> tuple[float, int | None]:
        """Return the estimated bytes of a step's databases, and those free; None if the disk is not this machine's."""
        nearest = self._nearest(value)
        free_bytes = room.free_bytes(self.laboratory.bench.serve())
        if nearest is None or free_bytes is None:
            return 0.0, None
        return _COPIES * self._scale(nearest, value) * edges.together_bytes(self.measured[nearest]), free_bytes

    def _nearest(self, value: float) -> float | None:
        """Return the largest measured value up to one, or the smallest of all; None if there is none."""
        known = sorted(self.measured)
        return max((one for one in known if one <= value), default=known[0] if known else None)

    def _scale(self, nearest: float, value: float) -> float:
        """Return how much larger databases are than at another step, at most: sizes grow with the axis, or do not."""
        return max(1.0, value / nearest) if self._grows and nearest > 0 else 1.0


def _block_s(experiment: Experiment) -> float:
    """Return the mean time of a block."""
    return experiment.elapsed_s / (experiment.blocks + experiment.warmup_blocks)


def _call_s(experiment: Experiment) -> float:
    """Return the mean time of a block for each call of its burst."""
    return _block_s(experiment) / experiment.operations
