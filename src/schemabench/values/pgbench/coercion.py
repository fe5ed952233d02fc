"""Types of pgbench's expressions: whole numbers of 64 bits, floats, booleans, and NULL.

Owns how a value of one type becomes one of another, and what has no value.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeAlias, TypeVar

Value: TypeAlias = int | float | bool | None
P = ParamSpec("P")
T = TypeVar("T")

LOWEST, HIGHEST = -(2**63), 2**63 - 1
"""The bounds of whole numbers."""
_DIGITS = 15
"""Significant digits of a float in a statement."""


class ScriptError(ArithmeticError):
    """An expression has no value; pgbench ends the client then.

    Examples:
        >>> whole(1e30)
        Traceback (most recent call last):
        schemabench.values.pgbench.coercion.ScriptError: a whole number of more than 64 bits
    """


def strict(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that returns NULL for an argument that is NULL."""

    @wraps(function)
    def strict(*arguments: P.args, **named: P.kwargs) -> T:
        return None if None in arguments else function(*arguments, **named)  # type: ignore[return-value]

    return strict


def whole(value: Value) -> int:
    """Return a value as a whole number; a float is rounded, half to even.

    >>> whole(2.5), whole(-3)
    (2, -3)
    """
    match value:
        case bool() | None:
            raise ScriptError(f"{text(value)} is no whole number")
        case int():
            number = value
        case float():
            if not math.isfinite(value):
                raise ScriptError(f"{value} is no whole number")
            number = round(value)
    return bounded(number)


def bounded(number: int) -> int:
    """Return a whole number that fits into 64 bits."""
    if not LOWEST <= number <= HIGHEST:
        raise ScriptError("a whole number of more than 64 bits")
    return number


def real(value: Value) -> float:
    """Return a number as a float."""
    if isinstance(value, bool) or value is None:
        raise ScriptError(f"{text(value)} is no number")
    return float(value)


def truth(value: Value) -> bool:
    """Return a boolean as it is."""
    if not isinstance(value, bool):
        raise ScriptError(f"{text(value)} is no boolean")
    return value


def text(value: Value) -> str | None:
    """Return a value as it stands in a statement; None for NULL.

    >>> text(1 / 3), text(True), text(7)
    ('0.333333333333333', 'true', '7')
    """
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.{_DIGITS}g}"
        case None:
            return None
        case _:
            return str(value)


def is_real(*values: Value) -> bool:
    """Return whether a value is a float."""
    return any(isinstance(value, float) for value in values)
