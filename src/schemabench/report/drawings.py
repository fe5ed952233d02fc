"""What charts are drawn from: figures and names, as plain data.

Owns the kinds of charts that there are. Must not know how any is drawn: see `page.charts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemabench.records import Estimate


@dataclass(frozen=True, kw_only=True)
class Point:
    """A candidate's figure with its interval."""

    name: str
    figure: Estimate
    text: str
    """The figure in words."""
    at_least: bool = False
    """Whether it is a lower bound."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What figures are drawn on."""

    kind: Literal["ratio", "share", "amount"]
    """ratio: logarithmic, around 1; share: percent from 0; amount: from 0."""
    title: str


@dataclass(frozen=True, kw_only=True)
class Forest:
    """A point and an interval for each candidate, one below the other."""

    scale: Scale
    points: tuple[Point, ...]
    line: float | None = None
    """Where there is no difference to the baseline."""
    band: Estimate | None = None
    """What chance makes of the baseline itself."""


@dataclass(frozen=True, kw_only=True)
class Traded:
    """A candidate by two criteria."""

    first: Point
    second: Point
    on_front: bool


@dataclass(frozen=True, kw_only=True)
class Pareto:
    """One criterion against another."""

    first: Scale
    """Horizontal."""
    second: Scale
    points: tuple[Traded, ...]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The service times of one operation under one candidate."""

    name: str
    points: tuple[tuple[float, float], ...]
    """Level and nanoseconds."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Percentile curves of one operation."""

    curves: tuple[Curve, ...]


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A stacked bar for each candidate: where the writers' time goes."""

    kinds: tuple[str, ...]
    bars: tuple[tuple[str, tuple[tuple[float, str], ...]], ...]
    """Name, and of each kind the share and the share in words."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A candidate in one block, or the median of several in a row."""

    name: str
    block: int
    """The first of them, counted from 1 over counted blocks."""
    started_s: float
    rate: float
    """Per second."""
    events: tuple[str, ...]
    """What the server did meanwhile: `checkpoint`, `autovacuum`."""


@dataclass(frozen=True, kw_only=True)
class OverTime:
    """Throughput over a run."""

    moments: tuple[Moment, ...]
    unit: str


@dataclass(frozen=True, kw_only=True)
class Square:
    """A cell of a map."""

    first: str
    second: str
    ratio: float | None
    """None where there is none to draw."""
    label: str
    told: str
    """What is said of it where the pointer is on it."""


@dataclass(frozen=True, kw_only=True)
class Heat:
    """A map of ratios over two fields."""

    first: str
    second: str
    squares: tuple[Square, ...]


@dataclass(frozen=True, kw_only=True)
class OverRuns:
    """Ratios over several runs, a line for each candidate."""

    scale: Scale
    runs: Sequence[str]
    points: tuple[tuple[str, Point], ...]
    """Run and point, run by run."""


Drawing = Forest | Pareto | Curves | Bars | OverTime | Heat | OverRuns
