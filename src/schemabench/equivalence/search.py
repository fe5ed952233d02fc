"""The search for a short sequence of calls after which a candidate and the model disagree.

Owns drawing calls, composing sequences, shrinking them, and the time limits. Must not know servers: a function that
executes a sequence is passed in. Why Hypothesis draws the calls, but neither composes nor shrinks their sequences:
docs/decisions/0012-sequences-of-calls.md.
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
"""Simpler calls tried in place of a call that cannot be dropped."""

Judge = Callable[[Sequence[Call]], Disagreement | None]
"""Executes a sequence from a database without rows, and returns the disagreement, if any."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """The effort of a search."""

    drawn: int
    """Calls to compose sequences of, at most."""
    sequences: int
    """Sequences to execute, at most."""
    length: int
    """Calls in each. Rows are compared after every call, so a long sequence also tests its prefixes."""
    search_s: float
    """Time after which no further sequence is started."""
    shrink_s: float
    """Time after which a sequence found is not shortened further."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a search."""

    disagreement: Disagreement | None
    """The shortest disagreement found."""
    sequences: int
    """The number executed to find it, without those to shorten it."""
    complete: bool
    """Whether it ended within its time limits."""


def draw(strategy: "SearchStrategy[Call]", number: int, seed: int) -> list[Call]:
    """Return about `number` calls of a strategy, the same for the same seed and version of Hypothesis.

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
    """Execute sequences of the drawn calls until one disagrees, and shorten that one.

    An operation occurs as often as it was drawn, but each of its different calls is equally likely: Hypothesis tends to
    draw the simplest call repeatedly.

    Args:
        drawn: The calls.
        judge: Executes a sequence.
        effort: When to stop.
        seed: The same seed gives the same sequences. Their number depends on time.
        clock: Seconds from some start.

    Raises:
        Exception: Any exception of `judge`.
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
    """Return a disagreement from which no call can be dropped, and whether there was time to find it."""

    def over() -> bool:
        return clock() > deadline_s

    found = _with_simpler_calls(_with_fewer_calls(found, judge, over), drawn, judge, over)
    return found, not over()


def _with_fewer_calls(found: Disagreement, judge: Judge, over: Callable[[], bool]) -> Disagreement:
    """Drop half of the calls, a quarter, and so on to single ones, from the end, while the rest still disagrees.

    Each remaining call is then needed. This is delta debugging without its tests of subsets: Zeller and Hildebrandt
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
    """Replace each call by a simpler one of the same operation, while the rest still disagrees."""
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
    """Return calls of the same operation with a shorter text, or as short and first in the alphabet, in this order."""

    def order(text: str) -> tuple[int, str]:
        return len(text), text

    same = {repr(other): other for other in drawn if other.operation == call.operation}
    simpler = sorted((text for text in same if order(text) < order(repr(call))), key=order)
    return [same[text] for text in simpler[:_SIMPLER_TRIED]]
