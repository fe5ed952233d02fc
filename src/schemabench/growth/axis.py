"""The axis of a growth curve: rows, clients, the round trip, or a field of the cardinality.

Owns its ends, and what an experiment at a value differs in. Must not choose the values between the ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, isfinite, log
from typing import Any

from schemabench import cardinality as cardinalities
from schemabench import parsing
from schemabench.cardinality import ROUND_TRIP
from schemabench.errors import UsageError
from schemabench.naming import nearest
from schemabench.options import MOST_CLIENTS, Options
from schemabench.workload import Found, Workload

CLIENTS, ROWS, _ROUND_TRIP_WORD = "clients", "rows", "round-trip"
_MS_PER_S = 1000
_FARTHEST = {CLIENTS: "16x", ROUND_TRIP: "10ms"}
_FAR = "100x"
"""The default of the last value."""
_DIGITS = 2
"""Significant digits of the values between the ends: smaller differences add no information."""


@dataclass(frozen=True, kw_only=True)
class Over:
    """What a growth curve is over."""

    field: str
    """`clients`, `round_trip_ms`, or a field of the cardinality."""
    start: float
    end: float
    whole: bool
    """Whether values are whole numbers."""

    def position(self, value: float) -> float:
        """Return where a value is on a logarithmic scale; if it starts at zero, on that of the values plus one."""
        return log(value + (0 if self.start else 1))

    def between(self, low: float, high: float) -> float | None:
        """Return the value halfway between two on that scale; None if there is none left."""
        shift = 0 if self.start else 1
        middle = exp((self.position(low) + self.position(high)) / 2) - shift
        value = float(round(middle)) if self.field == CLIENTS else float(f"{middle:.{_DIGITS - 1}e}")
        value = float(round(value)) if self.whole else value
        return value if low < value < high else None

    def shown(self, value: float) -> str:
        """Return a value with what it is of, as in `rows=20000`, for the name of a cardinality."""
        return f"{self.field}={value:.15g}"

    def worded(self, value: float) -> str:
        """Return a value as a report names its step, as in `20,000 rows`."""
        if self.field == ROUND_TRIP:
            return f"a round trip of {value:.15g} ms"
        return f"{int(value):,} {self.field}" if self.whole else f"{value:.15g} {self.field}"

    def at(self, cardinality: Any, value: float) -> tuple[Any, Mapping[str, Any]]:  # noqa: ANN401 (a workload's own type)
        """Return the cardinality at a value, and what else an experiment there differs in."""
        if self.field == CLIENTS:
            return cardinality, {"clients": round(value)}
        if self.field == ROUND_TRIP:
            return cardinality, {"round_trip_s": value / _MS_PER_S}
        return replace(cardinality, **{self.field: round(value) if self.whole else value}), {"grows": self.field}


def over(named: str, farthest: str, found: Found, cardinality: str, options: Options) -> Over:
    """Return the axis that was asked for.

    Args:
        named: `rows`, `clients`, `round-trip`, or a field of the cardinality.
        farthest: The last value: a multiple of the first, as in `100x`, or the value itself; empty for the default.
        found: The workload.
        cardinality: The name of the one at the start.
        options: The settings.

    Raises:
        UsageError: There is no such axis, or it does not reach beyond its start.
    """
    workload = found.workload
    values, field = workload.cardinalities[cardinality], {_ROUND_TRIP_WORD: ROUND_TRIP}.get(named, named)
    if field == CLIENTS:
        start: float = len(found.writers(cardinality))  # without those that its file leaves out
    elif field == ROUND_TRIP:
        start = options.round_trip_s * _MS_PER_S
    else:
        field = workload.grows if field == ROWS and workload.grows else field
        start = _field(field, named, workload, values)
    whole = field == CLIENTS or (field != ROUND_TRIP and isinstance(getattr(values, field), int))
    default = _FARTHEST.get(field, _FAR)
    end = _end(farthest or default, start, field)
    axis = Over(field=field, start=start, end=float(round(end)) if whole else end, whole=whole)
    told = f"--to {farthest}" if farthest else f"{default}, the default of --to,"
    if axis.end <= start:
        raise UsageError(
            f"{told} does not reach beyond the start, {axis.worded(start)}",
            remedies=_farther(field, start),
        )
    if field == CLIENTS and axis.end > MOST_CLIENTS:
        raise UsageError(
            f"{told} is {axis.end:,.0f} clients, and {MOST_CLIENTS:,} are the most",
            remedies=[f"name fewer: --to {MOST_CLIENTS}"],
        )
    return axis


def _farther(field: str, start: float) -> list[str]:
    """Return how to name a last value beyond the start, of which a multiple is none if it is zero."""
    if not start:
        return [f"name the last value: --to {'5ms' if field == ROUND_TRIP else '1000'}"]
    larger = f"{10 * start:.15g}{'ms' if field == ROUND_TRIP else ''}"
    return ["name a multiple above one: --to 10x", f"name a larger value: --to {larger}"]


def _field(field: str, named: str, workload: Workload[Any], values: Any) -> float:  # noqa: ANN401 (likewise)
    known = cardinalities.values(values)
    numbers = [name for name, value in known.items() if type(value) in {int, float}]
    if field not in numbers:
        if named == ROWS:
            raise UsageError(
                f"The workload {workload.name!r} does not say which of its sizes is that of its rows",
                checked=[f"sizes: {', '.join(numbers)}"],
                remedies=[
                    f"name one: --over {numbers[0] if numbers else 'FIELD'}",
                    f"say it in the workload: Workload(grows={numbers[0] if numbers else 'FIELD'!r})",
                ],
            )
        choices = (ROWS, CLIENTS, _ROUND_TRIP_WORD, *numbers)
        raise UsageError(
            f"{workload.name!r} cannot grow over {named!r}{nearest(named, choices)}",
            checked=[f"axes: {', '.join(choices)}"],
            remedies=["name one of these, as in --over rows"],
        )
    if known[field] < 0:
        raise UsageError(f"{workload.name!r} cannot grow over {named!r}, which is below zero: {known[field]}")
    return float(known[field])


def _end(text: str, start: float, field: str) -> float:
    wrong = UsageError(
        f"--to {text} is neither a multiple of the start, as in 100x, nor a "
        f"{'time, as in 5ms' if field == ROUND_TRIP else 'number, as in 1000 or 50k'}",
        remedies=[
            "name a multiple: --to 100x",
            f"name the last value: --to {'5ms' if field == ROUND_TRIP else '1000'}",
        ],
    )
    try:
        if text.endswith("x"):
            end = start * float(text.removesuffix("x"))
        elif field == ROUND_TRIP:
            end = _MS_PER_S * parsing.duration_or_off(text)
        else:
            end = parsing.number(text)
    except (ValueError, UsageError) as cause:
        raise wrong from cause
    if not isfinite(end):
        raise wrong
    return end
