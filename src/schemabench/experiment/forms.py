"""The statements of an operation as a writer's sessions send them, and a call's values in their places.

Owns the form of a step. Must not talk to a server.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from schemabench.encoding import UNFIT, Document, Listed, as_array, as_binary_rows, as_rows
from schemabench.errors import SchemabenchError, WorkloadError
from schemabench.experiment.burst import Encoded
from schemabench.load import AnyStep, Linked, Rows, Step, Unprepared
from schemabench.monitor.sampler import mark
from schemabench.naming import nearest
from schemabench.statements import LONGEST_NAME, Operation, Query, Rest, Statement
from schemabench.units import NANOSECONDS, plural

LONGEST_PAUSE_S = 4.0
"""Within a transaction: `idle_in_transaction_session_timeout` ends a session soon after."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A statement as a writer's sessions send it."""

    name: bytes
    """By which it is prepared."""
    operation: Operation
    sql: bytes
    """With the operation's mark; empty if it changes from call to call."""
    names: tuple[str, ...] = ()
    """Of its parameters, or of the columns that it copies."""
    query: Query | None = None
    """What is sent, without the mark; None if it changes from call to call."""
    statement: Statement | None = None
    """As written; None for one that begins or commits."""
    identifiers: Mapping[str, str]
    """The writer's."""
    fault: type[SchemabenchError]
    """The class of error for a mistake in the operation: its author's."""
    taken: tuple[str, ...] = ()
    """The columns of its row that later statements take."""
    behind: int = 0
    """How many statements of the operation follow it."""
    types: tuple[int, ...] = ()
    """The object ids of the types of the columns that it copies in binary format; empty for any other."""
    kinds: Mapping[str, Document] = field(default_factory=dict)
    """The parameters, or the columns that it copies, that hold JSON."""
    plain: bool = True
    """Whether it is prepared, and nothing is taken from another statement, given to one, or paused for."""
    rest: Rest | None = None
    """The pause before it."""

    @property
    def is_prepared(self) -> bool:
        """Whether sessions prepare it: neither a copy nor what changes from call to call.

        What is sent as text for other reasons is prepared all the same, so that a mistake in it is found.
        """
        return self.statement is None or (self.query is not None and not self.operation.copies)

    @property
    def is_direct(self) -> bool:
        """Whether its parameters are one call's values, as they are."""
        return self.plain and self.operation.sending.batch == 1 and not self.kinds

    def step(self, calls: Sequence[Encoded]) -> AnyStep:
        """Return it as it is sent for calls, one or gathered ones.

        Raises:
            WorkloadError: A call has no usable value for a `:"name"`.
            SchemabenchError: A call lacks what the operation takes, or says no time for a pause.
        """
        if self.plain and not calls[0].is_linked:
            return self.name, self.parameters(calls)
        if self.rest is None:
            return self.unpaused(calls)
        pause_ns = self.pause_ns(calls[0])
        if self.operation.transacts and self.rest is not self.operation.statements[0].rest:
            self.check_pause(pause_ns)
        return paused(self.unpaused(calls), pause_ns)

    def unpaused(self, calls: Sequence[Encoded]) -> AnyStep:
        """Return it as `step` does for calls that are linked, but without the pause before it."""
        self._check_linked(calls[0])
        written = self._written(self.statement, calls) if self.statement and self.query is None else None
        sql = self.sql if written is None else (mark(self.operation.name) + written.sql).encode()
        if self.statement and self.statement.columns:
            return Rows(self.name, (), sql, self._rows(calls), written)
        if written is not None:
            return self.linked(Unprepared(self.name, self.parameters(calls), sql, written), calls[0])
        if not self.operation.sending.prepared:
            return self.linked(Unprepared(self.name, self.parameters(calls), self.sql), calls[0])
        return self.linked((self.name, self.parameters(calls)), calls[0])

    def linked(self, step: Step | Unprepared, call: Encoded) -> Step | Unprepared | Linked:
        """Return a step with what it takes from other statements and calls, and gives to them, if anything."""
        if self.statement is None or not (self.statement.gives or self.statement.takes or call.takes or call.gives):
            return step
        return Linked(
            statement=self.name,
            parameters=step[1],
            step=step,
            takes=[(place, name) for place, name in enumerate(self.names) if "." in name],
            gives=self.statement.gives,
            columns=self.taken,
            skips=self.behind if self.statement.stops else None,
            recalls=[(place, call.takes[name]) for place, name in enumerate(self.names) if name in call.takes],
            remembers={} if self.behind else call.gives,
        )

    def _check_linked(self, call: Encoded) -> None:
        """Refuse a call that takes a value from another one, or gives one, where that cannot be.

        Raises:
            SchemabenchError: The operation gathers values or copies.
        """
        if (call.takes or call.gives) and (self.operation.copies or self.operation.sending.batch > 1):
            raise self.fault(
                f"Calls of {self.operation.name!r} take values from others, or give them, and so cannot be gathered",
                where=self.operation.text.place(),
                remedies=["leave out `-- batch:`", "write an INSERT rather than a COPY"],
            )

    def parameters(self, calls: Sequence[Encoded]) -> list[bytes | None]:
        """Return the parameters: of one call, or arrays of the gathered calls' values; None where a row gives it."""
        try:
            if self.operation.sending.batch == 1:
                values = self._held(calls[0].values)
                return [None if "." in name else values[name] for name in self.names]
            rows = [self._held(call.values) for call in calls]
            return [None if "." in name else as_array([row[name] for row in rows]) for name in self.names]
        except KeyError as cause:
            raise self._missing(cause.args[0], calls[0]) from cause

    def _held(self, values: Mapping[str, bytes | None]) -> Mapping[str, bytes | None]:
        """Return a call's values, with lists as what holds JSON takes them."""
        if not self.kinds:
            return values
        gathered = self.operation.sending.batch > 1 and not self.operation.copies
        found = dict(values)
        for name, kind in self.kinds.items():
            value = values.get(name)
            if isinstance(value, Listed):
                found[name] = value.as_held(Document.ONE if gathered else kind)
        return found

    def pause_ns(self, call: Encoded) -> int:
        """Return how long the pause before it is for a call; 0 for none.

        Raises:
            SchemabenchError: The call says no time.
        """
        if self.rest is None:
            return 0
        value = call.values.get(self.rest.name) if self.rest.name else b"1"
        try:
            return max(0, round(float(value or b"") * self.rest.seconds * NANOSECONDS))
        except (ValueError, OverflowError) as cause:
            raise self.fault(
                f"A call of {self.operation.name!r} pauses for {_text(value)!r} by `{self.rest.line}`",
                where=self.operation.text.place(),
                remedies=[f"give {self.rest.name!r} a number"],
            ) from cause

    def check_pause(self, pause_ns: int) -> None:
        """Refuse a pause within a transaction, before this statement, that the server would not bear.

        Raises:
            SchemabenchError: It is longer than `LONGEST_PAUSE_S`.
        """
        if pause_ns > LONGEST_PAUSE_S * NANOSECONDS:
            raise self.fault(
                f"A call of {self.operation.name!r} pauses for {pause_ns / NANOSECONDS:g} s in its transaction",
                where=self.operation.text.place(),
                remedies=[f"pause there for {LONGEST_PAUSE_S:g} s at most: the server ends sessions that idle for 5 s"],
            )

    def _missing(self, name: str, call: Encoded) -> SchemabenchError:
        """Return the error for a call that has no value for a parameter, which the workload's own SQL does not take."""
        assert self.statement is not None, "BEGIN and COMMIT have no parameters"
        return self.fault(
            f"A call of {self.operation.name!r} has no value for :{name}{nearest(name, call.values)}",
            where=self.statement.text.place(self.statement.mark(name)),
            checked=[f"its values: {', '.join(call.values) or 'none'}"],
        )

    def _rows(self, calls: Sequence[Encoded]) -> list[bytes]:
        """Return the calls' values as rows.

        Raises:
            SchemabenchError: A value cannot be sent in binary format.
        """
        if missing := next((name for name in self.names if name not in calls[0].values), ""):
            raise self._missing(missing, calls[0])
        held = (self._held(call.values) for call in calls)
        rows = ([values[name] for name in self.names] for values in held)
        if not self.types:
            return as_rows(rows)
        try:
            return as_binary_rows(rows, self.types)
        except UNFIT as cause:
            assert self.statement is not None, "it copies"
            raise self.fault(
                f"A call of {self.operation.name!r} cannot be copied in binary format: {cause}",
                where=self.statement.text.place(),
                remedies=["leave out (FORMAT binary): text format takes every type"],
            ) from cause

    def _written(self, statement: Statement, calls: Sequence[Encoded]) -> Query:
        """Return a statement with a call's names and values written into it."""
        call = calls[0]
        own = {name: _identifier(statement, name, call) for name in statement.identifiers if name in call.values}
        literals = {name: _text(call.values[name]) for name in statement.literals if name in call.values}
        literals = {**literals, **self.identifiers}
        if missing := next((name for name in statement.literals if name not in literals), ""):
            raise self._missing(missing, call)
        return statement.render({**own, **self.identifiers}, self.fault, literals)


