"""Results of searches over cardinalities, and maps over two of their fields.

Owns the records of searches and maps. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemabench.records.figure import Estimate
from schemabench.records.noise import Noise

Side = Literal["better", "worse", "tied"]
"""A candidate compared with the baseline; tied: it cannot be told apart."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One cardinality that a search probed in short trials."""

    values: Mapping[str, Any]
    """The cardinality's fields."""
    cost: float | None
    """The candidate's cost over the baseline's by the server's counters, which guides the search; None if there is
    none."""
    ratio: float | None
    """The candidate's throughput over the baseline's in short trials; None if there is none."""
    elapsed_s: float
    """Time taken, loading included."""
    reason: str = ""
    """Why there is no figure: the reason of the candidate's failure."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """One cardinality with a full experiment."""

    cardinality: str
    """Its name, as in `typical` or `worst-found`."""
    values: Mapping[str, Any]
    """Its fields."""
    digest: str
    """As in the experiment."""
    ratio: Estimate
    """The candidate's throughput over the baseline's."""
    side: Side
    at_least: bool = False
    """Whether the ratio is a lower bound, as in `Standing`."""


@dataclass(frozen=True, kw_only=True)
class Crossover:
    """A search for a candidate's worst cardinality, and for one at which the ranking flips."""

    workload: str
    candidate: str
    start: Spot
    """Where the search began."""
    found: tuple[Spot, ...]
    """The cardinalities found, `worst-found` first; none if nothing could be measured."""
    flips: bool
    """Whether the candidate is better than the baseline at one spot and worse at another."""
    remeasured: int
    """Number of cardinalities measured in full, on the way to the found ones."""
    probes: tuple[Probe, ...]
    """All probes, in order."""
    seed: int
    hypothesis: str
    """The version of Hypothesis that chose the cardinalities."""
    budget_s: float
    elapsed_s: float
    ended: str = ""
    """Why it ended early; empty if it did not."""
    noise: Noise | None = None
    """Other tenants whose jobs ran during all its experiments, each of which has their figures; None without noise."""


@dataclass(frozen=True, kw_only=True)
class MapCell:
    """A candidate compared with the baseline in one cell of a map."""

    first: float
    """The value on the first axis; likewise the second."""
    second: float
    ratio: Estimate | None
    """None if it was not measured."""
    side: Side | None
    """None likewise."""
    at_least: bool = False
    """Whether the ratio is a lower bound, as in `Standing`."""
    reason: str = ""
    """Why it was not measured: it failed, there was no time for it, or the map ended before it."""


@dataclass(frozen=True, kw_only=True)
class RatioMap:
    """A candidate's throughput over the baseline's, over two fields of the cardinality."""

    workload: str
    candidate: str
    cardinality: str
    """The name of the cardinality that provides all other fields."""
    first: str
    """The field along the first axis; likewise the second."""
    second: str
    cells: tuple[MapCell, ...]
    """All cells, ordered by the first value, then by the second."""
    cell_s: float
    """Average time per measured cell; 0 if none was measured."""
    budget_s: float = 0.0
    """Time of the whole map, loading included; 0 in older run files, likewise the next."""
    elapsed_s: float = 0.0
    noise: Noise | None = None
    """Other tenants whose jobs ran during all its experiments, without figures of what they did; None without noise."""
