"""The load: requests per connection, their times, and the loop that sends them."""

from schemabench.load.driver import Drive, Others, drive
from schemabench.load.guard import Limits, Passing, SlowCallError
from schemabench.load.session import LostConnectionError, Session, StatementFailedError, stop
from schemabench.load.talk import AnyStep, Request, Rows, Step, Talk, Unprepared

__all__ = [
    "AnyStep",
    "Drive",
    "Limits",
    "LostConnectionError",
    "Others",
    "Passing",
    "Request",
    "Rows",
    "Session",
    "SlowCallError",
    "StatementFailedError",
    "Step",
    "Talk",
    "Unprepared",
    "drive",
    "stop",
]
