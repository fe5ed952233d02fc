"""The sessions of an entrant, which load and drive bursts.

Owns the connections to its databases, from opening to closing. Must not know blocks, order or statistics, nor the
wording of errors: see `failures`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random
from time import perf_counter, sleep

import psycopg

from schemabench.errors import SchemabenchError, ServerError, WorkloadError
from schemabench.experiment import failures, undone
from schemabench.experiment.burst import Burst, Encoded
from schemabench.experiment.databases import connect
from schemabench.experiment.loaded import Loaded, load
from schemabench.experiment.prepared import Prepared, Wanted
from schemabench.experiment.replanning import Planned
from schemabench.experiment.template import Template
from schemabench.load import (
    AnyStep,
    Drive,
    Ending,
    Limits,
    LostConnectionError,
    Others,
    Request,
    Session,
    SlowCallError,
    StatementFailedError,
    Talk,
    Value,
    drive,
    lacking,
    stop,
)
from schemabench.load.collecting import uncollected
from schemabench.load.session import Accepted, Undone, prepare
from schemabench.monitor.flushing import MAY_FLUSH
from schemabench.server import Databases, full, lost
from schemabench.workload import Writer

_LEAVE_S = 5.0
"""How long a server may take to end sessions that are closed."""
_AGAIN_S = 0.02
_UNLIMITED = Limits()
_FLUSH = b"flush_statistics"
_FLUSHES = b"SELECT pg_catalog.pg_stat_force_next_flush()"


class Sessions:
    """Connections to databases, one for each of the given writers; iterating yields each with its writer.

    Args:
        template: The template of which the databases are a clone, or which they are.
        databases: The databases; a writer is connected to that of its part.
        writers: The writers of the connections.
        round_trip_s: Added to every exchange with the server, as time on the way.
        memory: What calls gave to later ones in these databases; None if there were none.
        by_turns: Whether there are connections only between `wake` and `rest`.

    Raises:
        ServerError: The server cannot be reached or refused; no connection is then open.
    """

    def __init__(  # noqa: PLR0913 (whose connections they are)
        self,
        template: Template,
        databases: Databases,
        writers: Iterable[Writer],
        round_trip_s: float = 0.0,
        memory: dict[str, Value] | None = None,
        *,
        by_turns: bool = False,
    ) -> None:
        self.round_trip_s = round_trip_s
        self.memory: dict[str, Value] = {} if memory is None else memory
        self.by_turns = by_turns
        self._template = template
        self._databases = databases
        self._writers = tuple(writers)
        self._pairs: list[tuple[Session, Writer]] = []
        self._prepared = Prepared(template)
        self._further: list[tuple[Session, Writer]] = []
        """Connections for plans of writers of whose part and role only other workers have any."""
        self._flushing: dict[Session, bool] = {}
        """Session -> whether it may flush its statistics, and has prepared that."""
        self._may_flush: dict[str, bool] = {}
        """Role -> whether its sessions may flush their statistics."""
        self._planned = Planned()
        """Where connections are closed."""
        if not by_turns:
            self._open(self._writers)

    def _open(self, writers: Sequence[Writer]) -> None:
        """Connect: all, or none."""
        self._pairs = _opened(self._template, self._databases, writers, self.round_trip_s, self.memory)
        try:
            for session, writer in self._pairs:
                self._prepared.documents(session, writer.part)
        except BaseException as failure:
            self.rest()
            if isinstance(failure, psycopg.Error):
                raise lost(self._template.server, failure) from failure
            raise

    def rest(self) -> None:
        """Close the connections until `wake`."""
        self.close()
        self._pairs, self._further = [], []
        self._flushing.clear()
        self._prepared.forget()

    def wake(self, *, few: bool = False) -> None:
        """Connect again, and bring each session to where the one before it was: statements are prepared and planned.

        The server plans a prepared statement for the values of each of its first executions, and then decides whether
        it does without. A new session has as many executions planned as the one before had, without executing any.

        Args:
            few: Whether to open only a few sessions, which together have planned every operation, and execute no burst.

        Raises:
            ServerError: The server cannot be reached or refused; no connection is then open.
        """
        deadline_s, waiting = perf_counter() + _LEAVE_S, True
        places = self._planned.places(self._writers) if few else range(len(self._writers))
        while waiting:
            try:
                self._open([self._writers[place] for place in places])
                waiting = False
            except ServerError as failure:  # sessions that were just closed may still have their places
                if not full(failure.what) or perf_counter() > deadline_s:
                    raise
                sleep(_AGAIN_S)
        try:
            self._planned.repeat(dict(zip(places, self._pairs, strict=True)), self._prepared)
            if self._planned:
                self.flush_statistics()
        except BaseException as failure:
            self.rest()
            if isinstance(failure, (psycopg.Error, LostConnectionError)):
                raise lost(self._template.server, failure) from failure
            raise

    def moved(self, databases: Databases) -> "Sessions":
        """Return sessions of the same writers in copies of the databases, which have the rows that calls gave."""
        new = Sessions(self._template, databases, self._writers, self.round_trip_s, self.memory, by_turns=self.by_turns)
        new._planned = self._planned
        return new

    def __iter__(self) -> Iterator[tuple[Session, Writer]]:
        return iter(self._pairs)

    @property
    def pids(self) -> list[int]:
        """The process ids of the sessions, on the server."""
        return [session.connection.backend_pid for session, _ in self]

    @property
    def parts(self) -> dict[int, str]:
        """The part of each session's writer, by the session's process id on the server."""
        return {session.connection.backend_pid: writer.part for session, writer in self}

    def execute(self, burst: Burst, random: Random, limits: Limits = _UNLIMITED) -> Drive:
        """Load a burst and drive it."""
        return self.drive(self.load(burst), random, limits)

    @uncollected()
    def load(self, burst: Burst) -> Loaded:
        """Do all work for a burst that is possible before the timed part.

        Raises:
            CandidateError: The server refused an operation.
            ServerError: The server failed.
        """
        if burst.is_linked:
            self._check_given(burst)
        if self.by_turns:
            self._planned.note(burst)
        wanted = [
            Wanted(
                session,
                writer,
                operations={call.operation for call in queue},
                begins={call.operation for call in queue if call.transaction} if burst.is_linked else (),
            )
            for (session, writer), queue in zip(self._pairs, burst.queues, strict=True)
        ]
        self._prepared.prepare(wanted)
        return load(burst, wanted, self._prepared, self._template.operations)

    def _check_given(self, burst: Burst) -> None:
        """Refuse a burst with a call that takes what no call of this process gives.

        Raises:
            WorkloadError: With the name of what it takes.
        """
        given = {name for call in burst.calls() for name in call.gives.values()}
        for call in burst.calls():
            for parameter, name in call.takes.items():
                if name not in given and name not in self.memory:
                    raise WorkloadError(
                        f"A call of {call.operation!r} takes :{parameter} from what another call gives as {name!r}, "
                        "and no call of this process gives it",
                        remedies=[
                            "have one process execute all calls, without -n",
                            f"give it by an earlier call: `Call(..., gives={{'column': {name!r}}})`",
                        ],
                    )

    def drive(  # noqa: PLR0913, PLR0917 (a burst and its surroundings)
        self,
        loaded: Loaded,
        random: Random,
        limits: Limits = _UNLIMITED,
        watch: tuple[int, Talk] | None = None,
        others: Others | None = None,
        beside: Sequence[tuple[int, Talk]] = (),
        ending: Ending | None = None,
    ) -> Drive:
        """Execute a loaded burst once; no call is running afterwards.

        Args:
            loaded: The burst to execute.
            random: Determines the jitter of retries.
            limits: The time limits.
            watch: A conversation to run at the same time, as in the load loop's `drive`.
            others: Another source of events, watched until the end, as in the load loop's `drive`.
            beside: The conversations of companions, likewise.
            ending: When a burst with a pace ends, likewise.

        Raises:
            CandidateError: The server refused an operation, or a call exceeded its limit.
            ServerError: The server failed.
        """
        before, sessions = self.retried(), [session for session, _ in self]
        for session in sessions:
            session.flight.noted = {} if loaded.noting else None
        try:
            driven = drive(
                loaded.queues,
                calls=len(loaded.operations),
                random=random,
                limits=limits,
                failure=self._template.server.failure,
                due_s=loaded.due_s,
                ending=ending,
                after=loaded.after,
                watch=watch,
                others=others,
                beside=beside,
            )
        except StatementFailedError as failure:
            stop(sessions)
            raise failures.failed(self._template, dict(self._pairs)[failure.session], failure) from None
        except SlowCallError as failure:
            awaited = self._awaited(failure.session)
            awaited += [f"it waits for {name!r}, which another call should give" for name in _lacking(failure)]
            stop(sessions)
            retried = since(before, self.retried())
            values = self._prepared.values(failure.session, failure.request)
            raise failures.slow(self._template, failure, limits, values, awaited, retried, sessions) from None
        except LostConnectionError as failure:
            raise lost(self._template.server, failure) from failure
        except SchemabenchError:  # a companion's
            stop(sessions)
            raise
        if driven.cut and not stop(sessions):
            raise failures.endless(self._template)
        noted = {number: one for session in sessions for number, one in (session.flight.noted or {}).items()}
        return loaded.call_by_call(replace(driven, noted=noted))

    def flush_statistics(self) -> None:
        """Flush every session's statistics, which it would otherwise do within seconds, and does if it may not.

        Raises:
            ServerError: The server failed.
        """
        new = [(session, writer) for session, writer in self if session not in self._flushing]
        for session, writer in new:
            if writer.role not in self._may_flush:
                self._may_flush[writer.role] = session.query(MAY_FLUSH).get_value(0, 0) == b"t"
            self._flushing[session] = self._may_flush[writer.role]
        prepare((session, _FLUSH, _FLUSHES) for session, _ in new if self._flushing[session])
        queues: list[tuple[Session, Sequence[Request]]] = [
            (session, [(number, "", [(_FLUSH, ())])])
            for number, session in enumerate(session for session, _ in self if self._flushing[session])
        ]
        self.drive(Loaded(queues=queues, operations=[""] * len(queues)), Random(0))  # noqa: S311 (nothing is retried)

    def ready(self, writer: Writer, call: Encoded) -> tuple[Session, Sequence[AnyStep]]:
        """Return a session of the given writer that has prepared a call, and its statements as EXPLAIN takes them.

        The session has executed the operation, and so has its current plan. If only other workers have such a
        connection, it is any session of this process with the same part and role, or a further one: row-level security
        and grants go by the role.

        Raises:
            CandidateError: The server refused an operation.
            ServerError: The server failed.
        """
        alike = writer.part, writer.role
        own = [session for session, one in (*self, *self._further) if (one.part, one.role) == alike]
        if not own:
            self._further += _opened(self._template, self._databases, [writer], self.round_trip_s, self.memory)
            own = [self._further[-1][0]]
        session = next((one for one in own if self._prepared.knows(one, call.operation)), own[0])
        self._prepared.prepare([Wanted(session, writer, {call.operation})])
        return session, self._prepared.explainable(session, call)

    def retried(self) -> Undone:
        """Return the number of attempts at each operation that were rolled back and repeated so far, by reason."""
        return summed(session.retried for session, _ in self)

    def accepted(self) -> list[Accepted]:
        """Return the requests that were rolled back and left at that since the last time this was asked."""
        found = [one for session, _ in self for one in session.accepted]
        for session, _ in self:
            session.accepted.clear()
        return found

    def paused_ns(self) -> int:
        """Return the total time for which connections have paused before retries so far."""
        return sum(sum(session.paused_ns.values()) for session, _ in self)

    def close(self) -> None:
        """Close the connections."""
        for session, _ in (*self, *self._further):
            session.close()

    def _awaited(self, session: Session) -> list[str]:
        """Return what a session currently waits for, as reported by the server."""
        server, database = self._template.server, next(iter(self._databases))
        with suppress(psycopg.Error, ServerError), connect(server, database) as connection:
            return undone.awaited(connection, session.connection.backend_pid)
        return []


def _lacking(failure: SlowCallError) -> list[str]:
    """Return the names of what a slow call takes and no call has given."""
    return lacking(failure.session, failure.request[2])


def summed(some: Iterable[Undone]) -> Undone:
    """Return the sums of several counts."""
    total: Counter[tuple[str, str]] = Counter()
    for counts in some:
        if counts:
            total.update(counts)
    return dict(total)


def since(before: Undone, now: Undone) -> Undone:
    """Return by how much counts have grown."""
    return {key: count - before.get(key, 0) for key, count in now.items()}


def _opened(
    template: Template,
    databases: Databases,
    writers: Iterable[Writer],
    round_trip_s: float,
    memory: dict[str, Value],
) -> list[tuple[Session, Writer]]:
    """Return a connection to its part's database for each of the given writers: all, or none."""
    each = tuple(writers)
    conninfos = {part: template.server.conninfo_for(databases.of(part).name) for part in {one.part for one in each}}
    wanted = [(conninfos[one.part], one.role) for one in each]
    try:
        sessions = Session.open_all(wanted, isolation=template.isolation, round_trip_s=round_trip_s, memory=memory)
    except LostConnectionError as cause:
        raise lost(template.server, cause) from cause
    return list(zip(sessions, each, strict=True))