def paused(step: AnyStep, pause_ns: int) -> AnyStep:
    """Return a step before which the client pauses, if the pause is any."""
    if not pause_ns:
        return step
    if isinstance(step, Linked):
        return step._replace(pause_ns=pause_ns)
    return Linked(step[0], step[1], step, pause_ns=pause_ns)


def summing(step: AnyStep, column: str) -> AnyStep:
    """Return a step of whose answer the sum of a column is noted."""
    if isinstance(step, Linked):
        return step._replace(sums=column)
    return step if isinstance(step, Rows) else Linked(step[0], step[1], step, sums=column)


def forms(operation: Operation, identifiers: Mapping[str, str], error: type[SchemabenchError]) -> Iterator[Form]:
    """Yield the statements of an operation, several of them between those that begin and commit a transaction.

    Args:
        operation: The operation.
        identifiers: The writer's.
        error: The class of error to raise.

    Raises:
        SchemabenchError: An operation that gathers calls, or copies in binary format, has a `:"name"` that the writer
            does not set.
    """
    if operation.transacts:
        yield _own(operation, error, "begin", "BEGIN", operation.statements[0].rest)
    for place, statement in enumerate(operation.statements):
        rest = statement.rest if place or not operation.transacts else None  # the first one is before BEGIN
        changing = bool((statement.literals | statement.identifiers) - {*identifiers})
        if changing and operation.sending.batch > 1:
            statement.render(identifiers, error)  # which tells what is missing
        if changing and statement.binary:
            raise error(
                f"{operation.name!r} copies in binary format into a table whose name comes from each call",
                where=statement.text.place(),
                remedies=["leave out (FORMAT binary): the types of the columns are not known before"],
            )
        query = None if changing else statement.render(identifiers, error, identifiers)
        yield Form(
            name=f"{operation.name}_{place}".encode(),
            operation=operation,
            sql=(mark(operation.name) + query.sql).encode() if query else b"",
            names=statement.parameters,
            query=query,
            statement=statement,
            identifiers=identifiers,
            fault=error,
            taken=operation.taken(place),
            behind=len(operation.statements) - place - 1,
            plain=bool(query)
            and operation.sending.prepared
            and not (statement.columns or statement.takes or statement.gives or rest),
            rest=rest,
        )
    if operation.transacts:
        yield _own(operation, error, "commit", "COMMIT", operation.rest)


