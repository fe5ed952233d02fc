"""A libpq connection that is played: it answers as a script says, one answer for each statement that is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from socket import socketpair

import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus

from schemabench.load.session import ROLLBACK


@dataclass(frozen=True)
class FakeResult:
    """What a statement came to."""

    status: ExecStatus = ExecStatus.COMMAND_OK
    fields: dict[DiagnosticField, bytes] = field(default_factory=dict)
    rows: Sequence[Sequence[bytes | None]] = ()
    command_status: bytes = b""
    """What the statement did, as in `COMMIT`."""

    @property
    def ntuples(self) -> int:
        """The number of rows."""
        return len(self.rows)

    @property
    def nfields(self) -> int:
        """The number of columns."""
        return len(self.rows[0]) if self.rows else 0

    def get_value(self, row: int, column: int) -> bytes | None:
        """Return one cell."""
        return self.rows[row][column]

    def error_field(self, name: DiagnosticField) -> bytes | None:
        """Return one field of an error."""
        return self.fields.get(name)


def refused(sqlstate: str, message: str = "no", **more: str) -> FakeResult:
    """Return an error of the server."""
    fields = {"SQLSTATE": sqlstate, "MESSAGE_PRIMARY": message, **more}
    return FakeResult(ExecStatus.FATAL_ERROR, {DiagnosticField[name]: text.encode() for name, text in fields.items()})


@dataclass
class Answer:
    """What comes back for one statement that is sent."""

    result: FakeResult | None = field(default_factory=FakeResult)
    """None for a connection that broke, as libpq has it."""
    late: int = 0
    """How often the rest of the answer is still to come."""
    blocked: int = 0
    """How often there is no room to write."""
    more: Sequence[FakeResult] = ()
    """Further results of the same statement."""
    lost: str = ""
    """What is said of a connection that breaks while the answer is read."""
    ends: bool = False
    """Whether it is the last one: the server ended the session while it executed the statement."""
    silent: bool = False
    """Whether the answer comes only when the connection is told to speak."""


class FakeConnection:
    """Plays psycopg's wrapper of a libpq connection, with a socket that is readable when there is an answer."""

    status = ConnStatus.OK
    nonblocking = 1

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.prepared: dict[bytes, bytes] = {}
        self.sent: list[tuple[bytes, list[bytes | None]]] = []
        self.transaction_status = TransactionStatus.IDLE
        self._answer = Answer()
        self._results: list[FakeResult | None] = []
        self._near, self._far = socketpair()
        self.socket = self._near.fileno()

    def exec_(self, sql: bytes) -> FakeResult:
        """Accept a setting, and that statistics are to be handed over."""
        assert sql.startswith((b"SET ", b"SELECT pg_catalog.pg_stat_force_next_flush()"))
        return FakeResult(ExecStatus.COMMAND_OK)

    def exec_prepared(self, name: bytes, parameters: Sequence[bytes | None]) -> FakeResult:
        """Accept a statement that is executed at once, and forget it."""
        assert name in self.prepared
        assert parameters
        return FakeResult(ExecStatus.TUPLES_OK)

    def prepare(self, name: bytes, sql: bytes) -> FakeResult:
        """Take a statement to prepare."""
        self.prepared[name] = sql
        return FakeResult()

    def send_prepare(self, name: bytes, sql: bytes) -> None:
        """Take a statement to prepare, and have its result ready."""
        self._answer, self._results = Answer(), [self.prepare(name, sql), None]
        self.speak()

    def send_query_prepared(self, name: bytes, parameters: Sequence[bytes | None]) -> None:
        """Take a statement, and have its answer ready."""
        assert not self._results, "a statement is sent only after all results of the one before were read"
        self.sent.append((name, list(parameters)))
        self._answer = self.script.pop(0) if self.script else Answer()
        self._results = [self._answer.result, *self._answer.more, None]
        if not self._answer.silent:
            self.speak()
        self.status = ConnStatus.BAD if self._answer.ends else ConnStatus.OK
        failed = self._answer.result is None or self._answer.result.status is ExecStatus.FATAL_ERROR
        if name == ROLLBACK or name.endswith(b"_commit"):
            self.transaction_status = TransactionStatus.IDLE
        elif name.endswith(b"_begin") or self.transaction_status is TransactionStatus.INTRANS:
            self.transaction_status = TransactionStatus.INERROR if failed else TransactionStatus.INTRANS

    def speak(self) -> None:
        """Let the answer be there."""
        self._far.send(b".")

    def flush(self) -> int:
        """Say whether there is still something to write."""
        self._answer.blocked -= 1
        return int(self._answer.blocked >= 0)

    def consume_input(self) -> None:
        """Read what is there."""
        if self._answer.lost:
            raise psycopg.OperationalError(self._answer.lost)

    def is_busy(self) -> int:
        """Say whether the answer is still incomplete."""
        self._answer.late -= 1
        return int(self._answer.late >= 0)

    def get_result(self) -> FakeResult | None:
        """Return the next result, None after the last and where nothing was asked."""
        if not self._results:
            return None
        result = self._results.pop(0)
        if not self._results:
            self._near.recv(1)
        return result

    def get_error_message(self) -> str:
        """Say what is wrong."""
        return "connection broke"

    def finish(self) -> None:
        """Hang up."""
        self._near.close()
        self._far.close()
