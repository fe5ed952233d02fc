"""How many rows are made up for a table of so many.

Owns the one number by which tables are scaled. Must not know tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

FEWEST = 100
"""Tables keep so many rows, if they have them: a tenth of a list of countries is no list of countries."""
_USUAL = 100_000
"""Rows in all, unless another scale is asked for: they are loaded in seconds."""


@dataclass(frozen=True)
class Scale:
    """From real rows to those that are made up."""

    share: float
    """Above 0, at most 1."""

    def of(self, rows: int) -> int:
        """Return the rows to make up for a table."""
        return max(min(rows, FEWEST), ceil(rows * self.share))

    def __str__(self) -> str:
        """Return the scale in percent."""
        return f"{self.share * 100:.3g}%"


def usual(rows: Sequence[int]) -> Scale:
    """Return the scale at which tables have about 100,000 rows in all."""
    return Scale(min(1.0, _USUAL / max(1, sum(rows))))
