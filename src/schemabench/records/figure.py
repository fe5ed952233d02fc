"""Intervals and caveats of figures.

Owns the parts that all records share. Must not compute anything.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A caveat as data, shown as a footnote wherever the figure is shown."""

    code: str
    """A short stable name, such as `client-saturated`."""
    text: str
    """One sentence for people, with the figures."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
