"""A worker's place in its run.

Owns what each worker is told of itself and of the others. Loads nothing: workers that evaluate nothing have seats, too.
"""

from dataclasses import dataclass

LEADER = 0
"""The seat of the worker that leads."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """One worker's place in its run."""

    number: int
    """0 for the one that leads."""
    names: tuple[str, ...]
    """Of all workers, in the order of their seats, as in `gw1`."""
    run_id: str
    """The same for all."""
    folder: str
    """Where the address is left, on the controller's machine; for its user alone, since it may hold a password."""

    @property
    def leads(self) -> bool:
        """Whether this worker leads."""
        return self.number == LEADER

    @property
    def name(self) -> str:
        """What this worker is called."""
        return self.names[self.number]
