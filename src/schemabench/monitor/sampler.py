"""Sampling of the server at a fixed rate during a burst, as one more conversation in the load loop.

Owns the sampling connection, its schedule, and the conversion of an answer to a `Sample`. Must not know candidates, nor
add samples up.

A session's operation is read from the comment that `mark` puts before each statement: the server shows the text of a
prepared statement while it runs, and the last one while a transaction is idle. The phase of the first sample is drawn
for each trial, so that samples do not hit the same moment of every burst. Short trials are sampled faster than
requested, up to a rate of negligible cost (`rate_hz`). An answer is read when the next sample is due, so that a sample
wakes the loop only once, and parsed after the burst.
"""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from random import Random
from time import perf_counter_ns
from typing import NamedTuple

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from schemabench.load import LostConnectionError, Session, Talk
from schemabench.load.talk import Pause, ask, hear
from schemabench.monitor import queries
from schemabench.monitor.sample import Lock, Sample, Samples, Seen
from schemabench.records import WAIT_CLASSES
from schemabench.units import NANOSECONDS

LOOKS = 4
"""The least samples in a trial, up to `MOST_HZ`: since states last, more would add less information than more
trials."""
MOST_HZ = 200.0
"""The maximum raised rate: samples take 2.5 % of all processor time at this one, and 0.7 % at 50 per second
(benchmarks/monitor_overhead.py). Only trials of 20 ms reach it, those of candidates many times as fast as the
baseline."""

_LOOK = b"look"
_FLUSH = b"SELECT pg_catalog.pg_stat_force_next_flush()"
_MARK = re.compile(r"/\* (\w+) \*/ ")


class _LockRow(NamedTuple):
    """A lock that a session holds or waits for, as reported by the server."""

    kind: str
    mode: str
    granted: bool
    target: str
    relation: int
    """0 if it belongs to none."""
    waited_s: float


def rate_hz(least_hz: float, expected_s: float) -> float:
    """Return the sampling rate for trials of an expected duration.

    Args:
        least_hz: The requested rate, which is the minimum.
        expected_s: The expected duration of a trial, in seconds.
    """
    return max(least_hz, min(LOOKS / expected_s, MOST_HZ))


def mark(operation: str) -> str:
    """Return the comment before each statement of an operation, by which the sampler identifies it."""
    return f"/* {operation} */ "


def marked(query: str) -> str:
    """Return the operation that a statement is marked with; empty if it is not marked."""
    found = _MARK.match(query)
    return found[1] if found else ""


