"""The processes that execute a burst: this one alone, or several together.

Owns the result of an executed burst, and how the parts of several processes add up. Must not know how processes
communicate.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemabench import machine
from schemabench.experiment.burst import Burst, Turn
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.loaded import Loaded
from schemabench.experiment.plan import Plan
from schemabench.experiment.sessions import since, summed
from schemabench.load import Drive, Limits, Others, Talk
from schemabench.load.session import Accepted, Undone
from schemabench.monitor.conditions import Held
from schemabench.units import NANOSECONDS

Samples = Mapping[str, NDArray[np.int64]]
"""Operation -> service times in nanoseconds; for a burst with a pace `PACED` rows, with a column for each started
call."""
PACED = 5
"""The number of the call, its delay between due and start, its service time until it was done or cut off, 1 if it was
done, and for how long it occupied a connection by itself: 0 if it was part of another call's request."""
_One = TypeVar("_One")
_LAG_LEVEL = 0.99
_CLOCK = machine.clock()


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process's part of an executed burst."""

    clock: str
    """Whose clock: times of one clock can be compared, times of two cannot."""
    started_ns: int
    """On the clock of `time.perf_counter_ns`."""
    duration_ns: int
    writers_ns: Mapping[str, int]
    """Writer -> the time from the start to its last response in this process."""
    busy_ns: int
    """For how long the process's load loop was busy."""
    retried: Undone = field(default_factory=dict)
    """Attempts that were rolled back and repeated."""
    accepted: Undone = field(default_factory=dict)
    """Calls that were rolled back and left at that."""
    lost_rows: int = 0
    """The logical rows of these calls."""
    paused_ns: int = 0
    """The total time for which its connections paused before retries."""
    lag_ns: int = 0
    """For a burst with a pace: the load loop's own delay in starting calls, at the 99th percentile."""
    done: int = 0
    """Calls that were executed to their end."""
    cut: bool = False
    """Whether it was cut short because it exceeded its limit."""
    spent_ns: Mapping[str, int] = field(default_factory=dict)
    """If it was cut short: operation -> the time of its calls, running ones included."""
    noted: tuple[tuple[int, int, int, int], ...] = ()
    """A call's number, from the start until it was begun and until it was done, and the sum that its answer had."""


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A burst executed by all processes together."""

    duration_s: float
    """On one host, from the first start to the last response; on several, the duration of the slowest process."""
    writers_s: Mapping[str, float]
    """Writer -> from the start to its last response."""
    busy_shares: tuple[float, ...]
    """The share of the duration in which each process's load loop was busy, 0 to 1: one that is done early is idle."""
    retried: Undone
    """Attempts that were rolled back and repeated."""
    accepted: Undone = field(default_factory=dict)
    """Calls that were rolled back and left at that."""
    lost_rows: int = 0
    """The logical rows of these calls."""
    paused_s: float = 0.0
    """The total time for which connections paused before retries."""
    lag_ns: int
    """The longest lag of any process, as in `Part`."""
    done: int = 0
    """Calls that were executed to their end."""
    cut: bool = False
    """Whether it was cut short in any process: its figures then mean only that."""
    spent_s: Mapping[str, float] = field(default_factory=dict)
    """As in `Part`, summed over all processes."""
    noted: tuple[tuple[int, int, int, int], ...] = ()
    """As in `Part`, from the first start of any process."""
    one_clock: bool = True
    """Whether all of these times are of one clock; otherwise all processes are taken to have started at once."""


