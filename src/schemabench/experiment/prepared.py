"""Prepared operations of sessions, and calls and bursts in the form in which they are sent.

Owns which session has prepared which operation, and the form of requests. Must not execute a call.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from psycopg import errors
from psycopg.pq import ConnStatus, ExecStatus

from schemabench.encoding import as_array, as_rows
from schemabench.errors import CandidateError, WorkloadError
from schemabench.experiment import failures
from schemabench.experiment.burst import Encoded, Pace
from schemabench.experiment.gathering import Batch
from schemabench.experiment.template import Template
from schemabench.load import AnyStep, Drive, Request, Rows, Session, StatementFailedError, Step, Unprepared
from schemabench.monitor.sampler import mark
from schemabench.server import lost
from schemabench.statements import Operation
from schemabench.units import NANOSECONDS
from schemabench.workload import Writer


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A burst that is ready to be driven."""

    queues: Sequence[tuple[Session, Sequence[Request]]]
    operations: Sequence[str]
    """The operation of each call of the burst, by its number."""
    pace: Pace | None = None
    """When the calls are due; None if they start as soon as a connection is free."""
    gathered: Sequence[Batch] = field(default_factory=tuple)
    """The requests whose calls may be several."""
    after: Mapping[int, int] = field(default_factory=dict)
    """For each request of a pipeline, by its number: how many requests of its connection are answered before it."""
    depths: Mapping[str, int] = field(default_factory=dict)
    """Operation -> the most requests of it in flight on a connection; 1 where it is not among them."""

    @property
    def due_s(self) -> Sequence[float] | None:
        """When each request is due, by its number; None if it is sent as soon as a connection is free."""
        if self.pace is None:
            return None
        due_s = list(self.pace.due_s)
        for batch in self.gathered:
            due_s[batch.calls[0].number] = batch.ready_s
        return due_s

    def call_by_call(self, driven: Drive) -> Drive:
        """Return what came of requests as what came of each call: gathered calls take as long as their request.

        From when a call is due to when it is begun contains the time that it waits for its batch.
        """
        if not self.gathered:
            return driven
        latencies_ns, delays_ns = list(driven.latencies_ns), list(driven.delays_ns)
        flying_ns = dict(driven.flying_ns)
        for batch in self.gathered:
            first, *others = (call.number for call in batch.calls)
            for number in others:
                latencies_ns[number] = latencies_ns[first]
                if first in flying_ns:
                    flying_ns[number] = flying_ns[first]
            for number in (first, *others) if self.pace else ():
                waited_s = batch.ready_s - self.pace.due_s[number] if self.pace else 0.0
                delays_ns[number] = driven.delays_ns[first] + round(waited_s * NANOSECONDS)
        return replace(driven, latencies_ns=latencies_ns, delays_ns=delays_ns, flying_ns=flying_ns)

    @property
    def followers(self) -> list[int]:
        """The calls that are part of another's request, by their numbers."""
        return [call.number for batch in self.gathered for call in batch.calls[1:]]


class _Form(NamedTuple):
    """A statement as a session sends it."""

    name: bytes
    parameters: tuple[str, ...]
    """The names of its parameters, or of the columns that it copies."""
    sql: bytes


