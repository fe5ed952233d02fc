"""The verdict on an entrant's replay of the production load.

Owns each writer's utilisation, its backlog at the end, and the definition of keeping up. Must not execute anything, nor
compare candidates.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemabench import statistics
from schemabench.experiment.burst import Burst
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import PACED, Executed
from schemabench.records import Adequacy, Estimate, Latency, Pacing
from schemabench.units import NANOSECONDS

Paced = Mapping[str, Sequence[NDArray[np.int64]]]
"""Operation -> each process's timings of its calls, as in `Samples`; those of other processes are flat."""
_PACE_IS_KNOWN = "a burst without a pace says nothing of it"


@dataclass(frozen=True, kw_only=True)
class Calls:
    """The timings of each call, by its number: all arrays of shape (calls,), times in seconds from the start."""

    operations: NDArray[np.str_]
    places: NDArray[np.int64]
    """The connection, counted over all writers."""
    due_s: NDArray[np.float64]
    begun_s: NDArray[np.float64]
    """Infinite for a call that was never started."""
    service_s: NDArray[np.float64]
    """Until the cut for a call that was cut off; the mean of its operation, or 0 without one, for a call that was never
    started."""
    occupied_s: NDArray[np.float64]
    """By itself: as `service_s`, but 0 for one that was part of another's request."""
    ended_s: NDArray[np.float64]
    """The end of the burst for calls without a response, which would have come later."""
    answered: NDArray[np.bool_]

    @property
    def begun(self) -> NDArray[np.bool_]:
        """Whether each call was started."""
        return np.isfinite(self.begun_s)

    @property
    def responses_s(self) -> NDArray[np.float64]:
        """The time from when each call was due to its response."""
        return self.ended_s - self.due_s


def judge(plan: Plan, burst: Burst, executed: Executed, paced: Paced) -> Adequacy:
    """Return the verdict on an entrant.

    Args:
        plan: Has the writers.
        burst: The burst to execute, with its pace.
        executed: The executed part.
        paced: The timings of the calls.
    """
    assert burst.pace is not None, _PACE_IS_KNOWN
    duration_s = burst.pace.duration_s
    calls = _calls(burst, executed.duration_s, paced)
    writers = tuple(_writers(plan, calls, duration_s))
    late = calls.begun_s > duration_s
    owners = np.array([burst.owners[place] for place in calls.places])
    waiting = {one.name: int(np.count_nonzero(late & (owners == one.name))) for one in writers}
    together = _latency("all", calls.responses_s, 0)
    undone = dict.fromkeys(sorted(set(burst.operations)), 0)
    for (operation, _), count in executed.retried.items():
        undone[operation] += count
    responses, services = (
        tuple(_latency(one, times[(calls.operations == one) & kept], count) for one, count in undone.items())
        for times, kept in ((calls.responses_s, True), (calls.service_s, calls.begun))
    )
    return Adequacy(
        duration_s=duration_s,
        elapsed_s=executed.duration_s,
        operations_per_s=len(burst.operations) / duration_s,
        p99_ns=together.p99_ns,
        max_ns=together.max_ns,
        responses=responses,
        services=services,
        lag_p99_ns=float(executed.lag_ns),
        waiting={writer: count for writer, count in waiting.items() if count},
        writers=writers,
        cut=executed.cut,
        keeps_up=_all([one.keeps_up for one in writers]),
    )


