"""Databases that are made, copied and dropped together: all of them, or none.

Owns this rule. Must not know what a part of a workload is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from schemabench.errors import ServerError
from schemabench.server.database import Database, Databases

if TYPE_CHECKING:
    from schemabench.server.serving import Server


def create(server: "Server", label: str, parts: Sequence[str]) -> Databases:
    """Create an empty database for each part, or one if there are none.

    Args:
        server: Where.
        label: Their purpose.
        parts: The names of the parts.

    Raises:
        ServerError: The server refuses, has no space left, or is gone.
    """
    return _made(label, dict.fromkeys(parts or [""], server.create), server)


def clone(server: "Server", template: Databases, label: str, *, keep: bool = False) -> Databases:
    """Copy databases of this run, which must have no connections.

    Args:
        server: Where.
        template: The databases.
        label: The purpose of the copies.
        keep: As for one database.

    Raises:
        ServerError: The server refuses, has no space left, or is gone.
    """
    makers = {part: partial(server.clone, one, keep=keep) for part, one in template.by_part.items()}
    return _made(label, makers, server)


def drop(server: "Server", databases: Iterable[Database]) -> None:
    """Drop databases, also those after one that cannot be dropped; do nothing if their server is gone.

    An interrupt leaves the rest to the end of the run.

    Raises:
        ServerError: One cannot be dropped; why the first one could not.
    """
    if not server.alive():
        return
    problems: list[ServerError] = []
    for database in databases:
        try:
            server.drop(database)
        except ServerError as problem:
            problems.append(problem)
    if problems:
        raise problems[0]


def give_up(server: "Server", databases: Iterable[Database]) -> None:
    """Drop databases that are not needed any more; one that cannot be dropped stays until the end of the run.

    The end of the run tries again, and reports what is left: no results are lost.
    """
    with suppress(ServerError):
        drop(server, databases)


def _made(label: str, makers: Mapping[str, Callable[[str], Database]], server: "Server") -> Databases:
    made: dict[str, Database] = {}
    try:
        for part, make in makers.items():
            made[part] = make(f"{label}_{part}" if part else label)
    except BaseException:
        give_up(server, made.values())
        raise
    return Databases(label=label, by_part=made)