class Prepared:
    """The prepared operations of one entrant's sessions.

    Args:
        template: Has the operations.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        self._forms: dict[tuple[Session, str], tuple[_Form, ...]] = {}

    def prepare(self, session: Session, writer: Writer, operations: Iterable[str]) -> None:
        """Prepare operations over a connection, each once.

        Raises:
            CandidateError: The server refused an operation.
            WorkloadError: An operation does not fit the writer.
            ServerError: The server failed.
        """
        for operation in operations:
            if not self.knows(session, operation):
                known = self._template.operations[operation]
                self._forms[session, operation] = tuple(self._prepare(session, writer, known))
                if known.sending.retried:
                    session.retryable[operation] = {code: _words(code) for code in known.sending.retried}

    def knows(self, session: Session, operation: str) -> bool:
        """Return whether a session has prepared an operation."""
        return (session, operation) in self._forms

    def request(self, session: Session, calls: Sequence[Encoded]) -> Request:
        """Return calls of one prepared operation, one or gathered ones, in the form that the load loop sends."""
        first = calls[0]
        operation = self._template.operations[first.operation]
        forms = self._forms[session, first.operation]
        steps: list[AnyStep]
        if operation.copies:
            steps = [Rows(one.name, (), one.sql, as_rows(_values(calls, one.parameters))) for one in forms]
        else:
            sent = [(one, _parameters(operation, some, one)) for one, some in _sent(operation, forms, calls)]
            if operation.sending.prepared:
                steps = [(one.name, parameters) for one, parameters in sent]
            else:
                steps = [Unprepared(one.name, parameters, one.sql) for one, parameters in sent]
        return first.number, first.operation, steps

    def explainable(self, session: Session, call: Encoded) -> list[Step]:
        """Return the statements of a call with their parameters, each by the name that it is prepared by.

        Without those that begin and commit; none of an operation that copies.
        """
        operation, forms = self._template.operations[call.operation], self._forms[session, call.operation]
        if operation.copies:
            return []
        own = forms[1:-1] if len(forms) > 1 else forms
        return [(one.name, _parameters(operation, [call], one)) for one in own]

    def values(self, session: Session, request: Request) -> dict[str, bytes | None]:
        """Return the parameters of a request by their names, of its first call where each has its own.

        One that copies has none.
        """
        _, operation, steps = request
        named = {form.name: form.parameters for form in self._forms[session, operation]}
        found: dict[str, bytes | None] = {}
        for step in steps:
            for name, value in zip(named[step[0]], step[1], strict=False):
                found.setdefault(name, value)
        return found

    def _prepare(self, session: Session, writer: Writer, operation: Operation) -> Iterator[_Form]:
        """Prepare each statement of an operation, several as a transaction.

        A copy is not prepared. What is sent as text is prepared all the same, so that a mistake in it is found.
        """
        template = self._template
        whose_fault = CandidateError if template.overrides(operation) else WorkloadError
        queries = [statement.render(writer.identifiers, whose_fault) for statement in operation.statements]
        statements = [(str(position), query.sql, query.parameters) for position, query in enumerate(queries)]
        if len(statements) > 1 or operation.sending.transaction > 1:
            statements = [("begin", "BEGIN", ()), *statements, ("commit", "COMMIT", ())]
        for label, text, parameters in statements:
            name, sql = f"{operation.name}_{label}".encode(), mark(operation.name) + text
            if not operation.copies:
                result = session.prepare(name, sql)
                if session.connection.status != ConnStatus.OK:
                    raise lost(template.server, session.connection.get_error_message())
                if result.status != ExecStatus.COMMAND_OK:
                    failure = StatementFailedError(session, operation.name, (name, ()), result, 1)
                    raise failures.failed(template, writer, failure)
            yield _Form(name, parameters, sql.encode())


def _sent(
    operation: Operation, forms: Sequence[_Form], calls: Sequence[Encoded]
) -> Iterator[tuple[_Form, Sequence[Encoded]]]:
    """Yield the statements of a request in order, each with the calls that its parameters are of."""
    if operation.sending.transaction == 1:
        yield from ((one, calls) for one in forms)
        return
    begin, *own, commit = forms
    yield begin, calls
    yield from ((one, (call,)) for call in calls for one in own)
    yield commit, calls


def _parameters(operation: Operation, calls: Sequence[Encoded], form: _Form) -> Sequence[bytes | None]:
    """Return the parameters of a statement: of one call, or arrays of the gathered calls' values."""
    if operation.sending.batch == 1:
        return [calls[0].values[name] for name in form.parameters]
    return [as_array([call.values[name] for call in calls]) for name in form.parameters]


def _values(calls: Sequence[Encoded], names: Sequence[str]) -> Iterator[list[bytes | None]]:
    return ([call.values[name] for name in names] for call in calls)


def _words(sqlstate: str) -> str:
    """Return what an error is called, as in `unique violation`."""
    try:
        name = errors.lookup(sqlstate).__name__
    except KeyError:
        return sqlstate
    return "".join(f" {one.lower()}" if one.isupper() else one for one in name).strip()
