"""How old the answers of an entrant were: what had been committed before a read was sent, and was not in its answer.

Owns the ages, in seconds of production. Must not judge them: `gates` does. There is no clock but that of the load loop,
and nothing that a candidate says about itself: an answer counts rows, and the rows that were committed are known. The
missing rows are taken for the newest ones, so that an age is never exaggerated by their order. See docs/staleness.md.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemabench.experiment.burst import Burst
from schemabench.experiment.feed import Feed
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Executed, Team, beating
from schemabench.records import Staleness

FEWEST_FOR_P99 = 100
"""With fewer answers, the 99th percentile is the oldest one."""

Ages = NDArray[np.float64]
"""Two rows, a column for each answer, in seconds of production: its age, and what is certain of it in a trial: the age
of what had been committed before the burst began, when nothing was under way."""


class Freshness:
    """The ages of all entrants' answers, burst after burst.

    Args:
        plan: Has the model that says which answers may be old, and what a burst stands for in production.
        feed: Has the background, whose rows answers count, too.
        team: Executes the bursts.
    """

    def __init__(self, plan: Plan, feed: Feed, team: Team) -> None:
        model = plan.found.workload.model
        self.within_s = model.fresh_within_s if model and plan.production_s is not None else 0.0
        """How old answers may be; 0 if they are not measured."""
        self.by_several_clocks = False
        """Whether ages at production's pace are unknown, because workers on several hosts noted writes and reads."""
        self._paced: dict[tuple[str, str], Ages] = {}
        self._trials: dict[tuple[str, str], dict[int, Ages]] = defaultdict(dict)
        self._production_s = plan.production_s or 0.0
        self._weights = sum(writer.weight for writer, _ in plan.writers)
        background = beating(team, feed.background()) if self.within_s else ()
        loaded = sum(chunk.written for chunk in background if chunk.operation in feed.counted)
        self._committed: dict[str, int] = defaultdict(lambda: loaded)

    def observe(self, name: str, burst: Burst, executed: Executed) -> dict[str, Ages]:
        """Return the ages of the answers in a burst that an entrant has executed, by operation.

        Every burst that changes rows must be observed, also one whose ages do not matter.
        """
        if not self.within_s:
            return {}
        before = self._committed[name]
        writes = sorted(
            (done, burst.counted[number]) for number, _, done, _ in executed.noted if number in burst.counted
        )
        times_ns = np.array([done for done, _ in writes], dtype=np.int64)
        totals = before + np.concatenate([[0], np.cumsum([rows for _, rows in writes], dtype=np.int64)])
        self._committed[name] = int(totals[-1])
        rows_per_s = sum(burst.counted.values()) / (self._production_s * len(burst.operations) / self._weights)
        found: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for number, begun_ns, _, included in executed.noted:
            operation = burst.operations[number]
            if operation in burst.includes and rows_per_s:
                committed = int(totals[np.searchsorted(times_ns, begun_ns, side="right")])
                missing = max(0, committed - included), max(0, before - included)
                found[operation].append((missing[0] / rows_per_s, missing[1] / rows_per_s))
        return {operation: np.array(ages).T for operation, ages in found.items()}

    def keep(self, name: str, block: int, ages: Mapping[str, Ages]) -> None:
        """Keep the ages of a trial."""
        for operation, some in ages.items():
            self._trials[name, operation][block] = some

    def keep_paced(self, name: str, ages: Mapping[str, Ages], *, one_clock: bool) -> None:
        """Keep the ages at production's pace, which decide: not without one clock for the writes and the reads."""
        if one_clock:
            self._paced |= {(name, operation): some for operation, some in ages.items()}
        else:
            self.by_several_clocks |= bool(ages)

    def of(self, name: str, blocks: set[int]) -> tuple[Staleness, ...]:
        """Return how old an entrant's answers were in the trials of some blocks, and at production's pace."""
        trials = {
            operation: np.concatenate(kept, axis=1)
            for (entrant, operation), by_block in sorted(self._trials.items())
            if entrant == name and (kept := [ages for block, ages in by_block.items() if block in blocks])
        }
        paced = {operation: ages for (entrant, operation), ages in sorted(self._paced.items()) if entrant == name}
        return (*self._summaries("trials", trials), *self._summaries("adequacy", paced))

    def _summaries(self, phase: Literal["trials", "adequacy"], ages: Mapping[str, Ages]) -> tuple[Staleness, ...]:
        return tuple(
            Staleness(
                operation=operation,
                phase=phase,
                within_s=self.within_s,
                count=len(some),
                p50_s=_level(some, 0.5),
                p99_s=_level(some, 0.99) if len(some) >= FEWEST_FOR_P99 else None,
                oldest_s=float(some.max()),
                certain_s=float((certain if phase == "trials" else some).max()),
            )
            for operation, (some, certain) in ages.items()
        )


def _level(ages: NDArray[np.float64], level: float) -> float:
    return float(np.quantile(ages, level, method="inverted_cdf"))
