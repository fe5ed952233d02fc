"""How long calls were held up, in which stretch of a rehearsal.

Pure: it uses no clock and no connection. A response counts from when its call was due: a stall counts for all calls
that fell due during it. A call that was under way when the migration began may be held up by it, too, and counts there.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from schemabench.rehearsal.record import Stretch
from schemabench.units import NANOSECONDS


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The calls of a rehearsal's writers that were executed, whether they were refused or not."""

    numbers: NDArray[np.int64]
    """The place of each in the burst; likewise the next four, of each call."""
    operations: NDArray[np.str_]
    due_ns: NDArray[np.int64]
    """On the clock of `time.perf_counter_ns`."""
    delays_ns: NDArray[np.int64]
    """From then to when each was begun."""
    response_ns: NDArray[np.int64]
    """From when it was due to the last response."""
    failed: frozenset[int]
    """The numbers of those that were refused."""

    @cached_property
    def _failed(self) -> NDArray[np.bool_]:
        return np.isin(self.numbers, np.array(sorted(self.failed), dtype=np.int64))

    def within(self, begin_ns: float, end_ns: float) -> NDArray[np.bool_]:
        """Return which calls fell due in a stretch, its end exclusive."""
        return (self.due_ns >= begin_ns) & (self.due_ns < end_ns)

    def under_way(self, begin_ns: float, end_ns: float) -> NDArray[np.bool_]:
        """Return which calls fell due before the end of a stretch, and had not ended at its begin."""
        return (self.due_ns < end_ns) & (self.due_ns + self.response_ns > begin_ns)

    def mostly_in(self, stretches: Sequence[tuple[float, float]]) -> NDArray[np.int64]:
        """Return in which stretch each call spent most of its time, by its place: the first of equals, -1 for none.

        A call that one stretch held up is released at its end, and so is under way at the begin of the next one, too.

        Args:
            stretches: Their begins and ends.
        """
        found = np.full(len(self.numbers), -1, dtype=np.int64)
        most_ns = np.zeros(len(self.numbers))
        for place, (begin_ns, end_ns) in enumerate(stretches):
            spent_ns = np.minimum(self.due_ns + self.response_ns, end_ns) - np.maximum(self.due_ns, begin_ns)
            more = spent_ns > most_ns
            found[more], most_ns[more] = place, spent_ns[more]
        return found

    def behind(self, at_ns: float, late_ns: float, gathered: Collection[str]) -> tuple[int, float]:
        """Return how many calls that had not ended by then had been late to begin, and the longest wait in seconds.

        A wait ends when a connection is free: those of calls that wait are counted so far.

        Args:
            at_ns: The moment.
            late_ns: A call that waited for longer is late to begin.
            gathered: Operations whose calls wait for each other on purpose, and do not count.
        """
        open_ = (self.due_ns < at_ns) & (self.due_ns + self.response_ns > at_ns)
        open_ &= ~np.isin(self.operations, np.array(sorted(gathered), dtype=np.str_))
        waited_ns = np.minimum(self.delays_ns[open_], at_ns - self.due_ns[open_])
        late = waited_ns[waited_ns > late_ns]
        return len(late), float(late.max(initial=0)) / NANOSECONDS

    def names(self) -> Iterator[str]:
        """Yield the operations, in order of their names."""
        yield from map(str, np.unique(self.operations))

    def stretch(self, which: NDArray[np.bool_], late_ns: float) -> Stretch:
        """Return what is known of some calls. Of those that were refused, only late ones count: see `Stretch`."""
        response_ns, failed = self.response_ns[which], self._failed[which]
        late = response_ns > late_ns
        counting_ns = response_ns[late | ~failed]
        return Stretch(
            calls=len(counting_ns),
            late=int(np.count_nonzero(late)),
            longest_s=float(counting_ns.max()) / NANOSECONDS if len(counting_ns) else None,
            failed=int(np.count_nonzero(failed)),
        )

    def over_ns(self, begin_ns: float, end_ns: float) -> float:
        """Return when a stretch ended with all calls that were under way in it."""
        which = self.under_way(begin_ns, end_ns)
        return max(end_ns, float((self.due_ns[which] + self.response_ns[which]).max(initial=0)))


def calls(
    operations: Sequence[str],
    due_ns: Sequence[int],
    delays_ns: Sequence[int],
    latencies_ns: Sequence[int],
    failed: Collection[int],
) -> Calls:
    """Return the calls that were executed.

    Args:
        operations: The operation of each call, by its number.
        due_ns: When each was due, likewise.
        delays_ns: From then to when it was begun, likewise.
        latencies_ns: From then to its last response; 0 if it was not begun.
        failed: The numbers of those that were refused.
    """
    service_ns, delay_ns = np.array(latencies_ns, dtype=np.int64), np.array(delays_ns, dtype=np.int64)
    done = service_ns > 0
    return Calls(
        numbers=np.flatnonzero(done),
        operations=np.array(operations, dtype=np.str_)[done],
        due_ns=np.array(due_ns, dtype=np.int64)[done],
        delays_ns=delay_ns[done],
        response_ns=(delay_ns + service_ns)[done],
        failed=frozenset(failed),
    )
