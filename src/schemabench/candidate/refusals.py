"""Errors for SQL that a server refused under a candidate.

Owns whose fault a refusal is, and what to do about it. Must not execute anything but questions about a refusal.
"""

from collections.abc import Sequence

import psycopg

from schemabench.candidate.variation import BASELINE, Candidate
from schemabench.errors import CandidateError, ServerError, is_servers_fault
from schemabench.statements import Query, Text

_FIRST_POSITION = 1  # the server counts positions from 1
_ENDED_BY_ORDER = "57P01"
_ORDER = "pg_terminate_backend"


def ends_sessions(candidate: Candidate, sqlstate: str | None) -> bool:
    """Return whether a session was ended by order, and the candidate's own SQL gives such an order.

    Otherwise the order is an operator's, or the server shuts down.
    """
    return sqlstate == _ENDED_BY_ORDER and _ORDER in candidate.text.lower()


def refused(  # noqa: PLR0913 (what is known of a refusal)
    candidate: Candidate,
    statement: Text | Query,
    cause: psycopg.Error,
    query: str = "",
    *,
    checked: Sequence[str] = (),
    further: Sequence[str] = (),
) -> CandidateError | ServerError:
    """Return the error for a statement that the server refused; its code tells who failed: candidate or server.

    Args:
        candidate: The candidate of the schema that the statement belongs to or is executed on.
        statement: The statement.
        cause: The refusal.
        query: The workload's query; empty for a statement of the schema.
        checked: Further observations.
        further: Further remedies.
    """
    position = int(cause.diag.statement_position or _FIRST_POSITION) - _FIRST_POSITION
    detail = [line for line in (cause.diag.message_detail, cause.diag.context) if line]
    todo = [cause.diag.message_hint] if cause.diag.message_hint else []
    if query:
        todo += remedies(candidate, statement.text if isinstance(statement, Query) else statement, query)
    elif statement.sql.startswith("\\", position):
        todo.append("remove psql commands, such as \\set")
    todo += further
    what = f"the query {query!r} under " if query else ""
    is_servers = is_servers_fault(cause.sqlstate) and not ends_sessions(candidate, cause.sqlstate)
    kind = ServerError if is_servers else CandidateError
    return kind(
        f"The server refused {what}the candidate {candidate.name!r}: {cause.diag.message_primary or cause}",
        where=statement.place(position),
        sqlstate=cause.sqlstate,
        checked=[*detail, *checked],
        remedies=todo,
    )


def remedies(candidate: Candidate, statement: Text, name: str) -> list[str]:
    """Return the remedies for SQL that the server refused under a candidate, which depend on its file.

    Args:
        candidate: The candidate under which it was executed.
        statement: The statement.
        name: The operation or query that it belongs to.
    """
    if statement.path == candidate.file.path:
        return []
    if candidate.name == BASELINE and statement.path not in candidate.paths:
        return [
            f"fix {name!r} in {statement.path}, which is written for the baseline",
            f"fix the schema in {candidate.path}",
        ]
    return [f"override it: `-- name: {name}` in {candidate.file.path}"]
