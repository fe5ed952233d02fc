"""The functions and operators of pgbench's expressions, each with the Python that does the same.

Owns when that is Python's own operator or function: where types and bounds rule out what pgbench does otherwise.
"""

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from schemabench.pgbench.known import BOOLEAN, DOUBLE, INT, Known, called, constant, named
from schemabench.values.pgbench.coercion import HIGHEST, LOWEST

_MANY = 1_000_000
Making = Callable[..., Known]

RANDOM = named("random", ())
"""The `random.Random` of a workload's functions."""
SEED = "default_seed"


@dataclass(frozen=True)
class Function:
    """A function of pgbench's expressions."""

    made: Making
    """Returns its call, for its arguments."""
    fewest: int
    """The number of arguments; likewise the most."""
    most: int

    @property
    def takes(self) -> str:
        """How many arguments it takes, in words."""
        if self.most == _MANY:
            return f"at least {self.fewest} of arguments"
        words = f"{self.fewest}" if self.fewest == self.most else f"{self.fewest} or {self.most}"
        return f"{words} argument{'s' if self.most != 1 else ''}"


def _nulls(*arguments: Known) -> frozenset[str]:
    """Return `null` if an argument may be NULL, and so the answer may be."""
    return frozenset({"null"}) & frozenset[str]().union(*(one.kinds for one in arguments))


def _numeric(*arguments: Known) -> frozenset[str]:
    """Return the kinds of an answer that is whole if all arguments are."""
    if all(one.kinds <= {"int", "null"} for one in arguments):
        return INT | _nulls(*arguments)
    sure = any(one.kinds <= {"double", "null"} for one in arguments)
    return (DOUBLE if sure else DOUBLE | INT) | _nulls(*arguments)


def _python(operator: ast.operator, left: Known, right: Known, kinds: frozenset[str], *bounds: int) -> Known:
    low, high = (min(bounds), max(bounds)) if bounds else (LOWEST, HIGHEST)
    return Known(ast.BinOp(left.code, operator, right.code), kinds, low, high)


def _arithmetic(
    operator: ast.operator, function: str, exact: Callable[[int, int], int], left: Known, right: Known
) -> Known:
    """Return a sum, a difference or a product: Python's own, where it has no more than 64 bits."""
    bounds = [exact(one, other) for one in (left.low, left.high) for other in (right.low, right.high)]
    if function == "subtracted" and left == constant(0) and right.kinds <= {"int", "double"} and -right.low <= HIGHEST:
        return Known(ast.UnaryOp(ast.USub(), right.code), right.kinds, min(bounds), max(bounds))
    if left.kinds == right.kinds == INT and min(bounds) >= LOWEST and max(bounds) <= HIGHEST:
        return _python(operator, left, right, INT, *bounds)
    if DOUBLE in {left.kinds, right.kinds} and left.kinds | right.kinds <= DOUBLE | INT:
        return _python(operator, left, right, DOUBLE)
    return called(function, (left, right), _numeric(left, right), min(bounds), max(bounds))


def _divided(left: Known, right: Known) -> Known:
    if left.kinds == right.kinds == INT and left.low >= 0 and right.low > 0:
        return _python(ast.FloorDiv(), left, right, INT, 0, left.high)
    if DOUBLE in {left.kinds, right.kinds} and left.kinds | right.kinds <= DOUBLE | INT and _is_no_zero(right):
        return _python(ast.Div(), left, right, DOUBLE)
    return called("divided", (left, right), _numeric(left, right))


def _is_no_zero(value: Known) -> bool:
    """Return whether a number is known to be another than zero."""
    if value.kinds == INT:
        return value.low > 0 or value.high < 0
    return isinstance(value.code, ast.Constant) and bool(value.code.value)


def _remainder(left: Known, right: Known) -> Known:
    if left.kinds == right.kinds == INT and left.low >= 0 and right.low > 0:
        return _python(ast.Mod(), left, right, INT, 0, right.high - 1)
    return called("remainder", (left, right), INT | _nulls(left, right))


def _bits(operator: ast.operator, function: str, left: Known, right: Known) -> Known:
    if left.kinds == right.kinds == INT:
        return _python(operator, left, right, INT)
    return called(function, (left, right), INT | _nulls(left, right))


def _not(value: Known, _: Known) -> Known:
    if value.kinds == INT:
        return Known(ast.UnaryOp(ast.Invert(), value.code), INT)
    return called("bits_not", (value,), INT | _nulls(value))


def _compared(operator: ast.cmpop, function: str, left: Known, right: Known) -> Known:
    if left.kinds == right.kinds and left.kinds in {INT, DOUBLE}:
        return Known(ast.Compare(left.code, [operator], [right.code]), BOOLEAN)
    return called(function, (left, right), BOOLEAN | _nulls(left, right))


