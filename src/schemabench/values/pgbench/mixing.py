"""Hashes and permutations of 64-bit numbers that have the values of pgbench's.

Owns the arithmetic. Must not know NULL or types. MurmurHash2 is by A. Appleby, FNV-1a by G. Fowler, L. C. Noll and
K.-P. Vo; random numbers within a permutation are those of xoroshiro128** by D. Blackman and S. Vigna (2018), seeded by
splitmix64, both at https://prng.di.unimi.it.
"""

_BITS = 64
_ALL = (1 << _BITS) - 1
_MURMUR_FACTOR, _MURMUR_ROTATION = 0xC6A4A7935BD1E995, 47
_FNV_BASIS, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
_BYTES = 8
_SPLITMIX_STEP = 0x9E3779B97F4A7C15
_ROUNDS = 6
"""Of a permutation: each moves its lower part and its upper part, and shifts all of it."""


def hash_murmur2(value: int, seed: int) -> int:
    """Return the MurmurHash2 of the eight bytes of a whole number, as a signed one.

    >>> hash_murmur2(1, 0)
    -5730187292639284240
    """
    factor = _MURMUR_FACTOR
    mixed = value * factor & _ALL
    mixed = (mixed ^ mixed >> _MURMUR_ROTATION) * factor & _ALL
    found = ((seed ^ _BYTES * factor) & _ALL ^ mixed) * factor & _ALL
    found = (found ^ found >> _MURMUR_ROTATION) * factor & _ALL
    return _signed(found ^ found >> _MURMUR_ROTATION)


def hash_fnv1a(value: int, seed: int) -> int:
    """Return the FNV-1a hash of the eight bytes of a whole number, the lowest first, as a signed one."""
    found = (_FNV_BASIS ^ seed) & _ALL
    for byte in (value & _ALL).to_bytes(_BYTES, "little"):
        found = (found ^ byte) * _FNV_PRIME & _ALL
    return _signed(found)


def permuted(value: int, size: int, seed: int) -> int:
    """Return the place below `size`, which is above zero, that a permutation gives to a place.

    The largest power of two that is not above `size` can be permuted by odd factors, masks and rotations. In each
    round that is done with the lowest places and with the highest ones, and then all places are shifted.
    """
    if size == 1:
        return 0
    numbers = _Numbers(seed)
    bits = size.bit_length() - 1
    place = (value & _ALL) % size
    for _ in range(_ROUNDS):
        factor, mask = numbers.draw(), numbers.draw()
        if place >> bits == 0:
            place = _scrambled(place, bits, factor, mask)
        factor, mask = numbers.draw(), numbers.draw()
        if (above := size - 1 - place) >> bits == 0:
            place = size - 1 - _scrambled(above, bits, factor, mask)
        place = (place + numbers.below(size)) % size
    return place


def _scrambled(place: int, bits: int, factor: int, mask: int) -> int:
    """Return the place below a power of two that takes a place's part."""
    lower = (1 << bits) - 1
    found = ((place * (factor | 1)) ^ mask) & lower
    return ((found << 1) & lower) | (found >> (bits - 1))


class _Numbers:
    """Random numbers of 64 bits, from a seed."""

    def __init__(self, seed: int) -> None:
        self._state = [_split(seed + step * _SPLITMIX_STEP) for step in (1, 2)]

    def draw(self) -> int:
        """Return the next number."""
        first, second = self._state
        drawn = _rotated(first * 5 & _ALL, 7) * 9 & _ALL
        second ^= first
        self._state = [_rotated(first, 24) ^ second ^ ((second << 16) & _ALL), _rotated(second, 37)]
        return drawn

    def below(self, size: int) -> int:
        """Return a number below a size of at least two, by the highest bits that suffice."""
        bits = (size - 1).bit_length()
        while (drawn := self.draw() >> (_BITS - bits)) >= size:
            pass
        return drawn


def _split(number: int) -> int:
    """Return what splitmix64 makes of a number."""
    mixed = number & _ALL
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _ALL
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _ALL
    return mixed ^ mixed >> 31


def _rotated(number: int, by: int) -> int:
    return ((number << by) & _ALL) | (number >> (_BITS - by))


def _signed(number: int) -> int:
    return number - (1 << _BITS) if number >> (_BITS - 1) else number
