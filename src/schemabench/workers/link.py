"""A worker's connection to the database in which the workers of a run meet.

Owns how messages travel (NOTIFY) and how workers know of each other's life (an advisory lock for each seat, which the
server lets go of when its holder's connection ends, however it ends). Must not know what messages mean: see `protocol`.

A notification carries up to 8,000 bytes; what is longer is put down in a table, and its number travels. psycopg hands
notifications that arrive during a statement to a handler, and forgets them without one: a lost message would be waited
for in vain.
"""

import json
from collections import deque
from select import select
from time import monotonic
from typing import Any, TypeAlias

from psycopg import sql

from schemabench.server.dsn import opened, with_words
from schemabench.workers.messages import Message, Over, written
from schemabench.workers.seat import LEADER

Heard: TypeAlias = dict[str, Any]
"""A message as it arrives: `kind`, `topic`, the `seat` of the sender, and whatever else it says."""

LINK_LABEL = "workers"
"""What the database is for, in its name."""
STALL_S = 8.0
"""A worker none of whose sessions has done anything for so long, during a block, has been stopped. Far longer than
making a burst takes, or judging whether the intervals are narrow enough."""
IDLE_STALL_S = 60.0
"""The same outside of blocks, where the leader may be busy without the server: reading files, or ranking."""
DIED = "check the kernel's log of its machine (dmesg) for the cause, often a lack of memory, and run again"
STOPPED = "check its machine: a process that is suspended, swapping or busy cannot take its share; then run again"
UNREACHED = "check that the server runs and that its machine can reach it for the whole run; then run again"
"""What to do about a worker that died, stands still, or has lost the server."""
_LONGEST_NOTE = 7_900
"""Bytes: the server takes less than 8,000."""
_TO_LEADER, _TO_FOLLOWERS = "to_leader", "to_followers"
_SETTINGS = (
    "SET synchronous_commit = off",  # a notification is a commit, and nothing of it has to survive a crash
    "SET statement_timeout = 0",
    "SET idle_session_timeout = 0",
)
_TABLES = """
CREATE TABLE IF NOT EXISTS letter (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL);
CREATE TABLE IF NOT EXISTS latency
    (entrant text NOT NULL, operation text NOT NULL, block integer NOT NULL, nanoseconds bytea NOT NULL)
"""
_PRESENT = """
SELECT objid::integer FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND granted AND classid = 0 AND objsubid = 1
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
_STILL_S = """
SELECT extract(EPOCH FROM clock_timestamp() - max(CASE
    WHEN state = 'active' AND wait_event_type IS DISTINCT FROM 'Client' THEN clock_timestamp() ELSE state_change
END))::float8
FROM pg_catalog.pg_stat_activity WHERE application_name = %s
"""


def session_name(run_id: str, seat: int) -> str:
    """Return what all sessions of a worker are called on the server, by which others tell whether it stands still."""
    return f"schemabench {run_id} worker {seat}"


class Link:
    """One worker's end.

    Args:
        conninfo: libpq's words for the database in which the workers meet; may hold a password.
        run_id: The same for all.
        seat: Of this worker.

    Attributes:
        seat: 0 for the worker that leads, and a number for each that follows.
        conninfo: libpq's words for the database in which the workers meet; may hold a password.
        topic: The number of the experiment that messages are about, counted alike by all. What is about an earlier one
            is not heard; what is about a later one says that this one is over.
        connection: To the database in which the workers meet.

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
        self._met: set[int] = set()
        try:
            for setting in _SETTINGS:
                self.connection.execute(setting)
            self.connection.add_notify_handler(lambda notification: self._heard.append(notification.payload))
            self.connection.execute(
                sql.SQL("LISTEN {}").format(sql.Identifier(_TO_LEADER if seat == LEADER else _TO_FOLLOWERS))
            )
            if seat == LEADER:
                self.connection.execute(_TABLES)
            self.connection.execute("SELECT pg_advisory_lock(%s::bigint)", [seat])  # last: whoever is here can hear
        except BaseException:
            self.connection.close()
            raise

    def tell(self, message: Message) -> None:
        """Send a message: the leader to all, any other to the leader.

        Raises:
            psycopg.Error: The connection is lost.
        """
        body = json.dumps({"kind": message.kind, "topic": self.topic, "seat": self.seat, **written(message)})
        if len(body.encode()) > _LONGEST_NOTE:
            row = self.connection.execute("INSERT INTO letter (body) VALUES (%s) RETURNING id", [body]).fetchone()
            assert row is not None, "INSERT ... RETURNING returns the row"
            body = json.dumps({"letter": row[0]})
        channel = _TO_FOLLOWERS if self.seat == LEADER else _TO_LEADER
        self.connection.execute("SELECT pg_notify(%s, %s)", [channel, body])

    def hear(self, timeout_s: float) -> Heard | None:
        """Return the next message; None where none comes in time.

        Raises:
            psycopg.Error: The connection is lost.
        """
        deadline_s = monotonic() + timeout_s
        while True:
            while self._heard:
                body = self._heard.popleft()
                message = self._read(body)
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
        """What becomes readable when a message arrives."""
        return self.connection.pgconn.socket

    @property
    def closed(self) -> bool:
        """Whether the connection is lost, so far as is known."""
        return self.connection.closed

    def present(self) -> frozenset[int]:
        """Return the seats of workers that are here; they hear what is told.

        Raises:
            psycopg.Error: The connection is lost.
        """
        present = frozenset(seat for (seat,) in self.connection.execute(_PRESENT))
        self._met |= present
        return present

    def lost(self) -> frozenset[int]:
        """Return the seats of workers that were here and are no longer.

        Raises:
            psycopg.Error: The connection is lost.
        """
        present = self.present()
        return frozenset(self._met - present)

    def still_s(self, seat: int) -> float:
        """Return for how long no session of a worker has done anything, in seconds; 0 where it has no session.

        Raises:
            psycopg.Error: The connection is lost.
        """
        row = self.connection.execute(_STILL_S, [session_name(self._run_id, seat)]).fetchone()
        return 0.0 if row is None or row[0] is None else float(row[0])

    def _listen(self, timeout_s: float) -> bool:
        """Take what has arrived, and wait for more where nothing has; return whether there is anything."""
        pgconn = self.connection.pgconn
        pgconn.consume_input()
        while notification := pgconn.notifies():
            self._heard.append(notification.extra.decode())
        return bool(self._heard or select([pgconn.socket], [], [], timeout_s)[0])

    def _read(self, body: str) -> Heard:
        message: Heard = json.loads(body)
        if "letter" in message:
            row = self.connection.execute("SELECT body FROM letter WHERE id = %s", [message["letter"]]).fetchone()
            assert row is not None, "a letter is there before its number is told"
            message = json.loads(row[0])
        return message

    def close(self) -> None:
        """Leave."""
        self.connection.close()
