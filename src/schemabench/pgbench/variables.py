"""The variables of pgbench's that are set before a script begins: its own, and those of -D.

Owns their types and values, and the field of a cardinality that each is.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword

from schemabench.deriving.code import rendered
from schemabench.errors import UsageError
from schemabench.pgbench.known import BOOLEAN, DOUBLE, INT, NULL, TEXT, Known, named
from schemabench.values.pgbench.coercion import HIGHEST, LOWEST

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_WHOLE = re.compile(r"[-+]?[0-9]+")
_MOST_DIGITS = len(str(HIGHEST))
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)
_BOOLEANS = {"true": True, "false": False}
_LARGEST = 2**31 - 1
"""Of a scale, and of a client's number."""
_CLIENTS = 8


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable that is set before a script begins."""

    name: str
    """As scripts write it."""
    known: Known
    """Its Python, and what is known of it."""
    field: str = ""
    """The field of the cardinality; empty if it is none."""
    value: int | float | bool | str | None = None
    about: str = ""
    """The field's docstring."""
    given: bool = False
    """Whether it was given by -D."""

    @property
    def type(self) -> str:
        """The field's type."""
        return type(self.value).__name__

    @property
    def argument(self) -> str:
        """The field with its value, as an argument."""
        exact = repr(self.value) if isinstance(self.value, float) else rendered(self.value)
        return f"{self.field}={exact}"

    def is_used(self, body: str) -> bool:
        """Return whether some Python takes the field."""
        return bool(self.field) and re.search(rf"\b{re.escape(self.known.python)}\b", body) is not None


def variables(given: Sequence[str]) -> list[Variable]:
    """Return pgbench's own variables, and those of -D, which may replace them.

    Args:
        given: As for -D, as in `scale=10`.

    Raises:
        UsageError: One has no name, or the name of no variable.
    """
    own = [
        _whole("scale", 1, "`:scale`: how many branches there are, with 100,000 accounts each.", 1, _LARGEST),
        _whole("default_seed", 1, "`:default_seed`: of hashes and permutations."),
        _whole("random_seed", 1, "`:random_seed`. The seed of a run's random values is that of --seed."),
        Variable(
            name="client_id",
            known=named("client_id", INT, 0, _LARGEST),
            field="clients",
            value=_CLIENTS,
            about="How many numbers `:client_id` has: as many as --clients.",
        ),
    ]
    found = {one.name: one for one in own}
    for one in given:
        variable = _given(one)
        found[variable.name] = variable
    return list(found.values())


def _whole(name: str, value: int, about: str, low: int = LOWEST, high: int = HIGHEST) -> Variable:
    return Variable(name=name, known=named(f"sizes.{name}", INT, low, high), field=name, value=value, about=about)


def _given(text: str) -> Variable:
    name, sign, value = text.partition("=")
    if not sign or not _NAME.fullmatch(name) or iskeyword(name) or name in {"clients", "client_id"}:
        raise UsageError(f"-D {text} sets no variable", remedies=["write a name and a value, as in -D scale=10"])
    if name.startswith("__"):
        raise UsageError(
            f"-D {text}: {name!r} can be no field in Python, as it begins with two underscores",
            remedies=["give the variable another name in the scripts"],
        )
    parsed, known = _value(value, f"sizes.{name}")
    if name == "scale" and (not isinstance(parsed, int) or not 1 <= parsed <= _LARGEST):
        raise UsageError(f"-D {text}: a scale is a whole number from 1", remedies=["write -D scale=10"])
    if name == "scale":
        known = named("sizes.scale", INT, 1, _LARGEST)
    return Variable(
        name=name, known=known, field="" if parsed is None else name, value=parsed, about=f"`:{name}`", given=True
    )


def _value(text: str, python: str) -> tuple[int | float | bool | str | None, Known]:
    """Return the value of a text, and what is known of it.

    In a statement, pgbench sends the text as it is. So a whole number or a boolean that Python writes in another way
    stays a text, which no expression takes. Of other numbers, only the digits may differ, as in 1.5 for 1.50.
    """
    lower = text.lower()
    if lower == "null":
        return None, NULL
    if text in _BOOLEANS:
        return _BOOLEANS[text], named(python, BOOLEAN)
    is_whole = _WHOLE.fullmatch(text) is not None
    if is_whole and len(text) <= 1 + _MOST_DIGITS and str(number := int(text)) == text and LOWEST <= number <= HIGHEST:
        return number, named(python, INT)
    if not is_whole and _NUMBER.fullmatch(text) and math.isfinite(real := float(text)):
        return real, named(python, DOUBLE)
    return text, named(python, TEXT)


def known(some: Sequence[Variable]) -> Mapping[str, Known]:
    """Return what is known of variables, by name."""
    return {one.name: one.known for one in some}
