"""What is known of a value before a script runs: the Python that makes it, its type, and its bounds.

Owns the record, and how constants and calls are written. Must not know which functions there are.
"""

import ast
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from schemabench.values.pgbench.coercion import HIGHEST, LOWEST

BOOLEAN = frozenset({"boolean"})
DOUBLE = frozenset({"double"})
INT = frozenset({"int"})
TEXT = frozenset({"text"})
_GROUPED = 10_000
"""From here on, digits are grouped by threes."""


@dataclass(frozen=True)
class Known:
    """A value of an expression."""

    code: ast.expr
    """The Python that makes it."""
    kinds: frozenset[str]
    """What it may be: int, double, boolean, null, or text for the value of `-D` that is none of these."""
    low: int = LOWEST
    """Its bounds, if it is an int."""
    high: int = HIGHEST

    @property
    def python(self) -> str:
        """Its Python as text."""
        return ast.unparse(self.code)

    def __eq__(self, other: object) -> bool:
        """Return whether the Python is the same."""
        return isinstance(other, Known) and self.python == other.python

    def __hash__(self) -> int:
        """Return the hash of the Python."""
        return hash(self.python)


NULL = Known(ast.Constant(None), frozenset({"null"}))
TRUE = Known(ast.Constant(value=True), BOOLEAN)
FALSE = Known(ast.Constant(value=False), BOOLEAN)


def named(name: str, kinds: Collection[str], low: int = LOWEST, high: int = HIGHEST) -> Known:
    """Return the value of a Python name, as in `sizes.scale`."""
    return Known(ast.parse(name, mode="eval").body, frozenset(kinds), low, high)


def constant(value: float) -> Known:
    """Return a number."""
    if isinstance(value, float):
        return Known(ast.Constant(value), DOUBLE)
    digits: ast.expr = ast.Name(f"{abs(value):_}") if abs(value) >= _GROUPED else ast.Constant(abs(value))
    return Known(ast.UnaryOp(ast.USub(), digits) if value < 0 else digits, INT, value, value)


def called(
    function: str, arguments: Sequence[Known], kinds: Collection[str], low: int = LOWEST, high: int = HIGHEST
) -> Known:
    """Return a call of a function of `schemabench.values.pgbench`."""
    code = ast.Call(ast.Attribute(ast.Name("pgbench"), function), [one.code for one in arguments], [])
    return Known(code, frozenset(kinds), *(max(LOWEST, min(one, HIGHEST)) for one in (low, high)))
