"""Prepared operations of sessions, and calls and bursts in the form in which they are sent.

Owns which session has prepared which operation, and the form of requests. Must not execute a call.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from psycopg import OperationalError, errors
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from schemabench.encoding import DOCUMENTS, Document
from schemabench.errors import SchemabenchError
from schemabench.experiment import failures
from schemabench.experiment.burst import Encoded, Pace
from schemabench.experiment.forms import Form, bounds, forms, in_order, summing
from schemabench.experiment.gathering import Batch
from schemabench.experiment.template import Template
from schemabench.load import AnyStep, Drive, Linked, Refusal, Request, Session, StatementFailedError
from schemabench.load.session import LockedOutError
from schemabench.monitor.flushing import MAY_FLUSH
from schemabench.monitor.plans import execution
from schemabench.server import lost
from schemabench.sqlfile import copied
from schemabench.statements import Operation, Query
from schemabench.units import NANOSECONDS
from schemabench.workload import Writer

_UNNAMED = b""
"""The name of a statement that the next one without a name replaces."""


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
    written: Sequence[int] = ()
    """The logical rows of each call of the burst, by its number."""
    noting: bool = False
    """Whether it is noted when each request is begun and done."""

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
        flying_ns, noted = dict(driven.flying_ns), dict(driven.noted)
        for batch in self.gathered:
            first, *others = (call.number for call in batch.calls)
            for number in others:
                latencies_ns[number] = latencies_ns[first]
                if first in noted:
                    noted[number] = noted[first]
                if first in flying_ns:
                    flying_ns[number] = flying_ns[first]
            for number in (first, *others) if self.pace else ():
                waited_s = batch.ready_s - self.pace.due_s[number] if self.pace else 0.0
                delays_ns[number] = driven.delays_ns[first] + round(waited_s * NANOSECONDS)
        return replace(driven, latencies_ns=latencies_ns, delays_ns=delays_ns, flying_ns=flying_ns, noted=noted)

    def calls_of(self, number: int) -> Sequence[int]:
        """Return the calls of a request, by their numbers."""
        gathered = {batch.calls[0].number: batch for batch in self.gathered}
        return [call.number for call in gathered[number].calls] if number in gathered else [number]

    @property
    def followers(self) -> list[int]:
        """The calls that are part of another's request, by their numbers."""
        return [call.number for batch in self.gathered for call in batch.calls[1:]]


