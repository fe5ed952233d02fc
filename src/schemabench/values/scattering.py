"""Numbers that look random and follow from a place: the same in every process, without a state.

Owns the arithmetic. The mixing is the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
number generators", 2014).
"""

from functools import lru_cache
from hashlib import blake2b
from math import gcd

_BITS = 64
_MASK = (1 << _BITS) - 1
_GOLDEN = 0x9E3779B97F4A7C15  # 2 ** 64 over the golden ratio, odd
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # of SplitMix64
_EXACT = 53  # bits of a float between 0 and 1
_SHIFT = _BITS - _EXACT


def mixed(number: int, salt: int = 0) -> int:
    """Return a number of 64 bits that follows from another, one to one for a given salt.

    >>> mixed(1) == mixed(1), mixed(1) == mixed(2)
    (True, False)
    """
    word = (number * _GOLDEN + salt) & _MASK
    word = ((word ^ (word >> 30)) * _FIRST) & _MASK
    word = ((word ^ (word >> 27)) * _SECOND) & _MASK
    return word ^ (word >> 31)


def share_of(place: int, salt: int) -> float:
    """Return a number from 0 to below 1 that follows from a place: evenly spread over all places.

    Args:
        place: The place of a row.
        salt: Tells apart the columns of a row.
    """
    return (mixed(place, salt) >> _SHIFT) / (1 << _EXACT)


@lru_cache(maxsize=1024)
def salt_of(name: str) -> int:
    """Return the salt of a name, which is the same in every process."""
    return int.from_bytes(blake2b(name.encode(), digest_size=_BITS // 8).digest(), "big")


def scattered(place: int, size: int) -> int:
    """Return another place below `size`, one to one: so that neighbours are no longer neighbours.

    A skew prefers low places. Rows that are preferred in production lie anywhere in their table, not on one page.

    >>> sorted(scattered(place, 10) for place in range(10))
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    return place * _factor(size) % size


@lru_cache(maxsize=256)
def _factor(size: int) -> int:
    """Return a factor without a common divisor with the size, near its golden section."""
    factor = max(1, int(size * (_GOLDEN / (1 << _BITS))))
    while gcd(factor, size) > 1:
        factor += 1
    return factor
