"""When the answer changes: what a search over cardinalities found, and a map over two of their fields.

Owns the records of searches and maps. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemabench.records.figure import Estimate

Side = Literal["better", "worse", "tied"]
"""Where a candidate stands against the baseline; tied: it cannot be told apart."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One cardinality that a search looked at in passing."""

    values: Mapping[str, Any]
    """The cardinality's fields."""
    cost: float | None
    """The candidate's cost over the baseline's by what the server counts, which steers the search; None where there is
    none."""
    ratio: float | None
    """The candidate's throughput over the baseline's in short trials; None where there is none."""
    elapsed_s: float
    """What it took, loading included."""
    reason: str = ""
    """Why there is no figure: what the candidate failed of."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """One cardinality at which a full experiment was made."""

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
    """A search for the cardinality at which a candidate looks worst, and for one at which the ranking flips."""

    workload: str
    candidate: str
    start: Spot
    """Where the search began."""
    found: tuple[Spot, ...]
    """What it came to, `worst-found` first; none where nothing could be measured."""
    flips: bool
    """Whether the candidate is better than the baseline at one spot and worse at another."""
    remeasured: int
    """How many cardinalities were measured in full, of which the found ones are the ends."""
    probes: tuple[Probe, ...]
    """All that it looked at, in order."""
    seed: int
    hypothesis: str
    """The version of Hypothesis that chose where to look."""
    budget_s: float
    elapsed_s: float
    ended: str = ""
    """Why it ended before its time; empty where it did not."""


@dataclass(frozen=True, kw_only=True)
class MapCell:
    """A candidate against the baseline at one place of a map."""

    first: float
    """The value on the first axis; likewise the second."""
    second: float
    ratio: Estimate | None
    """None where it was not measured."""
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
    """The name of the one whose other fields hold everywhere."""
    first: str
    """The field along the first axis; likewise the second."""
    second: str
    cells: tuple[MapCell, ...]
    """All of them, by the first value, then by the second."""
    cell_s: float
    """How long each measured cell was measured for, on average; 0 where none was."""
    budget_s: float = 0.0
    """For all of it, loading included; 0 in older run files, likewise the next."""
    elapsed_s: float = 0.0
