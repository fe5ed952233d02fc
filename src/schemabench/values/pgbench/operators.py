"""Operators of pgbench's expressions, where Python's own would not do the same."""

import math
from collections.abc import Callable

from schemabench.values.pgbench.coercion import (
    HIGHEST,
    ScriptError,
    Value,
    bounded,
    is_real,
    real,
    strict,
    truth,
    whole,
)


@strict
def added(left: Value, right: Value) -> Value:
    """Return `left + right`: whole if both are."""
    return real(left) + real(right) if is_real(left, right) else bounded(whole(left) + whole(right))


@strict
def subtracted(left: Value, right: Value) -> Value:
    """Return `left - right`: whole if both are."""
    return real(left) - real(right) if is_real(left, right) else bounded(whole(left) - whole(right))


@strict
def multiplied(left: Value, right: Value) -> Value:
    """Return `left * right`: whole if both are."""
    return real(left) * real(right) if is_real(left, right) else bounded(whole(left) * whole(right))


@strict
def divided(left: Value, right: Value) -> Value:
    """Return `left / right`: of whole numbers without the remainder, of others also by zero.

    >>> divided(-7, 2), divided(7, 2.0), divided(1.0, 0)
    (-3, 3.5, inf)
    """
    if is_real(left, right):
        return _quotient(real(left), real(right))
    by = _divisor(right)
    quotient = abs(whole(left)) // abs(by)
    return bounded(quotient if (whole(left) < 0) == (by < 0) else -quotient)


@strict
def remainder(left: Value, right: Value) -> Value:
    """Return `left % right`, of whole numbers: with the sign of `left`.

    >>> remainder(-7, 2), remainder(7, -2)
    (-1, 1)
    """
    by = _divisor(right)
    rest = abs(whole(left)) % abs(by)
    return -rest if whole(left) < 0 else rest


@strict
def bits_and(left: Value, right: Value) -> Value:
    """Return `left & right`."""
    return whole(left) & whole(right)


@strict
def bits_or(left: Value, right: Value) -> Value:
    """Return `left | right`."""
    return whole(left) | whole(right)


@strict
def bits_xor(left: Value, right: Value) -> Value:
    """Return `left # right`."""
    return whole(left) ^ whole(right)


@strict
def bits_not(value: Value) -> Value:
    """Return `~ value`."""
    return ~whole(value)


@strict
def shifted_left(left: Value, right: Value) -> Value:
    """Return `left << right`: bits beyond the 64th are lost.

    >>> shifted_left(1, 3), shifted_left(1, 63)
    (8, -9223372036854775808)
    """
    low = whole(left) << (whole(right) % 64) & (2**64 - 1)
    return low - 2**64 if low > HIGHEST else low


@strict
def shifted_right(left: Value, right: Value) -> Value:
    """Return `left >> right`, which keeps the sign."""
    return whole(left) >> (whole(right) % 64)


@strict
def equal(left: Value, right: Value) -> Value:
    """Return `left = right`, of numbers."""
    return _number(left) == _number(right)


@strict
def unequal(left: Value, right: Value) -> Value:
    """Return `left <> right`, of numbers."""
    return _number(left) != _number(right)


@strict
def less(left: Value, right: Value) -> Value:
    """Return `left < right`, of numbers."""
    return _number(left) < _number(right)


@strict
def at_most(left: Value, right: Value) -> Value:
    """Return `left <= right`, of numbers."""
    return _number(left) <= _number(right)


@strict
def negated(value: Value) -> Value:
    """Return `NOT value`."""
    return not truth(value)


def conjunction(left: Value, right: Callable[[], Value]) -> Value:
    """Return `left AND right`: NULL if `left` is; `right` is evaluated if `left` is true.

    >>> conjunction(False, lambda: None), conjunction(None, lambda: False), conjunction(True, lambda: True)
    (False, None, True)
    """
    return _joined(right()) if left is not None and truth(left) else left


def disjunction(left: Value, right: Callable[[], Value]) -> Value:
    """Return `left OR right`: NULL if `left` is; `right` is evaluated if `left` is false.

    >>> disjunction(True, lambda: None), disjunction(None, lambda: True), disjunction(False, lambda: True)
    (True, None, True)
    """
    return _joined(right()) if left is not None and not truth(left) else left


def _joined(value: Value) -> Value:
    return None if value is None else truth(value)


def _divisor(value: Value) -> int:
    if (by := whole(value)) == 0:
        raise ScriptError("division by zero")
    return by


def _quotient(left: float, right: float) -> float:
    """Return a quotient as IEEE 754 has it."""
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _number(value: Value) -> int | float:
    return real(value) if is_real(value) else whole(value)
