"""The load: requests per connection, their times, and the loop that sends them."""

from schemabench.load.attempt import kept, lacking
from schemabench.load.attendant import Attendant, Hindrance
from schemabench.load.driver import Drive, Others, drive
from schemabench.load.guard import Limits, Passing, SlowCallError
from schemabench.load.pace import Ending
from schemabench.load.session import LostConnectionError, Refusal, Session, StatementFailedError, stop
from schemabench.load.talk import AnyStep, Linked, Request, Rows, Step, Talk, Unprepared, Value

__all__ = [
    "AnyStep",
    "Attendant",
    "Drive",
    "Ending",
    "Hindrance",
    "Limits",
    "Linked",
    "LostConnectionError",
    "Others",
    "Passing",
    "Refusal",
    "Request",
    "Rows",
    "Session",
    "SlowCallError",
    "StatementFailedError",
    "Step",
    "Talk",
    "Unprepared",
    "Value",
    "drive",
    "kept",
    "lacking",
    "stop",
]
