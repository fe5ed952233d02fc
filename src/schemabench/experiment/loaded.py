"""A burst as an entrant's sessions will execute it: nothing but sending is left to do.

Owns its form. Must not send anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemabench.experiment.burst import Pace
from schemabench.load import Request, Session


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What is ready to be driven."""

    queues: Sequence[tuple[Session, Sequence[Request]]]
    operations: Sequence[str]
    """The operation of each call of the burst, by its number."""
    pace: Pace | None = None
    """When the calls are due; None for as soon as a connection is free."""
