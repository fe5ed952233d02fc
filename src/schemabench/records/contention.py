"""Who waited for whom.

Owns the records of what was sampled. Must not compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

WAIT_CLASSES = ("running", "Lock", "LWLock", "IO", "Client", "other")
"""What a session at work is doing: nothing that the server calls waiting (it has a processor, wants one, or waits where
the server has no name for it), or waiting in one of the server's own classes, the rarer of them as `other`."""
PAUSE = "pause"
"""What a writer does between an attempt that the server undid and the next: it waits for others, but in no transaction,
so that no look at the server finds it. The load loop knows how long."""
TIME_CLASSES = (*WAIT_CLASSES[:2], PAUSE, *WAIT_CLASSES[2:])
"""What the writers' time is made of, in the order in which it is shown."""
CONTENDED = ("Lock", PAUSE)
"""Those of `TIME_CLASSES` that are time lost to other writers: queueing, and pausing before a retry."""


@dataclass(frozen=True, kw_only=True)
class WaitEvent:
    """What writers waited for, in the server's own words."""

    wait_class: str
    """One of `WAIT_CLASSES`."""
    name: str
    """As in `transactionid` or `WALSync`; empty for `running`."""
    share: float
    """Of the writers' time."""


@dataclass(frozen=True, kw_only=True)
class LockWait:
    """Waiting for one kind of heavyweight lock."""

    kind: str
    """The type of lock, as in `tuple`, `transactionid` or `relation`."""
    mode: str
    """The mode that was asked for, as in `ShareLock`."""
    relation: str
    """The table or index, a partition under its parent's name; empty where the lock belongs to none."""
    partitions: int
    """How many partitions of it were waited for; 0 where it has none."""
    share: float
    """Of the writers' time."""
    longest_s: float


@dataclass(frozen=True, kw_only=True)
class WaitPair:
    """One operation waiting for another."""

    waiting: str
    blocking: str
    """The operation that held the lock or stood before it in the queue; a name in brackets for another session."""
    share: float
    """Of the writers' time; who waits for several at once counts for each."""


@dataclass(frozen=True, kw_only=True)
class Contention:
    """Who waited for whom, and on what, over all counted trials, as sampled."""

    samples: int
    """Looks at the server that were taken."""
    late: int
    """Of these, those that came more than half an interval after they were due."""
    lost: int
    """Looks that were due and not taken, since the one before had not been answered."""
    observations: int
    """Sessions of writers that were seen at work, over all samples."""
    classes: Mapping[str, float]
    """Class -> share of the writers' time, adding up to 1; all of `TIME_CLASSES`, unless nothing was observed. Without
    pauses in older run files, whose shares are of the time in transactions alone."""
    events: tuple[WaitEvent, ...]
    """By share, the largest first."""
    locks: tuple[LockWait, ...]
    """By share, the largest first."""
    pairs: tuple[WaitPair, ...]
    """By share, the largest first."""
    deepest_queue: int
    """The most sessions seen waiting for one lock at once."""
    longest_wait_s: float
    """The longest wait for a lock that was seen, as long as it had lasted by then."""
