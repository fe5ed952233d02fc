"""Prepared operations of sessions, and calls and bursts in the form in which they are sent.

Owns which session has prepared which operation, and the form of requests. Must not execute a call.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from psycopg.pq import ConnStatus, ExecStatus

from schemabench.errors import CandidateError, WorkloadError
from schemabench.experiment import failures
from schemabench.experiment.burst import Encoded, Pace
from schemabench.experiment.template import Template
from schemabench.load import Request, Session, StatementFailedError, Step
from schemabench.monitor.sampler import mark
from schemabench.server import lost
from schemabench.sqlfile import Operation
from schemabench.workload import Writer


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A burst that is ready to be driven."""

    queues: Sequence[tuple[Session, Sequence[Request]]]
    operations: Sequence[str]
    """The operation of each call of the burst, by its number."""
    pace: Pace | None = None
    """When the calls are due; None if they start as soon as a connection is free."""


class Prepared:
    """The prepared operations of one entrant's sessions.

    Args:
        template: Has the operations.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        self._known: set[tuple[Session, str]] = set()
        self._statements: dict[str, tuple[tuple[bytes, tuple[str, ...]], ...]] = {}
        """Operation -> the name and the parameters of each of its statements."""

    def prepare(self, session: Session, writer: Writer, operations: Iterable[str]) -> None:
        """Prepare operations over a connection, each once.

        Raises:
            CandidateError: The server refused an operation.
            WorkloadError: An operation does not fit the writer.
            ServerError: The server failed.
        """
        for operation in operations:
            if not self.knows(session, operation):
                statements = self._prepare(session, writer, self._template.operations[operation])
                self._statements[operation] = tuple(statements)
                self._known.add((session, operation))

    def knows(self, session: Session, operation: str) -> bool:
        """Return whether a session has prepared an operation."""
        return (session, operation) in self._known

    def request(self, call: Encoded) -> Request:
        """Return a call of a prepared operation in the form that the load loop sends."""
        number, operation, values, _ = call
        steps: list[Step] = [
            (name, [values[parameter] for parameter in parameters]) for name, parameters in self._statements[operation]
        ]
        return number, operation, steps

    def values(self, request: Request) -> dict[str, bytes | None]:
        """Return the parameters of a call by their names."""
        _, operation, steps = request
        return {
            name: value
            for (_, names), (_, parameters) in zip(self._statements[operation], steps, strict=True)
            for name, value in zip(names, parameters, strict=True)
        }

    def _prepare(
        self, session: Session, writer: Writer, operation: Operation
    ) -> Iterator[tuple[bytes, tuple[str, ...]]]:
        """Prepare each statement of an operation, several as a transaction; yield its name and its parameters."""
        template = self._template
        whose_fault = CandidateError if template.overrides(operation) else WorkloadError
        queries = [statement.render(writer.identifiers, whose_fault) for statement in operation.statements]
        statements = [(str(position), query.sql, query.parameters) for position, query in enumerate(queries)]
        if len(statements) > 1:
            statements = [("begin", "BEGIN", ()), *statements, ("commit", "COMMIT", ())]
        for label, text, parameters in statements:
            name = f"{operation.name}_{label}".encode()
            result = session.prepare(name, mark(operation.name) + text)
            if session.connection.status != ConnStatus.OK:
                raise lost(template.server, session.connection.get_error_message())
            if result.status != ExecStatus.COMMAND_OK:
                failure = StatementFailedError(session, operation.name, (name, ()), result, 1)
                raise failures.failed(template, writer, failure)
            yield name, parameters
