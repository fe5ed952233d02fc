"""Who executes a burst: this process alone, or several together.

Owns what is known of an executed burst, and how the parts of several processes add up. Must not know how processes
talk to each other.
"""

import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemabench.experiment.burst import Burst, Pace
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.loaded import Loaded
from schemabench.experiment.plan import Plan
from schemabench.load import Others, Talk
from schemabench.load.session import Retried
from schemabench.monitor.conditions import Held
from schemabench.units import NANOSECONDS

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_HOST = f"{socket.gethostname()} {_BOOT.read_text(encoding='ascii').strip() if _BOOT.exists() else ''}"
"""Machines made from one image have one name."""
Samples = Mapping[str, NDArray[np.int64]]
"""Operation -> service times in nanoseconds; of a burst with a pace two rows, service times and response times, the
latter from when each call was due."""
_LAG_LEVEL = 0.99


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one process did of a burst."""

    host: str
    """Where, and since which start: the clocks of one host can be compared, those of two cannot."""
    started_ns: int
    """On the clock of `time.perf_counter_ns`."""
    duration_ns: int
    writers_ns: Mapping[str, int]
    """Writer -> from the start to its last response here."""
    busy_share: float
    """The share of its duration in which the process's own load loop was at work."""
    retried: Retried = field(default_factory=dict)
    """Attempts that were undone."""
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Writer -> calls that were due, but had not begun, when the time of a burst with a pace was over."""
    lag_ns: int = 0
    """In a burst with a pace: how late the load loop itself began calls, 99 % of them at most."""


@dataclass(frozen=True, kw_only=True)
class Executed:
    """What all processes together did of a burst."""

    duration_s: float
    """From the first start to the last response on one host; over several, of the process that took longest."""
    writers_s: Mapping[str, float]
    """Writer -> from the start to its last response."""
    busy_shares: tuple[float, ...]
    """Of each process's load loop."""
    retried: Retried
    waiting: Mapping[str, int]
    """Of all processes, as in `Part`."""
    lag_ns: int
    """Of the process with the longest, as in `Part`."""


