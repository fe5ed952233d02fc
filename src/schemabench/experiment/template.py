"""A template: a candidate in a database from which entrants are cloned, with its SQL.

Owns a candidate's form on a server, and its queries that check rather than load. Must not execute a call.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg.pq import ExecStatus

from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.errors import CandidateError, SchemabenchError, WorkloadError
from schemabench.experiment.databases import connect
from schemabench.server import Database, Host
from schemabench.statements import Operation, Text


@dataclass(frozen=True, kw_only=True)
class Template:
    """A candidate in a database that entrants are cloned from."""

    candidate: Candidate
    operations: Mapping[str, Operation]
    """The workload's, with the candidate's own where it overrides them."""
    server: Host
    database: Database
    isolation: str = ""
    """The isolation level of the writers' transactions; empty for the server's own."""

    def overrides(self, operation: Operation) -> bool:
        """Return whether an operation is the candidate's own."""
        return operation.text.path == self.candidate.file.path

    def fault(self, operation: Operation) -> type[SchemabenchError]:
        """Return the class of error for a mistake in an operation."""
        return CandidateError if self.overrides(operation) else WorkloadError


def query(template: Template, name: str) -> Text:
    """Return the SQL of a query that checks rather than loads.

    Raises:
        CandidateError: The candidate made several statements of it.
    """
    operation = template.operations[name]
    if len(operation.statements) != 1:
        raise CandidateError(
            f"The query {name!r} has {len(operation.statements)} statements, not one", where=operation.text.place()
        )
    return operation.statements[0].text


def check(template: Template, names: Iterable[str]) -> None:
    """Have the server parse the queries that check, which it would otherwise see only after all blocks.

    Raises:
        CandidateError: The server refused one.
        ServerError: The server failed.
    """
    with connect(template.server, template.database) as connection:
        for name in names:
            text = query(template, name)
            result = connection.pgconn.prepare(b"", text.sql.encode())
            if result.status != ExecStatus.COMMAND_OK:
                cause = psycopg.errors.error_from_result(result)
                raise candidates.refused(template.candidate, text, cause, name) from cause
