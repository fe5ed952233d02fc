"""A worker's connection to the database through which the workers of a run communicate.

Owns the transport of messages (NOTIFY) and the detection of dead workers (an advisory lock for each seat, which the
server releases when its holder's connection ends for any reason). Must not know what messages mean: see `protocol`.

A notification carries up to 8,000 bytes. A longer message is cut into several, sent in one transaction, whose
notifications the server delivers one after the other. No message is stored in a table, because workers talk between two
readings of the server's counters: the WAL and the blocks of a table would be charged to a candidate.

psycopg passes notifications that arrive during a statement to a handler, and drops them without one. The receiver would
wait for a dropped message in vain.
"""

import json
import os
from collections import deque
from select import select
from time import monotonic
from typing import Any, TypeAlias

import psycopg
from psycopg import sql

from schemabench import machine
from schemabench.server.dsn import opened, with_words
from schemabench.workers.messages import Message, Over, written
from schemabench.workers.seat import LEADER

Heard: TypeAlias = dict[str, Any]
"""A message as it arrives: `kind`, `topic`, the `seat` of the sender, and the other fields."""

LINK_LABEL = "workers"
"""The purpose of the database, in its name."""
SEAT_LIMIT_S = 30.0
"""How long a worker waits for the lock of its seat, which nobody else should have."""
_LONGEST_PIECE = 7_900
"""Characters of ASCII: the server takes less than 8,000 bytes, with the number before them."""
_TO_LEADER, _TO_FOLLOWERS = "to_leader", "to_followers"
_SETTINGS = (
    "SET synchronous_commit = off",  # each notification is a commit that need not survive a crash
    "SET statement_timeout = 0",
    "SET idle_session_timeout = 0",
)
_TABLES = """
CREATE TABLE IF NOT EXISTS latency
    (entrant text NOT NULL, operation text NOT NULL, block integer NOT NULL, nanoseconds bytea NOT NULL);
CREATE TABLE IF NOT EXISTS leader
    (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     place text NOT NULL, pid integer NOT NULL, process text NOT NULL)
"""
_SEND = "SELECT pg_catalog.pg_notify(%s, piece) FROM pg_catalog.unnest(%s::text[]) AS piece"
_PRESENT = """
SELECT objid::integer FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND granted AND classid = 0 AND objsubid = 1
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
_FORMER = """
SELECT pid FROM pg_catalog.pg_locks JOIN pg_catalog.pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = 0 AND objsubid = 1 AND objid::bigint = %s
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND usename = session_user
"""
"""The session that has a seat, if it is of this run's role. Only this worker can have left it there."""
_TAKE = "SELECT pg_catalog.pg_advisory_lock(%s::bigint)"
_TAKE_OVER = f"{_TAKE}, ended FROM (SELECT count(pg_catalog.pg_terminate_backend(%s))) AS former (ended)"
"""Both at once: others must not see the seat vacant, and take this worker for lost."""
_STILL_S = """
SELECT extract(EPOCH FROM clock_timestamp() - max(CASE
    WHEN state = 'active' AND wait_event_type IS DISTINCT FROM 'Client' THEN clock_timestamp() ELSE state_change
END))::float8
FROM pg_catalog.pg_stat_activity WHERE application_name = %s
"""


def session_name(run_id: str, seat: int) -> str:
    """Return the name of all sessions of a worker on the server, by which the others detect that it was stopped."""
    return f"schemabench {run_id} worker {seat}"


