"""The data of charts: figures and names.

Owns the kinds of charts. Must not know how they are drawn: see `page.charts`.
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
    """The figure as text."""
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
    """A point and an interval for each candidate, stacked vertically."""

    scale: Scale
    points: tuple[Point, ...]
    line: float | None = None
    """The value that means no difference from the baseline."""
    band: Estimate | None = None
    """The control: the baseline against itself."""


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
    """A stacked bar for each candidate: the use of the writers' time."""

    kinds: tuple[str, ...]
    bars: tuple[tuple[str, tuple[tuple[float, str], ...]], ...]
    """Name, and for each kind the share and its text."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A candidate in one block, or the median of several in a row."""

    name: str
    block: int
    """The first of these blocks, numbered from 1 over counted blocks."""
    started_s: float
    rate: float
    """Per second."""
    events: tuple[str, ...]
    """Events of the server meanwhile: `checkpoint`, `autovacuum`."""


@dataclass(frozen=True, kw_only=True)
class OverTime:
    """A figure over time, a line for each candidate."""

    moments: tuple[Moment, ...]
    unit: str
    since: str = "since the experiment began"
    """What time counts from."""


@dataclass(frozen=True, kw_only=True)
class Square:
    """A cell of a map."""

    first: str
    second: str
    ratio: float | None
    """None if there is none to draw."""
    label: str
    told: str
    """The text of its tooltip."""


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


@dataclass(frozen=True, kw_only=True)
class Grown:
    """A candidate's figure at one value of an axis."""

    name: str
    value: float
    figure: Estimate
    text: str
    projected: bool = False
    """Whether it was not measured."""


@dataclass(frozen=True, kw_only=True)
class Growing:
    """Figures over an axis, a line for each candidate, both on logarithmic scales."""

    over: str
    """The title of the axis."""
    title: str
    """That of the figures."""
    points: tuple[Grown, ...]
    """By name, then by value."""
    ends: tuple[float, float]
    """The values that the axis reaches from and to, at least: all charts of a curve begin at the same one."""
    marks: tuple[tuple[str, float], ...] = ()
    """Lines across the axis: what is there, and where."""


Drawing = Forest | Pareto | Curves | Bars | OverTime | Heat | OverRuns | Growing
