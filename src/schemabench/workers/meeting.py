"""Where the workers of a run find each other.

Owns how the leader makes the address known, and how the others wait for it: by a file in a folder of the controller's,
where they are on its machine, else in a database whose name follows from the run's id, on a server that all reach. Must
not know what they say once they have met.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg

from schemabench.errors import SchemabenchError, UsageError, WorkerError
from schemabench.server import Database, Reached, Server
from schemabench.server.database import database_name
from schemabench.server.dsn import Conninfo, unsteered, with_words
from schemabench.server.spec import Existing, parse_spec
from schemabench.workers.link import LINK_LABEL, STOPPED, UNREACHED, Link
from schemabench.workers.messages import Gone, Over
from schemabench.workers.seat import LEADER, Seat

MEET_LIMIT_S = 120.0
"""How long the others wait for the leader to have a server: pulling an image may take as long."""
_POLL_S = 0.05
_FILE = "leader.json"


class Meeting:
    """One worker's way to the others, for all experiments of a session.

    Args:
        seat: This worker's.
        spec: Where Postgres comes from, as in `--postgres`.
        stack: What ends with the session.
    """

    def __init__(self, seat: Seat, spec: str, stack: ExitStack) -> None:
        self.seat = seat
        self.workers = len(seat.names)
        self._spec = spec
        self._stack = stack
        self._link: Link | None = None
        self._called_off = False
        if not isinstance(parse_spec(spec), Existing):
            stack.enter_context(unsteered())

    def host(self, serve: Callable[[], Server], topic: int) -> Link:
        """Return the leader's link to the others, about an experiment.

        Args:
            serve: What returns the server, or raises for want of one: then the others hear of it.
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
            database = server.create(LINK_LABEL, keep=False)
            self._stack.callback(_drop, server, database)
            self._link = self._open(server.conninfo_for(database.name))
            _leave(self.seat.folder, {"conninfo": self._link.conninfo})
        elif self._link.closed:  # the server crashed, and is there again
            self._link = self._open(self._link.conninfo)
        self._link.topic = topic
        return self._link

    def join(self, topic: int) -> Link | None:
        """Return a follower's link to the leader, about an experiment; None where the leader passes that over.

        Raises:
            WorkerError: The leader has no server, or did not come in time, or cannot be met.
            UsageError: This worker is on another machine and cannot reach the server.
        """
        if self._link is None or self._link.closed:
            deadline_s = time.monotonic() + MEET_LIMIT_S
            address = await_address(self.seat, self._spec, topic)
            if address is None:
                return None
            link = self._open(address)
            while LEADER not in link.present():  # the database is there a little sooner
                if time.monotonic() > deadline_s:
                    raise _late(self.seat)
                time.sleep(_POLL_S)
                await_address(self.seat, self._spec, topic)  # or learn that it is called off after all
            self._link = link
        self._link.topic = topic
        return self._link

    def dismiss(self, topic: int) -> None:
        """Have nobody wait for the leader in an experiment that it is through with, or has passed over."""
        if self._link is not None:
            self._link.topic = topic
            with suppress(psycopg.Error):  # then they find out by themselves
                self._link.tell(Over())
        elif not self._called_off:
            _leave(self.seat.folder, {"passed": topic})

    def excuse(self, topic: int, reason: str) -> None:
        """Have the leader not wait for this follower, which takes no part in an experiment."""
        if self._link is None and not Path(self.seat.folder).is_dir():
            return  # on another machine nobody says whether the leader has anything to wait for
        with suppress(SchemabenchError, psycopg.Error):  # then there is nobody to tell
            if link := self.join(topic):
                link.tell(Gone(reason=reason))

    def _open(self, conninfo: str) -> Link:
        try:
            link = Link(conninfo, self.seat.run_id, self.seat.number)
        except psycopg.Error as cause:
            what = f"The worker {self.seat.name} cannot meet the others: {str(cause).strip()}"
            raise WorkerError(what, remedies=[UNREACHED]) from cause
        self._stack.callback(link.close)
        return link


def call_off(folder: str, reason: str) -> None:
    """Make known that there will be no meeting, and why."""
    _leave(folder, {"failure": reason})


def await_address(seat: Seat, spec: str, topic: int) -> Conninfo | None:
    """Return where the workers meet, once the leader is there; None where it has passed the experiment over.

    Args:
        seat: This worker's.
        spec: Where Postgres comes from: a server that the user named needs no telling.
        topic: The experiment's number.

    Raises:
        WorkerError: The leader has no server, or did not come in time.
        UsageError: This worker is on another machine and cannot reach the server.
    """
    wanted = parse_spec(spec)
    known = None
    if isinstance(wanted, Existing):
        known = Conninfo(with_words(wanted.conninfo, dbname=database_name(seat.run_id, LINK_LABEL)))
    elif not Path(seat.folder).is_dir():
        raise UsageError(
            f"The worker {seat.name} is on another machine, but only the leader's machine can reach the server",
            remedies=["name a server that all of them reach: --postgres postgresql://user@host:5432/database"],
        )
    deadline_s = time.monotonic() + MEET_LIMIT_S
    while time.monotonic() < deadline_s:
        told = _read(seat.folder)
        if "failure" in told:
            raise WorkerError(f"The leading worker {seat.names[LEADER]} cancelled the run: {told['failure']}")
        if "conninfo" in told:
            return Conninfo(told["conninfo"])
        if told.get("passed", 0) >= topic:
            return None
        if known is not None and Reached(known).failure() is None:
            return known
        time.sleep(_POLL_S)
    raise _late(seat)


def _late(seat: Seat) -> WorkerError:
    leader = seat.names[LEADER]
    what = f"The leading worker {leader} had no server within {MEET_LIMIT_S:g} s"
    return WorkerError(what, worker=leader, remedies=[STOPPED])


def _drop(server: Server, database: Database) -> None:
    """Drop the database in which the workers met, unless its server is gone."""
    if server.alive():
        server.drop(database)


def _read(folder: str) -> dict[str, Any]:
    """Return what the leader has made known last; nothing where it has said nothing, or is on another machine."""
    try:
        told: dict[str, Any] = json.loads((Path(folder) / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return told


def _leave(folder: str, told: Mapping[str, object]) -> None:
    """Write something down, at once and for this user alone; nowhere where the controller is on another machine."""
    if not Path(folder).is_dir():
        return
    draft = Path(folder) / f"{_FILE}.draft"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(told, file)
    draft.replace(Path(folder) / _FILE)
