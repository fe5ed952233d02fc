"""The load: the calls of each connection, when they are due, and the loop that executes them."""

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
