"""The statements of an operation as a writer's sessions send them, and a call's values in their places.

Owns the form of a step. Must not talk to a server.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from schemabench.encoding import as_array, as_rows
from schemabench.errors import SchemabenchError, WorkloadError
from schemabench.experiment.burst import Encoded
from schemabench.load import AnyStep, Linked, Rows, Step, Unprepared
from schemabench.monitor.sampler import mark
from schemabench.statements import Operation, Query, Statement

_LONGEST_NAME = 63
"""Bytes: the server cuts longer names, and two of them may then be the same."""


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
    taken: tuple[str, ...] = ()
    """The columns of its row that later statements take."""
    plain: bool = True
    """Whether it is prepared, and neither takes a value from another statement nor gives one."""

    def step(self, calls: Sequence[Encoded]) -> AnyStep:
        """Return it as it is sent for calls, one or gathered ones.

        Raises:
            WorkloadError: A call has no usable value for a `:"name"`.
        """
        if self.plain:
            return self.name, self.parameters(calls)
        if self.statement and self.statement.columns:
            rows = ([call.values[name] for name in self.names] for call in calls)
            return Rows(self.name, (), self.sql, as_rows(rows))
        if self.statement and self.query is None:
            query = self._written(self.statement, calls[0])
            sql = (mark(self.operation.name) + query.sql).encode()
            return self.linked(Unprepared(self.name, self.parameters(calls), sql, query))
        if not self.operation.sending.prepared:
            return self.linked(Unprepared(self.name, self.parameters(calls), self.sql))
        return self.linked((self.name, self.parameters(calls)))

    def linked(self, step: Step | Unprepared) -> Step | Unprepared | Linked:
        """Return a step with what it takes from other statements and gives to them, if anything."""
        if self.statement is None or not (self.statement.gives or self.statement.takes):
            return step
        return Linked(
            statement=self.name,
            parameters=step[1],
            step=step,
            takes=[(place, name) for place, name in enumerate(self.names) if "." in name],
            gives=self.statement.gives,
            columns=self.taken,
            stops=self.statement.stops,
        )

    def parameters(self, calls: Sequence[Encoded]) -> list[bytes | None]:
        """Return the parameters: of one call, or arrays of the gathered calls' values; None where a row gives it."""
        if self.operation.sending.batch == 1:
            values = calls[0].values
            return [None if "." in name else values[name] for name in self.names]
        return [None if "." in name else as_array([call.values[name] for call in calls]) for name in self.names]

    def _written(self, statement: Statement, call: Encoded) -> Query:
        """Return a statement with a call's names and values written into it."""
        own = {name: _identifier(statement, name, call) for name in statement.identifiers if name in call.values}
        literals = {name: _text(call.values[name]) for name in statement.literals}
        return statement.render({**own, **self.identifiers}, WorkloadError, literals)


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
        SchemabenchError: An operation that gathers calls has a `:"name"` that the writer does not set.
    """
    several = len(operation.statements) > 1
    if several:
        yield _own(operation, "begin", "BEGIN")
    for place, statement in enumerate(operation.statements):
        changing = bool(statement.literals or statement.identifiers - {*identifiers})
        if changing and operation.sending.batch > 1:
            statement.render(identifiers, error)  # which tells what is missing
        query = None if changing else statement.render(identifiers, error)
        yield Form(
            name=f"{operation.name}_{place}".encode(),
            operation=operation,
            sql=(mark(operation.name) + query.sql).encode() if query else b"",
            names=statement.parameters,
            query=query,
            statement=statement,
            identifiers=identifiers,
            taken=operation.taken(place),
            plain=bool(query)
            and operation.sending.prepared
            and not (statement.columns or statement.takes or statement.gives),
        )
    if several:
        yield _own(operation, "commit", "COMMIT")


def _own(operation: Operation, label: str, sql: str) -> Form:
    """Return a statement of schemabench's own."""
    return Form(
        name=f"{operation.name}_{label}".encode(),
        operation=operation,
        sql=(mark(operation.name) + sql).encode(),
        identifiers={},
        plain=operation.sending.prepared,
    )


def _identifier(statement: Statement, name: str, call: Encoded) -> str:
    """Return a call's value for a `:"name"`."""
    value = _text(call.values[name])
    if not value or len(value.encode()) > _LONGEST_NAME:
        shown = "NULL" if value is None else repr(value)
        raise WorkloadError(
            f'A call of {call.operation!r} sets the identifier :"{name}" to {shown}',
            where=statement.text.place(statement.mark(name)),
            remedies=[f"use a text of 1 to {_LONGEST_NAME} bytes"],
        )
    return value


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