class Team(Protocol):
    """The processes of a run, seen from the one that leads."""

    @property
    def names(self) -> Sequence[str]:
        """The workers, in the order of `Executed.busy_shares`; none where this process is no worker."""

    @property
    def positions(self) -> Sequence[int]:
        """The connections that belong to this process, by their places."""

    def join(self, entrants: Sequence[Entrant]) -> Mapping[str, Sequence[int]]:
        """Have everyone connect to the entrants; return the process ids of the others' sessions, by entrant."""

    def leave(self) -> None:
        """Have everyone else disconnect from the entrants, which are about to be copied; `join` follows."""

    def announce(
        self,
        block: int,
        bursts: Sequence[tuple[int, float]],
        order: Sequence[Entrant],
        duration_s: float | None = None,
    ) -> None:
        """Tell everyone which block comes, so that they `make` the same bursts, and who executes them in which order.

        Args:
            block: Its number.
            bursts: The number and the size of each burst that an entrant executes before it is the next one's turn.
            order: Of the entrants.
            duration_s: In which the calls are due; None where they are made as soon as a connection is free.
        """

    def skip(self) -> None:
        """Have nobody wait for the burst that would come next."""

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None
    ) -> tuple[Executed, Samples]:
        """Execute a burst together; return what was done, with the service times of this process's own part."""

    def samples(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """Return the others' samples since they were last asked, by entrant and operation: with their block, flat."""

    def conditions(self, names: Sequence[str], custom: Mapping[str, str]) -> Mapping[str, Sequence[Held]]:
        """Return the settings of the others' sessions with the entrants named; `custom` as for a session's."""


class Alone:
    """A team of one."""

    def __init__(self, plan: Plan) -> None:
        self.names: Sequence[str] = ()
        self.positions: Sequence[int] = range(len(plan.connections))

    def join(self, entrants: Sequence[Entrant]) -> Mapping[str, Sequence[int]]:
        """Wait for nobody."""
        assert entrants, "somebody takes part"
        return {}

    def leave(self) -> None:
        """Wait for nobody."""

    def announce(
        self,
        block: int,
        bursts: Sequence[tuple[int, float]],
        order: Sequence[Entrant],
        duration_s: float | None = None,
    ) -> None:
        """Tell nobody."""

    def skip(self) -> None:
        """Tell nobody."""

    def execute(
        self, entrant: Entrant, burst: Burst, random: Random, watch: tuple[int, Talk] | None
    ) -> tuple[Executed, Samples]:
        """Execute a burst."""
        part, samples = execute(entrant, entrant.load(burst), random, watch)
        entrant.flush_statistics()
        return together([part]), samples

    def samples(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """Return nothing: there are no others."""
        return {}

    def conditions(self, names: Sequence[str], custom: Mapping[str, str]) -> Mapping[str, Sequence[Held]]:
        """Return nothing: there are no others."""
        _ = names, custom
        return {}


def execute(
    entrant: Entrant,
    loaded: Loaded,
    random: Random,
    watch: tuple[int, Talk] | None = None,
    others: Others | None = None,
) -> tuple[Part, Samples]:
    """Execute this process's part of a burst.

    Args:
        entrant: The candidate.
        loaded: This process's part.
        random: Where the jitter of retries comes from.
        watch: Who watches meanwhile, as for the load loop's `drive`.
        others: Who else is watched to the end, likewise.

    Raises:
        CandidateError: The server refused an operation.
        ServerError: The server failed.
    """
    before = entrant.retries()
    drive = entrant.drive(loaded, random, watch, others)
    writers_ns: dict[str, int] = {}
    for (_, writer), finished_ns in zip(entrant.sessions, drive.finished_ns, strict=True):
        writers_ns[writer.name] = max(writers_ns.get(writer.name, 0), finished_ns)
    latencies_ns = np.array(drive.latencies_ns, dtype=np.int64)
    operations, own = np.array(loaded.operations), latencies_ns > 0
    samples_ns, waiting = latencies_ns, {}
    if loaded.pace:
        delays_ns = np.array(drive.delays_ns, dtype=np.int64)
        samples_ns, waiting = np.stack([latencies_ns, delays_ns + latencies_ns]), _waiting(loaded.pace, delays_ns)
    part = Part(
        host=_HOST,
        started_ns=drive.started_ns,
        duration_ns=drive.duration_ns,
        writers_ns=writers_ns,
        busy_share=min(1.0, drive.busy_ns / drive.duration_ns) if drive.duration_ns else 0.0,
        retried={key: count - before.get(key, 0) for key, count in entrant.retries().items()},
        waiting=waiting,
        lag_ns=int(np.quantile(drive.lags_ns, _LAG_LEVEL, method="inverted_cdf")) if drive.lags_ns else 0,
    )
    return part, {
        str(operation): samples_ns[..., own & (operations == operation)] for operation in np.unique(operations[own])
    }


def _waiting(pace: Pace, delays_ns: NDArray[np.int64]) -> dict[str, int]:
    """Return how many calls of each writer had not begun when the time was over, all of them being due by then."""
    late = np.array(pace.due_s) + delays_ns / NANOSECONDS > pace.duration_s
    return dict(Counter(np.array(pace.writers)[late].tolist()))


def together(parts: Sequence[Part]) -> Executed:
    """Return what several processes did of one burst."""
    one_host = len({part.host for part in parts}) == 1
    start_ns = {id(part): part.started_ns if one_host else 0 for part in parts}
    first_ns = min(start_ns.values())
    writers_ns: dict[str, int] = {}
    retried: Retried = {}
    waiting: Counter[str] = Counter()
    for part in parts:
        waiting.update(part.waiting)
        for writer, finished_ns in part.writers_ns.items():
            elapsed_ns = start_ns[id(part)] - first_ns + finished_ns
            writers_ns[writer] = max(writers_ns.get(writer, 0), elapsed_ns)
        for key, count in part.retried.items():
            retried[key] = retried.get(key, 0) + count
    last_ns = max(start_ns[id(part)] + part.duration_ns for part in parts)
    return Executed(
        duration_s=(last_ns - first_ns) / NANOSECONDS,
        writers_s={writer: elapsed_ns / NANOSECONDS for writer, elapsed_ns in writers_ns.items()},
        busy_shares=tuple(part.busy_share for part in parts),
        retried=retried,
        waiting=dict(waiting),
        lag_ns=max(part.lag_ns for part in parts),
    )
