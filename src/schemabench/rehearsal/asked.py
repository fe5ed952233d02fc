"""What is asked of a rehearsal.

Owns its settings, and what is refused of them. Must not execute anything.
"""

from dataclasses import dataclass

from schemabench.errors import UsageError
from schemabench.units import format_duration

MOST_LOCK_TIMEOUT_MS = 2_147_483_647
"""Of PostgreSQL, which counts whole milliseconds: 0 of them is to wait for ever."""
_MS_PER_S = 1000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The settings of a rehearsal.

    Raises:
        UsageError: The server has no such lock timeout.
    """

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

    def __post_init__(self) -> None:
        if self.lock_timeout_s is not None and not 1 <= self.lock_timeout_s * _MS_PER_S <= MOST_LOCK_TIMEOUT_MS:
            raise UsageError(
                f"--lock-timeout {format_duration(self.lock_timeout_s)} is not possible: PostgreSQL counts whole "
                f"milliseconds, from 1 to {MOST_LOCK_TIMEOUT_MS:,}, and 0 is to wait for ever",
                remedies=[
                    "give a time from 1ms to 596h: --lock-timeout 2s",
                    "leave out --lock-timeout, for the server's own",
                ],
            )

    @property
    def lock_timeout_ms(self) -> int | None:
        """`lock_timeout_s` as the server takes it."""
        return None if self.lock_timeout_s is None else round(self.lock_timeout_s * _MS_PER_S)

    @property
    def most_s(self) -> float:
        """How long the writers make calls at most."""
        return 2 * self.quiet_s + self.longest_s
