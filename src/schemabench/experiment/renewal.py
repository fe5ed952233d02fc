"""How entrants get new copies of their databases: other files and other sessions, the same rows.

Owns the order of it: nobody may be connected to what is copied. Must not decide when: see `copies`.
"""

from collections.abc import Mapping

from schemabench.errors import ServerError
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.observer import Observer
from schemabench.experiment.team import Team
from schemabench.server import Database, Server


def renew(server: Server, team: Team, entrants: Mapping[Entrant, Observer]) -> str:
    """Give entrants new copies of their databases, with new connections of everyone.

    All are copied, or none: where one cannot be, as while somebody else is connected to it or the disk is full,
    everyone goes on where they were, with new connections.

    Args:
        server: Where.
        team: Who has connections to the entrants.
        entrants: Those that are left, each with who looks at it.

    Returns:
        Why they were not copied; empty where they were.

    Raises:
        ServerError: The server failed.
        WorkerError: A worker is gone.
    """
    team.leave()
    for one, observer in entrants.items():
        observer.leave()
        one.close()
    copies, refusal = _copied(server, entrants)
    for one in entrants:
        old = one.database
        one.go_on(copies.get(one, old))
        if one in copies:
            server.drop(old)
    others = team.join(list(entrants))
    for one, observer in entrants.items():
        observer.follow(others.get(one.name, ()), copied=one in copies)
    return refusal


def _copied(server: Server, entrants: Mapping[Entrant, Observer]) -> tuple[dict[Entrant, Database], str]:
    """Return a copy for each entrant, and an empty text; or none at all, and why."""
    copies: dict[Entrant, Database] = {}
    try:
        for one in entrants:
            copies[one] = server.clone(one.database, one.database.label)
    except ServerError as failure:
        if not server.alive():
            raise
        for copy in copies.values():
            server.drop(copy)
        return {}, failure.what
    return copies, ""
