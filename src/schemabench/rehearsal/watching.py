"""What a migration locks, who waits for it, and how large the database gets meanwhile: samples by a session of its own.

Owns when a sample is taken, and what it holds. Must not add samples up: see `locks`.

Short statements are sampled as often as possible, and long ones seldom: a sample waits for a share of the time that its
statement has taken. A sample counts only if the same statement ran when it was asked for and when it was answered.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from importlib import resources
from time import perf_counter_ns
from typing import Literal, NamedTuple, TypeAlias, cast

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from schemabench.load import LostConnectionError, Session
from schemabench.load.talk import Pause, Talk, Want, ask, hear
from schemabench.rehearsal.applying import Applying
from schemabench.rehearsal.whose import Whose

_LOCKS, _SIZE = b"locks", b"size"
_SHORTEST_NS, _LONGEST_NS = 500_000, 20_000_000
"""Between two samples."""
_IDLE_NS = 1_000_000
"""Between two looks whether a statement runs."""
_SHARE = 10
"""A sample waits for this part of the time that its statement has taken."""
_SIZE_EVERY_NS = 200_000_000
"""The size of a database is read from its folder."""


Kind: TypeAlias = Literal["own", "blocker", "waiter"]


class Row(NamedTuple):
    """A lock of the migration's session, one that another session keeps it from, or one that it keeps another from."""

    kind: Kind
    mode: str
    """As in `AccessExclusiveLock`; of a blocker the one that is waited for."""
    relation: str
    """Its name; for a lock on something else its type, as in `virtualxid`: a transaction."""
    granted: bool
    waited_s: float
    """So far; 0 if it is granted."""
    who: str = ""
    """The other session: see `Whose`."""


class Sample(NamedTuple):
    """What was locked at a moment."""

    step: int
    """The statement that ran, by its place in the migration."""
    at_ns: int
    rows: tuple[Row, ...]


@dataclass(kw_only=True, eq=False)
class Watching:
    """A session that samples while a migration is executed.

    Attributes:
        session: Its session, in the migration's database.
        applying: The migration.
        whose: Names other sessions.
        sizes: The database's sizes, in bytes.
        ended_ns: When it was noticed that the session had ended, as where the migration terminates it; None if it has
            not.
    """

    session: Session
    applying: Applying
    whose: Whose
    sizes: list[int] = field(default_factory=list)
    ended_ns: int | None = None
    _answers: list[tuple[int, int, PGresult]] = field(default_factory=list)

    def __post_init__(self) -> None:
        sql = resources.files(__package__).joinpath("queries/locks.sql").read_text(encoding="utf-8")
        self.session.prepare(_LOCKS, sql)
        self.session.prepare(_SIZE, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())")
        self.session.query("SET plan_cache_mode = force_generic_plan")
        self.whose = replace(self.whose, sampling=self.session.connection.backend_pid)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples, in order."""
        return tuple(Sample(step, at_ns, tuple(self._rows(answer))) for step, at_ns, answer in self._answers)

    def talk(self) -> Talk:
        """Take samples while a statement runs, until the session ends."""
        try:
            yield from self._look()
        except (psycopg.OperationalError, LostConnectionError):
            self.ended_ns = perf_counter_ns()

    def _look(self) -> Talk:
        sized_ns = 0
        pid = b"%d" % self.applying.session.connection.backend_pid
        while True:
            asked_ns, place = perf_counter_ns(), self.applying.place
            if place is None:
                yield Pause(max(self.applying.starts_ns, asked_ns + _IDLE_NS))
                self.session.connection.consume_input()  # the end of the session, if that is why it is resumed
                continue
            answer = yield from self._asked(_LOCKS, (pid,))
            if answer is not None and self.applying.place == place:
                self._answers.append((place, asked_ns, answer))
            if asked_ns >= sized_ns:
                answer = yield from self._asked(_SIZE, ())
                self.sizes += [] if answer is None else [int(answer.get_value(0, 0) or 0)]
                sized_ns = asked_ns + _SIZE_EVERY_NS
            yield Pause(perf_counter_ns() + self._interval_ns())

    def _asked(
        self, statement: bytes, parameters: tuple[bytes, ...]
    ) -> Generator[Want | Pause | None, None, PGresult | None]:
        """Return the answer to a question; None if the server refused it, as for a relation that was just dropped."""
        connection = self.session.connection
        yield from ask(connection, (statement, parameters))
        yield Want.READ_AGAIN
        answer = yield from hear(connection)
        if connection.status != ConnStatus.OK:
            raise LostConnectionError(connection.get_error_message())
        return answer if answer is not None and answer.status == ExecStatus.TUPLES_OK else None

    def _interval_ns(self) -> int:
        return max(_SHORTEST_NS, min(_LONGEST_NS, (perf_counter_ns() - self.applying.since_ns) // _SHARE))

    def _rows(self, answer: PGresult) -> Iterator[Row]:
        for place in range(answer.ntuples):
            kind, mode, relation, granted, waited_s, pid, role, query = (
                (answer.get_value(place, column) or b"").decode(errors="replace") for column in range(answer.nfields)
            )
            yield Row(
                kind=cast("Kind", kind),
                mode=mode,
                relation=relation,
                granted=granted == "t",
                waited_s=float(waited_s),
                who="" if kind == "own" else self.whose.name(int(pid), role, query),
            )