class Team(Protocol):
    """The processes of a run, seen from the leader."""

    @property
    def names(self) -> Sequence[str]:
        """The workers, in the order of `Executed.busy_shares`; empty if this process is no worker."""

    @property
    def positions(self) -> Sequence[int]:
        """The connections that belong to this process, by their places."""

    def beat(self) -> None:
        """Show the other workers, now and then, that this process is at work while its sessions are idle."""

    def join(self, entrants: Sequence[Entrant], *, by_turns: bool = False) -> Mapping[str, Mapping[int, str]]:
        """Have all workers connect to the entrants; return the others' sessions of each: process id -> its part.

        With `by_turns`, they connect to the same entrants over and over, and bring new sessions to where the ones
        before were.
        """

    def leave(self) -> None:
        """Have the other workers disconnect from the entrants; `join` follows."""

    def announce(
        self,
        block: int,
        label: str,
        turns: Sequence[Turn],
        order: Sequence[Entrant],
        duration_s: float | None = None,
    ) -> None:
        """Announce the next block, so that all workers `make` the same bursts, and the order of its entrants.

        Args:
            block: Its number, by which records know it.
            label: What users know it by, as in `warm-up block 2`.
            turns: What each entrant executes before the next one, in order.
            order: The entrants in order.
            duration_s: The time within which the calls are due; None if they start as soon as a connection is free.
        """

    def skip(self) -> None:
        """Have the other workers skip the next burst."""

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None, limits: Limits
    ) -> tuple[Executed, Samples]:
        """Execute a burst together; return the result, with the service times of this process's own part.

        The limits apply to all workers; only this process reports progress.
        """

    def samples(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """Return the others' service times since the last request, by entrant and operation: with their block, flat."""

    def break_off(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """At any point, end the others' part; return as `samples` what those who are left hand over at once."""

    def conditions(self, names: Sequence[str], custom: Mapping[str, str]) -> Mapping[str, Sequence[Held]]:
        """Return the settings of the others' sessions with the named entrants; `custom` as for a session's."""


class Alone:
    """A team of one."""

    def __init__(self, plan: Plan) -> None:
        self.names: Sequence[str] = ()
        self.positions: Sequence[int] = range(len(plan.connections))

    def beat(self) -> None:
        """Do nothing: there are no others."""

    def join(self, entrants: Sequence[Entrant], *, by_turns: bool = False) -> Mapping[str, Mapping[int, str]]:
        """Return no sessions: there are no others."""
        _ = by_turns
        assert entrants, "an experiment has entrants"
        return {}

    def leave(self) -> None:
        """Do nothing: there are no others."""

    def announce(
        self,
        block: int,
        label: str,
        turns: Sequence[Turn],
        order: Sequence[Entrant],
        duration_s: float | None = None,
    ) -> None:
        """Do nothing: there are no others."""

    def skip(self) -> None:
        """Do nothing: there are no others."""

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None, limits: Limits
    ) -> tuple[Executed, Samples]:
        """Execute a burst."""
        part, samples = execute(entrant, entrant.sessions.load(burst), random, limits, watch)
        entrant.sessions.flush_statistics()
        return together([part]), samples

    def samples(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """Return nothing: there are no others."""
        return {}

    def break_off(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """Return nothing: there are no others."""
        return {}

    def conditions(self, names: Sequence[str], custom: Mapping[str, str]) -> Mapping[str, Sequence[Held]]:
        """Return nothing: there are no others."""
        _ = names, custom
        return {}


def beating(team: Team, some: Iterable[_One]) -> Iterator[_One]:
    """Yield what passes, while the other workers see that this process is at work."""
    for one in some:
        team.beat()
        yield one


def execute(  # noqa: PLR0913, PLR0917 (a burst and its surroundings)
    entrant: Entrant,
    loaded: Loaded,
    random: Random,
    limits: Limits,
    watch: tuple[int, Talk] | None = None,
    others: Others | None = None,
) -> tuple[Part, Samples]:
    """Execute this process's part of a burst.

    Args:
        entrant: The candidate.
        loaded: This process's part.
        random: Determines the jitter of retries.
        limits: The time limits.
        watch: A conversation to run at the same time, as in the load loop's `drive`.
        others: Another source of events, watched until the end, as in the load loop's `drive`.

    Raises:
        CandidateError: The server refused an operation, or a call exceeded its limit.
        ServerError: The server failed.
    """
    sessions = entrant.sessions
    retried, paused_ns = sessions.retried(), sessions.paused_ns()
    sessions.accepted()  # of a drive that failed
    with entrant.companions.beside() as beside:
        drive = sessions.drive(loaded, random, limits, watch, others, beside)
    writers_ns: dict[str, int] = {}
    for (_, writer), finished_ns in zip(sessions, drive.finished_ns, strict=True):
        writers_ns[writer.name] = max(writers_ns.get(writer.name, 0), finished_ns)
    latencies_ns = np.array(drive.latencies_ns, dtype=np.int64)
    operations, own = np.array(loaded.operations), latencies_ns > 0
    done = int(np.count_nonzero(own))
    samples_ns = latencies_ns
    if loaded.pace:
        samples_ns = _paced(loaded, drive, latencies_ns)
        own = samples_ns[2] > 0
    accepted, lost_rows = _left(loaded, sessions.accepted())
    part = Part(
        clock=_CLOCK,
        started_ns=drive.started_ns,
        duration_ns=drive.duration_ns,
        writers_ns=writers_ns,
        busy_ns=drive.busy_ns,
        retried=since(retried, sessions.retried()),
        accepted=accepted,
        lost_rows=lost_rows,
        paused_ns=sessions.paused_ns() - paused_ns,
        lag_ns=int(np.quantile(drive.lags_ns, _LAG_LEVEL, method="inverted_cdf")) if drive.lags_ns else 0,
        done=done,
        cut=drive.cut,
        spent_ns=_spent(loaded, drive) if drive.cut else {},
        noted=tuple(
            (number, begun_ns - drive.started_ns, done_ns - drive.started_ns, included)
            for number, (begun_ns, done_ns, included) in drive.noted.items()
        ),
    )
    return part, _by_operation(operations[own], samples_ns[..., own])


def _by_operation(operations: NDArray[np.str_], samples_ns: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return the samples of each operation, in their order; a workload may have a thousand."""
    names, which, counts = np.unique(operations, return_inverse=True, return_counts=True)
    sorted_ns = samples_ns[..., np.argsort(which, kind="stable")]
    each = np.split(sorted_ns, np.cumsum(counts)[:-1], axis=-1)
    return {str(name): own_ns for name, own_ns in zip(names, each, strict=False)}


def _left(loaded: Loaded, requests: Sequence[Accepted]) -> tuple[Undone, int]:
    """Return the calls of requests that were rolled back and left at that, by operation and reason, and their rows."""
    calls: Counter[tuple[str, str]] = Counter()
    rows = 0
    for number, operation, reason in requests:
        own = loaded.calls_of(number)
        calls[operation, reason] += len(own)
        rows += sum(loaded.written[one] for one in own)
    return dict(calls), rows


def _spent(loaded: Loaded, drive: Drive) -> dict[str, int]:
    """Return for how long each operation was executed, by the calls that are done and those that are not."""
    spent_ns: Counter[str] = Counter()
    followers = set(loaded.followers)
    for number, latency_ns in enumerate(drive.latencies_ns):
        if number not in followers and (elapsed_ns := latency_ns or drive.flying_ns.get(number, 0)):
            spent_ns[loaded.operations[number]] += elapsed_ns
    return dict(spent_ns)


def _paced(loaded: Loaded, drive: Drive, latencies_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what is known of the calls of a burst with a pace; service times of 0 for those not begun here."""
    service_ns = latencies_ns.copy()
    for number, flying_ns in drive.flying_ns.items():
        service_ns[number] = max(1, flying_ns)
    delays_ns, occupied_ns = np.array(drive.delays_ns, dtype=np.int64), service_ns.copy()
    occupied_ns[loaded.followers] = 0
    # A request takes one of the places that its connection has in flight.
    occupied_ns //= np.array([loaded.depths.get(operation, 1) for operation in loaded.operations], dtype=np.int64)
    done = (latencies_ns > 0).astype(np.int64)
    return np.stack([np.arange(len(service_ns)), delays_ns, service_ns, done, occupied_ns])


def together(parts: Sequence[Part]) -> Executed:
    """Return what several processes did of one burst."""
    one_clock = len({part.clock for part in parts}) == 1
    start_ns = {id(part): part.started_ns if one_clock else 0 for part in parts}
    first_ns = min(start_ns.values())
    writers_ns: dict[str, int] = {}
    spent_ns: Counter[str] = Counter()
    for part in parts:
        spent_ns.update(part.spent_ns)
        for writer, finished_ns in part.writers_ns.items():
            elapsed_ns = start_ns[id(part)] - first_ns + finished_ns
            writers_ns[writer] = max(writers_ns.get(writer, 0), elapsed_ns)
    whole_ns = max(start_ns[id(part)] + part.duration_ns for part in parts) - first_ns
    return Executed(
        duration_s=whole_ns / NANOSECONDS,
        writers_s={writer: elapsed_ns / NANOSECONDS for writer, elapsed_ns in writers_ns.items()},
        busy_shares=tuple(min(1.0, part.busy_ns / whole_ns) if whole_ns else 0.0 for part in parts),
        retried=summed(part.retried for part in parts),
        accepted=summed(part.accepted for part in parts),
        lost_rows=sum(part.lost_rows for part in parts),
        paused_s=sum(part.paused_ns for part in parts) / NANOSECONDS,
        lag_ns=max(part.lag_ns for part in parts),
        done=sum(part.done for part in parts),
        cut=any(part.cut for part in parts),
        spent_s={operation: elapsed_ns / NANOSECONDS for operation, elapsed_ns in spent_ns.items()},
        noted=tuple(
            (number, begun_ns + late_ns, done_ns + late_ns, included)
            for part in parts
            for late_ns in (start_ns[id(part)] - first_ns,)
            for number, begun_ns, done_ns, included in part.noted
        ),
        one_clock=one_clock,
    )
