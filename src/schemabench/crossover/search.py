"""The choice of cardinalities: Hypothesis climbs towards those where a candidate performs worst.

Owns the search. Must not measure: a function that probes a cardinality is passed in.

Hypothesis climbs by `target`, which needs a reproducible figure. The server's counters nearly are, but throughput is
noise.
"""

import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from itertools import count
from math import log
from typing import TYPE_CHECKING, Any

from schemabench.cardinality import values
from schemabench.errors import WorkloadError
from schemabench.records import Probe

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

FIRST_ROUND = 16
"""Examples in the first round; each further one has twice as many. Hypothesis draws the first half of a round at random
and climbs with the rest. Short rounds let a short search climb at all, long rounds let a long search find higher hills,
and every round starts somewhere else."""


def key(cardinality: Any) -> str:  # noqa: ANN401 (a workload's own type)
    """Return a text that identifies a cardinality."""
    return json.dumps(values(cardinality), sort_keys=True, default=str)


@dataclass(kw_only=True)
class Search:
    """A search over the cardinalities of a strategy.

    Attributes:
        strategy: The source of cardinalities.
        look: Probes a cardinality; an exception ends the search.
        over: Returns whether there is no time for another probe.
        both: Whether to climb in the other direction, too, to where the candidate performs best.
        known: Key -> probe, in order; the search continues after them.
    """

    strategy: "SearchStrategy[Any]"
    look: Callable[[Any], Probe]
    over: Callable[[], bool]
    both: bool
    known: MutableMapping[str, Probe]
    _visited: set[str] = field(default_factory=set)
    """The keys that this search has come to, known before or not."""

    def run(self, seed: int) -> None:
        """Probe one cardinality after the other until the time is over or there are no new ones.

        With the same seed and the same figures it makes the same choices, so that an interrupted search can be resumed.

        Raises:
            WorkloadError: The strategy fails. Probes so far are in `known`.
        """
        for number in count():
            before = len(self._visited)
            self._round(seed + number, FIRST_ROUND * 2**number)
            if self.over() or len(self._visited) == before:
                return

    def _round(self, seed: int, examples: int) -> None:
        from hypothesis import HealthCheck, Phase, given, settings, target  # noqa: PLC0415 (takes a third of a second)
        from hypothesis import seed as seeded  # noqa: PLC0415

        failures: list[Exception] = []

        @seeded(seed)
        @settings(
            max_examples=examples,
            phases=[Phase.generate, Phase.target],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(self.strategy)
        def visit(cardinality: Any) -> None:  # noqa: ANN401 (a workload's own type)
            place = key(cardinality)
            if place not in self.known:
                if failures or self.over():
                    return
                try:
                    self.known[place] = self.look(cardinality)
                except Exception as failure:  # noqa: BLE001 (Hypothesis would try it again; it is raised below)
                    failures.append(failure)
                    return
            self._visited.add(place)
            if (cost := self.known[place].cost) is not None:
                target(log(cost), label="worst")
                if self.both:
                    target(-log(cost), label="best")

        try:
            visit()
        except Exception as cause:
            raise WorkloadError(f"The strategy failed: {type(cause).__name__}: {cause}") from cause
        if failures:
            raise failures[0]
