"""What is asked of a rehearsal.

Owns its settings. Must not execute anything.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The settings of a rehearsal."""

    quiet_s: float = 10.0
    """How long the writers have the database for themselves, before the migration and after it."""
    longest_s: float = 60.0
    """How long the migration may take; its statement is then cancelled."""
    late_s: float = 0.1
    """A call whose response takes longer is late."""
    calls_per_s: float | None = None
    """The pace of all writers together; None for production's."""
    lock_timeout_s: float | None = None
    """`lock_timeout` in the migration's session; None for whatever the server has."""
    retries: int = 0
    """How often a statement is repeated that waited for a lock in vain, or the transaction that it belongs to."""