def bounds(operation: Operation, error: type[SchemabenchError]) -> tuple[Form, Form]:
    """Return what begins and commits a transaction whose first call is one of an operation; errors as in `forms`."""
    return _own(operation, error, "begin", "BEGIN"), _own(operation, error, "commit", "COMMIT")


def in_order(some: Sequence[Form], calls: Sequence[Encoded]) -> Iterator[tuple[Form, Sequence[Encoded]]]:
    """Yield the statements of a request in order, each with the calls that its parameters are of."""
    if some and some[0].operation.sending.transaction > 1:
        begin, *own, commit = some
        yield begin, calls
        yield from ((form, (call,)) for call in calls for form in own)
        yield commit, calls
    else:
        yield from ((form, calls) for form in some)


def _own(operation: Operation, fault: type[SchemabenchError], label: str, sql: str, rest: Rest | None = None) -> Form:
    """Return a statement of schemabench's own."""
    return Form(
        name=f"{operation.name}_{label}".encode(),
        operation=operation,
        sql=(mark(operation.name) + sql).encode(),
        identifiers={},
        fault=fault,
        plain=operation.sending.prepared and rest is None,
        rest=rest,
    )


def _identifier(statement: Statement, name: str, call: Encoded) -> str:
    """Return a call's value for a `:"name"`."""
    value = _text(call.values[name])
    if not value or len(value.encode()) > LONGEST_NAME:
        shown = "NULL" if value is None else f"{value!r}, of {plural(len(value.encode()), 'byte')}"
        raise WorkloadError(
            f'A call of {call.operation!r} sets the identifier :"{name}" to {shown}',
            where=statement.text.place(statement.mark(name)),
            remedies=[f"use a text of 1 to {LONGEST_NAME} bytes"],
        )
    return value


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
