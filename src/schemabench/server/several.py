"""Databases that are made, copied and dropped together: all of them, or none.

Owns this rule. Must not know what a part of a workload is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from schemabench.server.database import Database, Databases

if TYPE_CHECKING:
    from schemabench.server.serving import Server


def create(server: "Server", label: str, parts: Sequence[str], *, keep: bool = True) -> Databases:
    """Create an empty database for each part, or one if there are none.

    Args:
        server: Where.
        label: Their purpose.
        parts: The names of the parts.
        keep: As for one database.

    Raises:
        ServerError: The server refuses, has no space left, or is gone.
    """
    return _made(label, {part: partial(server.create, keep=keep) for part in parts or [""]}, server)


def clone(server: "Server", template: Databases, label: str) -> Databases:
    """Copy databases of this run, which must have no connections.

    Raises:
        ServerError: The server refuses, has no space left, or is gone.
    """
    return _made(label, {part: partial(server.clone, one) for part, one in template.by_part.items()}, server)


def drop(server: "Server", databases: Iterable[Database]) -> None:
    """Drop databases, also those after one that cannot be dropped; do nothing if their server is gone.

    Raises:
        ServerError: One cannot be dropped.
    """
    if not server.alive():
        return
    with ExitStack() as stack:
        for database in databases:
            stack.callback(server.drop, database)


def _made(label: str, makers: Mapping[str, Callable[[str], Database]], server: "Server") -> Databases:
    made: dict[str, Database] = {}
    try:
        for part, make in makers.items():
            made[part] = make(f"{label}_{part}" if part else label)
    except BaseException:
        drop(server, made.values())
        raise
    return Databases(label=label, by_part=made)
