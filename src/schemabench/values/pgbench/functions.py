"""Functions of pgbench's expressions that are not random.

Hashes and permutations have pgbench's values.
"""

import math
from collections.abc import Sequence

from schemabench.values.pgbench import mixing
from schemabench.values.pgbench.coercion import ScriptError, Value, bounded, is_real, real, strict, whole


@strict
def integer(value: Value) -> Value:
    """Return `int(value)`: as `whole` does."""
    return whole(value)


@strict
def double(value: Value) -> Value:
    """Return `double(value)`."""
    return real(value)


@strict
def absolute(value: Value) -> Value:
    """Return `abs(value)`."""
    return abs(real(value)) if is_real(value) else bounded(abs(whole(value)))


@strict
def greatest(*values: Value) -> Value:
    """Return the largest value; a float if any is one."""
    return max(_alike(values))


@strict
def least(*values: Value) -> Value:
    """Return the smallest value; a float if any is one."""
    return min(_alike(values))


@strict
def exponential(value: Value) -> Value:
    """Return `exp(value)`."""
    try:
        return math.exp(real(value))
    except OverflowError:
        return math.inf


@strict
def logarithm(value: Value) -> Value:
    """Return `ln(value)`: not a number below zero, and minus infinity at zero."""
    number = real(value)
    if number <= 0:
        return math.nan if number else -math.inf
    return math.log(number)


@strict
def root(value: Value) -> Value:
    """Return `sqrt(value)`: not a number below zero."""
    number = real(value)
    return math.nan if number < 0 else math.sqrt(number)


@strict
def power(value: Value, exponent: Value) -> Value:
    """Return `power(value, exponent)`, a float."""
    base, to = real(value), real(exponent)
    try:
        return math.pow(base, to)
    except OverflowError:
        return -math.inf if base < 0 and to % 2 == 1 else math.inf
    except ValueError:
        return math.inf if base == 0 else math.nan


@strict
def hash_murmur2(value: Value, seed: Value) -> int:
    """Return `hash(value, seed)`, by MurmurHash2."""
    return mixing.hash_murmur2(whole(value), whole(seed))


@strict
def hash_fnv1a(value: Value, seed: Value) -> int:
    """Return `hash_fnv1a(value, seed)`, by FNV-1a."""
    return mixing.hash_fnv1a(whole(value), whole(seed))


@strict
def permute(value: Value, size: Value, seed: Value) -> int:
    """Return another place below `size` for each one, from 0: those of one seed are a permutation."""
    if not whole(size) > 0:
        raise ScriptError(f"permute needs a size above zero, not {size}")
    return mixing.permuted(whole(value), whole(size), whole(seed))


def _alike(values: Sequence[Value]) -> list[int] | list[float]:
    return [real(value) for value in values] if is_real(*values) else [whole(value) for value in values]
