"""The load: what a burst asks of each connection, and the loop that asks it."""

from schemabench.load.driver import Drive, drive
from schemabench.load.session import LostConnectionError, Request, Session, StatementFailedError, Step, Talk

__all__ = ["Drive", "LostConnectionError", "Request", "Session", "StatementFailedError", "Step", "Talk", "drive"]
