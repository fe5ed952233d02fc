"""Contention between writers.

Owns the records of samples. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

WAIT_CLASSES = ("running", "Lock", "LWLock", "IO", "Client", "other")
"""The states of an active session: running (on a processor, waiting for one, or in a wait that the server does not
name), or waiting in one of the server's wait classes, the rarer ones as `other`."""
PAUSE = "pause"
"""The state of a writer between a rolled-back attempt and its retry: it waits for others, but in no transaction, so
that no sample finds it. The load loop times it."""
TIME_CLASSES = (*WAIT_CLASSES[:2], PAUSE, *WAIT_CLASSES[2:])
"""The classes of the writers' time, in display order."""
CONTENDED = ("Lock", PAUSE)
"""Those of `TIME_CLASSES` that are time lost to other writers: queueing, and pausing before a retry."""


@dataclass(frozen=True, kw_only=True)
class WaitEvent:
    """A wait event of the writers, as named by the server."""

    wait_class: str
    """One of `WAIT_CLASSES`."""
    name: str
    """As in `transactionid` or `WALSync`; empty for `running`."""
    share: float
    """Share of the writers' time."""


@dataclass(frozen=True, kw_only=True)
class LockWait:
    """Waits for one kind of heavyweight lock."""

    kind: str
    """The type of lock, as in `tuple`, `transactionid` or `relation`."""
    mode: str
    """The requested mode, as in `ShareLock`."""
    relation: str
    """The table or index, for a partition its parent; empty if the lock belongs to none."""
    partitions: int
    """Number of its partitions with waits; 0 if it has none."""
    share: float
    """Share of the writers' time."""
    longest_s: float


@dataclass(frozen=True, kw_only=True)
class WaitPair:
    """One operation waiting for another."""

    waiting: str
    blocking: str
    """The operation that held the lock or was ahead in its queue; a name in brackets for another session."""
    share: float
    """Share of the writers' time; a session that waits for several counts once for each."""


@dataclass(frozen=True, kw_only=True)
class Contention:
    """Sampled waits between writers, and their locks, over all counted trials."""

    samples: int
    """Number of samples taken."""
    late: int
    """Samples more than half an interval late."""
    lost: int
    """Samples that were due but not taken, since the previous one had no answer yet."""
    observations: int
    """Observations of active writer sessions, over all samples."""
    classes: Mapping[str, float]
    """Class -> share of the writers' time, adding up to 1; all of `TIME_CLASSES`, unless nothing was observed. Without
    pauses in older run files, whose shares are of the time in transactions alone."""
    events: tuple[WaitEvent, ...]
    """In descending order of share."""
    locks: tuple[LockWait, ...]
    """In descending order of share."""
    pairs: tuple[WaitPair, ...]
    """In descending order of share."""
    deepest_queue: int
    """The most sessions sampled waiting for one lock at once."""
    longest_wait_s: float
    """The longest wait for a lock that was seen, as long as it had lasted by then."""
