"""Prepared operations of sessions, and calls in the form in which they are sent.

Owns which session has prepared which operation, and the form of requests. Must not execute a call.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import NamedTuple

from psycopg import OperationalError, errors
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from schemabench.encoding import DOCUMENTS, Document
from schemabench.errors import CandidateError, SchemabenchError, WorkloadError
from schemabench.experiment import failures
from schemabench.experiment.burst import Encoded
from schemabench.experiment.forms import Form, bounds, forms, in_order, paused, summing
from schemabench.experiment.template import Template
from schemabench.load import AnyStep, Linked, Refusal, Request, Session, StatementFailedError
from schemabench.load.session import prepare
from schemabench.monitor.flushing import MAY_FLUSH
from schemabench.monitor.plans import execution
from schemabench.server import lost
from schemabench.sqlfile import copied
from schemabench.workload import Writer

_UNNAMED = b""
"""The name of a statement that the next one without a name replaces."""


class Wanted(NamedTuple):
    """What a session is to prepare."""

    session: Session
    writer: Writer
    operations: Collection[str]
    begins: Collection[str] = ()
    """Of these, the first ones of transactions."""


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
        self._names: dict[Session, set[bytes]] = defaultdict(set)
        """The statements that the server has accepted, of operations that others still miss, too."""
        self._written: dict[tuple[str, str], tuple[Form, ...]] = {}
        """(writer, operation) -> its statements, as they are prepared."""
        self._typed: dict[tuple[str, str], tuple[Form, ...]] = {}
        """Likewise, with the types of parameters and columns, which a session that has prepared them was asked for."""
        self._documents: dict[str, Mapping[int, Document]] = {}

    def prepare(self, wanted: Iterable[Wanted], within_s: float | None = None) -> None:
        """Prepare operations, each once in a session, and in all sessions at once.

        If the server refuses some, all others are prepared.

        Args:
            wanted: What each session is to prepare.
            within_s: As in the session's `prepare`.

        Raises:
            CandidateError: The server refused an operation.
            WorkloadError: An operation does not fit the writer.
            ServerError: The server failed.
        """
        missing = [one for one in wanted if self._lacks(one)]
        lines: dict[Session, tuple[Writer, list[Form]]] = {}
        for one in missing:
            self.documents(one.session, one.writer.part)  # before: a session shows what it was sent last
            own = [form for operation in one.operations for form in self._statements(one.writer, operation)]
            own += chain(*(self._bounding(one.writer, operation) for operation in one.begins))
            lines[one.session] = one.writer, [form for form in own if form.is_prepared]
        refusal = self._send(lines, within_s)
        for one in missing:
            try:
                self._note(one)
            except OperationalError as failure:
                raise lost(self._template.server, failure) from failure
            except (CandidateError, WorkloadError) as failure:
                refusal = refusal or failure
        if refusal:
            raise refusal

    def _lacks(self, wanted: Wanted) -> bool:
        """Return whether a session has yet to prepare some of what it is to prepare."""
        session, _, operations, begins = wanted
        return not (
            all((session, one) in self._forms for one in operations)
            and all((session, one) in self._bounds for one in begins)
        )

    def _statements(self, writer: Writer, operation: str) -> tuple[Form, ...]:
        """Return the statements of an operation, as a writer's sessions prepare them."""
        key = writer.name, operation
        if key not in self._written:
            known = self._template.operations[operation]
            self._written[key] = tuple(forms(known, writer.identifiers, self._template.fault(known)))
        return self._written[key]

    def _bounding(self, writer: Writer, operation: str) -> tuple[Form, Form]:
        """Return what begins and commits a transaction whose first call is one of an operation."""
        own = [form for form in self._statements(writer, operation) if form.statement is None]
        known = self._template.operations[operation]
        return (own[0], own[-1]) if own else bounds(known, self._template.fault(known))

    def _send(
        self, lines: Mapping[Session, tuple[Writer, Sequence[Form]]], within_s: float | None
    ) -> SchemabenchError | None:
        """Prepare statements, those of a session one after the other, and return the first refusal, if any."""
        first: SchemabenchError | None = None
        for place in range(max((len(line) for _, line in lines.values()), default=0)):
            turn = [
                (session, writer, line[place])
                for session, (writer, line) in lines.items()
                if place < len(line) and line[place].name not in self._names[session]
            ]
            results = prepare([(session, form.name, form.sql) for session, _, form in turn], within_s)
            for (session, writer, form), result in zip(turn, results, strict=True):
                if refusal := self._refusal(session, writer, form, result):
                    first = first or refusal
                else:
                    self._names[session].add(form.name)
            if None in results:  # all others would wait as long
                break
        return first

    def _refusal(
        self, session: Session, writer: Writer, form: Form, result: PGresult | None
    ) -> SchemabenchError | None:
        """Return why a statement is not prepared; None if it is.

        Raises:
            ServerError: The connection is lost.
        """
        if session.connection.status != ConnStatus.OK:
            raise lost(self._template.server, session.connection.get_error_message())
        if result is None:
            return failures.locked_out(self._template, form.operation.name)
        if result.status == ExecStatus.COMMAND_OK:
            return None
        failure = StatementFailedError(session, form.operation.name, (form.name, ()), Refusal.of(result), 1)
        return failures.failed(self._template, writer, failure)

    def _note(self, wanted: Wanted) -> None:
        """Note what a session has prepared of what it was to prepare."""
        session, writer, operations, begins = wanted
        names = self._names[session]
        for operation in operations:
            own = self._statements(writer, operation)
            if not self.knows(session, operation) and all(form.name in names for form in own if form.is_prepared):
                self._forms[session, operation] = self._asked(session, writer, operation)
                sending = self._template.operations[operation].sending
                session.retryable[operation] = {code: words(code) for code in sending.retried}
                session.acceptable[operation] = {code: words(code) for code in sending.accepted}
        for operation in begins:
            begin, commit = self._bounding(writer, operation)
            if begin.name in names and commit.name in names:
                self._bounds[session, operation] = begin, commit

    def _asked(self, session: Session, writer: Writer, operation: str) -> tuple[Form, ...]:
        """Return the statements of an operation that a session has prepared, with the types of their parameters."""
        key = writer.name, operation
        if key not in self._typed:
            own = self._statements(writer, operation)
            self._typed[key] = tuple(self._with_types(session, writer, form) for form in own)
        return self._typed[key]

    def _with_types(self, session: Session, writer: Writer, form: Form) -> Form:
        """Return a statement with the types of its parameters, or of the columns that it copies.

        A query for the columns is parsed, not executed: the writer's role may be allowed to insert alone.
        """
        if form.query is None or form.statement is None:
            return form
        if form.operation.copies:
            (result,) = prepare([(session, _UNNAMED, copied(form.query.sql).encode())])
            if refusal := self._refusal(session, writer, form, result):
                raise refusal
            types = session.column_types(_UNNAMED)
        else:
            types = session.parameter_types(form.name)
        documents = self.documents(session, writer.part)
        kinds = {name: documents[one] for name, one in zip(form.names, types, strict=True) if one in documents}
        return replace(form, types=types if form.statement.binary else (), kinds=kinds)

    def _transaction(self, session: Session, calls: Sequence[Encoded]) -> list[AnyStep]:
        """Return the steps of calls that are one transaction.

        Its operations do not begin and commit by themselves, but pause where they would: before what is sent next.
        """
        begin, commit = self._bounds[session, calls[0].operation]
        given = {name for call in calls for name in call.gives.values()}
        steps, pause_ns = [begin.unpaused(calls[:1])], 0
        own = [(call, form) for call in calls for form in self._forms[session, call.operation]]
        for call, form in own:
            pause_ns += form.pause_ns(call)
            if len(steps) > 1:
                form.check_pause(pause_ns)
            if form.statement is None:
                continue
            if len(steps) == 1:  # the first pause of all is before the transaction
                steps[0], pause_ns = paused(steps[0], pause_ns), 0
            steps.append(paused(_within(form.unpaused((call,)), given), pause_ns))
            pause_ns = 0
        return [*steps, paused(commit.unpaused(calls[:1]), pause_ns)]

    def forget(self) -> None:
        """Forget what sessions have prepared, which are closed; the types of parameters are kept."""
        self._forms.clear()
        self._bounds.clear()
        self._names.clear()

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
        if len(known) == 1 and not sums:  # of most calls
            return first.number, first.operation, [known[0].step(calls)]
        steps = [form.step(some) for form, some in in_order(known, calls)]
        if sums:  # of the last statement, which is the answer
            place = max(place for place, (one, _) in enumerate(in_order(known, calls)) if one.statement is not None)
            steps[place] = summing(steps[place], sums)
        return first.number, first.operation, steps

    def one_by_one(self, wanted: Wanted, queue: Sequence[Encoded], sums: Mapping[str, str]) -> list[Request]:
        """Return calls as `request` does, each by itself.

        Most operations are one statement that takes a call's values as they are: this is thousands of calls per second.

        Args:
            wanted: The session, which has prepared the calls' operations.
            queue: The calls, none of which is linked to others.
            sums: Operation -> as in `request`.

        Raises:
            WorkloadError: As `request`.
        """
        session = wanted.session
        known = {operation: self._forms[session, operation] for operation in wanted.operations}
        direct = {operation: own[0] for operation, own in known.items() if len(own) == 1 and own[0].is_direct}
        if len(direct) == len(known) and sums.keys().isdisjoint(known):
            with suppress(KeyError):  # a value is missing, as `request` says in more words
                taken = {operation: (form.name, form.names) for operation, form in direct.items()}
                return [
                    (call.number, call.operation, [(name, [call.values[one] for one in names])])
                    for call in queue
                    for name, names in (taken[call.operation],)
                ]
        return [self.request(session, (call,), sums.get(call.operation, "")) for call in queue]

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


def _within(step: AnyStep, given: Collection[str]) -> AnyStep:
    """Return a step of a transaction, which takes what an earlier call of the same transaction gives from there."""
    if not isinstance(step, Linked):
        return step
    takes = [*step.takes, *((place, name) for place, name in step.recalls if name in given)]
    return step._replace(takes=takes, recalls=[one for one in step.recalls if one[1] not in given])


@cache
def words(sqlstate: str) -> str:
    """Return what an error is called, as in `unique violation (23505)`."""
    try:
        name = errors.lookup(sqlstate).__name__
    except KeyError:
        return sqlstate
    return f"{''.join(f' {one.lower()}' if one.isupper() else one for one in name).strip()} ({sqlstate})"
