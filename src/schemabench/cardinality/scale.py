"""Sizes that grow by factors: what strategies draw from, and along which a map is drawn.

Owns the logarithmic scale. Must not draw anything.
"""

from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

from schemabench.errors import WorkloadError

Number = TypeVar("Number", int, float)
DIGITS = 2
"""Significant digits of the values on a scale: sizes that differ by less than a hundredth tell nothing new."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A field of a cardinality along which the answer may change, with the range in which it is looked at."""

    field: str
    """The field's name; a number."""
    low: float
    """The first value, zero or above, in the field's own unit."""
    high: float
    """The last one, included, above `low`."""

    def points(self, number: int) -> tuple[float, ...]:
        """Return so many values from `low` to `high`, as `log_scale` does."""
        return log_scale(self.low, self.high, number)

    def check(self, value: object) -> None:
        """Refuse an axis that goes nowhere, or whose field has values that are no numbers, as this one.

        Raises:
            WorkloadError: It is one of these.
        """
        if type(value) not in {int, float}:
            raise WorkloadError(f"The axis {self.field!r} is of a field that is no number: {value!r}")
        _check(self.low, self.high, f"The axis {self.field!r}")


def log_scale(low: Number, high: Number, points: int = 25) -> tuple[Number, ...]:
    """Return values from `low` to `high`, both included, each about the same factor above the one before.

    Values have two significant digits, as have sizes that people choose, and are whole where both ends are: then
    neighbours that would be the same are one, and there are fewer. No factor leads away from zero: on a scale that
    begins there, it is the values plus one that grow so.

    Args:
        low: The first value, zero or above.
        high: The last one, above `low`.
        points: How many values, at least two.

    Raises:
        WorkloadError: The ends are no such numbers.
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
