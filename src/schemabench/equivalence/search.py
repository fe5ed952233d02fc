"""The search for few calls after which something disagrees.

Owns how calls are drawn, put into sequences and dropped again, and when there is to be an end. Must not know servers:
it is handed a function that executes a sequence. Why Hypothesis draws the calls, and neither their sequences nor what
is left of them: docs/decisions/0012-sequences-of-calls.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import TYPE_CHECKING

from schemabench.equivalence.counterexample import Disagreement
from schemabench.errors import WorkloadError
from schemabench.workload import Call

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_DRAWN_TOGETHER = 25
"""Calls in one example of Hypothesis: one by one takes twice as long."""
_SIMPLER_TRIED = 6
"""Calls that are tried in place of one that cannot be dropped."""

Judge = Callable[[Sequence[Call]], Disagreement | None]
"""Executes a sequence from a database without rows, and says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How hard to look."""

    drawn: int
    """Calls to make sequences of, at most."""
    sequences: int
    """Sequences to execute, at most."""
    length: int
    """Calls in each. Rows are compared after every call, so that a long one stands for all that it begins with."""
    search_s: float
    """Time after which no further sequence is begun."""
    shrink_s: float
    """Time after which what was found is not made any shorter."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a search came to."""

    disagreement: Disagreement | None
    """The shortest that was found."""
    sequences: int
    """How many were executed to find it, those to make it shorter not among them."""
    complete: bool
    """Whether it ended before its time did."""


def draw(strategy: "SearchStrategy[Call]", number: int, seed: int) -> list[Call]:
    """Return about so many calls of a strategy, the same for the same seed and version of Hypothesis.

    Raises:
        WorkloadError: The strategy fails, or has no call.
    """
    from hypothesis import HealthCheck, Phase, given, settings, strategies  # noqa: PLC0415 (loads for half a second)
    from hypothesis import seed as seeded  # noqa: PLC0415 (likewise)

    drawn: list[Call] = []

    @seeded(seed)
    @settings(
        max_examples=-(-number // _DRAWN_TOGETHER),
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.lists(strategy, min_size=_DRAWN_TOGETHER, max_size=_DRAWN_TOGETHER))
    def collect(calls: list[Call]) -> None:
        drawn.extend(calls)

    try:
        collect()
    except Exception as cause:
        raise WorkloadError(f"The model's strategy of calls failed: {type(cause).__name__}: {cause}") from cause
    return drawn


def search(
    drawn: Sequence[Call], judge: Judge, effort: Effort, seed: int, clock: Callable[[], float] = monotonic
) -> Outcome:
    """Execute sequences of the calls drawn until one disagrees, and make that one short.

    An operation comes as often as it was drawn, but each of its different calls as often as any other: Hypothesis likes
    to draw the simplest again and again.

    Args:
        drawn: The calls.
        judge: Executes a sequence.
        effort: When to stop.
        seed: Where all chance comes from: the same seed, the same sequences. How many of them depends on time.
        clock: Seconds from some start.

    Raises:
        Exception: Whatever the function raises.
    """
    random = Random(f"{seed}/equivalence")  # noqa: S311 (reproducible on purpose)
    different: dict[str, dict[str, Call]] = {}
    for call in drawn:
        different.setdefault(call.operation, {})[repr(call)] = call
    kinds = {operation: list(calls.values()) for operation, calls in different.items()}
    deadline_s = clock() + effort.search_s
    for number in range(effort.sequences):
        if clock() > deadline_s:
            return Outcome(disagreement=None, sequences=number, complete=False)
        if found := judge([random.choice(kinds[one.operation]) for one in random.choices(drawn, k=effort.length)]):
            found, complete = _shortened(found, drawn, judge, clock, clock() + effort.shrink_s)
            return Outcome(disagreement=found, sequences=number + 1, complete=complete)
    return Outcome(disagreement=None, sequences=effort.sequences, complete=True)


def _shortened(
    found: Disagreement, drawn: Sequence[Call], judge: Judge, clock: Callable[[], float], deadline_s: float
) -> tuple[Disagreement, bool]:
    """Return what is left of a disagreement when no call can be dropped, and whether there was time for that."""

    def over() -> bool:
        return clock() > deadline_s

    found = _with_simpler_calls(_with_fewer_calls(found, judge, over), drawn, judge, over)
    return found, not over()


def _with_fewer_calls(found: Disagreement, judge: Judge, over: Callable[[], bool]) -> Disagreement:
    """Drop half of the calls, a quarter, and so on to single ones, from the end, as long as something disagrees.

    Each call that is left is then needed. That is delta debugging without its tests of subsets: Zeller and Hildebrandt
    (2002), "Simplifying and isolating failure-inducing input".
    """
    size = max(1, len(found.calls) // 2)
    while size:
        end = before = len(found.calls)
        while end > 0 and not over():
            calls = found.calls
            found = judge([*calls[: max(0, end - size)], *calls[end:]]) or found
            end = min(end - size, len(found.calls))
        if size > 1 or len(found.calls) == before:
            size //= 2
    return found


def _with_simpler_calls(
    found: Disagreement, drawn: Sequence[Call], judge: Judge, over: Callable[[], bool]
) -> Disagreement:
    """Put shorter calls of the same operation in the place of each, as long as something disagrees."""
    for position in range(len(found.calls)):
        for simpler in _simpler(found.calls[position], drawn) if position < len(found.calls) else ():
            if over():
                return found
            calls = found.calls
            if again := judge([*calls[:position], simpler, *calls[position + 1 :]]):
                found = again
                break
    return found


def _simpler(call: Call, drawn: Sequence[Call]) -> list[Call]:
    """Return calls of the same operation that are shorter to write, or as short and first by name, in this order."""

    def order(text: str) -> tuple[int, str]:
        return len(text), text

    same = {repr(other): other for other in drawn if other.operation == call.operation}
    simpler = sorted((text for text in same if order(text) < order(repr(call))), key=order)
    return [same[text] for text in simpler[:_SIMPLER_TRIED]]
