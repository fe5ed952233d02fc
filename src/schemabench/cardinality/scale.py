"""Sizes that grow by factors, for strategies and for the axes of maps.

Owns the logarithmic scale. Must not draw anything.
"""

from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

from schemabench.errors import WorkloadError

Number = TypeVar("Number", int, float)
ROUND_TRIP = "round_trip_ms"
"""An axis that is no field of a cardinality: the milliseconds that are added to each exchange with the server."""
DIGITS = 2
"""Significant digits of the values on a scale: smaller differences add no information."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A field of a cardinality over which a map is drawn, with its range.

    Examples:
        >>> Axis(field="customers", low=10, high=1_000).points(3)
        (10, 100, 1000)
    """

    field: str
    """The field's name; a number."""
    low: float
    """The first value, zero or above, in the field's own unit."""
    high: float
    """The last one, included, above `low`."""

    def points(self, number: int) -> tuple[float, ...]:
        """Return `number` values from `low` to `high`, as `log_scale` does."""
        return log_scale(self.low, self.high, number)

    def check(self, value: object) -> None:
        """Refuse an axis with invalid ends, or with a field whose values are not numbers.

        Raises:
            WorkloadError: The axis is invalid.
        """
        if type(value) not in {int, float}:
            raise WorkloadError(f"The axis {self.field!r} is of a field that is no number: {value!r}")
        _check(self.low, self.high, f"The axis {self.field!r}")


def log_scale(low: Number, high: Number, points: int = 25) -> tuple[Number, ...]:
    """Return values from `low` to `high`, both included, each larger than the last by about the same factor.

    Values have two significant digits, and are whole if both ends are. Equal neighbours are then merged, so there may
    be fewer values. On a scale that starts at zero, the values plus one grow by the same factor.

    Args:
        low: The first value, zero or above.
        high: The last one, above `low`.
        points: The number of values, at least two.

    Raises:
        WorkloadError: The ends are invalid.

    Examples:
        >>> log_scale(10, 1_000, 5)
        (10, 32, 100, 320, 1000)
        >>> log_scale(0, 8, 3)
        (0, 2, 8)
    """
    _check(low, high, "A scale")
    assert points > 1, f"a scale has two ends, not {points}"
    whole = isinstance(low, int) and isinstance(high, int)
    shift = 0 if low else 1
    first, factor = low + shift, (high + shift) / (low + shift)
    values: list[Any] = []
    for step in range(1, points - 1):
        value = float(f"{first * factor ** (step / (points - 1)) - shift:.{DIGITS - 1}e}")
        values.append(round(value) if whole else value)
    return (low, *sorted({value for value in values if low < value < high}), high)


def _check(low: float, high: float, what: str) -> None:
    if not 0 <= low < high < inf:
        raise WorkloadError(f"{what} cannot go from {low} to {high}", remedies=["use ascending values, zero or above"])
