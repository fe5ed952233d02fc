"""The companions of one entrant: sessions that run beside its trials and belong to no writer.

Owns these sessions, from opening to closing, what is told of one that ends, and what they executed. Must not know
blocks, nor the writers' sessions.

A companion runs in the entrant's own database, since a snapshot holds back vacuum in its database alone: in all of them
if it belongs to no part. What it reads and writes is not counted by the server, as far as the role may turn that off:
the counts are the writers'.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import product
from random import Random
from time import perf_counter, perf_counter_ns
from typing import TypeAlias

from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

from schemabench.encoding import Encoder
from schemabench.errors import CandidateError, SchemabenchError, ServerError, WorkloadError, is_servers_fault
from schemabench.experiment import failures
from schemabench.experiment.burst import Encoded
from schemabench.experiment.plan import Plan
from schemabench.experiment.prepared import Prepared, Wanted
from schemabench.experiment.template import Template
from schemabench.load import (
    Attendant,
    Hindrance,
    Limits,
    LostConnectionError,
    Request,
    Session,
    SlowCallError,
    StatementFailedError,
    Talk,
    drive,
    stop,
)
from schemabench.server import Database, Databases, lost
from schemabench.units import NANOSECONDS, format_duration
from schemabench.workload import NO_PART, Call, Companion, Found, Writer, authored, check_calls

_UNLIMITED = ("idle_in_transaction_session_timeout", "statement_timeout", "transaction_timeout")
"""Settings that would end a companion: those of writers' sessions, and of a role. Old servers lack the last."""
_UNCOUNTED = "SET track_counts = off"
_SHOWN_CHARACTERS = 80  # of a value in an error
_LEFT_OUT = "leave companions out: --without-companions"
Told: TypeAlias = Callable[[Companion, Hindrance], object]
"""Hears which companion could not complete an execution, and why."""


@dataclass(frozen=True, kw_only=True)
class Executions:
    """What one companion executed in one trial, over all its sessions."""

    latencies_ns: Sequence[int] = ()
    """The service time of each execution that was completed."""
    cut: int = 0
    """Executions that were cancelled because the trial had ended."""
    sessions: int = 0
    """The companion's sessions: its clients, in each database where it runs."""


@dataclass(kw_only=True)
class _Place:
    """One session of a companion, whichever connection it has."""

    companion: Companion
    part: str
    """In whose database it runs."""
    calls: Iterator[Encoded]
    random: Random
    wait_ns: int
    """Time in trials until its next execution."""


