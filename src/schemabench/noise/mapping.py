"""Mappings: SQL that carries the rows of a ghost town into a user's own tables, and back.

Owns the names of its blocks, and their parameters. Must not know what the tables are.

A mapping is a file of annotated SQL, with up to three blocks for each entity: `users_fill` copies rows from the ghost
town, `users_read` returns them from the user's tables, and `users_remove` deletes them there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from schemabench import sqlfile
from schemabench.errors import ServerError, UsageError
from schemabench.naming import nearest
from schemabench.noise.entities import ENTITIES
from schemabench.noise.town import Record, Town
from schemabench.server.reached import gone
from schemabench.sqlfile import SqlFile
from schemabench.statements import Operation, Query

FILL, READ, REMOVE = "fill", "read", "remove"
"""Steps of an entity."""
_STEPS = (FILL, READ, REMOVE)
_GHOST = "ghost"
"""The identifier of the town's schema, as in `:"ghost".users`."""
_RECORDED = Path("mapping")
"""What the file is called if it is read from a town's record."""
_RANGE = ("first", "last")
"""Parameters: the first and the last of the organisations in question."""


@dataclass(frozen=True, kw_only=True)
class Mappings:
    """The blocks of a mapping file."""

    operations: Mapping[str, Operation]
    source: str
    """The text of the file; empty without one."""

    def having(self, step: str) -> tuple[str, ...]:
        """Return the entities that have a block for a step, in order."""
        return tuple(entity for entity in ENTITIES if _block(entity, step) in self.operations)

    def execute(self, town: Town, entity: str, step: str, organisations: tuple[int, int]) -> None:
        """Execute a block, if there is one, for the organisations from the first to the last.

        Raises:
            ServerError: The server refused it; with the place in the file.
        """
        for query in self._queries(town, entity, step):
            with worded(query):
                psycopg.RawCursor(town.connection).execute(query.sql.encode(), _values(query, organisations))

    def reading(self, town: Town, entity: str) -> Query:
        """Return the query of an entity's rows in the user's tables."""
        (query,) = self._queries(town, entity, READ)
        return query

    def _queries(self, town: Town, entity: str, step: str) -> Iterator[Query]:
        block = self.operations.get(_block(entity, step))
        for statement in block.statements if block else ():
            yield statement.render({_GHOST: town.schema}, UsageError)


NONE = Mappings(operations={}, source="")
"""Without a mapping."""


def read(path: Path) -> Mappings:
    """Return a mapping.

    Raises:
        UsageError: The file cannot be read, or a block is not one of an entity; with its place.
    """
    return _checked(sqlfile.read(path, UsageError))


def of(record: Record, given: Mappings | None) -> Mappings:
    """Return the mapping that is given, or else the one that a town was made with.

    Raises:
        UsageError: That one is not a mapping of this version, or another role's, whose SQL is not executed unseen.
    """
    if given is None and record.mapping and not record.trusted:
        raise UsageError(
            f"The ghost town was made by the role {record.owner!r}, and its mapping is SQL of that role's",
            remedies=["read the mapping, and give it: --mapping FILE.sql", f"connect as {record.owner}"],
        )
    return given or _checked(sqlfile.parse(_RECORDED, record.mapping, UsageError))


def _checked(file: SqlFile) -> Mappings:
    """Return the mapping in a file, whose blocks are checked."""
    known = {_block(entity, step): (entity, step) for entity in ENTITIES for step in _STEPS}
    for name, operation in file.operations.items():
        if name not in known:
            raise _wrong(operation, f"A mapping has no block {name!r}{nearest(name, known)}")
        entity, step = known[name]
        if operation.copies:
            raise _wrong(operation, f"{name} copies from the client; its rows are in the ghost town")
        if unknown := set(operation.parameters) - set(_RANGE if step == FILL else ()):
            raise _wrong(operation, f"{name} has the unknown parameter :{min(unknown)}")
        if step == READ and len(operation.statements) != 1:
            raise _wrong(operation, f"{name} is not one query")
        for other in (READ, REMOVE) if step == FILL else ():
            if _block(entity, other) not in file.operations:
                raise _wrong(operation, f"There is {name}, but no {_block(entity, other)}")
    return Mappings(operations=file.operations, source=file.source)


def _block(entity: str, step: str) -> str:
    return f"{entity}_{step}"


def _values(query: Query, organisations: Sequence[int]) -> list[int]:
    bounds = dict(zip(_RANGE, organisations, strict=True))
    return [bounds[name] for name in query.parameters]


@contextmanager
def worded(query: Query, *, within: bool = False) -> Iterator[None]:
    """Raise a refusal of a statement of a user's file with its place there.

    Args:
        query: The statement.
        within: Whether the server sees it within another, so that it does not say where in the statement.

    Raises:
        ServerError: The server refused it.
    """
    try:
        yield
    except psycopg.Error as cause:
        if gone(cause):
            raise
        offset = 0 if within else int(cause.diag.statement_position or 1) - 1
        raise ServerError(
            f"The server refused a statement: {cause.diag.message_primary or cause}",
            where=query.place(offset),
            sqlstate=cause.sqlstate,
            remedies=["correct the file, and run again"],
        ) from cause


def _wrong(operation: Operation, what: str) -> UsageError:
    return UsageError(
        what,
        where=operation.text.place(),
        remedies=[
            "name blocks ENTITY_fill, ENTITY_read and ENTITY_remove; entities are " + ", ".join(ENTITIES),
            'write the town\'s schema as :"ghost", and the organisations of a fill as :first and :last',
        ],
    )
