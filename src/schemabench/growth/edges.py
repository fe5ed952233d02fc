"""Where databases outgrow the cache or the memory, and whether steps show what comes beyond.

Owns where these edges are, and what shows the other side of one. Must not choose a step.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import exp, log

from schemabench.candidate import BASELINE
from schemabench.growth.axis import Over
from schemabench.growth.figures import Measured
from schemabench.records import Edge, Experiment, GrowthStep
from schemabench.units import format_bytes

_FARTHEST = 10.0
"""An edge that is farther beyond the last step is not told."""
_SEVERAL = 2
"""Steps beyond an edge that show what comes there."""
_WELL_BEYOND = 1.5
"""Times what is full at an edge that databases take at one step which shows it: nearer, what is beyond has hardly begun
to count."""


def edges(over: Over, measured: Measured, memory_bytes: int | None) -> Iterator[Edge]:
    """Yield where the databases of all candidates together fill the cache, and the memory.

    Sizes between steps, and up to ten times the last, are on lines through the nearest two on logarithmic scales.

    Args:
        over: The axis.
        measured: The experiments.
        memory_bytes: The memory of the server's machine; None if it is not this one.
    """
    sizes = [(value, size) for value, one in measured if (size := together_bytes(one))]
    caches = [one.cache_bytes for _, one in measured if one.cache_bytes]
    for title, full in (("shared_buffers", caches[-1] if caches else None), ("memory", memory_bytes)):
        if full and (value := _reached(over, sizes, full)) is not None:
            yield Edge(title=f"{title} ({format_bytes(full)}) full", full_bytes=full, value=value)


def together_bytes(found: Experiment | GrowthStep) -> int:
    """Return the size of the databases that share a server during an experiment, with that of the control."""
    if isinstance(found, Experiment):
        sizes = {one.name: one.loaded.size_bytes for one in found.candidates if one.loaded}
    else:
        sizes = {one.candidate: one.loaded.size_bytes for one in found.figures if one.loaded}
    return sum(sizes.values()) + sizes.get(BASELINE, 0)


def shown(edge: Edge, sizes: Mapping[float, int]) -> bool:
    """Return whether steps show what comes beyond an edge: two of them, or one that is well beyond it.

    Args:
        edge: The edge.
        sizes: Of each step's value: the bytes of its databases together, as of `together_bytes`; 0 if they are not
            known, as in older run files. They are then taken to be in proportion to the axis.
    """
    beyond = {value: size for value, size in sizes.items() if value > edge.value}
    return len(beyond) >= _SEVERAL or any(_times_full(edge, *one) >= _WELL_BEYOND for one in beyond.items())


def _times_full(edge: Edge, value: float, size: int) -> float:
    """Return how many times the databases of a step fill what is full at an edge."""
    return size / edge.full_bytes if edge.full_bytes and size else value / edge.value


def _reached(over: Over, sizes: Sequence[tuple[float, int]], full: int) -> float | None:
    """Return the value at which a size is reached; None if it is not, or too far beyond."""
    for number, ((low, small), (high, large)) in enumerate(pairwise(sizes)):
        last = number == len(sizes) - 2
        if small <= full and large > small and (full <= large or last):
            share = (log(full) - log(small)) / (log(large) - log(small))
            position = over.position(low) + share * (over.position(high) - over.position(low))
            is_near = position <= over.position(_FARTHEST * high)
            return exp(position) - (0 if over.start else 1) if is_near else None
    return None
