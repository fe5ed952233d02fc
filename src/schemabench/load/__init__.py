"""The load: what a burst asks of each connection, when, and the loop that asks it."""

from schemabench.load.driver import Drive, Others, drive
from schemabench.load.guard import Limits, Passing, SlowCallError
from schemabench.load.session import LostConnectionError, Request, Session, StatementFailedError, Step, Talk, stop

__all__ = [
    "Drive",
    "Limits",
    "LostConnectionError",
    "Others",
    "Passing",
    "Request",
    "Session",
    "SlowCallError",
    "StatementFailedError",
    "Step",
    "Talk",
    "drive",
    "stop",
]