class Link:
    """One worker's end.

    Args:
        conninfo: libpq's connection string for the meeting database; may contain a password.
        run_id: The same for all workers.
        seat: This worker's.

    Attributes:
        seat: 0 for the leader, from 1 for the followers.
        conninfo: libpq's connection string for the meeting database; may contain a password.
        topic: The number of the experiment, counted alike by all workers. Messages about an earlier experiment are
            ignored; a message about a later one means that this one is over.
        connection: To the meeting database.

    Raises:
        psycopg.Error: The database cannot be reached, or the server refused.
    """

    def __init__(self, conninfo: str, run_id: str, seat: int) -> None:
        self.seat = seat
        self.conninfo = with_words(conninfo, application_name=session_name(run_id, seat))
        self.topic = 0
        self.connection = opened(self.conninfo)
        self._run_id = run_id
        self._heard: deque[str] = deque()
        """Messages that were not read yet, in order."""
        self._pieces: list[str] = []
        """What has arrived of the next message."""
        self._met: set[int] = set()
        try:
            for setting in _SETTINGS:
                self.connection.execute(setting)
            self.connection.add_notify_handler(lambda notification: self._note(notification.payload))
            self.connection.execute(
                sql.SQL("LISTEN {}").format(sql.Identifier(_TO_LEADER if seat == LEADER else _TO_FOLLOWERS))
            )
            if seat == LEADER:
                self.connection.execute(_TABLES)
                self.connection.execute(
                    "INSERT INTO leader (place, pid, process) VALUES (%s, %s, %s)",
                    [machine.processes(), os.getpid(), machine.this_process()],
                )
            self._take_seat()  # last: a worker with a lock can hear
        except BaseException:
            self.connection.close()
            raise

    def _take_seat(self) -> None:
        """Take this seat's lock, after ending the session of this worker that may still have it.

        The server learns only after hours that the other end of a connection is gone, as where a network forgot it.

        Raises:
            psycopg.Error: The server refused, or somebody else has the lock.
        """
        former = self.connection.execute(_FORMER, [self.seat]).fetchone()
        query, values = (_TAKE_OVER, [self.seat, *former]) if former else (_TAKE, [self.seat])
        self.connection.execute(f"SET lock_timeout = '{SEAT_LIMIT_S:g}s'")
        try:
            self.connection.execute(query, values)
        except psycopg.errors.LockNotAvailable:
            what = f"another session has had its lock, number {self.seat} in this database, for {SEAT_LIMIT_S:g} s"
            raise psycopg.OperationalError(what) from None
        self.connection.execute("SET lock_timeout = 0")

    def tell(self, message: Message) -> None:
        """Send a message: the leader to all followers, a follower to the leader.

        Raises:
            psycopg.Error: The connection is lost.
        """
        body = json.dumps({"kind": message.kind, "topic": self.topic, "seat": self.seat, **written(message)})
        channel = _TO_FOLLOWERS if self.seat == LEADER else _TO_LEADER
        self.connection.execute(_SEND, [channel, _pieces(body)])

    def hear(self, timeout_s: float) -> Heard | None:
        """Return the next message; None if none arrives in time.

        Raises:
            psycopg.Error: The connection is lost.
        """
        deadline_s = monotonic() + timeout_s
        while True:
            while self._heard:
                body = self._heard.popleft()
                message: Heard = json.loads(body)
                self._met.add(message["seat"])
                if message["topic"] == self.topic:
                    return message
                if message["topic"] > self.topic:
                    self._heard.appendleft(body)
                    return message | {"kind": Over.kind}
            if not self._listen(max(0.0, deadline_s - monotonic())):
                return None

    @property
    def socket(self) -> int:
        """The socket that becomes readable when a message arrives."""
        return self.connection.pgconn.socket

    @property
    def closed(self) -> bool:
        """Whether the connection is known to be lost."""
        return self.connection.closed

    def beat(self) -> None:
        """Execute something, so that this worker does not count as stopped.

        Raises:
            psycopg.Error: The connection is lost.
        """
        self.connection.execute("SELECT 1")

    def present(self) -> frozenset[int]:
        """Return the seats of connected workers, which receive messages.

        Raises:
            psycopg.Error: The connection is lost.
        """
        present = frozenset(seat for (seat,) in self.connection.execute(_PRESENT))
        self._met |= present
        return present

    def lost(self) -> frozenset[int]:
        """Return the seats of workers that have disconnected.

        Raises:
            psycopg.Error: The connection is lost.
        """
        present = self.present()
        return frozenset(self._met - present)

    def still_s(self, seat: int) -> float:
        """Return for how long all sessions of a worker have been idle, in seconds; 0 if it has no session.

        A session that waits for its client is idle: a COPY of minutes counts for its first moment only, see `beat`.

        Raises:
            psycopg.Error: The connection is lost.
        """
        row = self.connection.execute(_STILL_S, [session_name(self._run_id, seat)]).fetchone()
        return 0.0 if row is None or row[0] is None else float(row[0])

    def leader_is_suspended(self) -> bool:
        """Return whether the leader's process is seen to be suspended: only a process beside it can see that.

        Raises:
            psycopg.Error: The connection is lost.
        """
        place, pid, _ = self._leading()
        return machine.is_suspended(place, pid)

    def leader_process(self) -> str:
        """Return which process leads, in words.

        Raises:
            psycopg.Error: The connection is lost.
        """
        *_, process = self._leading()
        return process

    def _leading(self) -> tuple[str, int, str]:
        """Return the leader's place, its process id there, and its process in words."""
        row = self.connection.execute("SELECT place, pid, process FROM leader ORDER BY id DESC LIMIT 1").fetchone()
        assert row is not None, "a leader tells where it is before it takes its seat"
        return row

    def _listen(self, timeout_s: float) -> bool:
        """Receive notifications, and wait for some if none has arrived; return whether there may be any."""
        pgconn = self.connection.pgconn
        pgconn.consume_input()
        while notification := pgconn.notifies():
            self._note(notification.extra.decode())
        return bool(self._heard or select([pgconn.socket], [], [], timeout_s)[0])

    def _note(self, payload: str) -> None:
        """Keep a notification, of which a message is whole with its last piece."""
        left, _, piece = payload.partition(" ")
        self._pieces.append(piece)
        if left == "0":
            self._heard.append("".join(self._pieces))
            self._pieces.clear()

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()


def _pieces(body: str) -> list[str]:
    """Return a message as notifications, each after the number of those that follow.

    Without the number, the server would drop one of two equal notifications of a transaction.
    """
    pieces = [body[start : start + _LONGEST_PIECE] for start in range(0, len(body), _LONGEST_PIECE)]
    return [f"{left} {piece}" for left, piece in zip(reversed(range(len(pieces))), pieces, strict=True)]
