"""Where to look: Hypothesis chooses cardinalities, and climbs towards those at which a candidate looks worst.

Owns the search. Must not measure: it is told what a cardinality looks like.

Hypothesis climbs by `target`, which wants a figure that is the same every time: what the server counts is nearly so,
where throughput would have it chase noise.
"""

import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from itertools import count
from math import log
from typing import TYPE_CHECKING, Any

from schemabench.cardinality import values
from schemabench.records import Probe

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

FIRST_ROUND = 16
"""Examples in the first round; each further one has twice as many. Hypothesis draws the first half of a round at random
and climbs with the others: a short search must come to climb at all, a long one finds higher hills by long rounds, and
every round begins somewhere else."""


def key(cardinality: Any) -> str:  # noqa: ANN401 (a workload's own type)
    """Return what tells a cardinality from others."""
    return json.dumps(values(cardinality), sort_keys=True, default=str)


@dataclass(kw_only=True)
class Search:
    """A search over the cardinalities of a strategy.

    Attributes:
        strategy: Where cardinalities come from.
        look: What a cardinality looks like; what it raises ends the search.
        over: Whether there is no time for another look.
        both: Whether to climb the other way too, to where the candidate looks best.
        known: By `key`, those that were looked at, in order; it goes on after them.
    """

    strategy: "SearchStrategy[Any]"
    look: Callable[[Any], Probe]
    over: Callable[[], bool]
    both: bool
    known: MutableMapping[str, Probe]

    def run(self, seed: int) -> None:
        """Look at one cardinality after the other until the time is over or there are no new ones.

        With the same seed and the same figures it goes the same way, so that one that was interrupted can go on.
        """
        for number in count():
            before = len(self.known)
            self._round(seed + number, FIRST_ROUND * 2**number)
            if self.over() or len(self.known) == before:
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
            if (cost := self.known[place].cost) is not None:
                target(log(cost), label="worst")
                if self.both:
                    target(-log(cost), label="best")

        visit()
        if failures:
            raise failures[0]
