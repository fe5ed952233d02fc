"""Sizes that grow by factors: what strategies draw from, and along which a map is drawn.

Owns the logarithmic scale. Must not draw anything.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

Number = TypeVar("Number", int, float)
DIGITS = 2
"""Significant digits of the values on a scale: sizes that differ by less than a hundredth tell nothing new."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A field of a cardinality along which the answer may change, with the range in which it is looked at."""

    field: str
    """The field's name; a number."""
    low: float
    high: float
    """The last value, included; as `low` above zero, in the field's own unit."""

    def points(self, number: int) -> tuple[float, ...]:
        """Return so many values from `low` to `high`, each the same factor above the one before."""
        return log_scale(self.low, self.high, number)


def log_scale(low: Number, high: Number, points: int = 25) -> tuple[Number, ...]:
    """Return values from `low` to `high`, both included, each about the same factor above the one before.

    Values have two significant digits, as have sizes that people choose, and are whole where both ends are: then
    neighbours that would be the same are one, and there are fewer.

    Args:
        low: The first value, above zero.
        high: The last one, above `low`.
        points: How many values, at least two.
    """
    assert 0 < low < high, f"a scale goes up from above zero, not from {low} to {high}"
    assert points > 1, f"a scale has two ends, not {points}"
    whole = isinstance(low, int) and isinstance(high, int)
    values: list[Any] = []
    for step in range(1, points - 1):
        value = float(f"{low * (high / low) ** (step / (points - 1)):.{DIGITS - 1}e}")
        values.append(round(value) if whole else value)
    return (low, *sorted({value for value in values if low < value < high}), high)
