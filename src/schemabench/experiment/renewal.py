"""How entrants get new copies of their databases: other files and other sessions, the same rows.

Owns the order of steps: no session may be connected to a database that is copied. Must not decide when: see `copies`.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

from schemabench.errors import ServerError
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.shifts import Shifts
from schemabench.server import Databases, Server, several


def renew(server: Server, working: Shifts, entrants: Sequence[Entrant]) -> str:
    """Give entrants new copies of their databases, with new connections of all workers.

    Either all are copied or none. If one cannot be, for example because another session is connected to it or the disk
    is full, all entrants keep their databases, with new connections.

    Args:
        server: The server.
        working: Has the team, which has connections to the entrants, and the observer of each.
        entrants: The remaining entrants.

    Returns:
        Why they were not copied; empty if they were.

    Raises:
        ServerError: The server failed.
        WorkerError: A worker was lost or stopped.
    """
    if not working.by_turns:
        working.team.leave()
    for one in entrants:
        working.observers[one].leave()
        one.close()
    copies, refusal = _copied(server, entrants)
    for one in entrants:
        old = one.databases
        one.go_on(copies.get(one, old))
        if one in copies:
            several.give_up(server, old)
    others = {} if working.by_turns else working.team.join(entrants)
    for one in entrants:
        working.observers[one].follow(others.get(one.name, {}), copied=one in copies)
    return refusal


def _copied(server: Server, entrants: Sequence[Entrant]) -> tuple[dict[Entrant, Databases], str]:
    """Return a copy for each entrant, and an empty text; or no copies, and the reason."""
    copies: dict[Entrant, Databases] = {}
    try:
        for one in entrants:
            copies[one] = several.clone(server, one.databases, one.databases.label, keep=True)
    except ServerError as failure:
        if not server.alive():
            raise
        _give_up(server, copies)
        return {}, failure.what
    except BaseException:
        _give_up(server, copies)
        raise
    return copies, ""


def _give_up(server: Server, copies: Mapping[Entrant, Databases]) -> None:
    several.give_up(server, chain.from_iterable(copies.values()))
