"""How the workers of a run find each other.

Owns how the leader publishes the address, and how the others wait for it. On the controller's machine, they use a file
in a folder of the controller. On other machines, they use a database whose name follows from the run's id, on a server
that all workers reach. Must not know their messages.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psycopg

from schemabench.errors import SchemabenchError, UsageError, WorkerError
from schemabench.server import Database, Server
from schemabench.server.database import database_name, exists
from schemabench.server.dsn import Conninfo, RefusedError, connect, steered, unsteered, with_words
from schemabench.server.spec import Existing, parse_spec
from schemabench.workers.link import LINK_LABEL, Link
from schemabench.workers.messages import Gone, Over
from schemabench.workers.remedies import STOPPED, UNREACHED
from schemabench.workers.seat import LEADER, Seat

MEET_LIMIT_S = 120.0
"""How long the others wait for the leader's server: pulling an image may take as long."""
_REFUSED_LIMIT_S = 10.0
"""How long a worker that is refused for good waits for the leader's word, which may be refused, too: not as long as the
leader waits for the others."""
_RECOVERY_LIMIT_S = 12.0
"""How long a server that had answered may refuse a link: a little longer than the leader waits for its recovery."""
_POLL_S, _LONGEST_POLL_S = 0.05, 2.0
"""The pause between two looks at a file; and at a server, where it grows from the first to the second."""
_FILE = "leader.json"


class Meeting:
    """One worker's link to the others, for all experiments of a session.

    Args:
        seat: This worker's.
        spec: The source of Postgres, as in `--postgres`.
        stack: Closed at the end of the session.
    """

    def __init__(self, seat: Seat, spec: str, stack: ExitStack) -> None:
        self.seat = seat
        self._spec = spec
        self._stack = stack
        self._link: Link | None = None
        self._called_off = False
        theirs = isinstance(parse_spec(spec), Existing)
        stack.enter_context(steered(seat.variables) if theirs else unsteered())

    def host(self, serve: Callable[[], Server], topic: int) -> Link:
        """Return the leader's link to the others, for an experiment.

        Args:
            serve: Returns the server, or raises if there is none; the others then fail with the same reason.
            topic: The experiment's number.

        Raises:
            SchemabenchError: There is no server, or it fails.
        """
        try:
            server = serve()
        except SchemabenchError as failure:
            call_off(self.seat.folder, failure.what)
            self._called_off = True
            raise
        if self._link is None:
            database = server.create(LINK_LABEL)
            self._stack.callback(_drop, server, database)
            self._link = self._open(server.conninfo_for(database.name))
            _leave(self.seat.folder, {"conninfo": self._link.conninfo})
        elif self._link.closed:  # the server crashed and was restarted
            self._link = self._open(self._link.conninfo)
        self._link.topic = topic
        return self._link

    def join(self, topic: int) -> Link | None:
        """Return a follower's link to the leader, for an experiment; None if the leader skips it.

        Raises:
            WorkerError: The leader has no server, was late, or cannot be reached.
            UsageError: This worker is on another machine and cannot reach the server.
        """
        if self._link is None or self._link.closed:
            deadline_s = time.monotonic() + MEET_LIMIT_S
            address = await_address(self.seat, self._spec, topic)
            if address is None:
                return None
            link, looks = self._recovered(address), _Looks()
            while not looks.due() or LEADER not in link.present():  # the database exists slightly earlier
                if time.monotonic() > deadline_s:
                    raise _late(self.seat)
                time.sleep(_POLL_S)
                _heard(self.seat)
            self._link = link
        self._link.topic = topic
        return self._link

    def dismiss(self, topic: int) -> None:
        """Tell the followers not to wait for the leader in an experiment that it has finished or skipped."""
        if self._link is not None:
            self._link.topic = topic
            with suppress(psycopg.Error):  # the followers then notice the lost connection
                self._link.tell(Over())
        elif not self._called_off:
            _leave(self.seat.folder, {"passed": topic})

    def excuse(self, topic: int, reason: str) -> None:
        """Tell the leader not to wait for this follower, which takes no part in an experiment."""
        if self._link is None and not Path(self.seat.folder).is_dir():
            return  # on another machine it is unknown whether the leader waits
        with suppress(SchemabenchError, psycopg.Error):  # then no leader waits
            if link := self.join(topic):
                link.tell(Gone(reason=reason))

    def _recovered(self, conninfo: str) -> Link:
        """Return a link to a server that has answered before, though it may be recovering from a crash.

        The leader may be about to say what happened: it is not ended until then.
        """
        deadline_s = time.monotonic() + _RECOVERY_LIMIT_S
        while True:
            try:
                return self._open(conninfo)
            except WorkerError:
                if time.monotonic() > deadline_s:
                    raise
            time.sleep(_LONGEST_POLL_S / 2)
            _heard(self.seat)

    def _open(self, conninfo: str) -> Link:
        try:
            link = Link(conninfo, self.seat.run_id, self.seat.number)
        except psycopg.Error as cause:
            raise _unmet(self.seat, str(cause).strip(), [UNREACHED]) from cause
        self._stack.callback(link.close)
        return link


