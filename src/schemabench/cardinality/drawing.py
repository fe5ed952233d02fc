"""Cardinalities drawn from a strategy, spread over its whole range.

Owns the draw: the same seed gives the same cardinalities, with the same version of Hypothesis and the same source
(Hypothesis takes constants from modules next to it). Hence runs use frozen cardinalities. Must not write anything.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from schemabench.cardinality.identity import values
from schemabench.cardinality.spread import spread
from schemabench.errors import WorkloadError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Cardinality = TypeVar("Cardinality")

_POOL_FOR_EACH = 25
"""Examples per drawn cardinality: more hardly improve the spread."""
_MOST = 1_000
"""Cardinalities in one draw, at most: the time to choose them grows with the square of their number."""


def draw(strategy: "SearchStrategy[Cardinality]", number: int, seed: int) -> list[Cardinality]:
    """Return `number` different cardinalities, far from each other.

    Hypothesis starts with the smallest example and prefers small ones: many are drawn, and a spread of them is taken.
    Distances are between ranks within each field, so that the scale of a field does not matter.

    Raises:
        WorkloadError: The strategy has fewer different examples, or fails.
    """
    assert 0 < number <= _MOST, f"The number of cardinalities is {number}, not from 1 to {_MOST:,}"
    pool = _pool(strategy, number * _POOL_FOR_EACH, seed)
    if len(pool) < number:
        raise WorkloadError(
            f"The strategy gave {len(pool)} different cardinalities, fewer than the {number} to draw",
            remedies=[f"draw fewer: -n {len(pool)}", "widen the strategy"],
        )
    return [pool[one] for one in spread(_ranks([values(one) for one in pool]), number)]


def _pool(strategy: "SearchStrategy[Cardinality]", number: int, seed: int) -> list[Cardinality]:
    """Return different examples of a strategy, in the order in which they are drawn."""
    from hypothesis import HealthCheck, Phase, given, settings  # noqa: PLC0415 (takes a third of a second to load)
    from hypothesis import seed as seeded  # noqa: PLC0415

    found: dict[str, Cardinality] = {}

    @seeded(seed)
    @settings(
        max_examples=number,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(one: Cardinality) -> None:
        found.setdefault(repr(one), one)

    try:
        collect()
    except Exception as cause:
        raise WorkloadError(f"The strategy failed: {type(cause).__name__}: {cause}") from cause
    return list(found.values())


def _ranks(pool: Sequence[Mapping[str, object]]) -> list[tuple[float, ...]]:
    """Return the rank of each cardinality in each field, from 0 to 1."""
    columns = []
    for field in pool[0]:
        distinct = sorted({one[field] for one in pool}, key=_sortable)
        place = {value: rank / max(1, len(distinct) - 1) for rank, value in enumerate(distinct)}
        columns.append([place[one[field]] for one in pool])
    return list(zip(*columns, strict=True))


def _sortable(value: Any) -> tuple[str, Any]:  # noqa: ANN401 (a plain value of any type)
    return type(value).__name__, value