class Prepared:
    """The prepared operations of one entrant's sessions.

    Args:
        template: Has the operations.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        self._forms: dict[tuple[Session, str], tuple[Form, ...]] = {}
        self._bounds: dict[tuple[Session, str], tuple[Form, Form]] = {}
        """What begins and commits a transaction whose first call is one of an operation."""
        self._types: dict[tuple[str, bytes], tuple[int, ...]] = {}
        """(part, name of a statement) -> the types of its parameters, or of the columns that it copies."""
        self._documents: dict[str, Mapping[int, Document]] = {}

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
                try:
                    self._forms[session, operation] = tuple(self._prepare(session, writer, known))
                except OperationalError as failure:
                    raise lost(self._template.server, failure) from failure
                session.retryable[operation] = {code: words(code) for code in known.sending.retried}
                session.acceptable[operation] = {code: words(code) for code in known.sending.accepted}

    def prepare_transactions(self, session: Session, writer: Writer, operations: Iterable[str]) -> None:
        """Prepare what begins and commits transactions, of which these are the operations of their first calls.

        Raises:
            CandidateError: The server refused a statement.
            ServerError: The server failed.
        """
        for operation in operations:
            if (session, operation) in self._bounds:
                continue
            known = self._template.operations[operation]
            own = [form for form in self._forms[session, operation] if form.statement is None]
            made = own or [self._ready(session, writer, form) for form in bounds(known, self._template.fault(known))]
            self._bounds[session, operation] = made[0], made[-1]

    def _transaction(self, session: Session, calls: Sequence[Encoded]) -> list[AnyStep]:
        """Return the steps of calls that are one transaction."""
        begin, commit = self._bounds[session, calls[0].operation]
        given = {name for call in calls for name in call.gives.values()}
        own = [
            _within(form.step((call,)), given)
            for call in calls
            for form in self._forms[session, call.operation]
            if form.statement is not None
        ]
        return [begin.step(calls[:1]), *own, commit.step(calls[:1])]

    def forget(self) -> None:
        """Forget what sessions have prepared, which are closed; the types of parameters are kept."""
        self._forms.clear()
        self._bounds.clear()

    def planning(self, session: Session, call: Encoded) -> list[bytes]:
        """Return the SQL with which a session plans the statements of a call that it has prepared, executing none.

        One that takes a value from an earlier row is left out; what another call gives is planned with a value like it,
        if one is known.
        """
        if any(call.values[name] is None for name in call.takes):
            return []  # a plan for NULL may cost nothing, and generic plans would never be chosen
        return [
            b"EXPLAIN " + execution(session.connection, step[0], step[1])
            for step in self.explainable(session, call)
            if not (isinstance(step, Linked) and step.takes)
        ]

    def knows(self, session: Session, operation: str) -> bool:
        """Return whether a session has prepared an operation."""
        return (session, operation) in self._forms

    def request(self, session: Session, calls: Sequence[Encoded], sums: str = "") -> Request:
        """Return calls of one prepared operation, one or gathered ones, in the form that the load loop sends.

        Args:
            session: The connection.
            calls: The calls.
            sums: The column of the answer whose sum is noted; empty for none.

        Raises:
            WorkloadError: A call has no usable value for a `:"name"`.
        """
        first = calls[0]
        if first.transaction:
            return first.number, first.operation, self._transaction(session, calls)
        known = self._forms[session, first.operation]
        steps = [form.step(some) for form, some in in_order(known, calls)]
        if sums:  # of the last statement, which is the answer
            place = max(place for place, (one, _) in enumerate(in_order(known, calls)) if one.statement is not None)
            steps[place] = summing(steps[place], sums)
        return first.number, first.operation, steps

    def explainable(self, session: Session, call: Encoded) -> list[AnyStep]:
        """Return the statements of a call with their parameters, each by the name that it is prepared by.

        Without those that begin and commit; none of an operation that copies, or whose SQL changes from call to call.
        """
        own = [one for one in self._forms[session, call.operation] if one.statement is not None]
        if any(one.statement.columns or one.query is None for one in own if one.statement is not None):
            return []
        return [one.linked((one.name, one.parameters([call])), call._replace(takes={}, gives={})) for one in own]

    def values(self, session: Session, request: Request) -> dict[str, bytes | None]:
        """Return the parameters of a request by their names, of its first call where each has its own.

        One that copies has none.
        """
        _, _, steps = request
        own = (forms for (one, _), forms in self._forms.items() if one is session)
        names = {form.name: form.names for form in chain.from_iterable(own)}
        found: dict[str, bytes | None] = {}
        for step in steps:
            for name, value in zip(names.get(step[0], ()), step[1], strict=False):
                found.setdefault(name, value)
        return found

    def _prepare(self, session: Session, writer: Writer, operation: Operation) -> Iterator[Form]:
        """Prepare each statement of an operation, several as a transaction.

        A copy is not prepared, nor is a statement whose SQL changes from call to call. What is sent as text for other
        reasons is prepared all the same, so that a mistake in it is found.
        """
        documents = self.documents(session, writer.part)  # before: a session shows what it was sent last
        for form in forms(operation, writer.identifiers, self._template.fault(operation)):
            if form.statement is None or (form.query is not None and not operation.copies):
                self._ready(session, writer, form)
            if form.query is None or form.statement is None:
                yield form
                continue
            known = writer.part, form.name
            if known not in self._types:
                self._types[known] = self._asked(session, writer, form, form.query)
            types = self._types[known]
            kinds = {name: documents[one] for name, one in zip(form.names, types, strict=True) if one in documents}
            yield replace(form, types=types if form.statement.binary else (), kinds=kinds)

    def _ready(self, session: Session, writer: Writer, form: Form) -> Form:
        """Prepare one statement, and return it."""
        self._accepted(session, writer, form, form.name, form.sql.decode())
        return form

    def _accepted(self, session: Session, writer: Writer, form: Form, name: bytes, sql: str) -> None:
        """Have the server parse SQL under a name."""
        try:
            result = session.prepare(name, sql)
        except LockedOutError as failure:
            raise failures.locked_out(self._template, form.operation.name) from failure
        if session.connection.status != ConnStatus.OK:
            raise lost(self._template.server, session.connection.get_error_message())
        if result.status != ExecStatus.COMMAND_OK:
            raise self._refused(session, writer, form, result)

    def _asked(self, session: Session, writer: Writer, form: Form, query: Query) -> tuple[int, ...]:
        """Return the object ids of the types of a prepared statement's parameters, or of the columns that it copies.

        A query for the columns is parsed, not executed: the writer's role may be allowed to insert alone.
        """
        if not form.operation.copies:
            return session.parameter_types(form.name)
        self._accepted(session, writer, form, _UNNAMED, copied(query.sql))
        return session.column_types(_UNNAMED)

    def documents(self, session: Session, part: str) -> Mapping[int, Document]:
        """Return the types that hold JSON, by their object ids, in the database of a part.

        They are asked for once. What that takes is in the server's statistics at once, so that it falls into no trial
        that begins later.
        """
        if part not in self._documents:
            result = session.query(DOCUMENTS)
            rows = [(result.get_value(row, 0), result.get_value(row, 1)) for row in range(result.ntuples)]
            self._documents[part] = {int(oid or 0): Document((kind or b"").decode()) for oid, kind in rows}
            if session.query(MAY_FLUSH).get_value(0, 0) == b"t":
                session.query("SELECT pg_catalog.pg_stat_force_next_flush()")
        return self._documents[part]

    def _refused(self, session: Session, writer: Writer, form: Form, result: PGresult) -> SchemabenchError:
        """Return the error for a statement that the server refused to prepare."""
        failure = StatementFailedError(session, form.operation.name, (form.name, ()), Refusal.of(result), 1)
        return failures.failed(self._template, writer, failure)


def _within(step: AnyStep, given: Collection[str]) -> AnyStep:
    """Return a step of a transaction, which takes what an earlier call of the same transaction gives from there."""
    if not isinstance(step, Linked):
        return step
    takes = [*step.takes, *((place, name) for place, name in step.recalls if name in given)]
    return step._replace(takes=takes, recalls=[one for one in step.recalls if one[1] not in given])


def words(sqlstate: str) -> str:
    """Return what an error is called, as in `unique violation (23505)`."""
    try:
        name = errors.lookup(sqlstate).__name__
    except KeyError:
        return sqlstate
    return f"{''.join(f' {one.lower()}' if one.isupper() else one for one in name).strip()} ({sqlstate})"
