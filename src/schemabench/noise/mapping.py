"""Mappings: SQL that carries the rows of a ghost town into a user's own tables, and back.

Owns the names of its blocks, and their parameters. Must not know what the tables are.

A mapping is a file of annotated SQL, with up to three blocks for each entity: `users_fill` copies rows from the ghost
town, `users_read` returns them from the user's tables, and `users_remove` deletes them there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg

from schemabench import sqlfile
from schemabench.errors import SchemabenchError, ServerError, UsageError
from schemabench.naming import nearest
from schemabench.noise.entities import ENTITIES
from schemabench.noise.town import Town
from schemabench.server.reached import gone
from schemabench.statements import Operation, Query

FILL, READ, REMOVE = "fill", "read", "remove"
"""Steps of an entity."""
_STEPS = (FILL, READ, REMOVE)
_GHOST = "ghost"
"""The identifier of the town's schema, as in `:"ghost".users`."""
_RANGE = ("first", "last")
"""Parameters: the first and the last of the organisations in question."""


@dataclass(frozen=True, kw_only=True)
class Mappings:
    """The blocks of a mapping file."""

    operations: Mapping[str, Operation]
    digest: str
    """The SHA-256 of the file; empty without one."""

    def has(self, entity: str, step: str) -> bool:
        """Return whether there is such a block."""
        return _block(entity, step) in self.operations

    def execute(self, town: Town, entity: str, step: str, organisations: tuple[int, int]) -> None:
        """Execute a block, if there is one, for the organisations from the first to the last.

        Raises:
            UsageError: The server refused it; with the place in the file.
        """
        for query in self._queries(town, entity, step):
            with _worded(query):
                psycopg.RawCursor(town.connection).execute(query.sql.encode(), _values(query, organisations))

    def reading(self, town: Town, entity: str) -> Query:
        """Return the query of an entity's rows in the user's tables."""
        (query,) = self._queries(town, entity, READ)
        return query

    def _queries(self, town: Town, entity: str, step: str) -> Iterator[Query]:
        block = self.operations.get(_block(entity, step))
        for statement in block.statements if block else ():
            yield statement.render({_GHOST: town.schema}, UsageError)


NONE = Mappings(operations={}, digest="")
"""Without a mapping."""


def read(path: Path) -> Mappings:
    """Return a mapping.

    Raises:
        UsageError: The file cannot be read, or a block is not one of an entity; with its place.
    """
    file = sqlfile.read(path, UsageError)
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
    return Mappings(operations=file.operations, digest=sha256(file.source.encode()).hexdigest())


def _block(entity: str, step: str) -> str:
    return f"{entity}_{step}"


def _values(query: Query, organisations: Sequence[int]) -> list[int]:
    bounds = dict(zip(_RANGE, organisations, strict=True))
    return [bounds[name] for name in query.parameters]


@contextmanager
def _worded(query: Query) -> Iterator[None]:
    """Raise a refusal of the server with its place in the file."""
    try:
        yield
    except psycopg.Error as cause:
        if gone(cause):
            raise
        raise refused(query, cause) from cause


def refused(query: Query, cause: psycopg.Error) -> SchemabenchError:
    """Return the error for a statement of a mapping that the server refused."""
    offset = int(cause.diag.statement_position or 1) - 1
    return ServerError(
        f"The server refused a statement of the mapping: {cause.diag.message_primary or cause}",
        where=query.place(offset),
        sqlstate=cause.sqlstate,
        remedies=["correct the mapping and run the command again: what is complete stays"],
    )


def _wrong(operation: Operation, what: str) -> UsageError:
    return UsageError(
        what,
        where=operation.text.place(),
        remedies=[
            "name blocks ENTITY_fill, ENTITY_read and ENTITY_remove; entities are " + ", ".join(ENTITIES),
            'write the town\'s schema as :"ghost", and the organisations of a fill as :first and :last',
        ],
    )
