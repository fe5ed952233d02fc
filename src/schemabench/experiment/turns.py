"""The turns of one entrant in a soak: its bursts, one after the other, and what they leave.

Owns an entrant's copy of a template for its soak, the calls that it executes there, and the record of a turn. Must not
know other entrants. Nothing but its own calls and the server's own autovacuum touches the copy.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.errors import LockNotAvailable

from schemabench import statistics
from schemabench.experiment import bounds, failures
from schemabench.experiment.burst import Burst, make
from schemabench.experiment.entrant import Entrant, enter
from schemabench.experiment.feed import Feed
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Alone, Executed, Samples
from schemabench.load import LostConnectionError
from schemabench.monitor.counters import LOCK_LIMIT_S
from schemabench.monitor.vacuuming import Vacuuming
from schemabench.monitor.wear import Wear
from schemabench.records import SoakSlice
from schemabench.server import Server, lost, several
from schemabench.units import NANOSECONDS

_DELAY, _SERVICE, _OCCUPIED = 1, 2, 4
"""Rows of the samples of a burst with a pace: see `team.PACED`."""


class Pattern(NamedTuple):
    """What all turns of a soak have in common."""

    slice_s: float
    """The length of a turn."""
    rounds: int
    size: int
    """The multiplier of the writers' weights in each burst."""
    burst_s: float
    """How long a burst takes: in production if there is a pace, else about, under the baseline."""
    paced: bool


class _Totals(NamedTuple):
    """What the bursts of a turn add up to."""

    duration_s: float = 0.0
    operations: int = 0
    rows: int = 0
    retries: int = 0
    busy_s: float = 0.0
    """Time in which the load loop was busy."""
    occupied_s: float = 0.0
    """The time of all connections that calls took."""


@dataclass(kw_only=True)
class Turns:
    """One entrant in its soak.

    Attributes:
        plan: Has the writers and the limits.
        server: Where.
        entrant: The entrant, with all connections.
        wear: Reads what its work leaves.
        vacuuming: Looks for whom autovacuum is at work; all entrants share it.
        pattern: Of its turns.
        slices: Its turns so far.
        ended: Why it has left; empty while it takes part.
        bursts: How many it began.
    """

    plan: Plan
    server: Server
    entrant: Entrant
    wear: Wear
    vacuuming: Vacuuming
    pattern: Pattern
    slices: list[SoakSlice] = field(default_factory=list)
    ended: str = ""
    bursts: int = 0
    _feed: Feed = field(init=False)
    _team: Alone = field(init=False)
    _worked_s: float = 0.0

    def __post_init__(self) -> None:
        self._feed = self.plan.feed(goes_on=True)
        self._team = Alone(self.plan)

    def take(self, place: tuple[int, int], started_s: float) -> None:
        """Take one turn, until its part of the time is over; none if earlier turns have used that up.

        Args:
            place: The round and the position in it.
            started_s: Wall time since the soak began.

        Raises:
            CandidateError: The server refused an operation, or a call or a burst exceeded its limit.
            ServerError: The server failed.
        """
        due_s = (place[0] + 1) * self.pattern.slice_s
        if self._worked_s >= due_s:
            return
        worked_s, total = self._worked_s, _Totals()
        times_ns: list[NDArray[np.int64]] = []
        with self._words():
            self.wear.begin()
        self.vacuuming.begin()
        while not times_ns or (self._worked_s < due_s and not self.pattern.paced):
            burst, (executed, samples) = self._burst()
            total = _added(total, burst, executed, samples)
            times_ns.append(_times_ns(samples, paced=self.pattern.paced))
            self._worked_s = worked_s + total.duration_s
        with self._words():
            state, meanwhile, looked_after = self.wear.end()
        self.entrant.companions.check()
        latency = statistics.latency("all", np.concatenate(times_ns), total.retries)
        self.slices.append(
            SoakSlice(
                round=place[0],
                position=place[1],
                started_s=started_s,
                worked_s=worked_s,
                duration_s=total.duration_s,
                operations=total.operations,
                rows=total.rows,
                retries=total.retries,
                rate=total.operations / (total.occupied_s if self.pattern.paced else total.duration_s),
                p50_ns=latency.p50_ns,
                p99_ns=latency.p99_ns,
                busy_share=min(1.0, total.busy_s / total.duration_s),
                state=state,
                meanwhile={**meanwhile, **_vacuum_shares(self.vacuuming)},
                looked_after=looked_after,
            )
        )

    def _burst(self) -> tuple[Burst, tuple[Executed, Samples]]:
        """Execute the next burst completely."""
        plan, pattern = self.plan, self.pattern
        duration_s = pattern.burst_s if pattern.paced else None
        burst = make(self._feed, plan.writers, self.bursts, pattern.size, duration_s)
        random = Random(f"{plan.seed}/jitter/soak/{self.bursts}/{self.entrant.name}")  # noqa: S311 (reproducible on purpose)
        self.bursts += 1
        limits = (bounds.pacing if pattern.paced else bounds.soaking)(plan, pattern.burst_s)
        watch = self.vacuuming.watch([one.name for one in self.entrant.databases])
        executed, samples = self._team.execute(self.entrant, burst, random, watch, limits)
        if executed.cut:
            raise bounds.cut_short(self.entrant, executed, len(burst.operations))
        return burst, (executed, samples)

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Raise a failed reading as an error of the server, and a table that remained locked in our words."""
        try:
            yield
        except LockNotAvailable as cause:
            raise failures.locked_table(self.entrant.template, LOCK_LIMIT_S) from cause
        except psycopg.Error as cause:
            raise lost(self.server, cause) from cause


def watching(server: Server, stack: ExitStack) -> Vacuuming:
    """Return what looks for whom autovacuum is at work, which lasts as long as the stack.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    try:
        return stack.enter_context(closing(Vacuuming(server.conninfo)))
    except LostConnectionError as failure:
        raise lost(server, failure) from failure


