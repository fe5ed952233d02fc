"""A template: a candidate in databases from which entrants are cloned, with its SQL.

Owns a candidate's form on a server, and its queries that check rather than load. Must not execute a call.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg.pq import ExecStatus

from schemabench import candidate as candidates
from schemabench import equivalence
from schemabench.candidate import Candidate, Remark
from schemabench.equivalence import Question
from schemabench.errors import CandidateError, SchemabenchError, WorkloadError
from schemabench.experiment.databases import connect
from schemabench.server import Databases, Host
from schemabench.statements import Operation
from schemabench.units import plural
from schemabench.workload import Parts


@dataclass(frozen=True, kw_only=True)
class Template:
    """A candidate in databases that entrants are cloned from."""

    candidate: Candidate
    operations: Mapping[str, Operation]
    """The workload's, with the candidate's own where it overrides them."""
    server: Host
    databases: Databases
    parts: Parts = field(default_factory=Parts)
    """The parts of the workload."""
    isolation: str = ""
    """The isolation level of the writers' transactions; empty for the server's own."""
    remarks: tuple[Remark, ...] = ()
    """What is to be known of how the candidate was installed."""

    def overrides(self, operation: Operation) -> bool:
        """Return whether an operation is the candidate's own, or of what it extends."""
        return operation.text.path in self.candidate.paths

    def fault(self, operation: Operation) -> type[SchemabenchError]:
        """Return the class of error for a mistake in an operation."""
        return CandidateError if self.overrides(operation) else WorkloadError


def questions(
    template: Template, name: str, databases: Databases, bounds: Mapping[str, str | None] | None = None
) -> Sequence[Question]:
    """Return what to ask in a template's databases, or in a clone's, for a query that checks rather than loads.

    Args:
        template: The template.
        name: The query's name.
        databases: Where to ask.
        bounds: The bounds of the cardinality, by name.

    Raises:
        CandidateError: The candidate made several statements of it.
        WorkloadError: It has a `:"name"` without a value; or CandidateError, for one of the candidate's own.
    """
    operation = template.operations[name]
    if len(operation.statements) != 1:
        raise CandidateError(
            f"The query {name!r} has {plural(len(operation.statements), 'statement')}, not one",
            where=operation.text.place(),
        )
    return tuple(equivalence.questions(operation, databases, template.parts, template.fault(operation), bounds))


def check(template: Template, names: Iterable[str], bounds: Mapping[str, str | None]) -> None:
    """Have the server parse the queries that check, which it would otherwise see only after all blocks.

    Raises:
        CandidateError: The server refused one.
        ServerError: The server failed.
    """
    asked = [(name, *one) for name in names for one in questions(template, name, template.databases, bounds)]
    for database in template.databases:
        with connect(template.server, database) as connection:
            for name, _, own, query in asked:
                if own != database:
                    continue
                result = connection.pgconn.prepare(b"", query.sql.encode())
                if result.status != ExecStatus.COMMAND_OK:
                    cause = psycopg.errors.error_from_result(result)
                    raise candidates.refused(template.candidate, query, cause, name) from cause