class Sampler:
    """A connection that samples the server.

    Args:
        conninfo: The conninfo of any database of the server.
        hz: The minimum rate of samples per second.

    Raises:
        LostConnectionError: The server cannot be reached or refused.
    """

    def __init__(self, conninfo: str, hz: float) -> None:
        self._hz = hz
        self._interval_ns = round(NANOSECONDS / hz)
        self._session = Session.open(conninfo)
        self._session.connection.exec_(
            b"SET plan_cache_mode = force_generic_plan"
        )  # planning takes longer than sampling
        self._session.prepare(_LOOK, queries.text("look"))
        self._session.connection.exec_prepared(
            _LOOK, [b"{0}"]
        )  # the first reader of catalogs sets hint bits in their rows
        self._session.connection.exec_(_FLUSH)  # these writes must not count in a trial
        self._answers: list[tuple[PGresult | None, bool]] = []
        self._asked: bool | None = None
        """Whether the sample with the outstanding answer was late; None if there is none."""
        self._lost = 0
        self._due_ns = 0

    @property
    def pid(self) -> int:
        """The process id of the sampling session."""
        return self._session.connection.backend_pid

    def watch(self, pids: Sequence[int], random: Random, expected_s: float = math.inf) -> tuple[int, Talk]:
        """Return the socket and the conversation that samples sessions until it is stopped.

        The conversation raises `LostConnectionError` if its connection broke.

        Args:
            pids: The sessions' process ids.
            random: The source of the moment of the first sample.
            expected_s: The expected duration.
        """
        self._interval_ns = round(NANOSECONDS / rate_hz(self._hz, expected_s))
        connection = self._session.connection
        while connection.get_result() is not None:
            pass  # of a sample outstanding when the previous burst ended or failed: it does not belong to this one
        self._answers, self._asked, self._lost = [], None, 0
        return connection.socket, self._looks(pids, random)

    def taken(self, tables: Mapping[int, int]) -> Samples:
        """Return the samples since `watch`; call it as soon as the burst has ended.

        A sample without an answer by then is discarded: at best, it saw the end of the burst.

        Args:
            tables: The OID of each table of the database -> that of its topmost parent, or its own if it has none.
        """
        self._read_last()
        answered = [(answer, late) for answer, late in self._answers if answer is not None and _is_good(answer)]
        return Samples(
            taken=tuple(
                Sample(seen=tuple(_seen(answer, row, tables) for row in range(answer.ntuples)), late=late)
                for answer, late in answered
            ),
            lost=self._lost + self._overdue() + len(self._answers) - len(answered),
        )

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _looks(self, pids: Sequence[int], random: Random) -> Talk:
        connection = self._session.connection
        step = (_LOOK, (b"{%s}" % b",".join(b"%d" % pid for pid in pids),))
        self._due_ns = perf_counter_ns() + round(random.random() * self._interval_ns)
        try:
            yield Pause(self._due_ns)
            while True:
                self._asked = perf_counter_ns() - self._due_ns > self._interval_ns // 2
                yield from ask(connection, step)
                yield Pause(self._due_ns + self._interval_ns)
                answer = yield from hear(connection)
                self._note(answer)
                missed = self._overdue()
                self._lost += missed
                self._due_ns += missed * self._interval_ns
        except psycopg.OperationalError as cause:
            raise LostConnectionError(str(cause).strip()) from cause

    def _read_last(self) -> None:
        """Read the answer to the last sample of a burst, if it has arrived."""
        connection = self._session.connection
        with suppress(psycopg.OperationalError, LostConnectionError):  # the next sample reports it, if there is one
            if self._asked is not None:
                connection.consume_input()
                if not connection.is_busy():
                    self._note(connection.get_result())

    def _note(self, answer: PGresult | None) -> None:
        """Keep the answer to the outstanding sample."""
        connection = self._session.connection
        if connection.status != ConnStatus.OK:
            raise LostConnectionError(connection.get_error_message())
        self._answers.append((answer, bool(self._asked)))
        self._asked = None
        self._due_ns += self._interval_ns

    def _overdue(self) -> int:
        """Return the number of samples that fell due before the next one could be taken."""
        return max(0, (perf_counter_ns() - self._due_ns) // self._interval_ns)


def _is_good(answer: PGresult) -> bool:
    return answer.status == ExecStatus.TUPLES_OK


def _seen(answer: PGresult, row: int, tables: Mapping[int, int]) -> Seen:
    """Return one row of `look.sql`."""
    pid, query, wait_class, event, locks, blockers = [answer.get_value(row, column) for column in range(answer.nfields)]
    lock = _awaited([_row(text) for text in locks.decode().split()], tables) if locks else None
    return Seen(
        int(pid or 0),
        *_state(query, wait_class, event),
        lock,
        tuple(map(int, blockers.split(b","))) if lock and blockers else (),
    )


@lru_cache
def _state(query: bytes | None, wait_class: bytes | None, event: bytes | None) -> tuple[str, str, str]:
    """Return a session's operation, its wait class and its event; many have the same."""
    texts = (None if cell is None else cell.decode(errors="replace") for cell in (query, wait_class, event))
    statement, kind, name = texts
    # the server does not read the last two at the same moment
    return marked(statement or ""), _class(kind), (name or "") if kind else ""


def _row(text: str) -> _LockRow:
    """Return a lock from `look.sql`: a row as text, none of whose values needs quotes."""
    _, granted, mode, waited_s, kind, database, relation, *others = text.strip("()").split(",")
    return _LockRow(
        kind=kind,
        mode=mode,
        granted=granted == "t",
        target=",".join(filter(None, (kind, database, relation, *others))),
        relation=int(relation or 0),
        waited_s=float(waited_s or 0),
    )


def _awaited(locks: Sequence[_LockRow], tables: Mapping[int, int]) -> Lock | None:
    """Return the lock that a session waits for, of all its locks; None if the wait was over by then."""
    for lock in locks:
        if not lock.granted:
            relation = lock.relation or _relation(locks, tables)
            return Lock(kind=lock.kind, mode=lock.mode, target=lock.target, relation=relation, waited_s=lock.waited_s)
    return None


def _class(wait_class: str | None) -> str:
    if wait_class is None:
        return "running"
    return wait_class if wait_class in WAIT_CLASSES else "other"


def _relation(locks: Sequence[_LockRow], tables: Mapping[int, int]) -> int:
    """Return the OID of the relation behind a wait whose lock belongs to no relation; 0 if unknown.

    If the session is the first in the queue for a row, it holds that row's tuple lock, which names the table. A wait
    for a transaction without a row, such as for the outcome of another insertion of the same key, is attributed to the
    table that the waiting transaction writes if there is only one, and to its partition if there is only one.
    """
    for lock in locks:
        if lock.kind == "tuple":
            return lock.relation
    oids = {lock.relation for lock in locks if lock.kind == "relation"}
    if len(oids) == 1:
        return oids.pop()
    written = {oid for oid in oids if oid in tables}
    roots = {tables[oid] for oid in written}
    if len(roots) != 1:
        return 0
    partitions = written - roots
    return (partitions if len(partitions) == 1 else roots).pop()
