"""A spread: of many places, those that cover the range best.

Owns the order in which places are taken. Must not know their meaning. Source: Gonzalez 1985, "Clustering to minimize
the maximum intercluster distance".
"""

from collections.abc import Sequence
from math import dist, inf


def spread(places: Sequence[Sequence[float]], number: int) -> list[int]:
    """Return the places to take, in order: the middle one, then repeatedly the one farthest from those already taken.

    Args:
        places: Different places, each coordinate from 0 to 1; of those at the same distance, the first is taken.
        number: How many to take, at most all of them.
    """
    assert 0 < number <= len(places), f"{number} are not from 1 to {len(places)}"
    middle = [0.5] * len(places[0])
    chosen = [min(range(len(places)), key=lambda one: dist(places[one], middle))]
    nearest = [inf] * len(places)
    while len(chosen) < number:
        nearest = [min(known, dist(place, places[chosen[-1]])) for known, place in zip(nearest, places, strict=True)]
        chosen.append(max(range(len(places)), key=nearest.__getitem__))  # a place already taken has distance zero
    return chosen