class Companions:
    """The sessions of all companions of one entrant, in one copy of its databases at a time.

    Args:
        template: The candidate.
        plan: Has the companions; None for an entrant without any.

    Attributes:
        are_counted: Whether the server counts what they read and write, because the role may not turn that off.
    """

    def __init__(self, template: Template, plan: Plan | None) -> None:
        self._template = template
        self._call_timeout_s = plan.call_timeout_s if plan else 0.0
        self._round_trip_s = plan.round_trip_s if plan else 0.0
        self._places = list(_places(template, plan)) if plan else []
        self._opened: list[tuple[_Place, Attendant]] = []
        self._since_s = 0.0
        self.are_counted = False

    def open(self, databases: Databases) -> None:
        """Connect to databases, and begin what is held.

        Raises:
            CandidateError: The server refused an operation.
            WorkloadError: An operation does not fit its companion.
            ServerError: The server cannot be reached or refused.
        """
        self._since_s = perf_counter()
        try:
            for place in self._places:
                self._opened.append((place, self._open(place, databases.of(place.part))))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connections; others continue at the same pace."""
        for place, one in self._opened:
            place.wait_ns = one.wait_ns
            one.session.close()
        self._opened = []

    @property
    def names(self) -> dict[int, str]:
        """The companion of each session, by its process id on the server."""
        return {one.session.connection.backend_pid: place.companion.name for place, one in self._opened}

    @contextmanager
    def beside(self, told: Told | None = None) -> Iterator[Sequence[tuple[int, Talk]]]:
        """Yield a socket and a conversation for each session, to be driven in the block; all are at rest afterwards.

        Args:
            told: Hears which companion could not complete an execution, instead of an error; others go on.

        Raises:
            CandidateError: The server refused an operation, in the block or afterwards.
            ServerError: A session ended; likewise.
        """
        try:
            yield [(one.socket, self._worded(place, one, told)) for place, one in self._opened]
            self._rest(told)
        except BaseException:
            for _, one in self._opened:
                one.cancel()
            raise

    def check(self) -> None:
        """Make sure that all sessions are alive, between trials.

        Raises:
            ServerError: A session ended.
        """
        for place, one in self._opened:
            with self._words(place):
                one.check()

    def executions(self) -> dict[str, Executions]:
        """Return what each companion executed in the last trial."""
        found: dict[str, Executions] = {}
        for place, one in self._opened:
            before = found.get(place.companion.name, Executions())
            times_ns = [*before.latencies_ns, *one.latencies_ns]
            found[place.companion.name] = Executions(
                latencies_ns=times_ns, cut=before.cut + one.cut, sessions=before.sessions + 1
            )
        return found

    def _rest(self, told: Told | None) -> None:
        for _, one in self._opened:
            one.wind_up()
        # what is completed must not wait for what would be cancelled
        for place, one in sorted(self._opened, key=lambda pair: pair[0].companion.every_s):
            with self._words(place):
                at_rest = one.rest(self._call_timeout_s)
            if at_rest:
                continue
            slow = self._slow(place.companion)
            if told is None:
                raise slow
            told(place.companion, Hindrance(perf_counter_ns(), slow.what, is_end=not one.cancel()))

    def _worded(self, place: _Place, one: Attendant, told: Told | None) -> Talk:
        with self._words(place):
            yield from _while_open(one.session, one.begin(partial(told, place.companion))) if told else one.begin()

    def _open(self, place: _Place, database: Database) -> Attendant:
        """Return a new session of a companion."""
        template, companion = self._template, place.companion
        try:
            session = Session.open(
                template.server.conninfo_for(database.name),
                isolation=companion.isolation or template.isolation,
                round_trip_s=self._round_trip_s,
            )
        except LostConnectionError as failure:
            raise lost(template.server, failure) from failure
        try:
            for name in _UNLIMITED:
                session.query(f"SET {name} = 0")
            self.are_counted = session.query(_UNCOUNTED).status != ExecStatus.COMMAND_OK
            prepared = Prepared(template)
            prepared.prepare([Wanted(session, self._writer(place), [companion.operation])])
            requests = (prepared.request(session, [call]) for call in place.calls)
            if companion.holds:
                self._hold(place, session, next(requests))
        except BaseException:
            session.close()
            raise
        return Attendant(
            session=session,
            requests=None if companion.holds else requests,
            every_ns=round(companion.every_s * NANOSECONDS),
            wait_ns=place.wait_ns,
            random=place.random,
        )

    def _hold(self, place: _Place, session: Session, request: Request) -> None:
        """Execute a request in a transaction that stays open."""
        number, operation, steps = request
        own = steps[1:-1] if len(steps) > 1 else steps  # several statements are a transaction of their own
        session.query("BEGIN")
        limits = Limits(call_s=self._call_timeout_s)
        try:
            with self._words(place):
                drive([(session, [(number, operation, own)])], calls=1, random=place.random, limits=limits)
        except SlowCallError:
            stop([session])
            raise self._slow(place.companion) from None
        if session.connection.transaction_status != TransactionStatus.INTRANS:
            raise WorkloadError(
                f"The companion {place.companion.name!r} holds no transaction open: {operation!r} ends it",
                where=self._template.operations[operation].text.place(),
                remedies=["leave out COMMIT and ROLLBACK", "leave out `holds`"],
            )

    def _writer(self, place: _Place) -> Writer:
        """Return a companion in the form in which operations are prepared."""
        one = place.companion
        identifiers = {**self._template.parts.identifiers(place.part), **one.identifiers}
        return Writer(name=one.name, kind="reader", weight=1, identifiers=identifiers, part=place.part)

    @contextmanager
    def _words(self, place: _Place) -> Iterator[None]:
        """Raise an error of the load loop as one in words."""
        companion, template = place.companion, self._template
        try:
            yield
        except StatementFailedError as failure:
            if is_servers_fault(failure.refusal.sqlstate):
                raise self._ended(companion, failure.refusal.message) from None
            raise _refused(companion, failures.failed(template, self._writer(place), failure)) from None
        except LostConnectionError as failure:
            raise self._ended(companion, str(failure)) from failure

    def _ended(self, companion: Companion, message: str) -> SchemabenchError:
        """Return the error for a session that ended: the experiment is not what its workload says."""
        server, lasted_s = self._template.server, perf_counter() - self._since_s
        if reason := server.failure():
            return lost(server, reason)
        return ServerError(
            f"The companion {companion.name!r} ended under the candidate {self._template.candidate.name!r}, "
            f"{format_duration(lasted_s)} after it was connected: {message}. The trials without it would be others, so "
            "that the experiment has no result",
            remedies=["find out in the server's log what ended its session", _LEFT_OUT],
        )

    def _slow(self, companion: Companion) -> CandidateError:
        """Return the error for an execution that exceeds its limit."""
        return CandidateError(
            f"The companion {companion.name!r} under the candidate {self._template.candidate.name!r} did not complete "
            f"{companion.operation!r} within {format_duration(self._call_timeout_s)}",
            where=self._template.operations[companion.operation].text.place(),
            remedies=["allow longer calls: --call-timeout 2min", _LEFT_OUT],
        )


def _while_open(session: Session, talk: Talk) -> Talk:
    """Continue a conversation, and tell it if its session has ended.

    Where the end comes with an answer, libpq has closed the socket by then, and no loop can wait for it.
    """
    for want in talk:
        if session.connection.status != ConnStatus.OK:
            with suppress(StopIteration):
                talk.throw(LostConnectionError(session.connection.get_error_message()))
            return
        yield want


def _places(template: Template, plan: Plan) -> Iterator[_Place]:
    """Yield all sessions of companions, without those whose operation has nothing to do under the candidate."""
    for companion in plan.companions:
        count = companion.clients if template.operations[companion.operation].statements else 0
        everywhere = [companion.part] if companion.part else [*template.databases.by_part]
        for number, part in product(range(count), everywhere):
            # the same for all candidates
            random = Random(f"{plan.seed}/companion/{companion.name}/{number}")  # noqa: S311 (reproducible on purpose)
            first_ns = round(random.random() * companion.every_s * NANOSECONDS)
            calls = _calls(plan.found, companion, random)
            own = Random(random.random())  # noqa: S311 (likewise)
            yield _Place(companion=companion, part=part, calls=calls, random=own, wait_ns=first_ns)


def _calls(found: Found, companion: Companion, random: Random) -> Iterator[Encoded]:
    """Yield the executions of a companion, with their parameters as the server receives them."""
    encode, source = Encoder(found.operations), f"companion {companion.name!r}"
    values = companion.values(random) if companion.values else None
    while True:
        with authored(found, "companions"):
            own = next(values, None) if values else {}
        if own is None:
            raise WorkloadError(f"`values` of the {source} ends: it must be endless")
        if not isinstance(own, Mapping):
            what = f"`values` of the {source} yields {repr(own)[:_SHOWN_CHARACTERS]}, not the value of each parameter"
            raise WorkloadError(what, remedies=["yield dicts, as in {'site': 7}"])
        check_calls(found, [Call(companion.operation, own)], source, {NO_PART: companion.identifiers})
        yield Encoded(0, companion.operation, encode(companion.operation, own), companion.name)


def _refused(companion: Companion, failure: SchemabenchError) -> SchemabenchError:
    """Return the error for a statement that the server refused, with the companion that executed it."""
    return type(failure)(
        failure.what,
        where=failure.where,
        sqlstate=failure.sqlstate,
        checked=[f"executed by the companion {companion.name!r}", *failure.checked],
        remedies=[*failure.remedies, _LEFT_OUT],
    )
