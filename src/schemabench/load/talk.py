"""What goes over one connection, and how it is waited for: steps, and their exchange for results.

Owns the form of what is sent. Must not wait: it yields what it waits for, and the driver's loop resumes it, as in
psycopg's own generators.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from time import perf_counter_ns
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from schemabench.statements import Query


class Want(Enum):
    """The event that a conversation waits for, if it is not just readability."""

    WRITE = "room to write"
    READ_AGAIN = "something to read, after there was no room to write"


class Pause(NamedTuple):
    """A conversation's request to be resumed later."""

    until_ns: int
    """On the clock of `time.perf_counter_ns`."""
    listening: bool = False
    """Whether it is resumed earlier if there is something to read."""


Talk: TypeAlias = Generator[Want | Pause | None, None, None]
"""A conversation over one connection: it yields None to wait for readability, a `Want` if the kernel must be told, and
`Pause` to wait for a time."""


Step: TypeAlias = tuple[bytes, Sequence[bytes | None]]
"""The name of a prepared statement, and its parameters in text format."""


class Unprepared(NamedTuple):
    """A step whose statement is sent as text, and parsed and planned for itself alone."""

    statement: bytes
    """A name for people."""
    parameters: Sequence[bytes | None]
    sql: bytes
    query: Query | None = None
    """What the text was made of, if it changes from call to call."""


class Rows(NamedTuple):
    """A step that copies rows to the server."""

    statement: bytes
    """A name for people."""
    parameters: Sequence[bytes | None]
    """None."""
    sql: bytes
    """COPY ... FROM STDIN."""
    chunks: Sequence[bytes]
    """The rows, in the format of the statement, in parts that are sent one after the other."""
    query: Query | None = None
    """What the text was made of, if it changes from call to call."""


SUCCEEDED = {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}
"""The results of statements that were executed."""


class Done(Enum):
    """In place of a value, that a request is done."""

    DONE = "done"


Value: TypeAlias = bytes | Done | None
"""What is remembered under a name."""


class Linked(NamedTuple):
    """A step that takes values from earlier rows of its request, gives its own row to later ones, or pauses."""

    statement: bytes
    """A name for people."""
    parameters: Sequence[bytes | None]
    """In text format; None for those that it takes."""
    step: Step | Unprepared | Rows
    """As it is sent, but for those parameters."""
    takes: Sequence[tuple[int, str]] = ()
    """(which parameter, counted from 0; the name of its value, as in `placed.id`)."""
    gives: str = ""
    """What its row is called; empty if it may return any number of rows."""
    columns: Sequence[str] = ()
    """The columns of its row that later steps take."""
    skips: int | None = None
    """How many of the next steps are left out if there is no row: the rest of its call's; None if that is an error."""
    sums: str = ""
    """The column whose sum over all rows is noted; empty for none."""
    recalls: Sequence[tuple[int, str]] = ()
    """(which parameter, counted from 0; the name under which an earlier request remembered its value)."""
    remembers: Mapping[str, str] = MappingProxyType({})
    """Column of its only row -> the name under which later requests recall its value; an empty column for none."""
    pause_ns: int = 0
    """How long the client pauses before it sends the step."""

    def stops(self, result: PGresult) -> bool:
        """Return whether a result ends the call: there is no row."""
        return self.skips is not None and result.ntuples == 0

    def filled(self, values: Mapping[str, Value], memory: Mapping[str, Value]) -> Step | Unprepared | Rows:
        """Return the step with what it takes from earlier rows, and what earlier requests remembered."""
        if not self.takes and not self.recalls:
            return self.step
        parameters = list(self.parameters)
        found = [(place, values[name]) for place, name in self.takes]
        for place, value in (*found, *((place, memory[name]) for place, name in self.recalls)):
            if not isinstance(value, Done):
                parameters[place] = value
        if isinstance(self.step, Unprepared):
            return self.step._replace(parameters=parameters)
        return self.statement, parameters


AnyStep: TypeAlias = Step | Unprepared | Rows | Linked
Request: TypeAlias = tuple[int, str, Sequence[AnyStep]]
"""What is sent for one call, or for several that were gathered: its number in the burst (where its latency goes; the
first call's), its operation, and its steps. Several steps are one transaction, whose BEGIN and COMMIT are steps too.
Plain tuples, since the interpreter unpacks nothing faster."""


