"""The load: what a burst asks of each connection, when, and the loop that asks it."""

from schemabench.load.driver import Drive, Others, drive
from schemabench.load.session import LostConnectionError, Request, Session, StatementFailedError, Step, Talk

__all__ = [
    "Drive",
    "LostConnectionError",
    "Others",
    "Request",
    "Session",
    "StatementFailedError",
    "Step",
    "Talk",
    "drive",
]