def _greater(operator: ast.cmpop, function: str, left: Known, right: Known) -> Known:
    """Return `left > right`, which is `right < left`."""
    if left.kinds == right.kinds and left.kinds in {INT, DOUBLE}:
        return _compared(operator, function, left, right)
    return _compared(operator, function, right, left)


def _plain(function: str, kinds: frozenset[str], *arguments: Known) -> Known:
    return called(function, arguments, kinds | _nulls(*arguments))


def _drawn(function: str, low: Known, high: Known, *more: Known) -> Known:
    """Return a random whole number within bounds."""
    bounds = (low.low, high.high) if low.kinds == high.kinds == INT and low.low <= high.high else (LOWEST, HIGHEST)
    return called(function, (low, high, *more, RANDOM), INT | _nulls(low, high, *more), *bounds)


def _hashed(function: str, value: Known, seed: Known | None = None) -> Known:
    return _plain(function, INT, value, seed or _seed())


def _permuted(value: Known, size: Known, seed: Known | None = None) -> Known:
    arguments = (value, size, seed or _seed())
    return called("permute", arguments, INT | _nulls(*arguments), 0, max(0, size.high - 1))


def _seed() -> Known:
    return named(f"sizes.{SEED}", INT)


def _extreme(builtin: str, function: str, *values: Known) -> Known:
    one = min if builtin == "min" else max
    bounds = one(value.low for value in values), one(value.high for value in values)
    if len(values) > 1 and all(value.kinds == INT for value in values):
        return Known(ast.Call(ast.Name(builtin), [value.code for value in values], []), INT, *bounds)
    return called(function, values, _numeric(*values), *bounds)


def _absolute(value: Known) -> Known:
    if (value.kinds == INT and value.low > LOWEST) or value.kinds == DOUBLE:
        code = ast.Call(ast.Name("abs"), [value.code], [])
        return Known(code, value.kinds, 0, max(abs(value.low), abs(value.high)))
    return called("absolute", (value,), _numeric(value))


def _integer(value: Known) -> Known:
    return value if value.kinds == INT else _plain("integer", INT, value)


def _double(value: Known) -> Known:
    return value if value.kinds == DOUBLE else _plain("double", DOUBLE, value)


def _power(base: Known, exponent: Known) -> Known:
    return _plain("power", DOUBLE, base, exponent)


OPERATORS: Mapping[str, Callable[[Known, Known], Known]] = {
    "+": partial(_arithmetic, ast.Add(), "added", lambda one, other: one + other),
    "-": partial(_arithmetic, ast.Sub(), "subtracted", lambda one, other: one - other),
    "*": partial(_arithmetic, ast.Mult(), "multiplied", lambda one, other: one * other),
    "/": _divided,
    "%": _remainder,
    "&": partial(_bits, ast.BitAnd(), "bits_and"),
    "|": partial(_bits, ast.BitOr(), "bits_or"),
    "#": partial(_bits, ast.BitXor(), "bits_xor"),
    "~": _not,
    "<<": partial(_plain, "shifted_left", INT),
    ">>": partial(_plain, "shifted_right", INT),
    "=": partial(_compared, ast.Eq(), "equal"),
    "<>": partial(_compared, ast.NotEq(), "unequal"),
    "<": partial(_compared, ast.Lt(), "less"),
    "<=": partial(_compared, ast.LtE(), "at_most"),
    ">": partial(_greater, ast.Gt(), "less"),
    ">=": partial(_greater, ast.GtE(), "at_most"),
}
"""Operator -> what makes its Python, for its operands."""

FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(_absolute, 1, 1),
    "debug": Function(lambda value: value, 1, 1),
    "double": Function(_double, 1, 1),
    "exp": Function(partial(_plain, "exponential", DOUBLE), 1, 1),
    "greatest": Function(partial(_extreme, "max", "greatest"), 1, _MANY),
    "hash": Function(partial(_hashed, "hash_murmur2"), 1, 2),
    "hash_fnv1a": Function(partial(_hashed, "hash_fnv1a"), 1, 2),
    "hash_murmur2": Function(partial(_hashed, "hash_murmur2"), 1, 2),
    "int": Function(_integer, 1, 1),
    "least": Function(partial(_extreme, "min", "least"), 1, _MANY),
    "ln": Function(partial(_plain, "logarithm", DOUBLE), 1, 1),
    "mod": Function(_remainder, 2, 2),
    "permute": Function(_permuted, 2, 3),
    "pi": Function(lambda: constant(math.pi), 0, 0),
    "pow": Function(_power, 2, 2),
    "power": Function(_power, 2, 2),
    "random": Function(partial(_drawn, "random_uniform"), 2, 2),
    "random_exponential": Function(partial(_drawn, "random_exponential"), 3, 3),
    "random_gaussian": Function(partial(_drawn, "random_gaussian"), 3, 3),
    "random_zipfian": Function(partial(_drawn, "random_zipfian"), 3, 3),
    "sqrt": Function(partial(_plain, "root", DOUBLE), 1, 1),
}
"""Function of pgbench -> what makes its call."""
