"""One look at the server, as frozen values.

Owns what a look can show. Must not take one (see `sampler`), nor add them up (see `attribution`).
"""

from typing import NamedTuple


class Lock(NamedTuple):
    """A heavyweight lock that a session waits for."""

    kind: str
    """The type of lock, as in `tuple`, `transactionid` or `relation`."""
    mode: str
    """As in `ShareLock`."""
    target: str
    """What tells this lock from every other: sessions with the same target stand in one queue."""
    relation: int
    """The OID of the table, index or partition; 0 where the lock belongs to none."""
    waited_s: float
    """How long the session had been waiting for it."""


class Seen(NamedTuple):
    """A session of a writer that was at work when the server was looked at."""

    pid: int
    operation: str
    """What it was executing, or had executed last in a transaction that is still open; empty where that is unknown."""
    wait_class: str
    """One of `records.WAIT_CLASSES`."""
    event: str
    """The server's name for what it waited for; empty while running."""
    lock: Lock | None
    """Where it waits for one."""
    blockers: tuple[int, ...]
    """Process ids of the sessions that hold the lock or stand before it in the queue; 0 is a prepared transaction."""


class Sample(NamedTuple):
    """One look at the server."""

    seen: tuple[Seen, ...]
    late: bool
    """Whether it came more than half an interval after it was due."""


class Samples(NamedTuple):
    """All looks at the server during one trial."""

    taken: tuple[Sample, ...]
    lost: int
    """Looks that were due and not taken, since the one before had not been answered."""
