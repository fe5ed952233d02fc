"""An entrant: a candidate with a name, databases and sessions of its own.

Owns the entrant and its current databases. Must not execute anything: its `sessions` do.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemabench.experiment.companions import Companions
from schemabench.experiment.plan import Plan
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.template import Template
from schemabench.server import Databases
from schemabench.workload import Writer

CONTROL = "baseline (control)"
"""The name under which the baseline enters a second time."""


@dataclass(kw_only=True, eq=False)
class Entrant:
    """A candidate under its name in an experiment."""

    name: str
    template: Template
    databases: Databases
    """Its current copies."""
    sessions: Sessions
    """Its connections there."""
    companions: Companions
    """What runs there beside its trials, in this process."""

    def rest(self) -> None:
        """Close the writers' connections until `wake`."""
        self.sessions.rest()

    def wake(self, *, few: bool = False) -> None:
        """Open the writers' connections again: see `Sessions.wake`.

        Raises:
            CandidateError: The server refused an operation.
            ServerError: The server cannot be reached or refused.
        """
        self.sessions.wake(few=few)

    def go_on(self, databases: Databases) -> None:
        """Reconnect, after `close`, to the same databases or to copies of them, unless sessions are open by turns.

        Raises:
            ServerError: The server cannot be reached or refused.
        """
        self.databases = databases
        self.sessions = self.sessions.moved(databases)
        self.companions.open(databases)

    def close(self) -> None:
        """Close the connections."""
        self.companions.close()
        self.sessions.close()


def enter(  # noqa: PLR0913, PLR0917 (a clone, and who connects to it)
    template: Template,
    name: str,
    databases: Databases,
    writers: Iterable[Writer],
    round_trip_s: float = 0.0,
    accompanied: Plan | None = None,
    *,
    by_turns: bool = False,
) -> Entrant:
    """Open a connection to a clone of a template for each of the given writers.

    Args:
        template: The candidate.
        name: The entrant's.
        databases: The clone.
        writers: One for each connection.
        round_trip_s: Added to every exchange with the server, as time on the way.
        accompanied: Has the companions; None for a process that leaves them to another one.
        by_turns: Whether the writers' connections are open only between `wake` and `rest`.

    Raises:
        ServerError: The server cannot be reached or refused.
    """
    sessions = Sessions(template, databases, writers, round_trip_s, by_turns=by_turns)
    companions = Companions(template, accompanied)
    try:
        companions.open(databases)
    except BaseException:
        sessions.close()
        raise
    return Entrant(name=name, template=template, databases=databases, sessions=sessions, companions=companions)