def _calls(burst: Burst, elapsed_s: float, paced: Paced) -> Calls:
    """Return the timings of each call."""
    assert burst.pace is not None, _PACE_IS_KNOWN
    count = len(burst.operations)
    places = np.zeros(count, dtype=np.int64)
    for place, queue in enumerate(burst.queues):
        places[[call.number for call in queue]] = place
    known = [rows.reshape(PACED, -1) for some in paced.values() for rows in some]
    numbers, delays_ns, services_ns, done, occupied_ns = np.concatenate(
        [*known, np.zeros((PACED, 0), dtype=np.int64)], axis=1
    )
    due_s = np.array(burst.pace.due_s)
    begun_s, answered = np.full(count, np.inf), np.zeros(count, dtype=bool)
    service_s, occupied_s = np.zeros(count), np.zeros(count)
    begun_s[numbers] = due_s[numbers] + delays_ns / NANOSECONDS
    service_s[numbers] = services_ns / NANOSECONDS
    occupied_s[numbers] = occupied_ns / NANOSECONDS
    answered[numbers] = done > 0
    operations = np.array(burst.operations)
    for one in np.unique(operations[np.isinf(begun_s)]):
        like = (operations == one) & np.isfinite(begun_s)
        for times_s in (service_s, occupied_s):
            times_s[(operations == one) & ~like] = times_s[like].mean() if like.any() else 0.0
    return Calls(
        operations=operations,
        places=places,
        due_s=due_s,
        begun_s=begun_s,
        service_s=service_s,
        occupied_s=occupied_s,
        ended_s=np.where(answered, begun_s + service_s, np.maximum(elapsed_s, due_s)),
        answered=answered,
    )


def _writers(plan: Plan, calls: Calls, duration_s: float) -> Iterator[Pacing]:
    """Yield the verdict on each writer with calls."""
    first = 0
    for writer, clients in plan.writers:
        own = (calls.places >= first) & (calls.places < first + clients)
        if own.any():
            yield _pacing(writer.name, range(first, first + clients), calls, own, duration_s)
        first += clients


def _pacing(name: str, places: Sequence[int], calls: Calls, own: NDArray[np.bool_], duration_s: float) -> Pacing:
    clients = len(places)
    used = statistics.utilisation(_requests(calls.occupied_s[own]), clients * duration_s)
    busiest = _busiest(places, calls, duration_s)
    left_s = np.clip(calls.begun_s[own] + calls.service_s[own] - duration_s, 0, calls.occupied_s[own])
    backlog_s = float(left_s.sum()) / clients
    drain_s = backlog_s / (1 - used.value) if used.value < 1 else None
    slowest_s = float(calls.responses_s[own].max())
    falls_behind = used.value >= 1 or (busiest is not None and busiest.low >= 1) or not calls.answered[own].all()
    is_sure = used.high < 1 and drain_s is not None and max(drain_s, slowest_s) <= duration_s
    return Pacing(
        name=name,
        clients=clients,
        utilisation=used,
        busiest=busiest,
        backlog_s=backlog_s,
        drain_s=drain_s,
        slowest_s=slowest_s,
        keeps_up=False if falls_behind else True if is_sure else None,
    )


def _busiest(places: Sequence[int], calls: Calls, duration_s: float) -> Estimate | None:
    """Return the utilisation of the connection with the highest interval; None if it adds nothing to the writer's."""
    if len(places) == 1:
        return None
    own = [_requests(calls.occupied_s[calls.places == place]) for place in places]
    enough = [occupied_s for occupied_s in own if len(occupied_s) >= statistics.FEWEST_CALLS]
    known = [statistics.utilisation(occupied_s, duration_s, jointly=len(enough)) for occupied_s in enough]
    return max(known, key=lambda one: one.low, default=None)


def _requests(occupied_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the times of requests, by those of calls: a request is counted once, however many calls it has."""
    found = occupied_s[occupied_s > 0]
    return found if len(found) else occupied_s


def _all(verdicts: Sequence[bool | None]) -> bool | None:
    """Return whether all are true; None if none is false but some are unknown."""
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _latency(operation: str, times_s: NDArray[np.float64], retries: int) -> Latency:
    """Return the percentiles of times; empty ones if no call was started."""
    if not len(times_s):
        return Latency(operation=operation, count=0, p50_ns=None, p95_ns=None, p99_ns=None, max_ns=0.0, retries=retries)
    return statistics.latency(operation, np.rint(times_s * NANOSECONDS).astype(np.int64), retries)
