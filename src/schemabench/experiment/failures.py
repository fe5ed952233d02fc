"""The errors of an entrant's sessions: statements that were refused, slow calls, endless trials.

Owns whose fault each is, and its wording. Must not execute anything.
"""

from collections.abc import Iterable, Mapping, Sequence

import psycopg

from schemabench import candidate as candidates
from schemabench.errors import CandidateError, SchemabenchError, ServerError, is_servers_fault
from schemabench.experiment import undone
from schemabench.experiment.template import Template
from schemabench.load import Limits, Rows, Session, SlowCallError, StatementFailedError, Unprepared
from schemabench.load.session import NO_DATA, PREPARED_WITHIN_S, STOP_S, TOO_MANY_ROWS, Undone
from schemabench.monitor.sampler import mark
from schemabench.redaction import redact_sql
from schemabench.server import gone, lost
from schemabench.statements import Query, Text
from schemabench.units import format_duration
from schemabench.workload import Writer

_SHOWN_VALUE = 80  # characters of a parameter in an error
_WHO = "find out who holds it: a companion that holds its transaction, or a session of the server's users"
_NO_RIGHT = "42501"
_RETURNING = "if it writes, have it return its row: INSERT ... RETURNING id"
_OUTCOMES = {"23", "P0"}
"""The classes of SQLSTATEs that depend on rows: violated constraints, a row that is missing or that a function raises
an error about."""


def refused(
    template: Template, cause: psycopg.Error, statement: Text | Query | None = None, query: str = ""
) -> CandidateError | ServerError:
    """Return the error for a refusal outside the load loop.

    An ended session is the server's fault, unless the candidate's own SQL ends sessions.

    Args:
        template: The candidate's template.
        cause: The refusal.
        statement: The statement; None for VACUUM and ANALYZE, which execute the index expressions of the schema.
        query: The workload's operation or query that the statement belongs to; empty for one of the schema.
    """
    candidate = template.candidate
    if gone(cause) and not candidates.ends_sessions(candidate, cause.sqlstate):
        return lost(template.server, cause)
    return candidates.refused(candidate, candidate.files[0].preamble if statement is None else statement, cause, query)


def failed(template: Template, writer: Writer, failure: StatementFailedError) -> SchemabenchError:
    """Return the error for a statement that the server refused: operation, SQL, parameters, the server's message."""
    refusal = failure.refusal
    if failure.operation not in template.operations:
        return lost(template.server, refusal.message)  # schemabench's own statements fail only in an ended session
    candidate, operation = template.candidate, template.operations[failure.operation]
    name, parameters = failure.step[0].decode(), failure.step[1]
    position = name.removeprefix(f"{operation.name}_")
    statement = operation.statements[int(position) if position.isdecimal() else -1]
    written = failure.step.query if isinstance(failure.step, Unprepared | Rows) else None
    query = written or statement.render(writer.identifiers, literals=writer.identifiers)
    shown = _shown(zip(query.parameters, parameters, strict=False))
    retried = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
    is_servers = is_servers_fault(refusal.sqlstate) and not candidates.ends_sessions(candidate, refusal.sqlstate)
    kind = ServerError if is_servers else CandidateError
    return kind(
        f"The operation {operation.name!r} failed under the candidate {candidate.name!r}{retried}: {refusal.message}",
        where=query.place(max(0, refusal.position - 1 - len(mark(operation.name))))
        if refusal.position
        else statement.text.place(),
        sqlstate=refusal.sqlstate,
        checked=[*shown, *filter(None, (refusal.detail, *redact_sql(refusal.context).splitlines()[:2]))],
        remedies=[
            *_of_rights(writer, refusal.sqlstate),
            *_outcome(operation.name, refusal.sqlstate),
            *candidates.remedies(candidate, statement.text, operation.name),
        ],
    )


def _outcome(operation: str, sqlstate: str) -> list[str]:
    """Return what to write if an error is an outcome that production repeats or ignores; nothing for other kinds."""
    if sqlstate == TOO_MANY_ROWS:
        return ["have the named statement return one row"]
    if sqlstate[:2] not in _OUTCOMES:
        return []
    where = f"below `-- name: {operation}`"
    no_row = ["if it may have no row, end the operation there: `-- if none: stop` below `-- as:`", _RETURNING]
    return [
        *(no_row if sqlstate == NO_DATA else []),
        f"if production repeats the operation after this error, write `-- retry: {sqlstate}` {where}",
        f"if production goes on without it, write `-- accept: {sqlstate}` {where}",
    ]


def _of_rights(writer: Writer, sqlstate: str) -> list[str]:
    """Return what to do about a missing right of a writer's role; nothing for other errors."""
    if sqlstate != _NO_RIGHT or not writer.role:
        return []
    return [f"grant {writer.role!r}, as which the writer {writer.name!r} executes, the right in the candidate's schema"]


def slow(  # noqa: PLR0913, PLR0917 (everything that is known of the call)
    template: Template,
    failure: SlowCallError,
    limits: Limits,
    values: Mapping[str, bytes | None],
    awaited: Sequence[str],
    retried: Undone,
    sessions: Sequence[Session],
) -> CandidateError:
    """Return the error for a call that exceeded its limit: operation, parameters, time.

    Args:
        template: The candidate's template.
        failure: The load loop's error.
        limits: The time limits.
        values: The parameters of the call.
        awaited: What its session waited for, as reported by the server.
        retried: Attempts rolled back in that time.
        sessions: The sessions with these attempts, now idle.
    """
    _, operation, _ = failure.request
    checked, remedies = undone.said(retried, sessions)
    return CandidateError(
        f"A call of {operation!r} under the candidate {template.candidate.name!r} timed out after "
        f"{format_duration(failure.elapsed_s)}: the limit for a call is {format_duration(limits.call_s)}",
        where=template.operations[operation].text.place(),
        checked=[*_shown(values.items()), *awaited, *checked],
        remedies=[*remedies, "allow longer calls: --call-timeout 2min"],
    )


def locked_out(template: Template, operation: str) -> CandidateError:
    """Return the error for an operation that could not be prepared because a table remained locked."""
    return CandidateError(
        f"The operation {operation!r} could not be prepared under the candidate {template.candidate.name!r} within "
        f"{format_duration(PREPARED_WITHIN_S)}: another session holds an exclusive lock on what it uses",
        where=template.operations[operation].text.place(),
        remedies=[_WHO],
    )


def locked_table(template: Template, limit_s: float) -> CandidateError:
    """Return the error for sizes that could not be read because a table remained locked."""
    return CandidateError(
        f"The sizes of tables of the candidate {template.candidate.name!r} could not be read within "
        f"{format_duration(limit_s)}: another session holds an exclusive lock on one",
        remedies=[_WHO],
    )


def endless(template: Template) -> CandidateError:
    """Return the error for a trial that was cut short and that the server did not end."""
    return CandidateError(
        f"A trial of {template.candidate.name!r} was cut short, but the server did not cancel it within "
        f"{format_duration(STOP_S)}",
        remedies=["check the server's log"],
    )


def _shown(values: Iterable[tuple[str, bytes | None]]) -> list[str]:
    """Return the parameters of a call, each with the beginning of its value."""
    return [
        f":{name} = {'NULL' if value is None else repr(value.decode(errors='replace')[:_SHOWN_VALUE])}"
        for name, value in values
    ]
