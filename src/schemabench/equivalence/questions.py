"""A query over the whole state, where parts of it live apart: one question for each, whose rows are united.

Owns which databases a query is asked in, and with which names. Must not ask anything.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from schemabench.errors import SchemabenchError
from schemabench.server import Database, Databases
from schemabench.statements import Operation, Query
from schemabench.workload import NO_PART, Parts


class Question(NamedTuple):
    """A query in one database."""

    part: str
    """The part that it is about; empty for all parts in one database."""
    database: Database
    query: Query


def questions(
    operation: Operation,
    databases: Databases,
    parts: Parts,
    error: type[SchemabenchError],
    bounds: Mapping[str, str | None] | None = None,
) -> Iterator[Question]:
    """Yield what to ask: once, or for each part that has a database or names of its own in the query.

    Args:
        operation: A query over the whole state, of one statement.
        databases: Where the parts live.
        parts: The parts of the workload.
        error: The class of error to raise.
        bounds: The values of each `:'name'` that are the same for all parts.

    Raises:
        SchemabenchError: The query has a `:"name"` or a `:'name'` without a value.
    """
    (statement,) = operation.statements
    same = bounds or {}
    apart = NO_PART not in databases.by_part or statement.identifiers or statement.literals - {*same}
    for part in (apart and parts.names) or (NO_PART,):
        names = parts.identifiers(part)
        yield Question(part, databases.of(part), statement.render(names, error, {**names, **same}))
