"""A worker's place in its run.

Owns what each worker knows of itself and of the others. Imports nothing heavy: workers without evaluations have seats,
too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

LEADER = 0
"""The leader's seat."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """One worker's place in its run."""

    number: int
    """0 for the leader."""
    names: tuple[str, ...]
    """The names of all workers, in the order of their seats, as in `gw1`."""
    run_id: str
    """The same for all workers."""
    folder: str
    """Where the leader publishes the address, on the controller's machine; for its user only, since it may contain a
    password."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What libpq reads from the controller's environment; perhaps a password."""

    @property
    def leads(self) -> bool:
        """Whether this worker leads."""
        return self.number == LEADER

    @property
    def name(self) -> str:
        """This worker's name."""
        return self.names[self.number]
