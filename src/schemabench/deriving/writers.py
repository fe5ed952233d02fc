"""Who executes the operations, and how fast: production's proportions, and its pace.

Owns the sizes of writers and of a slice of production. Must not know parameters.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemabench.deriving import traffic
from schemabench.deriving.found import LeftOut
from schemabench.deriving.operations import Operation
from schemabench.deriving.statement import Kind

_CALLS = 200
"""Calls in the smallest burst, about."""
_FEWEST = 8
"""Calls of the least busy writer in it, unless that takes too many of the others: with fewer, rounding would change the
proportions."""
_MOST = 2_000
"""Calls in the smallest burst, at most: with more, the smallest trial would be a long one."""
_CLIENTS = 8


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Who executes some of the operations."""

    name: str
    kind: str
    """As a workload has it: stream, or reader."""
    rates: Mapping[str, float]
    """Operation -> calls a second, or calls where the pace is not known."""
    weight: int
    clients: int

    @property
    def rate(self) -> float:
        """The calls a second of all operations."""
        return sum(self.rates.values())


def at_work(operations: Sequence[Operation]) -> tuple[list[Operation], list[LeftOut]]:
    """Return the operations of writers that are at work in a burst of the most calls, and those of all others.

    Every burst has a call of every writer: of one that is hardly ever at work, far more than production has.
    """
    calls: Counter[tuple[str, Kind]] = Counter()
    for one in operations:
        calls[one.executed.role, one.kind] += one.executed.calls
    least = calls.total() / _MOST
    rare = [one for one in operations if calls[one.executed.role, one.kind] < least]
    why = f"its role makes less than one of {_MOST:,} calls of its kind, and a burst would have far more"
    left_out = [LeftOut(what=one.name, why=why, calls=one.executed.calls) for one in rare]
    return [one for one in operations if one not in rare], left_out


def grouped(operations: Sequence[Operation], seconds: float | None) -> tuple[list[Writer], float]:
    """Return the writers, and the seconds of production that the smallest burst stands for.

    Each role of the database has a writer, with what changes or locks rows, and a reader.

    Args:
        operations: The operations.
        seconds: The time in which they were counted; None if unknown: rates are then numbers of calls.
    """
    roles = sorted({one.executed.role for one in operations})
    groups: dict[tuple[str, Kind], list[Operation]] = {}
    for one in operations:
        groups.setdefault((one.executed.role, one.kind), []).append(one)
    rates = {key: {one.name: one.executed.calls / (seconds or 1.0) for one in some} for key, some in groups.items()}
    total = sum(sum(some.values()) for some in rates.values())
    least = min(sum(some.values()) for some in rates.values())
    slice_s = min(max(_CALLS / total, _FEWEST / least), _MOST / total)
    busy = {key: sum(traffic.busy_ms(one.executed) for one in some) for key, some in groups.items()}
    found = []
    for role, kind in sorted(groups, key=lambda key: (key[0], key[1] is not Kind.WRITE)):
        noun = "writer" if kind is Kind.WRITE else "reader"
        share = busy[role, kind] / (sum(busy.values()) or 1.0)
        found.append(
            Writer(
                name=noun if len(roles) == 1 else f"{role}_{noun}",
                kind="stream" if kind is Kind.WRITE else "reader",
                rates=rates[role, kind],
                weight=max(1, round(sum(rates[role, kind].values()) * slice_s)),
                clients=max(1, round(_CLIENTS * share)),
            )
        )
    return found, slice_s