def begin(  # noqa: PLR0913, PLR0917 (one entrant and its surroundings)
    plan: Plan, server: Server, one: Entrant, pattern: Pattern, vacuuming: Vacuuming, stack: ExitStack
) -> Turns:
    """Return a second life of an entrant, in a new copy of its template, which lasts as long as the stack.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    template, name = one.template, one.name
    databases = several.clone(server, template.databases, f"{plan.found.workload.name}_{plan.cardinality}_{name}_soak")
    stack.callback(several.give_up, server, databases)
    entrant = stack.enter_context(closing(enter(template, name, databases, plan.connections, plan.round_trip_s, plan)))
    conninfos = [server.conninfo_for(one.name) for one in databases]
    try:
        wear = stack.enter_context(closing(Wear(conninfos, entrant.sessions.pids, local=server.is_local)))
    except psycopg.Error as cause:
        raise lost(server, cause) from cause
    return Turns(plan=plan, server=server, entrant=entrant, wear=wear, vacuuming=vacuuming, pattern=pattern)


def _vacuum_shares(vacuuming: Vacuuming) -> dict[str, float]:
    """Return for which shares of a turn autovacuum was at work; nothing if it was shorter than a look."""
    shares = vacuuming.shares()
    return {"own_vacuum_share": shares.own, "others_vacuum_share": shares.others} if shares else {}


def _added(total: _Totals, burst: Burst, executed: Executed, samples: Samples) -> _Totals:
    """Return the totals with one more burst; one with a pace lasts at least as long as production takes for it."""
    duration_s = max(executed.duration_s, burst.pace.duration_s if burst.pace else 0.0)
    occupied_ns = sum(float(rows[_OCCUPIED].sum()) for rows in samples.values()) if burst.pace else 0.0
    return _Totals(
        duration_s=total.duration_s + duration_s,
        operations=total.operations + len(burst.operations),
        rows=total.rows + burst.rows - executed.lost_rows,
        retries=total.retries + sum(executed.retried.values()),
        busy_s=total.busy_s + max(executed.busy_shares) * executed.duration_s,
        occupied_s=total.occupied_s + occupied_ns / NANOSECONDS,
    )


def _times_ns(samples: Samples, *, paced: bool) -> NDArray[np.int64]:
    """Return the time of each call: from when it was due if there is a pace, else from when it was sent."""
    times = [rows[_DELAY] + rows[_SERVICE] if paced else rows for rows in samples.values()]
    return np.concatenate(times)
