"""One sample of the server, as frozen values.

Owns the content of a sample. Must not take one (see `sampler`), nor add them up (see `attribution`).
"""

from typing import NamedTuple


class Lock(NamedTuple):
    """A heavyweight lock that a session waits for."""

    kind: str
    """The type of lock, as in `tuple`, `transactionid` or `relation`."""
    mode: str
    """As in `ShareLock`."""
    target: str
    """The identity of the lock: sessions with the same target wait in one queue."""
    relation: int
    """The OID of the table, index or partition; 0 if the lock belongs to none."""
    waited_s: float
    """The session's wait for it so far."""


class Seen(NamedTuple):
    """An active session of a writer in a sample."""

    pid: int
    operation: str
    """Its current operation, or the last one in a transaction that is still open; empty if that is unknown."""
    wait_class: str
    """One of `records.WAIT_CLASSES`."""
    event: str
    """The wait event, as the server names it; empty while running."""
    lock: Lock | None
    """The heavyweight lock that it waits for, if any."""
    blockers: tuple[int, ...]
    """Process ids of the sessions that hold the lock or are ahead in its queue; 0 is a prepared transaction."""


class Sample(NamedTuple):
    """One sample of the server."""

    seen: tuple[Seen, ...]
    late: bool
    """Whether it was more than half an interval late."""


class Samples(NamedTuple):
    """All samples of the server during one trial."""

    taken: tuple[Sample, ...]
    lost: int
    """Number of samples due but not taken, since the previous one had no answer yet."""
