"""Templates that are kept for later experiments of the run that need the same rows.

Owns what makes two templates the same, which one may be grown into another, and how much of the disk kept ones may
take. They carry the run's mark like any of its databases, and go with the run. Must not load anything.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from schemabench.candidate import Remark
from schemabench.experiment import databases
from schemabench.experiment.continuing import Extent
from schemabench.server import Databases, Server, room, several
from schemabench.statements import Operation
from schemabench.workload import Call, Parts, Rows

_SHARE_OF_DISK = 0.25
"""Of the space that would be free without kept templates. Entrants, each a copy, need the rest."""
_MOST_ELSEWHERE_BYTES = 1 << 30
"""On a server whose disk this process does not see."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that the content of a template follows from, on one server: equal recipes make equal rows."""

    name: str
    """The candidate's."""
    source: str
    """The text of the candidate's files, and of those that it extends."""
    operations: Mapping[str, Operation]
    """The workload's, with the candidate's own; with their texts and how they are sent."""
    parts: Parts
    background: Callable[[Any, Random], Iterator[Call | Rows]]
    """The author's function itself, rather than its file: an edited file is not imported again during a run."""
    values: Any
    """The cardinality."""
    shown: str
    """Its `repr`: 1 and 1.0 are equal, but may make different rows."""
    seed: int
    isolation: str
    grows: str = ""
    """The field of the cardinality by which it may be grown: it is then kept as it is before the calls at the end of
    the background that write no rows. Empty if it is kept with these."""
    remarks: tuple[Remark, ...] = field(default=(), compare=False)
    """What is to be known of how the candidate was installed: a result, not a reason; likewise the next."""
    extent: Extent | None = field(default=None, compare=False)
    """How far its background reaches."""


def find(server: Server, recipe: object) -> Databases | None:
    """Return a kept template's databases, if there is one that was made like this: by an equal recipe."""
    for kept in server.kept:
        if kept[0] == recipe:
            server.kept.remove(kept)
            server.kept.append(kept)  # the one used last goes last
            return kept[1]
    return None


def noted(server: Server, recipe: Recipe) -> Recipe:
    """Return the recipe of a kept template as it was kept, with what is to be known of it."""
    return next(one for one, _ in server.kept if isinstance(one, Recipe) and one == recipe)


def smaller(server: Server, recipe: Recipe) -> tuple[Recipe, Databases] | None:
    """Return the largest kept template that differs only in having less of the field by which it may be grown."""
    found: list[tuple[float, Recipe, Databases]] = []
    for one, template in server.kept:
        if isinstance(one, Recipe) and replace(one, values=recipe.values, shown=recipe.shown) == recipe:
            own, wanted = getattr(one.values, recipe.grows), getattr(recipe.values, recipe.grows)
            if own < wanted and replace(one.values, **{recipe.grows: wanted}) == recipe.values:
                found.append((own, one, template))
    return max(found, key=lambda one: one[0])[1:] if found else None


def keep(server: Server, recipe: object, template: Databases) -> bool:
    """Keep a template if it fits, dropping those that were used least recently; return whether it is kept.

    Raises:
        ServerError: The server failed.
    """
    own, sizes = _bytes(server, template), [_bytes(server, one) for _, one in server.kept]
    held = own + sum(sizes)
    most = _most_bytes(server, held)
    if own > most:
        return False
    while held > most:
        _, oldest = server.kept.pop(0)
        held -= sizes.pop(0)
        several.give_up(server, oldest)
    server.kept.append((recipe, template))
    return True


def _most_bytes(server: Server, held: int) -> float:
    """Return how much kept templates may take, of which `held` bytes are taken."""
    free = room.free_bytes(server)
    return _MOST_ELSEWHERE_BYTES if free is None else _SHARE_OF_DISK * (free + held)


def _bytes(server: Server, some: Databases) -> int:
    total = 0
    for database in some:
        with databases.connect(server, database) as connection:
            row = connection.execute("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())").fetchone()
            total += int(row[0]) if row else 0
    return total