NOTHING, UNDONE = -1, -2
"""In place of a sum: it was not asked for; the call was rolled back and left at that."""
Noted: TypeAlias = tuple[int, int, int]
"""When a call was begun and when it was done, on the clock of `time.perf_counter_ns`, and the sum of its answer."""


@dataclass(slots=True)
class Flight:
    """The running calls of one connection, and their starts."""

    request: Request | None = None
    """None if no call is running alone."""
    started_ns: int = 0
    """On the clock of `time.perf_counter_ns`; the last call's if none is running."""
    window: dict[int, tuple[Request, int]] = field(default_factory=dict)
    """The running requests of a pipeline, by number, each with its start."""
    included: int = NOTHING
    """The sum that the running call's answer had, where one is asked for."""
    noted: dict[int, Noted] | None = None
    """What is noted of each call that is done, by its number; None if nothing is."""

    def running(self) -> list[tuple[Request, int]]:
        """Return the running requests, each with its start."""
        alone = [(self.request, self.started_ns)] if self.request is not None else []
        return alone + list(self.window.values())

    def clear(self) -> None:
        """Forget what a drive that failed has left."""
        self.request = None
        self.window.clear()

    def note(self, number: int, started_ns: int, done_ns: int) -> None:
        """Note that a call is done, if anybody asked for that, unless it was rolled back and left at that."""
        if self.noted is not None and self.included != UNDONE:
            self.noted[number] = (started_ns, done_ns, self.included)
        self.included = NOTHING


def exchange(
    connection: PGconn, step: Step | Unprepared | Rows, round_trip_ns: int = 0
) -> Generator[Want | Pause | None, None, PGresult | None]:
    """Execute one step and return its result; None if the connection broke.

    Args:
        connection: Over which it goes.
        step: What to send.
        round_trip_ns: The time on the way there and back, which is added to each exchange before anything else is sent.
            A copy is two exchanges, as its rows wait for the server's go.
    """
    yield from ask(connection, step)
    yield Want.READ_AGAIN
    result = yield from hear(connection)
    if isinstance(step, Rows) and result is not None and result.status == ExecStatus.COPY_IN:
        if round_trip_ns:
            yield Pause(perf_counter_ns() + round_trip_ns)
        yield from _copy(connection, step.chunks)
        yield Want.READ_AGAIN
        result = yield from hear(connection)
    if round_trip_ns:
        yield Pause(perf_counter_ns() + round_trip_ns)
    return result


def ask(connection: PGconn, step: Step | Unprepared | Rows) -> Talk:
    """Send one step; its result is left unread."""
    hand(connection, step)
    yield from _written(connection)


def hand(connection: PGconn, step: AnyStep) -> None:
    """Give one step to libpq, which may keep it until it is flushed."""
    if isinstance(step, Unprepared):
        connection.send_query_params(step.sql, step.parameters)
    elif isinstance(step, Rows):
        connection.send_query(step.sql)
    else:
        connection.send_query_prepared(*step)


def first_error(result: PGresult | None, further: PGresult) -> PGresult:
    """Return what tells how a statement ended, of its result and a further one.

    A further one is the error of its commit, or libpq's own after the error with which the server closed the session.
    """
    return further if result is None or result.status in SUCCEEDED else result


def hear(connection: PGconn) -> Generator[Want | Pause | None, None, PGresult | None]:
    """Return the result of the step that was sent; None if the connection broke.

    Of a copy that may begin, that is the server's go.
    """
    connection.consume_input()
    while connection.is_busy():
        yield None
        connection.consume_input()
    result = connection.get_result()
    if result is not None and result.status == ExecStatus.COPY_IN:
        return result
    while (further := connection.get_result()) is not None:
        result = first_error(result, further)
    return result


def _copy(connection: PGconn, chunks: Sequence[bytes]) -> Talk:
    """Send rows, no faster than the server takes them."""
    for chunk in chunks:
        while not connection.put_copy_data(chunk):
            yield Want.WRITE
        yield from _written(connection)
    while not connection.put_copy_end():
        yield Want.WRITE
    yield from _written(connection)


def _written(connection: PGconn) -> Talk:
    """Wait until everything is on its way."""
    while connection.flush():
        yield Want.WRITE