def call_off(folder: str, reason: str) -> None:
    """Publish that the leader has cancelled the run, and why."""
    _leave(folder, {"failure": reason})


def check_reach(name: str, spec: str) -> None:
    """Refuse a worker on another machine than the controller's, unless a server is named that all may reach.

    Args:
        name: The worker's, for the error.
        spec: The source of Postgres, as in `--postgres`.

    Raises:
        UsageError: The leader would start a server for its own machine.
    """
    if not isinstance(parse_spec(spec), Existing):
        raise UsageError(
            f"The worker {name} is on another machine, but a server that schemabench starts is reached from one only",
            remedies=["name a server that all workers reach: --postgres postgresql://user@host:5432/database"],
        )


def await_address(seat: Seat, spec: str, topic: int) -> Conninfo | None:
    """Return the address of the meeting database, once the leader is ready; None if it skips the experiment.

    Args:
        seat: This worker's.
        spec: The source of Postgres: the address of a server named by the user is known.
        topic: The experiment's number.

    Raises:
        WorkerError: The leader has no server, or was late; or the server that is named cannot be reached from here.
        UsageError: This worker is on another machine and cannot reach the server.
    """
    if not Path(seat.folder).is_dir():
        check_reach(seat.name, spec)
    wanted, name = parse_spec(spec), database_name(seat.run_id, LINK_LABEL)
    known = wanted.conninfo if isinstance(wanted, Existing) else None
    deadline_s, looks = time.monotonic() + MEET_LIMIT_S, _Looks()
    refusal: SchemabenchError | None = None
    while time.monotonic() < deadline_s:
        told = _heard(seat)
        if "conninfo" in told:
            return Conninfo(told["conninfo"])
        if told.get("passed", 0) >= topic:
            return None
        if known is not None and not isinstance(refusal, RefusedError) and looks.due():
            try:
                if _is_there(known, name):
                    return with_words(known, dbname=name)
                refusal = None
            except SchemabenchError as failure:
                refusal = failure
            if isinstance(refusal, RefusedError):  # on this machine, the leader may be about to say that it is, too
                deadline_s = time.monotonic() + (_REFUSED_LIMIT_S if Path(seat.folder).is_dir() else 0.0)
        time.sleep(_POLL_S)
    if refusal is not None:
        raise _unmet(seat, refusal.what, refusal.remedies) from refusal
    raise _late(seat)


class _Looks:
    """The times at which to look at a server: soon at first, then ever more rarely, to leave it in peace."""

    def __init__(self) -> None:
        self._pause_s = _POLL_S
        self._next_s = 0.0

    def due(self) -> bool:
        """Return whether it is time for a look, which is then counted."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_POLL_S)
        return True


def _is_there(conninfo: Conninfo, name: str) -> bool:
    """Return whether a server has a database already.

    It is looked for in the database that the user named: an attempt to connect to a missing one tells only in the
    server's own language what is wrong.

    Raises:
        ServerError: The server cannot be reached, or refuses this worker.
    """
    try:
        with closing(connect(conninfo)) as connection:
            return exists(connection, name)
    except psycopg.Error:  # the server went down
        return False


def _unmet(seat: Seat, reason: str, remedies: Sequence[str]) -> WorkerError:
    """Return the error of a worker that finds no way to the others; the leader, which would wait for it, ends, too."""
    leader = "" if seat.leads else seat.names[LEADER]
    return WorkerError(f"The worker {seat.name} cannot meet the others: {reason}", worker=leader, remedies=remedies)


def _heard(seat: Seat) -> dict[str, Any]:
    """Return what the leader last published, as `_read`.

    Raises:
        WorkerError: It has cancelled the run.
    """
    told = _read(seat.folder)
    if "failure" in told:
        raise WorkerError(f"The leading worker {seat.names[LEADER]} cancelled the run: {told['failure']}")
    return told


def _late(seat: Seat) -> WorkerError:
    leader = seat.names[LEADER]
    what = f"The leading worker {leader} had no server within {MEET_LIMIT_S:g} s"
    return WorkerError(what, worker=leader, remedies=[STOPPED])


def _drop(server: Server, database: Database) -> None:
    """Drop the meeting database, unless its server is gone."""
    if server.alive():
        server.drop(database)


def _read(folder: str) -> dict[str, Any]:
    """Return what the leader last published; empty if it has published nothing, or is on another machine."""
    try:
        told: dict[str, Any] = json.loads((Path(folder) / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return told


def _leave(folder: str, told: Mapping[str, object]) -> None:
    """Publish something atomically, readable by this user only; do nothing if the controller is on another machine."""
    if not Path(folder).is_dir():
        return
    draft = Path(folder) / f"{_FILE}.draft"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(told, file)
    draft.replace(Path(folder) / _FILE)
